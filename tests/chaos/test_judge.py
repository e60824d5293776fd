"""The judge: each promise is broken on purpose, in a platform that keeps all others, and is the one that is named."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chaos.facts import Facts, open_paths, strays
from chaos.field import MARK
from chaos.judge import PROMISES, Account, Expected, account, judge

JOB, RENDITIONS = "job-1", ("web", "thumb")
ENDS = "a job is over when its images are, with counts that add up"
EXPECTED = Expected(jobs={JOB: ["a.dng", "b.dng"]}, renditions=RENDITIONS, keys=["key-1"], visitors_file="later.dng")


def image(name: str, **changes: Any) -> dict[str, Any]:
    """A completed image."""
    identity = f"image-{name[0]}"
    return {
        "image_id": identity,
        "job_id": JOB,
        "name": name,
        "status": "completed",
        "attempts": 1,
        "source_key": f"uploads/demo/{JOB}/{identity}",
        "vault_key": f"originals/demo/{JOB}/{identity}",
        "uploaded_at": "then",
        "upload_id": None,
        "error_code": None,
        "is_overdue": None,
        "keys": [f"results/{identity}.{rendition}" for rendition in RENDITIONS],
        "renditions": list(RENDITIONS),
        **changes,
    }


def job(**changes: Any) -> dict[str, Any]:
    """A completed job of two images."""
    done = {"images_total": 2, "images_completed": 2, "images_failed": 0}
    return {"job_id": JOB, "status": "completed", "s3_key": "results/archive", "has_lease": False, **done, **changes}


A, B = image("a.dng"), image("b.dng")
ARCHIVE = [f"renditions/{name}.{rendition}.jpg" for name in "ab" for rendition in RENDITIONS]
KEPT = Facts(
    images=[A, B],
    jobs=[job()],
    uploads=frozenset({A["source_key"]}),  # what has expired is no fault
    vault=frozenset({A["vault_key"], B["vault_key"]}),
    results=frozenset([*A["keys"], *B["keys"], "results/archive"]),
    archives={JOB: [*ARCHIVE, "manifest.json"]},
    completions={"image-a": 1, "image-b": 1},
    keys=["key-1"],
)

BROKEN: Mapping[str, tuple[str, dict[str, Any]]] = {
    "an image has no end": ("every image has one end", {"images": [A, image("b.dng", status="pending")]}),
    "an image has no row": ("every image has one end", {"images": [A]}),
    "an image has two rows": ("every image has one end", {"images": [A, B, {**B, "image_id": "image-c"}]}),
    "an image failed": ("every image has one end", {"images": [A, image("b.dng", status="failed", error_code="x")]}),
    "an image was completed twice": ("an image is completed once", {"completions": {"image-a": 2}}),
    "a rendition is there twice": (
        "an image is completed once",
        {"images": [A, image("b.dng", renditions=["web", "web"])]},
    ),
    "a rendition is missing": (
        "a completed image has all its renditions",
        {"images": [A, image("b.dng", renditions=["web"])]},
    ),
    "a rendition's object is gone": (
        "a completed image has all its renditions",
        {"results": KEPT.results - {"results/image-a.web"}},
    ),
    "an original is not in the vault": ("a completed image has its original in the vault", {"vault": frozenset()}),
    "a job does not end": (
        ENDS,
        {"jobs": [job(status="processing")]},
    ),
    "a job counts wrongly": (
        ENDS,
        {"jobs": [job(images_completed=1, images_failed=1)]},
    ),
    "a job is gone": (ENDS, {"jobs": []}),
    "an archive lacks a rendition": ("an archive holds every rendition once", {"archives": {JOB: ARCHIVE[:-1]}}),
    "an archive has one twice": (
        "an archive holds every rendition once",
        {"archives": {JOB: [*ARCHIVE[:-1], ARCHIVE[0]]}},
    ),
    "an image is in nobody's hands": (
        "no row is stuck",
        {"images": [A, image("b.dng", status="processing", is_overdue=True)]},
    ),
    "an archive is in nobody's hands": ("no row is stuck", {"jobs": [job(has_lease=True)]}),
    "a rendition without a row": ("no object without a row", {"results": KEPT.results | {"results/other"}}),
    "an original without a row": ("no object without a row", {"vault": KEPT.vault | {"originals/demo/x/y"}}),
    "an upload without a row": ("no object without a row", {"uploads": frozenset({"uploads/demo/x/y"})}),
    "an upload was never finished": ("no object without a row", {"unfinished": frozenset({"uploads/demo/x/y"})}),
    "a message is left": ("no message is left", {"messages": 1}),
    "a dead letter is left": ("no message is left", {"dead_letters": 1}),
    "a request made two jobs": (
        "a request that is repeated makes one job",
        {"images": [A, B, *({**A, "job_id": f"job-{n}", "image_id": f"v{n}", "name": "later.dng"} for n in (2, 3))]},
    ),
    "a transaction is open": ("no transaction is left open", {"idle_in_transaction": 1}),
    "a process is left": ("no process is left behind", {"strays": ["4711 python -m service worker"]}),
    "a file is left": ("no temporary file is left behind", {"files": ["/dev/shm/rawmill-worker-x"]}),
}


def test_a_platform_that_keeps_every_promise_is_found_to() -> None:
    assert judge(KEPT, EXPECTED) == []
    assert account(KEPT, EXPECTED) == Account(images=2, accounted=2, duplicates=0, lost=0)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_named(name: str) -> None:
    promise, changes = BROKEN[name]
    found = {violation.promise for violation in judge(replace(KEPT, **changes), EXPECTED)}
    assert promise in found


def test_every_promise_is_broken_by_a_test() -> None:
    assert {promise for promise, _ in BROKEN.values()} == PROMISES.keys()


def test_an_image_that_may_fail_is_accounted_for_and_one_without_an_end_is_lost() -> None:
    failed = replace(
        KEPT,
        images=[A, image("b.dng", status="failed", error_code="damaged", keys=[], renditions=[])],
        jobs=[job(images_completed=1, images_failed=1)],
        results=frozenset([*A["keys"], "results/archive"]),
        archives={JOB: ARCHIVE[:2]},
    )
    assert judge(failed, replace(EXPECTED, may_fail=True)) == []
    waiting = replace(KEPT, images=[A, image("b.dng", status="pending")])
    assert account(waiting, EXPECTED) == Account(images=2, accounted=1, duplicates=0, lost=1)


def test_what_was_completed_or_packed_twice_is_a_duplicate() -> None:
    twice = replace(KEPT, completions={"image-a": 3}, archives={JOB: [*ARCHIVE, ARCHIVE[0]]})
    assert account(twice, EXPECTED).duplicates == 3


def test_a_process_that_bears_the_mark_and_has_no_owner_is_a_stray() -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper, env={**os.environ, MARK: "judged"}) as process:
        try:
            assert [line.split()[0] for line in strays("judged", set())] == [str(process.pid)]
            assert strays("judged", {process.pid}) == []
            assert strays("judged", {os.getpid()}) == [], "it descends from its owner"
        finally:
            process.kill()


def test_a_file_that_a_living_task_has_open_is_held(tmp_path: Any) -> None:
    with (tmp_path / "held").open("w"):
        assert str(tmp_path / "held") in open_paths({os.getpid()})
    assert str(tmp_path / "held") not in open_paths({os.getpid()})
