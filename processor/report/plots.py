"""The plots of report.html as inline SVG. Their colours are the page's own, so they read in light and in dark."""

import io
import math
import re
from typing import TYPE_CHECKING

from processor.report import amdahl
from processor.report.model import BatchReport, Span, SpanEnd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _FAINT, _CARD = "#010203", "#040506", "#131415"
_PLAIN, _GOOD, _BAD, _WARN = "#070809", "#0a0b0c", "#0d0e0f", "#101112"
_PAGE_COLOURS = {
    _INK: "var(--ink)",
    _FAINT: "var(--line)",
    _CARD: "var(--card)",
    _PLAIN: "var(--accent)",
    _GOOD: "var(--good)",
    _BAD: "var(--bad)",
    _WARN: "var(--warn)",
}
"""Colours that nothing else uses, put in for the drawing and replaced by the page's variables in the SVG."""

_SPAN_COLOURS = {
    SpanEnd.OK: _GOOD,
    SpanEnd.SKIPPED: _PLAIN,
    SpanEnd.FAILED: _BAD,
    SpanEnd.RETRIED: _WARN,
    SpanEnd.REQUEUED: _WARN,
    SpanEnd.CANCELLED: _BAD,
}
_FINEST_BLOCK = 1 / 800
"""Spans of one slot and ending that are closer than this share of the wall time are drawn as one block."""


def speed_up_plot(report: BatchReport) -> str | None:
    """Amdahl's prediction against cores, with the measured point; None when no serial fraction is defined."""
    fraction, measured = report.serial_fraction, report.speed_up
    if fraction is None or measured is None:
        return None
    fraction = min(1.0, max(0.0, fraction))
    figure, axes = _figure(6.4, 3.6)
    cores = [2 ** (step / 8) for step in range(6 * 8 + 1)]
    axes.plot(cores, cores, color=_FAINT, linestyle="--", linewidth=1.2, label="every core fully used")
    axes.plot(
        cores,
        [amdahl.speed_up(fraction, number) for number in cores],
        color=_PLAIN,
        linewidth=2,
        label=f"predicted, serial fraction {fraction:.1%}",
    )
    limit = amdahl.limit(fraction)
    if limit <= 64:
        axes.axhline(limit, color=_WARN, linewidth=1, linestyle=":", label=f"limit {limit:.1f}×")
    axes.plot([report.jobs], [measured], "o", color=_GOOD, markersize=7, label=f"this batch: {measured:.2f}×")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    ticks = [1, *amdahl.CORES]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_yticks(ticks, [f"{tick}×" for tick in ticks])
    axes.set_ylim(min(0.9, measured * 0.9), 72)
    axes.set_xlabel("cores")
    axes.set_ylabel("speed-up")
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    return _svg(figure, "Predicted speed-up against cores")


def timeline_plot(report: BatchReport) -> str | None:
    """What every slot did when; None without attempts."""
    if not report.spans or report.wall_s <= 0:
        return None
    figure, axes = _figure(9.6, 0.9 + 0.3 * min(report.jobs, 40))
    for end, colour in _SPAN_COLOURS.items():
        for slot in range(report.jobs):
            blocks = _merged([span for span in report.spans if span.slot == slot and span.end is end], report.wall_s)
            if blocks:
                axes.broken_barh(blocks, (slot - 0.36, 0.72), facecolor=colour, edgecolor=_CARD, linewidth=0.7)
    axes.set_xlim(0, report.wall_s)
    axes.set_ylim(report.jobs - 0.4, -0.6)
    step = max(1, math.ceil(report.jobs / 20))
    axes.set_yticks(range(0, report.jobs, step), [f"slot {slot}" for slot in range(0, report.jobs, step)])
    axes.set_xlabel("seconds since the batch began")
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    return _svg(figure, "Timeline of the slots")


def _merged(spans: list[Span], wall_s: float) -> list[tuple[float, float]]:
    """(start, length) blocks; a batch of thousands stays a plot of hundreds."""
    gap_s = wall_s * _FINEST_BLOCK
    blocks: list[tuple[float, float]] = []
    for span in sorted(spans, key=lambda span: span.start_s):
        length_s = span.end_s - span.start_s
        if blocks and length_s < 4 * gap_s and span.start_s - sum(blocks[-1]) < gap_s:
            blocks[-1] = (blocks[-1][0], span.end_s - blocks[-1][0])
        else:
            blocks.append((span.start_s, max(length_s, gap_s)))
    return blocks


def _figure(width_in: float, height_in: float) -> "tuple[Figure, Axes]":
    # Loading matplotlib takes half a second: only who draws pays for it.
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context({"font.size": 9.5, "axes.edgecolor": _FAINT}):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        axes = figure.subplots()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(colors=_INK, length=0)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    axes.grid(visible=True, color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: "Figure", title: str) -> str:
    from matplotlib import rc_context  # noqa: PLC0415

    for axes in figure.axes:
        legend = axes.get_legend()
        for text in legend.get_texts() if legend else ():
            text.set_color(_INK)
    buffer = io.StringIO()
    # Text stays text, in the page's font; a fixed salt gives equal reports equal bytes.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Title": title})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 var(--sans)", svg)
    for drawn, shown in _PAGE_COLOURS.items():
        svg = svg.replace(drawn, shown)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
