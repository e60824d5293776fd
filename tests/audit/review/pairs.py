"""Pairs of small assemblies: one template as it is, and as somebody changed it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit.assembly import Assembly, load_assembly
from audit.review.compare import Review, compare
from audit.review.renames import find_renames, renamed
from audit.review.resources import Change, resource_changes
from tests.audit import vpc
from tests.audit.folders import write_assembly

Template = dict[str, Any]


def assemblies(folder: Path, before: Template, after: Template) -> tuple[Assembly, Assembly]:
    """The two sides of a pair, each of one stack."""
    return (
        load_assembly(write_assembly(folder / "base", One=before)),
        load_assembly(write_assembly(folder / "head", One=after)),
    )


def changes(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> tuple[Change, ...]:
    """What happens to resources, given by their logical ids."""
    base, head = assemblies(folder, {"Resources": before}, {"Resources": after})
    renames = find_renames(base, head, {})
    return resource_changes(renamed(base, renames, head), head, renames, {})


def reviewed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Review:
    """The review of a change to the resources of a VPC of two zones."""
    before = vpc.template(vpc.corrected())
    after = copy.deepcopy(before)
    change(after["Resources"])
    return compare("test", *assemblies(folder, before, after))


def resource(kind: str, /, **properties: Any) -> dict[str, Any]:
    """A resource; members that CloudFormation heeds beside properties begin with an underscore."""
    return {
        "Type": f"AWS::{kind}",
        "Properties": {key: value for key, value in properties.items() if key[0] != "_"},
        **{key[1:]: value for key, value in properties.items() if key[0] == "_"},
    }
