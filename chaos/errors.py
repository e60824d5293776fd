"""What ends a run of `make chaos` early: not a broken promise, which is a result, but a test that cannot be made."""


class ChaosError(Exception):
    """One sentence on what could not be done and what to do about it."""
