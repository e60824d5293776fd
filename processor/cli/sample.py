"""`processor sample`: writes sample RAW files."""

import argparse
import time
from pathlib import Path
from typing import Any

from rich.progress import track

from processor.errors import UsageError
from processor.sample import SAMPLE_SIZES, make_sample

_COMPRESSIONS = ("none", "lossless-jpeg")
_PATTERNS = {"RGGB": (0, 1, 1, 2), "BGGR": (2, 1, 1, 0), "GRBG": (1, 0, 2, 1), "GBRG": (1, 2, 0, 1)}


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "sample", help="write sample RAW files", description="Writes valid DNG files of a scene that is made up."
    )
    command.add_argument("out", type=Path, metavar="DIR", help="folder to write to")
    command.add_argument("--count", type=int, default=1, help="number of files, each of another scene (default 1)")
    command.add_argument("--size", choices=sorted(SAMPLE_SIZES), default="6mp", help="sensor size (default 6mp)")
    command.add_argument("--width", type=int, help="sensor width in pixels, instead of --size")
    command.add_argument("--height", type=int, help="sensor height in pixels, instead of --size")
    command.add_argument("--seed", type=int, default=1, help="number of the first scene (default 1)")
    command.add_argument("--compression", choices=_COMPRESSIONS, default="none")
    command.add_argument("--pattern", choices=sorted(_PATTERNS), default="RGGB", help="colour filter array")
    command.add_argument(
        "--orientation", type=int, choices=range(1, 9), default=1, metavar="1…8", help="EXIF orientation"
    )
    command.add_argument("--gps", action="store_true", help="record a position, as telephones do")
    command.set_defaults(command=sample)


def sample(options: argparse.Namespace) -> int:
    """Writes the files and says where they are."""
    if options.count < 1:
        raise UsageError(f"--count {options.count}: it must be 1 or more")
    if (options.width is None) != (options.height is None):
        raise UsageError("--width and --height go together")
    width, height = SAMPLE_SIZES[options.size] if options.width is None else (options.width, options.height)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{options.out}: cannot be used as a folder: {error.strerror}") from None
    began_s = time.perf_counter()
    written = 0
    for seed in track(range(options.seed, options.seed + options.count), description="sample RAWs", transient=True):
        path = options.out / f"sample-{width * height / 1e6:.0f}mp-{seed:03}.dng"
        try:
            make_sample(
                path,
                width_px=width,
                height_px=height,
                seed=seed,
                compression=options.compression,
                orientation=options.orientation,
                pattern=_PATTERNS[options.pattern],
                gps=options.gps,
            )
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None
        written += path.stat().st_size
    print(
        f"{options.count} sample RAWs of {width}×{height} px, {written / 1e6:.0f} MB, in {options.out} "
        f"({time.perf_counter() - began_s:.1f} s)"
    )
    return 0
