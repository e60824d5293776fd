"""Draws where the parts of each size stand: a row a component, a column a zone, a mark a part."""

from collections.abc import Collection, Mapping, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audit.draw.plots import CARD, FAINT, FIRST, INK, THIRD, svg
from audit.spof.judge import Judgement
from audit.spof.model import Component

_TITLE = "Parts of each size by zone; crosses are single points of failure"
_ROW_IN = 0.3
_APART = 0.22


def draw(judged: Mapping[str, Judgement], names: Sequence[str], on_the_server: Collection[str]) -> str:
    """The picture as SVG.

    Args:
        judged: sizes by name.
        names: components in rows, from above.
        on_the_server: those of which a server that stands alone does the work.
    """
    with rc_context({"font.size": 9.5}):
        figure = Figure(figsize=(8.6, 1.25 + _ROW_IN * len(names)), layout="constrained", facecolor=CARD)
        widths = [max(1, len(judgement.zones)) for judgement in judged.values()]
        panels = figure.subplots(1, len(judged), sharey=True, width_ratios=widths, squeeze=False)[0]
    for axes, (name, judgement) in zip(panels, judged.items(), strict=True):
        _panel(axes, name, judgement, names)
        for component, death in judgement.parts:
            if component.name == "server" and death.stops:
                for part in sorted(on_the_server):
                    _marks(axes, names.index(part), component, _zones(judgement), alone=True)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    marks = {
        "one part": {"marker": "o", "color": FIRST},
        "single point of failure": {"marker": "X", "color": THIRD},
        "kept by AWS in several zones": {"marker": "s", "color": FAINT},
    }
    handles = [
        panels[0].plot([], [], linestyle="", markersize=7, label=name, **mark)[0] for name, mark in marks.items()
    ]
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_color(INK)
    return svg(figure, _TITLE)


def _panel(axes: Axes, name: str, judgement: Judgement, names: Sequence[str]) -> None:
    zones = _zones(judgement)
    axes.set_facecolor(CARD)
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=INK, length=0, labelsize=9)
    axes.set_title(name, color=INK, fontsize=10.5)
    axes.set_xticks(range(len(zones)), [f"zone {zone[-1]}" for zone in zones])
    axes.set_xlim(-0.6, len(zones) - 0.4)
    for row in range(len(names)):
        axes.axhline(row + 0.5, color=FAINT, linewidth=0.6)
    for column in range(len(zones) - 1):
        axes.axvline(column + 0.5, color=FAINT, linewidth=0.6, linestyle=(0, (2, 3)))
    for component, death in judgement.parts:
        if component.name in names:
            _marks(axes, names.index(component.name), component, zones, alone=bool(death.stops))


def _zones(judgement: Judgement) -> list[str]:
    return [death.what.removeprefix("zone ") for death in judgement.zones]


def _marks(axes: Axes, row: int, component: Component, zones: Sequence[str], *, alone: bool) -> None:
    if component.regional:
        axes.plot([-0.35, len(zones) - 0.65], [row, row], color=FAINT, linewidth=7, solid_capstyle="round")
        return
    for column, zone in enumerate(zones):
        count = sum(part.zone == zone for part in component.parts)
        for number in range(count):
            x = column + (number - (count - 1) / 2) * _APART
            axes.plot(x, row, "X" if alone else "o", color=THIRD if alone else FIRST, markersize=8 if alone else 7)
