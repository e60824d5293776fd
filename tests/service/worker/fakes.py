"""Work on one image whose original says what happens to it: `ok`, `sleep 0.5`, `segfault`, …"""

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processor.errors import Stage
from processor.licences import Licences
from processor.limits import Limits
from processor.recipe import Recipe
from processor.result import ImageResult, Output, Status
from processor.store import content_digest
from processor.types import Verdict
from tests.processor.batch import fakes


def develop(
    source: Path,
    recipe: Recipe,
    out_dir: Path,
    *,
    stem: str,
    limits: Limits,
    on_stage: Callable[[Stage], None],
    licences: Licences | None,
) -> ImageResult:
    """Acts as the batch's fakes do and stores one rendition a rendition of the recipe, named by content."""
    words = source.read_text().split() or ["ok"]
    on_stage(Stage.DECODE)
    act: Any = globals().get(f"do_{words[0]}") or getattr(fakes, f"do_{words[0]}")
    said = act(*words[1:], source=source, out_dir=out_dir, limits=limits, licences=licences)
    on_stage(Stage.STORE)
    key = content_digest(source)[:12]
    out_dir.mkdir(parents=True, exist_ok=True)
    outputs = []
    for rendition in recipe.renditions:
        path = out_dir / f"{stem}.{key}.{rendition.name}.jpg"
        path.write_bytes(f"{rendition.name} of {' '.join(words)}".encode())
        size = path.stat().st_size
        outputs.append(Output(rendition=rendition.name, path=path.name, width_px=4, height_px=3, size_bytes=size))
    return ImageResult(
        source=str(source),
        status=Status.OK,
        verdict=Verdict.OK,
        evidence=(said,) if said else (),
        outputs=tuple(outputs),
        megapixels=1.0,
        timings={"decode": 0.1},
    )


def do_once(mark: str, fault: str, *words: str, **given: Any) -> None:
    """Does something bad the first time only: `once MARK segfault`. MARK is a file that remembers."""
    if not Path(mark).exists():
        Path(mark).touch()
        getattr(fakes, f"do_{fault}")(*words, **given)


def do_no_room_without(mark: str, **_: Any) -> None:
    """Finds a full disk until the file MARK is there."""
    if not Path(mark).exists():
        raise OSError(errno.ENOSPC, "No space left on device")


def do_wait_for(mark: str, **_: Any) -> None:
    """Goes on when a file is there."""
    while not Path(mark).exists():
        time.sleep(0.02)


def do_licensed_for(seconds: str, *names: str, licences: Licences | None, source: Path, **_: Any) -> str:
    """Holds licences for a while and says when, by a clock that processes share."""
    if licences is None:
        raise RuntimeError("this worker has no licences")
    with licences.hold(*names, image=str(source)):
        began_s = time.monotonic()
        time.sleep(float(seconds))
        return f"held {began_s} {time.monotonic()}"
