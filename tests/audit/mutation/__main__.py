"""`python -m tests.audit.mutation DIR`: every mutant of an assembly against every proof; prints the score.

A mutant that behaves as the original does cannot be caught and does not count. Exit code 1 below 95 %.
"""

import argparse
import json
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from audit.assembly import read_templates
from tests.audit.mutation.behaviour import judge_templates
from tests.audit.mutation.fates import Fate, fate
from tests.audit.mutation.mutants import mutants

LEAST = 0.95


def main() -> int:
    """Run all mutants on all cores."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit.mutation")
    parser.add_argument("assembly", type=Path, metavar="DIR")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth mutant")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every mutant's fate")
    options = parser.parse_args()
    templates = read_templates(options.assembly)
    original = judge_templates(templates, folder=options.assembly)
    if original.caught:
        print(f"the original is refuted itself: {original.caught[0]}", file=sys.stderr)
        return 2
    numbers = range(0, len(list(mutants(templates))), options.every)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        running = [pool.submit(fate, options.assembly, number) for number in numbers]
        fates = [item.result() for item in track(running, "mutants", console=Console(stderr=True))]
    if options.json:
        options.json.write_text(json.dumps([asdict(item) for item in fates], indent=1))
    return _report(fates)


def _report(fates: list[Fate]) -> int:
    console = Console(highlight=False)
    table = Table(title="Mutants by what was changed", title_justify="left")
    for column in ("resource", "mutants", "equivalent", "caught", "survived"):
        table.add_column(column, justify="left" if column == "resource" else "right")
    for resource in sorted({item.resource for item in fates}):
        counts = Counter(item.end for item in fates if item.resource == resource)
        total = sum(counts.values())
        table.add_row(resource, str(total), *(str(counts[name]) for name in ("equivalent", "caught", "survived")))
    console.print(table)
    for item in fates:
        if item.end == "survived":
            console.print(f"survived: {item.mutant}", markup=False)
    counts = Counter(item.end for item in fates)
    changed = counts["caught"] + counts["survived"]
    score = counts["caught"] / changed if changed else 1.0
    console.print(
        f"{len(fates)} mutants: {counts['equivalent']} behave as before, "
        f"{counts['caught']} of {changed} others caught, score {score:.2%}"
    )
    return 0 if score >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
