"""The HTTP API: what a customer's developer sees of Rawmill."""
