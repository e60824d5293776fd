"""What happens to each resource: added, changed, replaced, renamed or deleted, with the properties that say so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from audit.assembly import Address, Assembly, Resource, references
from audit.review.fate import Loss, loss_of
from audit.review.renames import Renames
from audit.review.schemas import schema_of, values_at
from audit.review.values import Difference, Plain, Words, differences, paths_of, plain, shown

_REVISED = frozenset({"AWS::ECS::TaskDefinition", "AWS::Lambda::LayerVersion", "AWS::Lambda::Version"})
"""Types of which every change makes a new revision: nothing of it stops, and nothing is kept in the old one."""


class Effect(StrEnum):
    """What CloudFormation does with a resource."""

    ADDED = "added"
    CHANGED = "changed"
    REPLACED = "replaced"
    RENAMED = "renamed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Reason:
    """Why CloudFormation replaces a resource.

    Attributes:
        key: the property that can only be given to a new one.
        source: what it refers to and is another one, when the property itself reads as before.
    """

    key: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One resource that is not as it was.

    Attributes:
        path: the construct's.
        differences: properties; empty for what is added or deleted.
        because: what makes CloudFormation replace it.
        perhaps: properties of which some changes replace it; the schema does not say which.
        former: the address before it was renamed.
        loss: what becomes of its data when it is replaced, renamed or deleted.
        taken: the physical name under which it is to be made anew, and which the old one still has.
        assets: nothing differs but these assets.
    """

    effect: Effect
    address: Address
    kind: str
    path: str
    differences: tuple[Difference, ...] = ()
    because: tuple[Reason, ...] = ()
    perhaps: tuple[str, ...] = ()
    former: Address | None = None
    loss: Loss | None = None
    taken: str = ""
    assets: tuple[str, ...] = ()


def resource_changes(base: Assembly, head: Assembly, renames: Renames, assets: Mapping[str, str]) -> tuple[Change, ...]:
    """Every resource that is not as it was, in the order of addresses.

    Args:
        base: with the head's names put in, as `renamed` makes it.
        head: what is proposed.
        renames: the names that were put in.
        assets: names of assets by their hashes, of both.
    """
    comparison = _Comparison(base, head, renames, assets)
    return tuple(
        change for address in sorted({*base.resources, *head.resources}) for change in comparison.changes(address)
    )


class _Comparison:
    def __init__(self, base: Assembly, head: Assembly, renames: Renames, assets: Mapping[str, str]) -> None:
        self._base, self._head, self._assets = base, head, assets
        self._words = Words(assets=assets, paths=paths_of(base, head))
        self._former = {new: old for old, new in renames.items()}
        self._replaced = self._find_replaced()

    def changes(self, address: Address) -> Iterator[Change]:
        """What happens to a resource; two things when its type is another one."""
        before, after = self._base.resources.get(address), self._head.resources.get(address)
        if before is not None and after is not None and before.kind == after.kind:
            yield from self._compared(before, after)
            return
        if before is not None:
            yield _one(Effect.DELETED, before, loss=loss_of(before))
        if after is not None:
            yield _one(Effect.ADDED, after)

    def _compared(self, before: Resource, after: Resource) -> Iterator[Change]:
        former_address = self._former.get(after.address, after.address)
        old, new = _whole(before, self._base, former_address), _whole(after, self._head, after.address)
        found = tuple(differences(plain(old, self._words), plain(new, self._words)))
        former, because = self._former.get(after.address), self._replaced.get(after.address)
        if former is not None:
            taken = self._taken(before, after)
            yield _one(Effect.RENAMED, after, differences=found, former=former, loss=loss_of(before), taken=taken)
        elif because and after.kind not in _REVISED:
            loss = loss_of(before, after)
            taken = self._taken(before, after)
            yield _one(Effect.REPLACED, after, differences=found, because=because, loss=loss, taken=taken)
        elif found or because:
            perhaps = tuple(_conditional(before, after)) if loss_of(before, after) else ()
            yield _one(Effect.CHANGED, after, differences=found, perhaps=perhaps)
        elif plain(old) != plain(new):
            # Only hashes are left that differ, or addresses behind one path.
            names = self._changed_assets(plain(old), plain(new))
            written = () if names else tuple(differences(plain(old), plain(new)))
            yield _one(Effect.CHANGED, after, differences=written, assets=names)

    def _taken(self, before: Resource, after: Resource) -> str:
        """CloudFormation makes the new one first, and no two can have one name."""
        anew = {*self._replaced, *self._former}
        names: list[str] = []
        for path in schema_of(after.kind).identifier:
            old, new = (values_at(resource.properties, path) for resource in (before, after))
            if not new or plain(old) != plain(new) or any(item.address in anew for item in references(new)):
                return ""
            names += map(shown, plain(new))
        return ", ".join(names)

    def _changed_assets(self, before: Plain, after: Plain) -> tuple[str, ...]:
        old, new = str(before), str(after)
        return tuple(sorted({name for digest, name in self._assets.items() if (digest in old) != (digest in new)}))

    def _find_replaced(self) -> dict[Address, tuple[Reason, ...]]:
        """Resources that are made anew, with the properties that make it so, also because what they refer to is."""
        kept = [
            (before, after)
            for address, after in self._head.resources.items()
            if (before := self._base.resources.get(address)) is not None
            and before.kind == after.kind
            and address not in self._former
        ]
        found: dict[Address, tuple[Reason, ...]] = {}
        while True:
            anew = {*found, *self._former}
            more = {
                after.address: because
                for before, after in kept
                if after.address not in found and (because := tuple(self._reasons(before, after, anew)))
            }
            if not more:
                return found
            found |= more

    def _reasons(self, before: Resource, after: Resource, anew: set[Address]) -> Iterator[Reason]:
        for path in schema_of(after.kind).create_only:
            old, new = (values_at(resource.properties, path) for resource in (before, after))
            if plain(old, self._words) != plain(new, self._words):
                yield Reason(key=".".join(path))
            elif sources := sorted(item.address for item in references(new) if item.address in anew):
                yield Reason(key=".".join(path), source=str(sources[0]))


def is_made_anew(change: Change) -> bool:
    """Whether it gets another physical name, or another revision."""
    return change.effect in {Effect.REPLACED, Effect.RENAMED, Effect.DELETED} or change.kind in _REVISED


def _one(effect: Effect, resource: Resource, **given: Any) -> Change:
    path = resource.path.removesuffix("/Resource")
    return Change(effect=effect, address=resource.address, kind=resource.kind, path=path, **given)


def _whole(resource: Resource, assembly: Assembly, address: Address) -> dict[str, Any]:
    """Its properties and what else CloudFormation heeds, which stands in the template under an address."""
    written = assembly.stacks[address.stack].section("Resources").get(address.logical_id, {})
    attributes = {key: written[key] for key in ("CreationPolicy", "UpdatePolicy") if key in written}
    return {**resource.properties, **resource.policies, **attributes}


def _conditional(before: Resource, after: Resource) -> Iterator[str]:
    for path in schema_of(after.kind).conditional:
        if plain(values_at(before.properties, path)) != plain(values_at(after.properties, path)):
            yield ".".join(path)
