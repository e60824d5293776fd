"""Licences: named resources with a number of seats, shared by processes, taken in one order and freed by death."""

from processor.licences.files import FileLicenceBackend, default_folder, open_licences
from processor.licences.ordered import (
    DEFAULT_TIMEOUT_S,
    Holder,
    LicenceBackend,
    LicenceOptions,
    LicenceOrderError,
    Licences,
    Seat,
)

__all__ = [
    "DEFAULT_TIMEOUT_S",
    "FileLicenceBackend",
    "Holder",
    "LicenceBackend",
    "LicenceOptions",
    "LicenceOrderError",
    "Licences",
    "Seat",
    "default_folder",
    "open_licences",
]
