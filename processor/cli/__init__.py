"""The processor's command line."""
