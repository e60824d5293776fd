"""Deployments that CloudFormation refuses: a value that a stack stops exporting while another one still imports it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from audit.assembly import Assembly, Template


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Deadlock:
    """One stack that cannot be updated, because what is deployed of others imports values that it stops exporting.

    Attributes:
        stack: the exporting one; stacks are updated after those that they import from.
        importers: stacks that import them as deployed.
        exports: outputs by name.
    """

    stack: str
    importers: tuple[str, ...]
    exports: tuple[str, ...]


def deadlocks(base: Assembly, head: Assembly) -> tuple[Deadlock, ...]:
    """Stacks whose update fails when everything is deployed as the base first."""
    imported: dict[str, set[str]] = {}
    for name, template in base.stacks.items():
        for export in _imports(template.content):
            imported.setdefault(export, set()).add(name)
    found = []
    for name, template in base.stacks.items():
        after = head.stacks.get(name)
        kept = set(_exports(after).values()) if after else set()
        gone = {export: output for output, export in _exports(template).items() if export not in kept}
        stuck = {export: imported[export] for export in gone if export in imported}
        if stuck:
            importers = tuple(sorted(set().union(*stuck.values())))
            exports = tuple(sorted(gone[export] for export in stuck))
            found.append(Deadlock(stack=name, importers=importers, exports=exports))
    return tuple(sorted(found))


def _exports(template: Template) -> dict[str, str]:
    """Export by output, as far as its name is known."""
    names = {output: (entry.get("Export") or {}).get("Name") for output, entry in template.section("Outputs").items()}
    return {output: name for output, name in names.items() if isinstance(name, str)}


def _imports(written: Any) -> Iterator[str]:
    if isinstance(written, dict):
        for key, value in written.items():
            if key == "Fn::ImportValue" and isinstance(value, str):
                yield value
            else:
                yield from _imports(value)
    elif isinstance(written, list):
        for item in written:
            yield from _imports(item)
