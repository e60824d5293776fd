"""Measures the processor against named baselines in one run, and writes the evidence page from what it measured."""
