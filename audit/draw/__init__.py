"""Draws a network from what was proved about it."""
