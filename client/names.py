"""Names for downloaded files: mirror the customer's, and lead nowhere else, whatever the names hold."""

import unicodedata
from pathlib import PurePosixPath

MAX_BYTES = 180
"""Of one component; file systems take 255, and temporary names and endings want room."""
_FORBIDDEN = frozenset('<>:"|?*\\/')
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)


class OutputNames:
    """Gives every image a place below the output folder. Equal calls in equal order give equal names."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def stem(self, name: str, position: int) -> PurePosixPath:
        """The path of an image's outputs, without rendition and extension.

        Two images whose names differ in extension or case alone get names of their own.

        Args:
            name: the image's, with slashes between folders.
            position: its place in the job.
        """
        parts = [_component(part) for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
        path = PurePosixPath(*parts) if parts else PurePosixPath("image")
        stem = path.with_name(path.stem or "image") if path.suffix else path
        if str(stem).casefold() in self._taken:
            stem = stem.with_name(f"{stem.name}-{position}")
        self._taken.add(str(stem).casefold())
        return stem


def rendition_path(stem: PurePosixPath, rendition: str, file_name: str) -> PurePosixPath:
    """The path of one rendition: `STEM.RENDITION.EXTENSION`, the extension being that of the service's file name."""
    extension = _component(file_name.rpartition(".")[2])
    return stem.with_name(f"{stem.name}.{_component(rendition)}.{extension}")


def _component(text: str) -> str:
    """One component of a path that every file system takes and that shows as it is."""
    text = unicodedata.normalize("NFC", text)
    text = "".join("_" if _is_unsafe(character) else character for character in text).strip(" ").rstrip(".")
    if not text or text.split(".")[0].casefold() in _RESERVED:
        text = f"_{text}"
    while len(text.encode("utf-8", "replace")) > MAX_BYTES:
        text = text[1:]  # the end of a name, with its number, tells images apart
    return text.lstrip(".") or "_"


def _is_unsafe(character: str) -> bool:
    # Cc: control, Cs: lone surrogates, Zl and Zp: line ends; bidirectional controls make `gpj.exe` look like `exe.jpg`.
    return (
        character in _FORBIDDEN
        or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
        or character in "\u200e\u200f"
    )
