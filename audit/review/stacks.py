"""What happens to whole stacks: new ones, ones that are left behind, and ones that are made anew under another name."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.assembly import Assembly
from audit.review.fate import STATEFUL


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class StackChange:
    """One stack that is not as it was.

    Attributes:
        effect: `added`, `left behind`, `moved`, or `unprotected`.
        what: from where to where, for what is moved.
        resources: how many it has.
        data: words for what holds data in it, one for each.
    """

    stack: str
    effect: str
    what: str = ""
    resources: int = 0
    data: tuple[str, ...] = ()


def stack_changes(base: Assembly, head: Assembly) -> tuple[StackChange, ...]:
    """Every stack that comes, goes, or is not deployed where it was."""
    return tuple(sorted(_changes(base, head)))


def _changes(base: Assembly, head: Assembly) -> Iterator[StackChange]:
    for name in {*base.stacks, *head.stacks}:
        old, new = base.stacks.get(name), head.stacks.get(name)
        if old is None:
            yield _change(head, name, "added")
        elif new is None:
            # Deployment leaves alone what is not in the app any more.
            yield _change(base, name, "left behind")
        else:
            places = [(stack.stack_name, stack.account, stack.region) for stack in (old, new)]
            if places[0] != places[1]:
                told = [" in ".join(filter(None, (name, region, account))) for name, account, region in places]
                yield _change(base, name, "moved", f"{told[0]} → {told[1]}")
            if old.termination_protection and not new.termination_protection:
                yield _change(head, name, "unprotected")


def _change(assembly: Assembly, stack: str, effect: str, what: str = "") -> StackChange:
    resources = [resource for address, resource in assembly.resources.items() if address.stack == stack]
    data = sorted(STATEFUL[resource.kind] for resource in resources if resource.kind in STATEFUL)
    return StackChange(stack=stack, effect=effect, what=what, resources=len(resources), data=tuple(data))
