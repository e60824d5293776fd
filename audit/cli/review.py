"""`audit review BASE HEAD`: what a change does, as one Markdown comment; exit 1 only for a gate that was asked for."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audit.assembly import Assembly, load_assembly
from audit.cli.files import write
from audit.cost.profile import load as load_profile
from audit.errors import AuditError, Problem
from audit.review.comment import LONGEST, cannot_tell, comment
from audit.review.compare import GATES, PROFILE, Review, compare


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "review", help="what a change does: data, network, permissions, failures, alarms, cost"
    )
    parser.add_argument(
        "base", type=Path, metavar="BASE", help="an assembly, or a folder with one for each environment"
    )
    parser.add_argument("head", type=Path, metavar="HEAD", help="the same of what is proposed")
    parser.add_argument("--base-name", metavar="NAME", help="what BASE is called in the comment, such as a commit")
    parser.add_argument("--head-name", metavar="NAME", help="what HEAD is called in the comment")
    parser.add_argument("--limit", type=int, default=LONGEST, metavar="N", help="characters of the comment at most")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it to a file")
    parser.add_argument(
        "--fail-on", default="", metavar="GATE,...", help=f"exit 1 when one of these happens: {', '.join(GATES)}"
    )
    parser.add_argument(
        "--profile",
        default=PROFILE,
        metavar="NAME",
        help=f"whose usage is priced, as in audit cost (default: {PROFILE})",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare and tell."""
    gates = [name.strip() for name in options.fail_on.split(",") if name.strip()]
    if unknown := sorted(set(gates) - GATES.keys()):
        raise AuditError(
            Problem(where=f"--fail-on {name!r}", why=f"is no gate; there are: {', '.join(GATES)}") for name in unknown
        )
    load_profile(options.profile)
    reviews = reviews_of(options.base, options.head, profile=options.profile)
    if options.json:
        text = json.dumps([as_json(review) for review in reviews], indent=1, ensure_ascii=False) + "\n"
    else:
        base, head = options.base_name or options.base.name, options.head_name or options.head.name
        text = comment(reviews, base=base, head=head, limit=options.limit)
    if options.out is None:
        print(text, end="")
    else:
        write(options.out, text, with_folders=True)
    shut = [f"{review.environment}: {name}" for name in gates for review in reviews if GATES[name](review)]
    for line in shut:
        print(f"audit review: gate shut: {line}", file=sys.stderr)
    if cannot_tell(reviews):
        return 2
    return 1 if shut else 0


def reviews_of(base: Path, head: Path, *, profile: str = PROFILE) -> list[Review]:
    """One review for each environment of either side.

    Raises:
        AuditError: a side holds no assembly, or one side is a single assembly and the other is not.
    """
    before, after = _assemblies(base), _assemblies(head)
    if ("" in before) != ("" in after):
        raise AuditError([Problem(where=f"{base} and {head}", why="one is an assembly, the other a folder of several")])
    if "" in before:
        return [compare(head.resolve().name, before[""], after[""], profile=profile)]
    return [compare(name, before.get(name), after.get(name), profile=profile) for name in sorted({*before, *after})]


def _assemblies(folder: Path) -> dict[str, Assembly]:
    """By environment; under the empty name when the folder is an assembly itself."""
    nested = sorted(path.parent for path in folder.glob("*/manifest.json"))
    if nested and not (folder / "manifest.json").is_file():
        return {path.name: load_assembly(path) for path in nested}
    return {"": load_assembly(folder)}


def as_json(review: Review) -> dict[str, Any]:
    """A review for programs."""
    return {key: value for key, value in _plain(asdict(review)).items() if value}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"stack", "logical_id"}:
            return f"{value['stack']}.{value['logical_id']}"
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
