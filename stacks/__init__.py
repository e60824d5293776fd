"""The infrastructure: one module per stack, by lifecycle. Imports nothing from `service` or `processor`."""
