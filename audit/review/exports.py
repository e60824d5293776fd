"""Deployments that CloudFormation refuses: an exported value that goes or changes while another stack imports it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from audit.assembly import Address, Assembly, Template, Value, references
from audit.review.values import plain


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Deadlock:
    """One stack that cannot be updated, because of what others import from it as they are deployed.

    Attributes:
        stack: the exporting one; stacks are updated after those that they import from.
        importers: stacks that import these values.
        removed, changed: outputs that are not exported any more, and ones whose value is another.
    """

    stack: str
    importers: tuple[str, ...]
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def deadlocks(base: Assembly, head: Assembly, anew: Collection[Address]) -> tuple[Deadlock, ...]:
    """Stacks whose update fails when everything is deployed as in the base.

    Args:
        base: as it is, under its own names.
        head: what is proposed.
        anew: resources that get another physical name, or another revision.
    """
    return tuple(sorted(_deadlocks(base, head, anew)))


def _deadlocks(base: Assembly, head: Assembly, anew: Collection[Address]) -> Iterator[Deadlock]:
    imported: dict[str, set[str]] = {}
    for name, template in base.stacks.items():
        for export in _imports(template.content):
            imported.setdefault(export, set()).add(name)
    for name, template in base.stacks.items():
        after = head.stacks.get(name)
        if after is None or after.stack_name != template.stack_name:
            # It is left as it is.
            continue
        kept = {export: output for output, export in _exports(after).items()}
        used = {output: export for output, export in _exports(template).items() if export in imported}
        removed = {output: export for output, export in used.items() if export not in kept}
        changed = {
            output: export
            for output, export in used.items()
            if export in kept
            and _is_another(base.outputs[name].get(output), head.outputs[name].get(kept[export]), anew)
        }
        if removed or changed:
            stuck = {*removed.values(), *changed.values()}
            yield Deadlock(
                stack=name,
                importers=tuple(sorted(set().union(*(imported[export] for export in stuck)))),
                removed=tuple(sorted(removed)),
                changed=tuple(sorted(changed)),
            )


def _is_another(before: Value, after: Value, anew: Collection[Address]) -> bool:
    return plain(before) != plain(after) or any(reference.address in anew for reference in references(after))


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
