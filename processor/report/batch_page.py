"""report.html: a whole batch for people, with its plots. Apart from the other pages, for it alone needs matplotlib."""

from pathlib import Path
from typing import TYPE_CHECKING

from processor.report.files import write_whole
from processor.report.model import BatchReport
from processor.report.pages import REPORT_NAME, environment
from processor.report.plots import speed_up_plot, timeline_plot
from processor.result import Status

if TYPE_CHECKING:
    from markupsafe import Markup


def write_html(report: BatchReport, out_dir: Path) -> Path:
    """Write report.html into the output folder, whole or not at all; returns its path.

    Raises:
        UsageError: the folder cannot be written.
    """
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            Status=Status,
            failures=[result for result in report.results if result.status is Status.FAILED],
            speed_up_svg=_inline(speed_up_plot(report)),
            timeline_svg=_inline(timeline_plot(report)),
        )
    )
    return write_whole(out_dir / REPORT_NAME, page)


def _inline(svg: str | None) -> "Markup | None":
    from markupsafe import Markup  # noqa: PLC0415 - who writes no page needs no templates

    return None if svg is None else Markup(svg)  # noqa: S704 - our own drawing; it contains no name of a file
