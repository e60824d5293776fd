"""A change in a dozen words: how many of what, with what a reviewer must not overlook in bold."""

from collections.abc import Iterator

from audit.review.compare import Review
from audit.review.paths import Layer, Way
from audit.review.permissions import Turn
from audit.review.resources import Effect


def summary(review: Review) -> Iterator[str]:
    """Counts, the gravest first; nothing when nothing changes."""
    yield from _grave(review)
    yield from _paths(review)
    yield from _permissions(review)
    yield from _failures(review)
    if review.cost is not None:
        amount = review.cost.difference.expected
        yield _bold(f"{'+' if amount >= 0 else '−'}{abs(amount):,.2f} USD a month", bold=amount > 0)
    yield from _resources(review)


def _grave(review: Review) -> Iterator[str]:
    if review.losses:
        yield f"**data at stake in {_count(len(review.losses), 'resource')}**"
    if review.deadlocks or review.taken:
        yield "**deployment is refused**"
    if review.blind:
        yield f"**cannot tell: {', '.join(review.blind)}**"
    for effect in ("moved", "left behind", "unprotected", "added"):
        if number := sum(item.effect == effect for item in review.stacks):
            yield _bold(f"{_count(number, 'stack')} {effect}", bold=effect != "added")


def _paths(review: Review) -> Iterator[str]:
    real = [item for item in review.paths if item.layer is not Layer.EDGES]
    for way in Way:
        if number := sum(item.way is way for item in real):
            yield _bold(f"{_count(number, 'network path')} {way}", bold=way is Way.OPENED)
    if review.paths and not real:
        yield "network ACLs or routes"


def _permissions(review: Review) -> Iterator[str]:
    for turn in Turn:
        if number := sum(len(item.grants) for item in review.permissions if item.turn is turn):
            yield _bold(f"{_count(number, 'permission')} {turn}", bold=turn is Turn.GAINED)


def _failures(review: Review) -> Iterator[str]:
    for gained, word in ((True, "new"), (False, "gone")):
        if number := sum(item.gained is gained for item in review.points):
            yield _bold(f"{_count(number, 'single point')} of failure {word}", bold=gained)
    if review.alarms:
        weaker = sum(bool(item.weaker) for item in review.alarms)
        yield f"{_count(len(review.alarms), 'alarm')}{f', **{weaker} weaker**' if weaker else ''}"


def _resources(review: Review) -> Iterator[str]:
    for effect in Effect:
        if number := sum(item.effect is effect and not item.assets for item in review.resources):
            yield f"{_count(number, 'resource')} {effect}"
    if review.assets:
        yield "new code"


def _bold(text: str, *, bold: bool) -> str:
    return f"**{text}**" if bold else text


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
