"""Names inside the archive: the customer's own, made safe to unpack anywhere, and no two alike."""

import re
import unicodedata
from pathlib import PurePosixPath

MAX_PART_LENGTH = 100
MAX_PARTS = 8

_UNSAFE = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Control and formatting characters: among them those that turn the direction of writing and so disguise a name."""


class EntryNames:
    """Hands out names. Two that differ only in case, or only in how they are composed, count as alike."""

    def __init__(self, *taken: str) -> None:
        self._taken = {_folded(name) for name in taken}

    def stem(self, name: str) -> str:
        """A safe, unique path without extension for a customer's file name; its folders are kept."""
        parts = [
            part for part in re.split(r"[/\\]+", unicodedata.normalize("NFC", name)) if part not in {"", ".", ".."}
        ]
        parts = [_safe(part) for part in parts[-MAX_PARTS:]] or ["image"]
        parts[-1] = PurePosixPath(parts[-1]).stem.rstrip(". ") or "image"
        wanted = "/".join(parts)
        stem, number = wanted, 1
        while _folded(stem) in self._taken:
            number += 1
            stem = f"{wanted} ({number})"
        self._taken.add(_folded(stem))
        return stem


def _safe(part: str) -> str:
    """One folder or file name that Windows, macOS and Linux take."""
    visible = "".join("_" if unicodedata.category(character) in _INVISIBLE else character for character in part)
    clean = _UNSAFE.sub("_", visible).strip().rstrip(".") or "_"
    if _RESERVED.match(clean):
        clean = f"_{clean}"
    if len(clean) <= MAX_PART_LENGTH:
        return clean
    suffix = PurePosixPath(clean).suffix[:10]
    return clean[: MAX_PART_LENGTH - len(suffix)].rstrip(". ") + suffix


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
