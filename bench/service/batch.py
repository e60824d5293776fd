"""Two jobs of a thousand small images each: what an image costs the database, and whether memory stays flat.

A small job and a wave of concurrent calls go before, so that every process, thread and pool has worked once: what is
looked for is growth with the number of images, not the size of what is loaded at first use.
"""

import os
import statistics
import threading
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from rich.console import Console
from rich.table import Table

from bench.memory import resident_mib
from bench.part import Bench, Figures, Target
from bench.service.answers import CLIENTS
from bench.service.load import Request, ask_concurrently
from bench.service.running import COUNTER, Running
from client import JobStatus, Phase, Quiet, Rawmill
from local.process import ChildProcess
from processor.sample import make_sample

IMAGES = {"full": 1000, "quick": 100}
"""In each of the two jobs."""
SIZE_PX = (320, 240)
RECIPE = {"name": "bench", "renditions": [{"name": "web", "long_edge_px": 256}, {"name": "thumb", "long_edge_px": 64}]}
NEEDED_QUERIES, HOPED_QUERIES = 5.0, 4.0
NEEDED_GROWTH_PERCENT = 5.0
_PHOTOS = 8
_WATCHED = ("web", "worker")
_SAMPLE_EVERY_S = 1.0
_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
_WARM_UP_IMAGES = 100
_WARM_UP_CALLS = 20
"""Of each of 50 clients."""
_POINTS = 60
"""Of each curve that is kept."""
_MOST_ROWS = 12
_SHOWN = 90
"""Characters of a statement in the table."""


class _Kind(StrEnum):
    """What a counted statement is."""

    QUERY = "queries of the service"
    TRANSACTION = "begin and end of transactions"
    REFERENCE = "the database's own look at a reference, within an insert"


def _kind_of(statement: str) -> _Kind:
    if statement.upper().startswith(_TRANSACTION):
        return _Kind.TRANSACTION
    return _Kind.REFERENCE if "FROM ONLY" in statement and "FOR KEY SHARE" in statement else _Kind.QUERY


def run(bench: Bench, running: Running) -> Figures:
    """Submits the first job with statements counted, then the second; memory is watched through both."""
    images = IMAGES[bench.scale.name]
    shoots = [_shoot(bench.folder / "inputs" / f"shoot-{number}", images) for number in (1, 2)]
    key = running.new_key("bench-batch")
    with psycopg.connect(running.database_url, autocommit=True) as database:
        watched = [child for child in running.platform.children if child.name in _WATCHED]
        with _Memory(watched) as memory, Rawmill(running.url, key, state=bench.folder / "state") as rawmill:
            bench.tell("warming up")
            rawmill.submit([_shoot(bench.folder / "inputs" / "warm-up", _WARM_UP_IMAGES)], recipe=RECIPE)
            call = Request.of(running.url, "GET", "/v1/jobs", headers={"Authorization": f"Bearer {key}"})
            ask_concurrently(running.url, [[call] * _WARM_UP_CALLS] * CLIENTS)
            memory.forget()
            database.execute(f"SELECT {COUNTER}_reset()")
            for number, shoot in enumerate(shoots):
                progress = _Told(partial(_at, memory, bench, number * images))
                submission = rawmill.submit([shoot], recipe=RECIPE, progress=progress, anew=True)
                if submission.job.status is not JobStatus.COMPLETED or not submission.is_good:
                    raise RuntimeError(f"the job is {submission.job.status}: {submission}")
                if number == 0:
                    statements = _statements(database)
    kinds: dict[_Kind, list[dict[str, Any]]] = {kind: [] for kind in _Kind}
    for each in statements:
        kinds[_kind_of(each["query"])].append(each)
    return {
        "images": images,
        "per_image": {kind.value: sum(each["calls"] for each in kinds[kind]) / images for kind in _Kind},
        "queries": [
            {"per_image": each["calls"] / images, "query": " ".join(each["query"].split())[:_SHOWN]}
            for each in kinds[_Kind.QUERY][:_MOST_ROWS]
        ],
        "memory": {name: memory.figures(name, 2 * images) for name in _WATCHED},
    }


def show(figures: Figures, console: Console) -> None:
    """Prints the tables."""
    table = Table(title=f"Statements per image, over a job of {figures['images']} images")
    table.add_column("per image", justify="right", no_wrap=True, min_width=9)
    table.add_column("statement")
    for each in figures["queries"]:
        table.add_row(f"{each['per_image']:.3f}", each["query"])
    table.add_section()
    for kind in _Kind:
        table.add_row(f"{figures['per_image'][kind.value]:.3f}", f"in all: {kind.value}")
    console.print(table)
    table = Table(title=f"Memory while {2 * figures['images']} images go through")
    for column in ("process tree", "first half", "last quarter", "highest", "growth"):
        table.add_column(column, justify="left" if column == "process tree" else "right")
    for name, memory in figures["memory"].items():
        table.add_row(
            name,
            f"{memory['early_mib']:.0f} MiB",
            f"{memory['late_mib']:.0f} MiB",
            f"{memory['highest_mib']:.0f} MiB",
            f"{memory['growth_percent']:+.1f} %",
        )
    console.print(table)


def targets(figures: Figures) -> list[Target]:
    """The goals."""
    return [
        Target(
            what=f"queries per image, job of {figures['images']} images",
            measured=figures["per_image"][_Kind.QUERY.value],
            needed=NEEDED_QUERIES,
            hoped=HOPED_QUERIES,
            unit="",
            at_most=True,
        ),
        *(
            Target(
                what=f"growth of memory over {2 * figures['images']} images: {name}",
                measured=memory["growth_percent"],
                needed=NEEDED_GROWTH_PERCENT,
                unit="%",
                at_most=True,
            )
            for name, memory in figures["memory"].items()
        ),
    ]


class _Memory:
    """Watches what process trees hold resident, in a thread, against the number of images that are done."""

    def __init__(self, children: list[ChildProcess]) -> None:
        self._children = children
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._seen: dict[str, list[tuple[int, float]]] = {child.name: [] for child in children}
        self.done = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def forget(self) -> None:
        """What was seen so far does not count."""
        self._seen = {child.name: [] for child in self._children}

    def figures(self, name: str, images: int) -> Figures:
        """Growth from the first half to the last quarter: what a leak would make, whatever was given back between.

        The first half counts by the larger of its quarters' medians, for a system short of memory takes some away for
        a while; the last quarter ends with the last image, before the archive is written.
        """
        seen = self._seen[name]
        quarters: list[list[float]] = [[], [], [], []]
        for done, mib in seen:
            if done < images:
                quarters[done * 4 // images].append(mib)
        if not all(quarters):
            raise RuntimeError(f"memory of {name}: seen {len(seen)} times, too seldom for a figure")
        first = max(statistics.median(quarter) for quarter in quarters[:2])
        last = statistics.median(quarters[3])
        return {
            "early_mib": first,
            "late_mib": last,
            "highest_mib": max(mib for _, mib in seen),
            "growth_percent": (last / first - 1) * 100,
            "curve_images_mib": [[done, round(mib, 1)] for done, mib in seen[:: max(1, len(seen) // _POINTS)]],
        }

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_EVERY_S):
            for child in self._children:
                self._seen[child.name].append((self.done, resident_mib(child.pid)))


class _Told(Quiet):
    """Tells how many images are developed."""

    def __init__(self, developed: Callable[[int], None]) -> None:
        self._developed = developed

    def reached(self, phase: Phase, done: int) -> None:
        """Passes it on."""
        if phase is Phase.DEVELOP:
            self._developed(done)


def _at(memory: _Memory, bench: Bench, before: int, done: int) -> None:
    memory.done = before + done
    bench.tell(f"{before + done} images done")


def _statements(database: "psycopg.Connection[Any]") -> list[dict[str, Any]]:
    """What the service asked, most frequent first; what the measurement asks is left out."""
    rows = database.execute(
        f"SELECT query, calls FROM {COUNTER} JOIN pg_roles ON pg_roles.oid = userid"  # noqa: S608 - a constant
        " WHERE rolname <> current_user ORDER BY calls DESC"
    ).fetchall()
    return [{"query": str(query), "calls": int(calls)} for query, calls in rows]


def _shoot(folder: Path, images: int) -> Path:
    """A folder of small originals: a few photos, each under many names."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = [folder.parent / f"photo-{seed}.dng" for seed in range(1, _PHOTOS + 1)]
    for seed, photo in enumerate(photos, 1):
        if not photo.exists():
            make_sample(photo, width_px=SIZE_PX[0], height_px=SIZE_PX[1], seed=seed)
    for number in range(images):
        path = folder / f"IMG_{number:04}.dng"
        if not path.exists():
            os.link(photos[number % _PHOTOS], path)
    for extra in sorted(folder.iterdir())[images:]:
        extra.unlink()
    return folder
