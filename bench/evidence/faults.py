"""Works on one image that crash, hang or leak on the originals whose name says so. With the signature of `develop`."""

import ctypes
import time
from pathlib import Path
from typing import Any

from processor.pipeline import develop
from processor.recipe import Recipe
from processor.result import ImageResult

LEAK_BYTES = 64 << 20
_leaked: list[bytearray] = []


def faulty(source: Path, recipe: Recipe, out_dir: Path, **options: Any) -> ImageResult:
    """Develops, except `…-crash.dng` (reads address 0), `…-hang.dng` (never returns); `…-leak.dng` keeps 64 MiB."""
    if source.stem.endswith("-crash"):
        ctypes.string_at(0)
    if source.stem.endswith("-hang"):
        time.sleep(3600)
    if source.stem.endswith("-leak"):
        _leaked.append(bytearray(b"\1") * LEAK_BYTES)
    return develop(source, recipe, out_dir, **options)
