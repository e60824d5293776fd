"""The plots: a month by component, and a year against one server."""

from audit.cost.investment import Investment
from audit.cost.model import Driver, Level, Range
from audit.cost.report import Report
from audit.cost.words import number, usd, usd_range
from audit.draw.plots import FAINT, FIRST, INK, SECOND, THIRD, figure_of, legend, svg

_SHOWN = 10
"""Components with a bar of their own; the others share one."""


def bill(found: Report) -> str:
    """What a month costs by component: fixed and growing parts as expected, the range as a line."""
    rows = _rows(found)
    figure, axes = figure_of(7.6, 1.2 + 0.36 * len(rows))
    places = range(len(rows))
    fixed = [fixed.expected for _, fixed, _ in rows]
    growing = [growing.expected for _, _, growing in rows]
    axes.barh(places, fixed, 0.62, color=FIRST, label="fixed")
    axes.barh(places, growing, 0.62, left=fixed, color=SECOND, label="grows with images")
    totals = [fixed + growing for _, fixed, growing in rows]
    for place, total in zip(places, totals, strict=True):
        if total.high - total.low > 0.01 * total.expected:
            axes.plot([total.low, total.high], [place, place], color=INK, linewidth=1.2, solid_capstyle="butt")
        end = max(total.high, total.expected)
        text = usd(total.expected) if total.certain else f"{usd(total.expected)} ({usd_range(total)})"
        axes.annotate(
            text,
            (end, place),
            (5, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=8.5,
        )
    axes.plot([], [], color=INK, linewidth=1.2, label="low to high")
    axes.set_yticks(places, [name for name, _, _ in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.28 * max((total.high for total in totals), default=1.0))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel(f"USD a month; all together {usd(found.estimate.total.expected)}")
    axes.grid(visible=False, axis="y")
    legend(axes, loc="lower right")
    return svg(figure, f"What a month of {found.name} costs by component")


def _rows(found: Report) -> list[tuple[str, Range, Range]]:
    rows = [
        (name, _part(found, name, Driver.FIXED), _part(found, name, Driver.IMAGES))
        for name in found.estimate.by_component()
    ]
    if len(rows) <= _SHOWN + 1:
        return rows
    rest = rows[_SHOWN:]
    others = (f"{len(rest)} others", Range.total(row[1] for row in rest), Range.total(row[2] for row in rest))
    return [*rows[:_SHOWN], others]


def _part(found: Report, component: str, driver: Driver) -> Range:
    lines = found.estimate.lines
    return Range.total(line.cost for line in lines if line.component == component and line.driver is driver)


def break_even(investment: Investment) -> str:
    """What avoided hours of outage are worth in a year, against what the design costs more."""
    figure, axes = figure_of(7.6, 3.9)
    crossing, avoided = investment.break_even_hours.expected, investment.avoided_hours
    end = 1.2 * max(avoided.high, crossing)
    extra, hour = investment.extra_usd, investment.hour_usd
    top = 1.1 * max(end * hour.expected, 1.4 * extra.high)
    hours = [0.0, end]
    axes.axvspan(avoided.low, avoided.high, color=FAINT, alpha=0.4, linewidth=0, label="hours avoided, as assumed")
    axes.axvline(avoided.expected, color=INK, linewidth=0.9, linestyle=":", label="as expected")
    worth = {level: [at * hour.at(level) for at in hours] for level in Level}
    axes.fill_between(
        hours,
        worth[Level.LOW],
        worth[Level.HIGH],
        color=THIRD,
        alpha=0.13,
        linewidth=0,
        label="their worth, low to high",
    )
    axes.plot(hours, worth[Level.EXPECTED], color=THIRD, linewidth=2.2, label="their worth, as expected")
    axes.plot(hours, [extra.expected] * 2, color=SECOND, linewidth=2.2, label="what the design costs more")
    axes.plot([crossing], [extra.expected], "o", color=INK, markersize=6)
    axes.annotate(
        f"pays from {number(crossing)} hours on",
        (crossing, extra.expected),
        (9, -15),
        textcoords="offset points",
        color=INK,
        fontsize=9,
    )
    axes.set_xlim(0, end)
    axes.set_ylim(0, top)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("hours of outage in a year that the design avoids")
    axes.set_ylabel("USD a year")
    legend(axes, loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=3)
    return svg(figure, "What avoided outages are worth in a year, against what the design costs more")
