"""The plots of the evidence page."""

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from audit.draw.plots import FIRST, INK, SECOND, THIRD, figure_of, legend, svg
from bench.part import Figures
from processor.report import amdahl


def draw(parts: Figures) -> dict[str, str]:
    """SVG text by file name."""
    plots: dict[str, tuple[str, Callable[[Any], Figure], str]] = {
        "threads.svg": ("Speed-up of two threads and two processes by stage", _threads, "threads"),
        "race.svg": ("Additions found with and without a lock", _race, "race"),
        "pixels.svg": ("Milliseconds to hand one image to another process", _pixels, "pixels"),
        "amdahl.svg": ("Predicted speed-up against cores", _amdahl, "scaling"),
        "serial_fraction.svg": ("Serial fraction by part", _serial_fraction, "scaling"),
    }
    return {name: svg(plot(parts[part]), title) for name, (title, plot, part) in plots.items()}


def _threads(measured: Figures) -> Figure:
    stages = measured["stages"]
    figure, axes = figure_of(7.6, 0.9 + 0.46 * len(stages))
    places = range(len(stages))
    for offset, key, colour, label in (
        (-0.19, "threads", FIRST, "two threads"),
        (0.19, "processes", SECOND, "two processes"),
    ):
        values = [stage[key] for stage in stages.values()]
        bars = axes.barh([place + offset for place in places], values, 0.36, color=colour, label=label)
        axes.bar_label(bars, [f"{value:.2f}×" for value in values], padding=4, color=INK, fontsize=8.5)
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.axvline(2, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yticks(places, list(stages))
    axes.invert_yaxis()
    axes.set_xlim(0, max(2.5, 1.15 * max(max(s["threads"], s["processes"]) for s in stages.values())))
    axes.set_xlabel("work done per second, one thread = 1")
    axes.grid(visible=False, axis="y")
    legend(axes, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return figure


def _race(measured: Figures) -> Figure:
    figure, axes = figure_of(7.6, 1.9)
    names = ["expected", "found without a lock", "found by the batch's counter"]
    values = [measured["expected"], measured["without_lock"]["found"], measured["counter"]["found"]]
    bars = axes.barh(names, values, 0.6, color=[FIRST, THIRD, SECOND])
    axes.bar_label(bars, [f"{value:,}" for value in values], padding=4, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(values))
    axes.grid(visible=False)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    return figure


def _pixels(measured: Figures) -> Figure:
    ways = measured["hand_over"]
    figure, axes = figure_of(7.6, 0.9 + 0.44 * len(ways))
    values = [way["wall_s"] * 1e3 for way in ways]
    bars = axes.barh([way["what"] for way in ways], values, 0.6, color=[SECOND, *[THIRD] * (len(ways) - 1)])
    axes.bar_label(bars, [f"{value:.3g} ms" for value in values], padding=4, color=INK)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 2, max(values) * 6)
    axes.set_xlabel("milliseconds per image, logarithmic")
    axes.grid(visible=False, axis="y")
    return figure


def _amdahl(measured: Figures) -> Figure:
    fraction = min(1.0, max(0.0, measured["serial_fraction"]))
    figure, axes = figure_of(7.6, 4.2)
    cores = [2 ** (step / 8) for step in range(6 * 8 + 1)]
    axes.plot(cores, cores, color=INK, linestyle=":", linewidth=1, label="every core fully used")
    for share, colour, style in ((0.05, THIRD, "--"), (0.01, FIRST, "--")):
        label = f"serial fraction {share:.0%}"
        values = [amdahl.speed_up(share, number) for number in cores]
        axes.plot(cores, values, color=colour, linestyle=style, linewidth=1.2, label=label)
    axes.plot(
        cores,
        [amdahl.speed_up(fraction, number) for number in cores],
        color=SECOND,
        linewidth=2.4,
        label=f"this batch, serial fraction {fraction:.1%}",
    )
    speed_up = measured["speed_up"]["median"]
    axes.plot([2], [speed_up], "o", color=SECOND, markersize=8, label=f"measured on 2: {speed_up:.2f}×")
    ticks = [1, *amdahl.CORES]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_yticks(ticks, [f"{tick}×" for tick in ticks])
    axes.set_xlabel("cores")
    axes.set_ylabel("speed-up")
    legend(axes, loc="upper left")
    return figure


def _serial_fraction(measured: Figures) -> Figure:
    parts = [part for part in measured["report"]["parts"] if round(part["fraction"], 4) != 0]
    figure, axes = figure_of(7.6, 0.9 + 0.4 * len(parts))
    values = [100 * part["fraction"] for part in parts]
    bars = axes.barh([part["name"] for part in parts], values, 0.6, color=FIRST)
    axes.bar_label(bars, [f"{value:+.2f} %" for value in values], padding=4, color=INK)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.invert_yaxis()
    widest = max(abs(value) for value in values)
    axes.set_xlim(min(0.0, *values) - 0.3 * widest, max(0.0, *values) + 0.3 * widest)
    axes.set_xlabel("percent, adding up to the serial fraction of the batch's own report")
    axes.grid(visible=False, axis="y")
    return figure
