"""Breaks a running platform in every way that there is, and counts what became of each image: `make chaos`."""
