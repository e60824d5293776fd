"""Stand-ins for the work on one image: quick ones that succeed, and ones that fail in every way a process can."""

import ctypes
import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processor.errors import ImageError, NeedsMemory, ReasonCode, Stage
from processor.licences import Licences
from processor.limits import Limits
from processor.recipe import Recipe
from processor.result import ImageResult, Output, Status

MIB = 1024 * 1024


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
    """Does what the original's text says: `ok`, `sleep 0.1`, `segfault`, ... and stores one small rendition."""
    done = out_dir / f"{stem}.done"
    if done.exists():
        return ImageResult(source=str(source), status=Status.SKIPPED)
    words = source.read_text().split() or ["ok"]
    on_stage(Stage.DECODE)
    if words[0] == "return_nonsense":
        return None  # type: ignore[return-value]
    if words[0] == "return_unpicklable":
        return ImageResult(source=str(source), status=Status.OK, timings={"decode": lambda: 0})  # type: ignore[dict-item]
    if words[0] == "return_foreign":
        return ImageResult(source=str(source), status=Status.OK, evidence=(source,))  # type: ignore[arg-type]
    act = getattr(sys.modules[__name__], f"do_{words[0]}")
    act(*words[1:], source=source, out_dir=out_dir, limits=limits, licences=licences)
    on_stage(Stage.STORE)
    done.parent.mkdir(parents=True, exist_ok=True)
    done.write_text("done")
    output = Output(rendition="thumb", path=done.name, width_px=1, height_px=1, size_bytes=4)
    return ImageResult(
        source=str(source), status=Status.OK, outputs=(output,), megapixels=1.0, size_bytes=100, timings={"decode": 0.5}
    )


def do_ok(**_: Any) -> None:
    """Nothing goes wrong."""


def do_sleep(seconds: str, **_: Any) -> None:
    time.sleep(float(seconds))


def do_burn(seconds: str, **_: Any) -> None:
    end_s = time.process_time() + float(seconds)
    while time.process_time() < end_s:
        pass


def do_segfault(**_: Any) -> None:
    ctypes.string_at(1)


def do_abort(**_: Any) -> None:
    os.abort()


def do_bad_alloc(**_: Any) -> None:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def do_exit(code: str, **_: Any) -> None:
    os._exit(int(code))


def do_system_exit(**_: Any) -> None:
    sys.exit(3)


def do_kill_self(**_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def do_kill_self_once(*, source: Path, **_: Any) -> None:
    mark = source.with_suffix(".killed")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def do_hang(**_: Any) -> None:
    time.sleep(3600)


def do_hang_in_c(**_: Any) -> None:
    """Hangs with the interpreter lock held, as a decoder in a tight loop does: no other thread runs, no handler."""
    ctypes.PyDLL(None).sleep(3600)


def do_eat_memory(**_: Any) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(16 * MIB))


def do_raise(**_: Any) -> None:
    raise RuntimeError("something unforeseen")


class Unpicklable(Exception):  # noqa: N818
    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("no")


def do_raise_unpicklable(**_: Any) -> None:
    raise Unpicklable("cannot leave the process")


def do_image_error(reason: str, **_: Any) -> None:
    raise ImageError(ReasonCode(reason), "the file is what it is")


def do_full_device(**_: Any) -> None:
    with Path("/dev/full").open("w") as file:
        file.write("x" * 10)


def do_io_error(times: str, *, source: Path, **_: Any) -> None:
    mark = source.with_suffix(".tries")
    tries = int(mark.read_text()) if mark.exists() else 0
    mark.write_text(str(tries + 1))
    if tries < int(times):
        raise OSError(errno.EIO, "Input/output error")


def do_needs(mib: str, seconds: str = "0", *, source: Path, limits: Limits, **_: Any) -> None:
    """Asks for memory as the pipeline does, and notes when it held how much."""
    granted = limits.memory_bytes or 0
    if granted < int(mib) * MIB:
        raise NeedsMemory(int(mib) * MIB)
    began_s = time.monotonic()
    time.sleep(float(seconds))
    source.with_suffix(".held").write_text(f"{began_s} {time.monotonic()} {granted}")


def do_note_pid(*, source: Path, **_: Any) -> None:
    source.with_suffix(".pid").write_text(str(os.getpid()))


def do_note_threads(*, source: Path, **_: Any) -> None:
    import cv2

    source.with_suffix(".threads").write_text(f"{os.environ['OMP_NUM_THREADS']} {cv2.getNumThreads()}")


def do_licensed(*names: str, source: Path, licences: Licences | None, **_: Any) -> None:
    """Holds licences for a moment and notes when."""
    if licences is None:
        raise RuntimeError("this batch has no licences")
    with licences.hold(*names, image=str(source)):
        began_s = time.monotonic()
        time.sleep(0.1)
        source.with_suffix(".held").write_text(f"{began_s} {time.monotonic()}")


def do_insatiable(**_: Any) -> None:
    raise NeedsMemory(200 * MIB + 1)
