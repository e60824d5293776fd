"""How long `POST /v1/jobs` takes beside `/health/`, with 50 clients at a time: it must not wait for any processing."""

import itertools
import json
import statistics
import uuid

from rich.console import Console
from rich.table import Table

from bench.measure import Spread
from bench.part import Bench, Figures, Target, spread
from bench.service.load import Answers, Request, ask_concurrently
from bench.service.running import Running

CLIENTS = 50
KEYS = 5
"""The clients share them: enough not to meet the rate limit of a key."""
FILES = (1, 20, 1000)
"""Sizes of jobs; the goal is about the middle one, the others show what size costs."""
GOAL_FILES = 20
NEEDED, HOPED = 10.0, 5.0
_ROUNDS = {"full": 5, "quick": 2}
_REQUESTS = {1: 8, 20: 8, 1000: 1}
"""Of each client in a round."""
_HEALTH_REQUESTS = 20


def run(bench: Bench, running: Running) -> Figures:
    """Measures in interleaved rounds; the first warms up and is not counted."""
    keys = [running.new_key(f"bench-{number}") for number in range(KEYS)]
    p99_s: dict[str, list[float]] = {"health": [], **{str(files): [] for files in FILES}}
    p50_s: dict[str, list[float]] = {name: [] for name in p99_s}
    for number in range(_ROUNDS[bench.scale.name] + 1):
        for name in ("health", *map(str, FILES)):
            bench.tell(f"round {number} of {_ROUNDS[bench.scale.name]}: {CLIENTS} clients, {name}")
            answers = ask_concurrently(
                running.url, _health(running) if name == "health" else _jobs(running, keys, name)
            )
            _check(answers, 200 if name == "health" else 202, name)
            if number:
                p99_s[name].append(answers.percentile_s(0.99))
                p50_s[name].append(answers.percentile_s(0.50))
    return {
        "clients": CLIENTS,
        "p99_ms": {name: statistics.median(values) * 1000 for name, values in p99_s.items()},
        "p50_ms": {name: statistics.median(values) * 1000 for name, values in p50_s.items()},
        "p99_ratio": {
            str(files): spread(Spread.of([a / b for a, b in zip(p99_s[str(files)], p99_s["health"], strict=True)]))
            for files in FILES
        },
    }


def show(figures: Figures, console: Console) -> None:
    """Prints the table."""
    table = Table(title=f"Answers with {figures['clients']} clients at a time")
    for column in ("request", "p50", "p99", "p99 / p99 of health"):
        table.add_column(column, justify="left" if column == "request" else "right")
    for name in figures["p99_ms"]:
        ratio = figures["p99_ratio"].get(name)
        table.add_row(
            "GET /health/" if name == "health" else f"POST /v1/jobs, {name} file{'' if name == '1' else 's'}",
            f"{figures['p50_ms'][name]:.0f} ms",
            f"{figures['p99_ms'][name]:.0f} ms",
            "" if ratio is None else f"{ratio['median']:.1f}× ({ratio['low']:.1f}–{ratio['high']:.1f})",
        )
    console.print(table)


def targets(figures: Figures) -> list[Target]:
    """The goal."""
    return [
        Target(
            what=f"p99 of POST /v1/jobs with {GOAL_FILES} files against /health/, {CLIENTS} clients",
            measured=figures["p99_ratio"][str(GOAL_FILES)]["median"],
            needed=NEEDED,
            hoped=HOPED,
            at_most=True,
        )
    ]


def _health(running: Running) -> list[list[Request]]:
    request = Request.of(running.url, "GET", "/health/", headers={})
    return [[request] * _HEALTH_REQUESTS for _ in range(CLIENTS)]


def _jobs(running: Running, keys: list[str], name: str) -> list[list[Request]]:
    files = [{"name": f"shoot/IMG_{number:05}.NEF", "size_bytes": 50_000_000} for number in range(int(name))]
    body = json.dumps({"recipe": "default", "files": files}).encode()
    return [
        [
            Request.of(
                running.url,
                "POST",
                "/v1/jobs",
                headers={
                    "Authorization": f"Bearer {key}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": str(uuid.uuid4()),
                },
                body=body,
            )
            for _ in range(_REQUESTS[int(name)])
        ]
        for key, _ in zip(itertools.cycle(keys), range(CLIENTS), strict=False)
    ]


def _check(answers: Answers, wanted: int, name: str) -> None:
    if set(answers.statuses) != {wanted}:
        raise RuntimeError(f"{name}: answers by status {answers.statuses}, wanted {wanted} alone")
