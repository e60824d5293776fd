"""Plots of a report: SVG on a card of their own, light or dark like the reader's system, the same bytes every time."""

from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from audit.draw.plots import CARD, FAINT, FIRST, INK, SECOND, THIRD, dress, svg

_COLOURS = {"hybrid": FIRST, "ec2": SECOND, "fargate": THIRD}
_MARKS = {"hybrid": "o", "ec2": "s", "fargate": "^"}


def draw(figures: dict[str, Any]) -> dict[str, str]:
    """SVG text by file name."""
    plots = {
        f"fleet-{name}.svg": svg(_over_time(scenario), f"{scenario['title']}: backlog and workers over time")
        for name, scenario in figures["scenarios"].items()
    }
    plots["fleet-cost.svg"] = svg(_cost(figures["scenarios"]), "Cost against drain time by strategy")
    return plots


def _over_time(scenario: dict[str, Any]) -> Figure:
    with rc_context({"font.size": 9.5, "axes.edgecolor": FAINT}):
        figure = Figure(figsize=(7.6, 4.0), layout="constrained", facecolor=CARD)
        backlog, workers = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    longest = max(found["curve"]["minutes"][-1] for found in scenario["fleets"].values())
    unit, divisor = ("days", 1440.0) if longest > 4320 else ("hours", 60.0) if longest > 300 else ("minutes", 1.0)
    for name, found in scenario["fleets"].items():
        curve = found["curve"]
        times = [minute / divisor for minute in curve["minutes"]]
        running = [a + b for a, b in zip(curve["on_instances"], curve["burst"], strict=True)]
        style = {"color": _COLOURS[name], "linewidth": 1.6}
        backlog.plot(times, curve["outstanding"], label=name, **style)
        workers.plot(times, running, drawstyle="steps-post", **style)
    for axes in (backlog, workers):
        _dress(axes)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.yaxis.set_major_formatter(FuncFormatter(_short))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    backlog.set_ylabel("images outstanding")
    workers.set_ylabel("workers running")
    workers.set_xlabel(unit)
    for text in backlog.legend(
        frameon=False, fontsize=9, ncols=3, loc="lower right", bbox_to_anchor=(1, 1)
    ).get_texts():
        text.set_color(INK)
    return figure


def _cost(scenarios: dict[str, Any]) -> Figure:
    """One small panel a scenario: left is sooner, down is cheaper."""
    columns = 2
    rows = -(-len(scenarios) // columns)
    with rc_context({"font.size": 9.5, "axes.edgecolor": FAINT}):
        figure = Figure(figsize=(7.6, 0.5 + 1.95 * rows), layout="constrained", facecolor=CARD)
        panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in panels[len(scenarios) :]:
        axes.set_visible(False)
    for axes, scenario in zip(panels, scenarios.values(), strict=False):
        _dress(axes)
        longest = max(found["drained_s"] for found in scenario["fleets"].values())
        unit, divisor = ("h", 3600.0) if longest >= 7200 else ("min", 60.0) if longest >= 120 else ("s", 1.0)
        for name, found in scenario["fleets"].items():
            axes.plot(
                found["drained_s"] / divisor, found["usd"], _MARKS[name], color=_COLOURS[name], markersize=8, label=name
            )
        dearest = max(found["usd"] for found in scenario["fleets"].values())
        axes.set_xlim(0, 1.15 * longest / divisor or 1)
        axes.set_ylim(0, 1.2 * dearest or 1)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.10g}"))
        axes.set_title(scenario["title"], color=INK, fontsize=9.5, loc="left")
        axes.set_xlabel(f"drained in, {unit}", fontsize=8.5)
    handles, labels = panels[0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_color(INK)
    return figure


def _dress(axes: Axes) -> None:
    dress(axes, labelsize=8.5)


def _short(value: float, _: int) -> str:
    """A large number in few characters."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"
