"""The worker task: develops real RAWs within its limits, survives what a child does not, and drains."""

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from processor.recipe import Format
from tests.image.conftest import Customer, Measured, Stage
from tests.image.containers import Container, MemoryWatch, changes_outside_of_volumes, wait_until

RECIPE = {
    "name": "image-test",
    "renditions": [{"name": "web", "long_edge_px": 1920}, {"name": "thumb", "long_edge_px": 320}],
}
EVERYTHING = {
    "name": "everything",
    "colour_space": "display-p3",
    "filters": [{"kind": "unsharp", "radius_px": 1.2}, {"kind": "blur", "radius_px": 6}],
    "renditions": [{"name": each.value, "long_edge_px": 640, "format": each.value} for each in Format],
}
LONG_RECIPE = {"name": "long", "tier": "best", "renditions": [{"name": "4k", "long_edge_px": 3840}]}
"""Seconds of work for one large image."""


@pytest.fixture
def worker(stage: Stage, web: Container, measured: Measured) -> Iterator[Container]:
    """A worker of this test's own, ready."""
    began_s = time.monotonic()
    with stage.worker() as container:
        wait_until(lambda: "worker_ready" in container.log, container, what="worker_ready")
        measured.note("worker: start to ready", f"{time.monotonic() - began_s:.1f} s")
        yield container


def test_raws_come_back_developed_from_a_worker_with_the_limits_of_its_task(
    worker: Container, customer: Customer, sample: Callable[[str], Path], measured: Measured, tmp_path: Path
) -> None:
    files = [sample("45mp"), sample("24mp"), sample("6mp")]
    with MemoryWatch(worker) as memory:
        done = customer.rawmill.submit(files, recipe=RECIPE, out=tmp_path, anew=True)
    assert done.is_good, worker.log[-4000:]
    for file in files:
        [web] = tmp_path.rglob(f"*{file.stem}*web*.jpg")
        with Image.open(web) as picture:
            assert max(picture.size) == 1920
            assert np.asarray(picture).std() > 10, "a picture, not darkness"
    limit = worker.definition.memory_mib
    measured.note(f"worker: peak memory, 45 + 24 + 6 megapixels, of {limit} MiB", f"{memory.peak_mib:.0f} MiB")
    assert memory.peak_mib < limit
    assert worker.state["OOMKilled"] is False
    assert worker.healthy
    assert not changes_outside_of_volumes(worker)


def test_what_decodes_is_closed_in_within_the_container_too(worker: Container) -> None:
    lines = [json.loads(line) for line in worker.log.splitlines() if line.startswith("{")]
    [closed] = [line for line in lines if line["message"] == "decoders_isolated"]
    assert all(closed[what] for what in ("network", "programs", "processes", "limits"))
    # File rules are the kernel's to have, and the container's runtime's to let through: else the worker says so.
    assert closed["files"] or any(line["message"] == "decoders_not_isolated" for line in lines)


def test_every_format_and_filter_of_a_recipe_works_in_the_image(
    worker: Container, customer: Customer, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    logo = tmp_path / "logo.png"
    Image.new("RGBA", (200, 80), (255, 255, 255, 128)).save(logo)
    recipe = {**EVERYTHING, "watermark": {"logo": str(logo)}}
    done = customer.rawmill.submit([sample("small")], recipe=recipe, out=tmp_path / "out", anew=True)
    assert done.is_good, worker.log[-4000:]
    made = {str(Image.open(path).format).lower() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert made == set(Format)


@pytest.mark.camera
def test_camera_raws_are_developed_in_a_container(
    camera_raws: Path, worker: Container, customer: Customer, measured: Measured, tmp_path: Path
) -> None:
    files = sorted(path for path in camera_raws.iterdir() if path.suffix.lower() in {".crw", ".kdc", ".nef", ".cr2"})
    began_s = time.monotonic()
    done = customer.rawmill.submit(files, recipe=RECIPE, out=tmp_path, anew=True)
    measured.note(f"worker: {len(files)} camera RAWs, upload to download", f"{time.monotonic() - began_s:.1f} s")
    assert done.job.images.settled == len(files)
    assert done.job.images.completed >= len(files) - 2, "two of the oldest have a codec that is refused"
    assert len(list(tmp_path.rglob("*thumb*"))) == done.job.images.completed


def test_a_job_can_be_downloaded_as_an_archive_whose_pages_the_image_wrote(
    worker: Container, customer: Customer, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    done = customer.rawmill.submit([sample("6mp")], recipe=RECIPE, out=tmp_path, archive=True, anew=True)
    assert done.is_good, worker.log[-4000:]
    [archive] = tmp_path.rglob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        assert {"manifest.json", "report.json", "report.html", "contact_sheet.html"} <= set(opened.namelist())
        assert 'class="bars"' in opened.read("report.html").decode(), "the stages are drawn"


def test_a_worker_that_is_stopped_ends_with_0_in_time_and_its_image_is_finished_or_returned(
    stage: Stage, worker: Container, customer: Customer, sample: Callable[[str], Path], measured: Measured
) -> None:
    job_id = customer.send(sample("45mp"), recipe=LONG_RECIPE)
    wait_until(lambda: "processing" in customer.statuses(job_id), worker, what="an image in work")
    took_s = worker.stop()
    measured.note("worker: from the signal to the end, an image in work", f"{took_s:.1f} s")
    assert worker.state["ExitCode"] == 0, worker.log[-4000:]
    assert took_s < worker.definition.stop_timeout_s
    assert customer.statuses(job_id) in (["completed"], ["pending"]), "nothing is left in the middle"
    # Whichever it was, the next worker makes it good without waiting for the message to become visible again.
    with stage.worker("worker", "--until-empty") as next_one:
        wait_until(lambda: customer.rawmill.job(job_id).status.is_final, next_one, what="the end of the job")
    assert customer.statuses(job_id) == ["completed"]


def test_the_command_of_burst_tasks_ends_by_itself_when_the_queue_is_empty(
    stage: Stage, customer: Customer, sample: Callable[[str], Path]
) -> None:
    definition = stage.definitions["burst"]
    assert definition.command == ["worker", "--until-empty"]
    job_id = customer.send(sample("small"), sample("6mp"), recipe=RECIPE)
    with stage.worker(*definition.command) as burst:
        stage.ended(burst)
        assert burst.state["ExitCode"] == 0, burst.log[-4000:]
    assert customer.statuses(job_id) == ["completed"] * 2


def test_the_scheduled_sweep_runs_from_the_image(stage: Stage, web: Container) -> None:
    assert stage.definitions["maintenance"].command == ["sweep"]
    assert "Traceback" not in stage.maintenance("sweep")


def test_a_child_that_the_kernel_kills_for_its_memory_does_not_end_the_task(
    stage: Stage, customer: Customer, sample: Callable[[str], Path]
) -> None:
    # The worker is told of far more memory than there is, so that not its own limits step in but the kernel.
    with stage.worker(more=["--memory=640m", "--memory-swap=640m"]) as worker:
        wait_until(lambda: "worker_ready" in worker.log, worker, what="worker_ready")
        job_id = customer.send(sample("45mp"), recipe=LONG_RECIPE)
        wait_until(lambda: bool(worker.events("out_of_memory")), worker, what="a child's death")
        [death] = worker.events("out_of_memory")
        assert "killed from outside (SIGKILL)" in death["error"]
        assert death["retry_after_s"] > 0, "another worker may have the room"
        customer.rawmill.cancel(job_id)
        small = customer.send(sample("small"), recipe=RECIPE)
        wait_until(lambda: customer.rawmill.job(small).status.is_final, worker, what="the end of the next job")
        assert customer.statuses(small) == ["completed"], "the same task goes on"
        assert worker.healthy
        assert worker.stop() < worker.definition.stop_timeout_s
        assert worker.state["ExitCode"] == 0
