"""Limits that hold before, while and after a file is decoded."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one image may cost. Checked from cheap to dear: file size, header, memory, time.

    Attributes:
        max_file_bytes: largest original that is opened. 1 GiB holds every medium-format RAW of today.
        max_pixels: largest sensor area accepted from the header. 250 MP is above the largest camera made (150 MP).
        timeout_s: wall time for one image, after which its process is killed.
        memory_bytes: most memory that one image's process may use, or None for no limit of ours.
    """

    max_file_bytes: int = 1024 * MIB
    max_pixels: int = 250_000_000
    timeout_s: float = 300.0
    memory_bytes: int | None = None
