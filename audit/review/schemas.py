"""Which properties replace a resource when they change: by CloudFormation's schemas, which cfn-lint carries along."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from audit.assembly import Value

_REGION = "us-east-1"
"""The region that has every type first. What replaces a resource does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a type's schema says about updates.

    Attributes:
        known: whether there is a schema at all; custom resources and new types have none.
        create_only: paths of properties that can only be given to a new resource.
        identifier: paths of properties which together are the physical name; none when AWS gives that.
        conditional: paths of properties of which some changes make a new resource; the schema does not say which.
    """

    known: bool = True
    create_only: tuple[tuple[str, ...], ...] = ()
    conditional: tuple[tuple[str, ...], ...] = ()
    identifier: tuple[tuple[str, ...], ...] = ()


@cache
def schema_of(kind: str) -> Schema:
    """The schema of a resource type."""
    # Reading its index takes half a second, which no other question has to wait for.
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError  # noqa: PLC0415

    try:
        written = PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, kind).schema
    except ResourceNotFoundError:
        return Schema(known=False)
    return Schema(
        create_only=_paths(written, "createOnlyProperties"),
        conditional=_paths(written, "conditionalCreateOnlyProperties"),
        identifier=_paths(written, "primaryIdentifier"),
    )


def source() -> str:
    """Where the schemas are from."""
    return f"cfn-lint {version('cfn-lint')}"


def values_at(properties: Mapping[str, Value], path: tuple[str, ...]) -> list[Value]:
    """The values at a path of a schema, in which `*` is every entry of a list."""
    return list(_at(dict(properties), path))


def _at(value: Value, path: tuple[str, ...]) -> Iterator[Value]:
    if not path:
        yield value
    elif path[0] == "*" and isinstance(value, list):
        for item in value:
            yield from _at(item, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _paths(written: Mapping[str, Any], key: str) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted(tuple(pointer.split("/")[2:]) for pointer in written.get(key) or ()))
