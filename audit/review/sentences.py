"""Says each kind of change in one line of Markdown. Whatever comes from a template stands in code spans, harmless."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from audit.assembly import Address
from audit.review.alarms import KINDS as ALARMS
from audit.review.alarms import AlarmChange
from audit.review.compare import Review
from audit.review.cost import CostChange
from audit.review.exports import Deadlock
from audit.review.fate import Fate
from audit.review.paths import Layer, PathChange, Way
from audit.review.permissions import About, PermissionChange, Turn
from audit.review.points import PointChange
from audit.review.resources import Change, Effect, Reason
from audit.review.stacks import StackChange
from audit.review.values import Difference

_TAG = re.compile(r"(?:^|\.)\w*Tags(?:\[([^\]]+)\](?:\.(?:Value|PropagateAtLaunch))?|\.([^.\[]+))$")
_DOCUMENTS = re.compile(r"^(AssumeRolePolicyDocument|KeyPolicy|PolicyDocument|Policies|ResourcePolicy)\b")
_MOST = 4
"""Properties, actions or names that one line tells before it says how many more there are."""
_MOST_COSTS = 6
_EFFECTS = {effect: order for order, effect in enumerate(Effect)}
_FATES = {
    Fate.LOST: "DATA LOSS",
    Fate.SNAPSHOT: "DATA TAKEN OUT OF SERVICE",
    Fate.ORPHANED: "DATA LEFT BEHIND",
}
"""Worst first."""


def code(text: object) -> str:
    """A code span that the text cannot leave."""
    harmless = "".join(character if character.isprintable() else " " for character in str(text))
    return f"`{harmless.replace('`', 'ˋ').replace('|', '¦')}`"


def losses(review: Review) -> Iterator[str]:
    """Resources with data that are lost sight of, worst first."""
    found = [(change.loss, change) for change in review.resources if change.loss is not None]
    for loss, change in sorted(found, key=lambda item: (list(_FATES).index(item[0].fate), item[1].address)):
        what = {
            Effect.DELETED: "is deleted",
            Effect.REPLACED: f"is replaced by an empty one, because {_why(change.because)}",
            Effect.RENAMED: (
                f"is deleted and an empty one is made: {code(change.former)} is called {code(change.address)} now, "
                "and CloudFormation knows a resource by that name alone"
            ),
        }[change.effect]
        yield f"**{_FATES[loss.fate]}: {loss.word} {code(change.path)} {what}**; {loss}."


def deadlock(item: Deadlock) -> str:
    """A deployment that fails."""
    told = []
    if item.removed:
        told.append(f"stops exporting {_several(map(code, item.removed), most=2)}")
    if item.changed:
        told.append(f"changes the value of {_several(map(code, item.changed), most=2)}")
    return (
        f"**DEPLOYMENT IS REFUSED: stack {code(item.stack)} {' and '.join(told)}**, which "
        f"{_several(map(code, item.importers))} as deployed import{'s' if len(item.importers) == 1 else ''}."
    )


def taken(change: Change) -> str:
    """A resource that cannot be made anew."""
    return (
        f"**DEPLOYMENT IS REFUSED: {code(change.path)} is to be made anew under the name {code(change.taken)}**, "
        "which the old one still has."
    )


def stack(item: StackChange) -> str:
    """A whole stack."""
    of = f"{_count(item.resources, 'resource')}"
    data = f", among them data: {_counted(item.data)}" if item.data else ""
    return {
        "added": f"new stack {code(item.stack)}: {of}",
        "left behind": (
            f"**stack {code(item.stack)} is not in the app any more**: what is deployed stays, and costs what it does, "
            f"until somebody deletes it ({of}{data})"
        ),
        "moved": (
            f"**stack {code(item.stack)} is made anew, empty: {code(item.what)}**; what is deployed stays where it is "
            f"({of}{data})"
        ),
        "unprotected": f"**stack {code(item.stack)} loses its termination protection**",
    }[item.effect]


def resources(review: Review) -> Iterator[str]:
    """Everything that happens to resources but what other sections tell."""
    listed = [change for change in review.resources if change.kind not in ALARMS and not change.assets]
    listed = [change for change in listed if change.effect is not Effect.CHANGED or not _is_tagged(change)]
    added: dict[tuple[Effect, str], list[str]] = defaultdict(list)
    alike: dict[tuple[Effect, str, tuple[str, ...], tuple[str, ...]], list[Change]] = defaultdict(list)
    for change in listed:
        if change.effect in {Effect.ADDED, Effect.DELETED}:
            added[(change.effect, change.kind)].append(change.path)
        elif change.effect is Effect.RENAMED and not change.differences:
            added[(change.effect, change.kind)].append(f"{change.former} → {change.address.logical_id}")
        else:
            told = tuple(_differences(change, review))
            alike[(change.effect, "" if len(told) == 1 else change.kind, told, _reasons(change))].append(change)
    lines = [
        (_EFFECTS[effect], f"{effect} {_kind(kind)}: {_several(map(code, paths), most=8)}")
        for (effect, kind), paths in added.items()
    ]
    for (effect, _, told, reasons), changes in alike.items():
        kinds = sorted({_kind(change.kind) for change in changes})
        names = _several((code(change.path) for change in changes), most=3)
        told_kinds = kinds[0] if len(kinds) == 1 else f"{len(changes)} resources"
        why = f" (**{'; '.join(reasons)}**)" if reasons else ""
        ends = f": {_several(told)}" if told else ""
        lines.append((_EFFECTS[effect], f"{effect} {told_kinds}: {names}{why}{ends}"))
    yield from (line for _, line in sorted(lines))
    if review.followers:
        verb = "refers" if review.followers == 1 else "refer"
        yield f"{_count(review.followers, 'resource')} {verb} to what is made anew"
    if review.assets:
        yield f"new code: {_several(map(code, review.assets))}"


def _reasons(change: Change) -> tuple[str, ...]:
    found = [f"made anew because {_why(change.because)}"] if change.because else []
    if change.perhaps:
        found.append(
            f"some changes of {_several(map(code, change.perhaps))} make it anew; its schema does not say which"
        )
    return tuple(found)


def _why(reasons: Iterable[Reason]) -> str:
    listed = list(reasons)
    own = [code(reason.key) for reason in listed if not reason.source]
    sources = sorted({code(reason.source) for reason in listed if reason.source})
    told = [f"{_several(own)} can only be given to a new one"] if own else []
    told += [f"{_several(sources)} {'is' if len(sources) == 1 else 'are'} made anew"] if sources else []
    return " and ".join(told)


def _differences(change: Change, review: Review) -> Iterator[str]:
    document = False
    for item in change.differences:
        if _TAG.search(item.path):
            continue
        if _DOCUMENTS.match(item.path) and "permissions" not in review.blind:
            document = True
        else:
            yield difference(item)
    if document:
        yield "its statements; see permissions" if review.permissions else "its statements, which allow what they did"


def tags(review: Review) -> Iterator[str]:
    """Tags, which tend to change everywhere at once, each in one line."""
    found: dict[str, dict[Difference, set[Address]]] = defaultdict(lambda: defaultdict(set))
    for change in review.resources:
        for item in change.differences:
            if tag := _TAG.search(item.path):
                name = tag.group(1) or tag.group(2)
                found[name][Difference(path=name, before=item.before, after=item.after)].add(change.address)
    for name, values in sorted(found.items()):
        if len(values) > _MOST:
            everywhere = set().union(*values.values())
            yield f"tag {code(name)} has other values on {_count(len(everywhere), 'resource')}"
            continue
        for item, addresses in sorted(values.items()):
            yield f"tag {difference(item)} on {_count(len(addresses), 'resource')}"


def _is_tagged(change: Change) -> bool:
    """Whether nothing but tags differs."""
    return bool(change.differences) and all(_TAG.search(item.path) for item in change.differences)


def difference(item: Difference) -> str:
    """One property."""
    if item.before == item.after:
        return f"{code(item.path)} has another content"
    if not item.before:
        return f"{code(item.path)} is {code(item.after)}"
    if not item.after:
        return f"{code(item.path)} {code(item.before)} is gone"
    return f"{code(item.path)} {code(item.before)} → {code(item.after)}"


def path(item: PathChange) -> str:
    """One network path."""
    ports = ""
    if item.ports not in {((0, 65_535),), ()}:
        ports = " " + ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in item.ports)
    elif item.protocols != ("protocols without ports",):
        ports = " all ports"
    between = "; ".join(f"{one or 'outside'} → {other or 'outside'}" for one, other in item.zones)
    who = {
        Layer.PARTIES: "",
        Layer.ANYBODY: ", whatever security groups it has",
        Layer.EDGES: ", as far as network ACLs and routes decide; security groups still do",
    }[item.layer]
    bold = "**" if item.way is Way.OPENED and item.layer is not Layer.EDGES else ""
    packet = f"; for example {code(item.packet)}" if item.packet else ""
    protocols = " and ".join(item.protocols)
    told = f"{bold}{item.way}: {code(item.source)} → {code(item.target)} {protocols}{ports}{bold}"
    return f"{told}{f' ({between} only)' if between else ''}{who}{packet}"


def permission(item: PermissionChange) -> Iterator[str]:
    """What one role, or everybody towards one resource, gains or loses."""
    gained = item.turn is Turn.GAINED
    subject = {
        About.ROLE: code(item.subject),
        About.TRUST: f"who may take {code(item.subject)}",
        About.BOUNDARY: f"boundary of {code(item.subject)}",
        About.RESOURCE: f"policy of {code(item.subject)}",
    }[item.about]
    if item.whole:
        count = _count(len(item.grants), "permission" if gained else "statement")
        if item.about is About.RESOURCE:
            is_new = gained == item.grants[0].allow
            yield f"{subject} is {'new' if is_new else 'gone'} ({_count(len(item.grants), 'rule')})"
            return
        if not gained:
            yield f"{subject} is gone ({count})"
            return
        subject = f"new role {subject}" if item.about is About.ROLE else subject
    alike: dict[tuple[bool, str, str, str, bool], list[str]] = defaultdict(list)
    for grant in item.grants:
        condition = " and ".join(map(str, grant.condition))
        alike[(grant.allow, grant.who, grant.resource, condition, grant in item.idle)].append(grant.action)
    for (allow, who, resource, condition, idle), actions in alike.items():
        verb = {(True, True): "gained", (True, False): "lost", (False, True): "no longer refused"}.get(
            (allow, gained), "refused now"
        )
        bold = "**" if gained and not idle else ""
        on = f" on {code(resource)}" if item.about is not About.TRUST else ""
        by = f" by {code(who)}" if who else ""
        when = f" when {code(condition)}" if condition else ""
        ends = "; refused all the same" if idle and gained else ""
        yield f"{bold}{verb}{bold}: {subject}: {_several(map(code, actions))}{on}{by}{when}{ends}"


def point(item: PointChange) -> str:
    """A single point of failure."""
    stops = ", ".join(item.stops)
    if item.gained:
        return f"**new**: {item.what} alone now stops {stops}"
    return f"gone: {item.what} alone no longer stops {stops}"


def alarm(item: AlarmChange) -> str:
    """An alarm."""
    if item.effect != "changed":
        bold = "**" if item.effect == "removed" else ""
        return f"{bold}{item.effect}{bold}: {code(item.name)} ({code(item.what)})"
    if item.weaker:
        return f"**weaker**: {code(item.name)}: {'; '.join(map(_spans, item.weaker))}"
    return f"changed: {code(item.name)}: {_several(map(difference, item.differences))}"


def _spans(text: str) -> str:
    """Values of templates stand behind a colon."""
    before, colon, after = text.partition(": ")
    return f"{before}: {code(after)}" if colon else code(before)


def _kind(kind: str) -> str:
    return code(kind.removeprefix("AWS::"))


def _several(items: Iterable[str], *, most: int = _MOST) -> str:
    listed = list(items)
    shown = listed if len(listed) <= most + 1 else listed[:most]
    more = len(listed) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _counted(listed: Iterable[str]) -> str:
    words = list(listed)
    return ", ".join(_count(words.count(word), word) for word in sorted(set(words)))


def cost(item: CostChange) -> Iterator[str]:
    """The sum, and the lines that make it."""
    low, high = sorted((item.difference.low, item.difference.high))
    between = (
        "" if round(low, 2) == round(high, 2) else f", between {_usd(low)} and {_usd(high)} with little and much use"
    )
    yield (
        f"{_bold(f'{_usd(item.difference.expected)} USD a month', bold=item.difference.expected > 0)}{between} "
        f"(from {item.before.expected:,.0f} to {item.after.expected:,.0f} USD; "
        f"list prices of {item.region}, usage of profile {code(item.profile)})"
    )
    for line in item.lines[:_MOST_COSTS]:
        yield f"{_usd(line.difference)}: {line.component}, {line.what}: {_several(map(code, line.paths))}"
    if more := item.lines[_MOST_COSTS:]:
        yield f"{_usd(sum(line.difference for line in more))}: {len(more)} more"
    if item.missing:
        yield f"without a price: {_several(map(code, item.missing))}"


def _usd(amount: float) -> str:
    text = f"{abs(amount):,.2f}"
    return f"{'−' if amount < 0 and text != '0.00' else '+'}{text}"


def _bold(text: str, *, bold: bool) -> str:
    return f"**{text}**" if bold else text
