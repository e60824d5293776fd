"""Reads what a worker process sends back, without running its code.

A pickle names functions to call. A process that a damaged file has taken over could name any; here it may name records,
enumerations and exceptions of our own packages, of the pool's, and Python's own exceptions.
"""

import enum
import io
import pickle
from dataclasses import is_dataclass
from multiprocessing import connection
from typing import Any, Final

_PACKAGES: Final = ("processor.", "service.", "pebble.", "tests.")
_FUNCTIONS: Final = frozenset(
    {
        ("processor.errors", "_rebuild_image_error"),
        ("pebble.common.types", "RemoteException.rebuild_exception"),
    }
)
"""What those exceptions are rebuilt by."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _FUNCTIONS:
            return super().find_class(module, name)
        if "." not in name and (module == "builtins" or module.startswith(_PACKAGES)):
            found = super().find_class(module, name)
            if _is_record(found, module):
                return found
        raise pickle.UnpicklingError(f"a worker process sent {module}.{name}, which is no record")


def _is_record(found: object, module: str) -> bool:
    if not isinstance(found, type) or found.__module__ != module:
        return False
    if module == "builtins":
        return issubclass(found, Exception)
    return is_dataclass(found) or issubclass(found, enum.Enum | Exception)


def loads(data: bytes) -> Any:
    """Read a pickle that holds plain values and records.

    Raises:
        pickle.UnpicklingError: it holds anything else.
    """
    return _Reader(io.BytesIO(data)).load()


def receive_records(reader: "connection.Connection[Any, Any]") -> None:
    """Let this end of a pipe receive records alone."""
    reader.recv = lambda: loads(reader.recv_bytes())  # type: ignore[method-assign]
