"""`processor demo`: makes sample RAWs, develops them on every core, and says where to look."""

import argparse
import shutil
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from rich.progress import track

from processor.batch import BatchOptions, run_batch
from processor.cli.display import LiveDisplay
from processor.cli.run import summarise, write_reports
from processor.errors import UsageError
from processor.recipe_io import load_recipe
from processor.sample import SAMPLE_SIZES, make_sample
from processor.store import STATE_FOLDER

# (size, orientation, compression): a small shoot with what real ones hold: a large body, portraits, compressed files.
_SHOOT = (
    ("45mp", 1, "none"),
    ("24mp", 1, "lossless-jpeg"),
    ("24mp", 6, "none"),
    ("6mp", 1, "none"),
    ("6mp", 8, "lossless-jpeg"),
    ("6mp", 1, "none"),
)

DEMO_RECIPE = """\
# The demo's recipe. Change it and run `processor run samples --recipe demo.toml --out renditions` again.
name = "demo"
filters = [{ kind = "unsharp", radius_px = 1.0, amount_percent = 60, threshold = 2 }]

[watermark]
logo = "logo.png"
opacity = 0.6
scale = 0.22

[[renditions]]
name = "4k"
long_edge_px = 3840

[[renditions]]
name = "1080p"
long_edge_px = 1920

[[renditions]]
name = "thumb"
long_edge_px = 320
quality = 85
watermark = false
"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "demo",
        help="make sample RAWs and develop them",
        description="Makes six sample RAWs, one of them with 45 megapixels, and develops them on every core.",
    )
    command.add_argument("--out", type=Path, default=Path("rawmill-demo"), metavar="DIR")
    command.set_defaults(command=demo)


def demo(options: argparse.Namespace) -> int:
    """Samples, batch, reports, and where they are."""
    samples, renditions = options.out / "samples", options.out / "renditions"
    recipe_path = options.out / "demo.toml"
    try:
        _make_samples(samples)
        draw_logo(options.out / "logo.png")
        recipe_path.write_text(DEMO_RECIPE, encoding="utf-8")
        if (renditions / STATE_FOLDER).is_dir():
            shutil.rmtree(renditions)  # a demo that skips everything shows nothing
    except OSError as error:
        raise UsageError(f"--out {options.out}: cannot be used: {error.strerror or error}") from None
    with LiveDisplay() as display:
        report = run_batch([samples], load_recipe(recipe_path), renditions, BatchOptions(), display)
    write_reports(report, renditions, ["json", "html"])
    summarise(report, [])
    print(f"\noriginals      {samples}")
    print(f"renditions     {renditions}")
    print(f"contact sheet  {renditions / 'contact_sheet.html'}")
    print(f"report         {renditions / 'report.html'}")
    return report.exit_code


def _make_samples(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (size, orientation, compression) in enumerate(
        track(_SHOOT, description="sample RAWs", transient=True), start=1
    ):
        path = folder / f"sample-{seed}-{size}.dng"
        if path.exists():
            continue
        width, height = SAMPLE_SIZES[size]
        unfinished = path.with_suffix(".part")
        make_sample(
            unfinished,
            width_px=width,
            height_px=height,
            seed=seed,
            compression=compression,  # type: ignore[arg-type]
            orientation=orientation,
        )
        unfinished.replace(path)


def draw_logo(path: Path) -> None:
    """A word and a millstone, white on transparent."""
    logo = Image.new("RGBA", (900, 220))
    draw = ImageDraw.Draw(logo)
    white = (255, 255, 255, 255)
    draw.ellipse((12, 22, 188, 198), outline=white, width=18)
    draw.ellipse((84, 94, 116, 126), fill=white)
    for tooth in ((100, 22, 100, 70), (100, 150, 100, 198), (12, 110, 60, 110), (140, 110, 188, 110)):
        draw.line(tooth, fill=white, width=14)
    draw.text((230, 22), "Rawmill", font=ImageFont.load_default(size=160), fill=white)
    logo.crop(logo.getbbox()).save(path)
