"""The plots of the evidence page: SVG files on a card of their own, light or dark like the reader's system."""

import io
from collections.abc import Callable
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.part import Figures
from processor.report import amdahl

_INK, _FAINT, _CARD = "#010203", "#040506", "#131415"
_FIRST, _SECOND, _THIRD = "#070809", "#0a0b0c", "#0d0e0f"
_SHOWN = {
    _INK: ("--ink", "#1f2430", "#e6e9ef"),
    _FAINT: ("--faint", "#d5dae2", "#39414f"),
    _CARD: ("--card", "#ffffff", "#161a22"),
    _FIRST: ("--first", "#2563c9", "#6ea8fe"),
    _SECOND: ("--second", "#1a8f5c", "#4cc38a"),
    _THIRD: ("--third", "#c2571a", "#f0a35e"),
}
"""Colours put in for the drawing; the variable that replaces each in the SVG, its value in light and in dark."""


def draw(parts: Figures) -> dict[str, str]:
    """SVG text by file name."""
    plots: dict[str, tuple[str, Callable[[Any], Figure], str]] = {
        "threads.svg": ("Speed-up of two threads and two processes by stage", _threads, "threads"),
        "race.svg": ("Additions found with and without a lock", _race, "race"),
        "pixels.svg": ("Milliseconds to hand one image to another process", _pixels, "pixels"),
        "amdahl.svg": ("Predicted speed-up against cores", _amdahl, "scaling"),
        "serial_fraction.svg": ("Serial fraction by part", _serial_fraction, "scaling"),
    }
    return {name: _svg(plot(parts[part]), title) for name, (title, plot, part) in plots.items()}


def _threads(measured: Figures) -> Figure:
    stages = measured["stages"]
    figure, axes = _figure(7.6, 0.9 + 0.46 * len(stages))
    places = range(len(stages))
    for offset, key, colour, label in (
        (-0.19, "threads", _FIRST, "two threads"),
        (0.19, "processes", _SECOND, "two processes"),
    ):
        values = [stage[key] for stage in stages.values()]
        bars = axes.barh([place + offset for place in places], values, 0.36, color=colour, label=label)
        axes.bar_label(bars, [f"{value:.2f}×" for value in values], padding=4, color=_INK, fontsize=8.5)
    axes.axvline(1, color=_INK, linewidth=0.8)
    axes.axvline(2, color=_INK, linewidth=0.8, linestyle=":")
    axes.set_yticks(places, list(stages))
    axes.invert_yaxis()
    axes.set_xlim(0, max(2.5, 1.15 * max(max(s["threads"], s["processes"]) for s in stages.values())))
    axes.set_xlabel("work done per second, one thread = 1")
    axes.grid(visible=False, axis="y")
    _legend(axes, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return figure


def _race(measured: Figures) -> Figure:
    figure, axes = _figure(7.6, 1.9)
    names = ["expected", "found without a lock", "found by the batch's counter"]
    values = [measured["expected"], measured["without_lock"]["found"], measured["counter"]["found"]]
    bars = axes.barh(names, values, 0.6, color=[_FIRST, _THIRD, _SECOND])
    axes.bar_label(bars, [f"{value:,}" for value in values], padding=4, color=_INK)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(values))
    axes.grid(visible=False)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    return figure


def _pixels(measured: Figures) -> Figure:
    ways = measured["hand_over"]
    figure, axes = _figure(7.6, 0.9 + 0.44 * len(ways))
    values = [way["wall_s"] * 1e3 for way in ways]
    bars = axes.barh([way["what"] for way in ways], values, 0.6, color=[_SECOND, *[_THIRD] * (len(ways) - 1)])
    axes.bar_label(bars, [f"{value:.3g} ms" for value in values], padding=4, color=_INK)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 2, max(values) * 6)
    axes.set_xlabel("milliseconds per image, logarithmic")
    axes.grid(visible=False, axis="y")
    return figure


def _amdahl(measured: Figures) -> Figure:
    fraction = min(1.0, max(0.0, measured["serial_fraction"]))
    figure, axes = _figure(7.6, 4.2)
    cores = [2 ** (step / 8) for step in range(6 * 8 + 1)]
    axes.plot(cores, cores, color=_INK, linestyle=":", linewidth=1, label="every core fully used")
    for share, colour, style in ((0.05, _THIRD, "--"), (0.01, _FIRST, "--")):
        label = f"serial fraction {share:.0%}"
        values = [amdahl.speed_up(share, number) for number in cores]
        axes.plot(cores, values, color=colour, linestyle=style, linewidth=1.2, label=label)
    axes.plot(
        cores,
        [amdahl.speed_up(fraction, number) for number in cores],
        color=_SECOND,
        linewidth=2.4,
        label=f"this batch, serial fraction {fraction:.1%}",
    )
    speed_up = measured["speed_up"]["median"]
    axes.plot([2], [speed_up], "o", color=_SECOND, markersize=8, label=f"measured on 2: {speed_up:.2f}×")
    ticks = [1, *amdahl.CORES]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_yticks(ticks, [f"{tick}×" for tick in ticks])
    axes.set_xlabel("cores")
    axes.set_ylabel("speed-up")
    _legend(axes, loc="upper left")
    return figure


def _serial_fraction(measured: Figures) -> Figure:
    parts = [part for part in measured["report"]["parts"] if round(part["fraction"], 4) != 0]
    figure, axes = _figure(7.6, 0.9 + 0.4 * len(parts))
    values = [100 * part["fraction"] for part in parts]
    bars = axes.barh([part["name"] for part in parts], values, 0.6, color=_FIRST)
    axes.bar_label(bars, [f"{value:+.2f} %" for value in values], padding=4, color=_INK)
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.invert_yaxis()
    widest = max(abs(value) for value in values)
    axes.set_xlim(min(0.0, *values) - 0.3 * widest, max(0.0, *values) + 0.3 * widest)
    axes.set_xlabel("percent, adding up to the serial fraction of the batch's own report")
    axes.grid(visible=False, axis="y")
    return figure


def _figure(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    with rc_context({"font.size": 9.5, "axes.edgecolor": _FAINT}):
        figure = Figure(figsize=(width_in, height_in), layout="constrained", facecolor=_CARD)
        axes = figure.subplots()
    axes.set_facecolor(_CARD)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(which="both", colors=_INK, length=0)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    axes.grid(visible=True, color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _legend(axes: Axes, **options: Any) -> None:
    for text in axes.legend(frameon=False, fontsize=9, **options).get_texts():
        text.set_color(_INK)


def _svg(figure: Figure, title: str) -> str:
    buffer = io.StringIO()
    # A fixed salt and no date: equal figures give equal bytes, so that the page's diff shows what changed.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", facecolor=_CARD, metadata={"Date": None, "Creator": None, "Title": title})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for drawn, (variable, _, _) in _SHOWN.items():
        svg = svg.replace(drawn, f"var({variable})")
    head, rest = svg.split(">", 1)
    head = head.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
    light = "".join(f"{variable}:{value};" for variable, value, _ in _SHOWN.values())
    dark = "".join(f"{variable}:{value};" for variable, _, value in _SHOWN.values())
    style = f"<style>:root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    return "\n".join(line.rstrip() for line in f"{head}>\n{style}{rest}".splitlines()) + "\n"
