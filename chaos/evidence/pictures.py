"""Draws what was measured: a web task's death with users' requests, and the life of messages that kill."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audit.draw.plots import CARD, FAINT, FIRST, INK, SECOND, THIRD, dress, svg

_BAR = 0.5
Span = tuple[float, float, str]
"""Begin and end in seconds, and the colour."""


def web_timeline(figures: Mapping[str, Any]) -> str:
    """The median kill: requests by the moment at which they were sent, above what the task and the balancer did."""
    run = figures["shown"]
    bins, width = run["bins"], run["bin_s"]
    begin, end = bins[0][0], bins[-1][0] + width
    with rc_context({"font.size": 9.5}):
        figure = Figure(figsize=(8.2, 4.2), layout="constrained", facecolor=CARD)
        asked, spans = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    starts = [each[0] for each in bins]
    bottom = [0.0] * len(bins)
    shown = (("answered by the other task", 2, FIRST), ("by the task that dies", 1, SECOND), ("failed", 3, THIRD))
    for label, column, colour in shown:
        heights = [each[column] for each in bins]
        asked.bar(starts, heights, width * 0.86, bottom, align="edge", color=colour, label=label)
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    dress(asked)
    asked.set_ylim(top=1.08 * max(bottom))
    asked.set_ylabel(f"requests in {width:g} s")
    _legend(asked)
    task = [(begin, 0.0, SECOND), (0.0, run["started"], THIRD), (run["started"], run["healthy"], FAINT)]
    rows: dict[str, list[Span]] = {
        "the task": [*task, (run["healthy"], end, SECOND)],
        "in rotation": [(begin, run["out"], SECOND), (run["in"], end, SECOND)],
    }
    _spans(spans, rows)
    moments = {
        "killed": 0.0,
        "first bad check": run["first_failed_check"],
        "out": run["out"],
        "another starts": run["started"],
        "first good check": run["healthy"],
        "in": run["in"],
    }
    _moments(spans, moments, rows=len(rows), span_s=end - begin)
    spans.set_xlabel("seconds since kill -9")
    spans.set_xlim(begin, end)
    return svg(figure, "A web task is killed: requests of users, health checks, rotation")


def message_life(figures: Mapping[str, Any]) -> str:
    """Each life in a panel of its own: in hand, hidden, a dead letter, in hand again and done."""
    lives = figures["lives"]
    with rc_context({"font.size": 9.5}):
        figure = Figure(figsize=(8.2, 1.2 + 1.5 * len(lives)), layout="constrained", facecolor=CARD)
        panels = figure.subplots(len(lives), 1, squeeze=False)[:, 0]
    for axes, (name, life) in zip(panels, lives.items(), strict=True):
        rows = spans_of(life)
        _spans(axes, rows)
        for each in life["tries"]:
            if each["killed"] is not None:
                axes.plot(each["killed"], list(rows).index("in hand"), "X", color=INK, markersize=7)
        axes.plot(life["redriven"]["done"], list(rows).index("in hand"), "o", color=INK, markersize=6)
        axes.set_title(f"its {name} is killed at every try", color=INK, fontsize=9.5, loc="left")
        axes.set_xlim(left=-0.02 * life["redriven"]["done"])
    panels[-1].set_xlabel("seconds since the first receive (cross: killed; dot: done)")
    return svg(figure, "Life of a message whose image kills its decoder, and of one whose image kills its worker")


def spans_of(life: Mapping[str, Any]) -> dict[str, list[Span]]:
    """Where the message is, when: in a worker's hand, hidden in the queue, among the dead letters."""
    tries, redriven = life["tries"], life["redriven"]
    killed = [each["at"] if each["killed"] is None else each["killed"] for each in tries]
    dead = redriven["at"] if life["dead_letter"] is None else life["dead_letter"]
    comes_back = [*(each["at"] for each in tries[1:]), dead]
    return {
        "in hand": [
            *((each["at"], end, FIRST) for each, end in zip(tries, killed, strict=True)),
            (redriven["begun"], redriven["done"], SECOND),
        ],
        "hidden": [(begin, end, FAINT) for begin, end in zip(killed, comes_back, strict=True)],
        "dead letter": [(dead, redriven["at"], THIRD)],
    }


def _spans(axes: Axes, rows: Mapping[str, Sequence[Span]]) -> None:
    dress(axes)
    axes.grid(visible=False, axis="y")
    for number, spans in enumerate(rows.values()):
        for begin, end, colour in spans:
            # What takes no time at this scale is still to be seen.
            axes.barh(number, max(end - begin, 0.0), _BAR, begin, color=colour, edgecolor=colour, linewidth=1.5)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _moments(axes: Axes, moments: Mapping[str, float], *, rows: int, span_s: float) -> None:
    """Names of moments below the rows, in the order of time, on several lines and to the left where they would meet."""
    last = [-1e9, -1e9, -1e9]
    room = span_s * 0.17
    axes.set_ylim(rows + 1.3, -0.6)
    ordered = sorted(moments.items(), key=lambda moment: moment[1])
    nexts = [*(at for _, at in ordered[1:]), 1e9]
    for (name, at), next_at in zip(ordered, nexts, strict=True):
        side = "right" if next_at - at < room < at else "left"
        line = next((number for number, before in enumerate(last) if at - before >= room), 2)
        last[line] = at
        y = rows - 0.25 + 0.55 * line
        axes.plot([at, at], [-0.5, y - 0.2], color=INK, linewidth=0.7, linestyle=(0, (2, 2)))
        # On a card of its own: lines of other moments end behind it.
        card = {"facecolor": CARD, "edgecolor": "none", "pad": 1.0}
        axes.text(at, y, f"{name} {at:.1f}", color=INK, fontsize=8.5, ha=side, va="center", bbox=card, zorder=3)


def _legend(axes: Axes) -> None:
    legend = axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
    for text in legend.get_texts():
        text.set_color(INK)
