"""Which strategy the figures speak for, by a rule that is stated, and the reason in numbers."""

from collections.abc import Mapping
from typing import Any

COST_SCENARIO, RUSH_SCENARIO, STEADY_SCENARIO = "month-end", "one-job", "steady"
SLOWER_ALLOWED = 2.0
RULE = (
    "Of the strategies that lose nothing and drain every scenario, those that drain the rush within "
    f"{SLOWER_ALLOWED:g} times the fastest one's time; of these the cheapest over the month."
)


def recommend(figures: Mapping[str, Any]) -> dict[str, Any] | None:
    """Strategy, reasons and rule; None when there is one fleet only, or what decides was not simulated."""
    scenarios = figures["scenarios"]
    if len(figures["fleets"]) < 2 or not {COST_SCENARIO, RUSH_SCENARIO} <= scenarios.keys():
        return None
    sound = [
        name
        for name in figures["fleets"]
        if all(each["fleets"][name]["lost"] == 0 and each["fleets"][name]["left"] == 0 for each in scenarios.values())
    ]
    if not sound:
        return {"strategy": None, "rule": RULE, "reasons": ["every strategy leaves or loses images in some scenario"]}
    rush = {name: scenarios[RUSH_SCENARIO]["fleets"][name]["drained_s"] for name in sound}
    month = {name: scenarios[COST_SCENARIO]["fleets"][name]["usd"] for name in sound}
    quick = [name for name in sound if rush[name] <= SLOWER_ALLOWED * min(rush.values())]
    best = min(quick, key=lambda name: month[name])
    reasons = [
        f"{scenarios[RUSH_SCENARIO]['title']}: "
        + ", ".join(f"`{name}` {minutes(rush[name])}" for name in sorted(rush, key=lambda name: rush[name])),
        f"{scenarios[COST_SCENARIO]['title']}: "
        + ", ".join(f"`{name}` ${month[name]:,.0f}" for name in sorted(month, key=lambda name: month[name])),
    ]
    if STEADY_SCENARIO in scenarios:
        steady = {name: scenarios[STEADY_SCENARIO]["fleets"][name]["usd_per_1000"] for name in sound}
        ordered = sorted(steady, key=lambda name: steady[name])
        reasons.append(
            f"{scenarios[STEADY_SCENARIO]['title']}: "
            + ", ".join(f"`{name}` ${steady[name]:.2f}" for name in ordered)
            + " for 1000 images"
        )
    if figures["break_even_busy"] is not None:
        reasons.append(
            f"for the same work an instance is cheaper than Fargate when it is busy for more than "
            f"{figures['break_even_busy']:.0%} of the time that it is paid for"
        )
    return {"strategy": best, "own": figures["own"], "rule": RULE, "reasons": reasons}


def minutes(seconds: float) -> str:
    """A time for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
