"""Workers and children that are killed, crash or hang: every image ends once, with the reason that it deserves."""

import json
import os
import signal
from pathlib import Path
from uuid import UUID

import psutil

from tests.processor.bad_files import truncated
from tests.processor.conftest import MakeDng
from tests.service.worker.conftest import FAKE, Farm
from tests.waiting import wait_until


def children_of(pid: int) -> list[psutil.Process]:
    """Every process that a worker has started, the fork server's children among them."""
    return psutil.Process(pid).children(recursive=True)


def test_a_worker_killed_in_mid_job_loses_nothing_and_does_nothing_twice(farm: Farm) -> None:
    farm.visibility(4)
    job = farm.scripts(*["sleep 0.3"] * 12)
    first = farm.worker(function=FAKE)
    wait_until(lambda: job.statuses().count("completed") >= 3, what="a few images")
    family = children_of(first.process.pid)
    first.process.kill()
    first.process.wait(10)
    wait_until(lambda: not any(process.is_running() for process in family), what="the death of all children")
    second = farm.worker(function=FAKE)
    wait_until(lambda: job.ended, what="the job")
    assert second.stop() == 0
    assert job.row().status == "completed"
    assert job.statuses() == ["completed"] * 12
    # One set of results: two renditions an image, each under the one name that its content gives it.
    assert len(farm.renditions(job)) == 24
    assert sorted(output["key"] for image in job.images() for output in image.outputs) == farm.renditions(job)
    assert job.row().images_completed == 12


def test_a_worker_that_starts_where_one_was_killed_begins_with_an_empty_scratch_folder(farm: Farm) -> None:
    job = farm.scripts("sleep 60")
    first = farm.worker(function=FAKE)
    wait_until(lambda: any(first.scratch.glob("work/*/*/original")), what="the original in scratch")
    first.process.kill()
    first.process.wait(10)
    elsewhere = [Path(line) for line in (first.scratch / "elsewhere").read_text().splitlines()]
    assert all(folder.is_dir() for folder in elsewhere), "in memory, and multiprocessing's"
    second = farm.worker(function=FAKE, environment={"RAWMILL_SCRATCH": str(first.scratch)})
    second.scratch = first.scratch
    wait_until(lambda: bool(second.events("worker_ready")), what="the second worker")
    assert list(first.scratch.glob("work/*")) == []
    assert [folder for folder in elsewhere if folder.exists()] == [], "what a killed worker cannot remove itself"
    assert second.stop() == 0
    assert job.statuses() == ["processing"]


def test_a_child_that_crashes_is_blamed_with_its_stage_and_its_neighbours_are_developed(farm: Farm) -> None:
    farm.environment["RAWMILL_MAX_RECEIVES"] = "1"
    job = farm.scripts("ok", "segfault", "ok", "exit 3", "kill_self", "bad_alloc", "raise", "ok")
    farm.drain(function=FAKE)
    codes = [image.error_code for image in job.images()]
    assert codes == [
        None,
        "decoder_crash",
        None,
        "decoder_crash",
        "out_of_memory",
        "out_of_memory",
        "internal_error",
        None,
    ]
    assert "SIGSEGV" in job.images()[1].error_message
    assert "at stage decode" in job.images()[1].error_message
    assert len(farm.dead_letters()) == 5
    assert (job.row().status, job.row().images_failed) == ("completed", 5)


def test_an_image_that_hangs_is_ended_at_its_time_limit(farm: Farm) -> None:
    farm.environment |= {"RAWMILL_MAX_RECEIVES": "1", "RAWMILL_JOB_TIME_LIMIT_S": "8"}
    job = farm.scripts("hang_in_c", "ok")
    farm.drain(function=FAKE)
    hung, fine = job.images()
    assert (hung.error_code, fine.status) == ("timed_out", "completed")
    assert "8 s" in hung.error_message


def test_a_crash_that_passes_costs_one_try(farm: Farm, tmp_path: Path) -> None:
    farm.visibility(6)
    job = farm.scripts(f"once {tmp_path / 'mark'} segfault", "ok")
    worker = farm.worker(function=FAKE)
    wait_until(lambda: job.ended, what="the job")
    assert worker.stop() == 0
    assert [(image.status, image.attempts) for image in job.images()] == [("completed", 2), ("completed", 1)]
    assert farm.dead_letters() == []


def test_a_disk_that_was_full_for_a_while_costs_tries_and_no_image(farm: Farm, tmp_path: Path) -> None:
    farm.visibility(6)
    job = farm.scripts(f"once {tmp_path / 'a'} full_device", f"once {tmp_path / 'b'} full_device")
    worker = farm.worker(function=FAKE)
    wait_until(lambda: job.ended, what="the job")
    assert worker.stop() == 0
    assert job.row().status == "completed"
    assert {line["Reason"] for line in worker.events("image_retried")} == {"store_failed"}


def test_a_poison_raw_among_twenty_fails_alone_and_completes_after_the_cause_is_mended(
    farm: Farm, make_dng: MakeDng
) -> None:
    good = [make_dng(seed=seed % 4 + 1).path for seed in range(19)]
    poison = truncated(good[0], 60)
    job = farm.job([*good[:7], poison, *good[7:]])
    farm.drain()
    assert (job.row().images_completed, job.row().images_failed) == (19, 1)
    image = job.images()[7]
    assert (image.status, image.error_code, image.attempts) == ("failed", "truncated", 1)
    ((body, attributes),) = farm.dead_letters()
    assert json.loads(body) == {"job_id": str(job.job_id), "image_id": str(image.image_id)}
    assert attributes["reason_code"] == "truncated"
    assert attributes["reason"] == image.error_message
    # The fix: the whole file takes the place of its torn copy. Then the operator's tool.
    mend(farm, image.image_id, good[0].read_bytes())
    redrive(farm)
    farm.drain()
    assert job.statuses() == ["completed"] * 20
    assert (job.row().status, job.row().images_completed, job.row().images_failed) == ("completed", 20, 0)
    assert len(farm.renditions(job)) == 40
    assert farm.dead_letters() == []


def mend(farm: Farm, image_id: UUID, data: bytes) -> None:
    """Replace an original wherever it is kept."""
    from service.jobs.models import Image

    image = Image.objects.get(pk=image_id)
    Image.objects.filter(pk=image_id).update(size_bytes=len(data), vault_key=None)
    farm.aws.s3.put_object(Bucket=farm.resources.uploads_bucket, Key=image.source_key, Body=data)


def redrive(farm: Farm) -> None:
    """`python -m service manage dead_letters redrive --all`, as an operator does."""
    import subprocess
    import sys

    from tests.service.worker.conftest import ROOT

    subprocess.run(
        [sys.executable, "-m", "service", "manage", "dead_letters", "redrive", "--all"],
        cwd=ROOT,
        env={**os.environ, **farm.environment},
        check=True,
        capture_output=True,
        timeout=60,
    )


def test_children_do_not_outlive_their_supervisor_even_while_they_hang_in_c(farm: Farm) -> None:
    job = farm.scripts("hang_in_c")
    worker = farm.worker(function=FAKE)
    wait_until(lambda: job.statuses() == ["processing"] and bool(list(worker.scratch.glob("work/*/*/original"))))
    family = children_of(worker.process.pid)
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait(10)
    wait_until(lambda: not any(process.is_running() for process in family), what="the death of all children")
