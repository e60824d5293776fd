"""Pages for people, and contact_sheet.html among them. Each page is one file; only pictures are linked."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from processor.report.files import write_whole
from processor.report.model import BatchReport
from processor.result import ImageResult, Output, Status

if TYPE_CHECKING:
    from jinja2 import Environment

REPORT_NAME = "report.html"
CONTACT_SHEET_NAME = "contact_sheet.html"


def write_contact_sheet(report: BatchReport, out_dir: Path) -> Path:
    """Write contact_sheet.html into the output folder, whole or not at all; returns its path.

    Raises:
        UsageError: the folder cannot be written.
    """
    page = environment().get_template("contact_sheet.html.j2").render(report=report, Status=Status)
    return write_whole(out_dir / CONTACT_SHEET_NAME, page)


@cache
def environment() -> "Environment":
    """The templates of this package and what they may use."""
    # Every worker process imports this package; only who writes a page needs the templates.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    made = Environment(
        loader=PackageLoader("processor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        shown=shown, href=href, thumb=thumb, file_name=file_name, seconds=seconds, mib=mib, percent=percent
    )
    return made


def shown(name: str) -> str:
    """A file name for the eye: bytes that are not valid Unicode become replacement characters."""
    return os.fsencode(name).decode("utf-8", "replace")


def href(path: str) -> str:
    """A relative path as a link: its very bytes, percent-encoded."""
    return quote(os.fsencode(path))


def file_name(path: str) -> str:
    """The last part of a path, for the eye."""
    return shown(Path(path).name)


def thumb(result: ImageResult) -> Output | None:
    """The smallest rendition."""
    return min(result.outputs, key=lambda output: output.width_px * output.height_px, default=None)


def seconds(value: float) -> str:
    """A duration: milliseconds below a second, minutes above a hundred seconds."""
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 100:
        return f"{value:.2f} s"
    return f"{value // 60:.0f} min {value % 60:.0f} s"


def mib(value: float) -> str:
    """A number of bytes."""
    return f"{value / 2**30:.1f} GiB" if value >= 10 * 2**30 else f"{value / 2**20:,.0f} MiB"


def percent(value: float | None) -> str:
    """A share, or a dash where it is not defined."""
    return "–" if value is None else f"{value:.1%}"
