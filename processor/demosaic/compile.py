"""How every kernel of the processor is compiled."""

from typing import Any, Final

OPTIONS: Final[dict[str, Any]] = {
    "cache": True,
    "nogil": True,
    "fastmath": True,
    "boundscheck": False,
    "error_model": "numpy",
}
"""Numba options: machine code kept on disk, the interpreter lock released, arithmetic that may be reordered."""
