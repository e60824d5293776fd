"""Measures the service against its goals on the local platform: `make bench-service`."""
