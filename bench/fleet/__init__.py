"""Measures what the fleet simulation needs, and holds its predictions against a real worker on the local platform."""
