"""How long synthesis takes, as ratios. `python -m stacks.bench CDK…`, where CDK… runs the CDK command line.

Two ratios: `make synth` against the same two commands over an app with one resource that does nothing, and all
environments in one process against the first of them alone. Runs alternate, and medians are compared, because other
work on the machine slows both sides alike.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
EMPTY_APP = """
import json, sys
import stacks
import aws_cdk as cdk
app = cdk.App(outdir=sys.argv[1], context=json.load(open("cdk.json"))["context"], analytics_reporting=False)
stack = cdk.Stack(app, "Empty")
cdk.CfnWaitConditionHandle(stack, "Nothing")
app.synth()
"""
IN_ONE_PROCESS = """
import sys
from pathlib import Path
from time import perf_counter
started = perf_counter()
from stacks.settings import environment_names, load_settings
from stacks.assembly import write_assembly
from app import wire
for name in environment_names():
    write_assembly(load_settings(name), wire, Path(sys.argv[1]) / name)
    print(perf_counter() - started)
"""


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and write `build/bench-synth.json`; 1 when a ratio is above what is promised."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        empty, synth, first, every = [], [], [], []
        _in_one_process(scratch)  # The first run on a machine unpacks CDK.
        for _ in range(ROUNDS):
            empty.append(_timed(lambda: _empty(scratch, arguments)))
            synth.append(_timed(lambda: _synth(scratch, arguments)))
            marks = _in_one_process(scratch)
            first.append(marks[0])
            every.append(marks[-1])
    rows = [
        ("make synth ENV=prod, against an empty app", synth, empty, 2.0),
        (f"{len(marks)} environments in one process, against the first alone", every, first, 1.5),
    ]
    _print(rows)
    results = [
        {
            "what": what,
            "seconds": median(own),
            "baseline_seconds": median(base),
            "ratio": ratio(own, base),
            "most": most,
        }
        for what, own, base, most in rows
    ]
    file = ROOT / "build" / "bench-synth.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 1 if any(ratio(own, base) > most for _, own, base, most in rows) else 0


def median(seconds: Sequence[float]) -> float:
    """The median to a hundredth of a second."""
    return round(statistics.median(seconds), 2)


def ratio(own: Sequence[float], base: Sequence[float]) -> float:
    """How many times as long as the baseline."""
    return round(statistics.median(own) / statistics.median(base), 2)


def _print(rows: Sequence[tuple[str, list[float], list[float], float]]) -> None:
    table = Table(title=f"Synthesis: medians of {ROUNDS} alternating runs", title_justify="left")
    for column in ("what", "seconds", "baseline", "ratio", "at most"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, own, base, most in rows:
        table.add_row(what, f"{median(own)}", f"{median(base)}", f"{ratio(own, base)}", f"{most}")
    Console(width=120).print(table)


def _timed(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _empty(scratch: Path, cdk: Sequence[str]) -> None:
    _run(sys.executable, "-c", EMPTY_APP, str(scratch / "empty"))
    _run(*cdk, "--app", str(scratch / "empty"), "synth", "--quiet")


def _synth(scratch: Path, cdk: Sequence[str]) -> None:
    _run(sys.executable, "app.py", "prod", "--output", str(scratch))
    _run(*cdk, "--app", str(scratch / "prod"), "synth", "--quiet")


def _in_one_process(scratch: Path) -> list[float]:
    printed = _run(sys.executable, "-c", IN_ONE_PROCESS, str(scratch))
    return [float(line) for line in printed.split()]


def _run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
