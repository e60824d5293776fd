"""Proofs and reports over synthesized templates: what a deployment would be, read from the cloud assembly alone."""
