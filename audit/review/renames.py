"""Resources that go on under another logical id in the source, which CloudFormation deletes and makes anew."""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace

from audit.assembly import Address, Assembly, Reference, Resource
from audit.review.fate import STATEFUL
from audit.review.values import Words, plain, rewritten

Renames = Mapping[Address, Address]
"""From the address in the base to the one in the head."""
_Key = Callable[[Resource], Hashable]


def find_renames(base: Assembly, head: Assembly, assets: Mapping[str, str]) -> Renames:
    """Pairs of a resource that is gone and one that is new which are the same thing to whoever wrote them.

    They have the same type, and the same construct path or the same properties apart from what these refer to. Where
    they hold data and no other of their type comes or goes in their stack, they may also differ in some properties.
    """
    gone = [resource for address, resource in base.resources.items() if address not in head.resources]
    come = [resource for address, resource in head.resources.items() if address not in base.resources]
    found: dict[Address, Address] = {}
    keys: tuple[_Key, ...] = (
        _path,
        lambda resource: (_place(resource), _shape(resource, assets)),
        lambda resource: (resource.kind, _shape(resource, assets)),
    )
    for key in keys:
        old, new = _by(gone, key, found.keys()), _by(come, key, found.values())
        for name in old.keys() & new.keys():
            # Those that nothing tells apart are taken in their order: whatever is said of one is said of the others.
            found |= {one.address: other.address for one, other in zip(old[name], new[name], strict=False)}

    old, new = (_by(items, _place, taken) for items, taken in ((gone, found.keys()), (come, found.values())))
    for place in old.keys() & new.keys():
        alone = len(old[place]) == len(new[place]) == 1 and old[place][0].kind in STATEFUL
        if alone and _akin(old[place][0], new[place][0], assets):
            found[old[place][0].address] = new[place][0].address
    return dict(sorted(found.items()))


def renamed(assembly: Assembly, renames: Renames, head: Assembly) -> Assembly:
    """The base as if its resources always had the head's names, so that only what else differs is left to be seen."""
    if not renames:
        return assembly

    def rename(reference: Reference) -> Reference:
        return Reference(renames.get(reference.address, reference.address), reference.attribute)

    resources = {}
    for address, resource in assembly.resources.items():
        properties = {key: rewritten(value, rename) for key, value in resource.properties.items()}
        moved = renames.get(address, address)
        path = head.resources[moved].path if address in renames else resource.path
        depends_on = tuple(renames.get(other, other) for other in resource.depends_on)
        resources[moved] = replace(resource, address=moved, properties=properties, path=path, depends_on=depends_on)
    return replace(assembly, resources=dict(sorted(resources.items())))


def _by(resources: Iterable[Resource], key: _Key, taken: Iterable[Address]) -> dict[Hashable, list[Resource]]:
    grouped: dict[Hashable, list[Resource]] = defaultdict(list)
    used = set(taken)
    for resource in resources:
        name = key(resource)
        if name is not None and resource.address not in used:
            grouped[name].append(resource)
    return grouped


def _place(resource: Resource) -> Hashable:
    return (resource.kind, resource.address.stack)


def _path(resource: Resource) -> Hashable:
    return (resource.kind, resource.path) if resource.path != str(resource.address) else None


def _shape(resource: Resource, assets: Mapping[str, str]) -> str:
    """Its properties without the names of what they refer to."""
    blank = Address("", "")
    nameless = rewritten(dict(resource.properties), lambda reference: Reference(blank, reference.attribute))
    return json.dumps(plain(nameless, Words(assets=assets)), sort_keys=True)


def _akin(one: Resource, other: Resource, assets: Mapping[str, str]) -> bool:
    """Whether most of their properties are the same."""
    old, new = (json.loads(_shape(resource, assets)) for resource in (one, other))
    keys = {*old, *new}
    return bool(keys) and sum(old.get(key) == new.get(key) for key in keys) * 2 > len(keys)
