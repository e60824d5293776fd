"""A whole batch: what it returns, what it leaves, and what it refuses."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from processor.batch import BatchObserver, BatchOptions, run_batch
from processor.batch.counter import Counts
from processor.batch.observer import InFlight
from processor.batch.workspace import open_workspace
from processor.errors import ReasonCode, RecipeError, Stage, UsageError
from processor.recipe import Recipe, Rendition, Watermark
from processor.report import write_json
from processor.report.model import BatchReport, SpanEnd
from processor.result import ImageResult, Status
from tests.processor.batch.conftest import FAKE

Shoot = Callable[..., Path]
Run = Callable[..., BatchReport]


class Diary(BatchObserver):
    """Writes down everything that a batch tells."""

    def __init__(self) -> None:
        self.started: tuple[int, int] | None = None
        self.results: list[ImageResult] = []
        self.counts: list[Counts] = []
        self.seen: set[tuple[str, Stage]] = set()
        self.stopping: list[str] = []
        self.finished: BatchReport | None = None

    def on_start(self, total: int, jobs: int) -> None:
        self.started = (total, jobs)

    def on_progress(self, counts: Counts, in_flight: tuple[InFlight, ...]) -> None:
        self.counts.append(counts)
        self.seen |= {(Path(item.source).name, item.stage) for item in in_flight}

    def on_result(self, result: ImageResult) -> None:
        self.results.append(result)

    def on_stopping(self, why: str) -> None:
        self.stopping.append(why)

    def on_finish(self, report: BatchReport) -> None:
        self.finished = report


def test_two_hundred_images_are_reported_in_their_order_and_the_sums_are_right(
    shoot: Shoot, run: Run, tmp_path: Path
) -> None:
    diary = Diary()
    report = run(shoot(*["ok"] * 200), observer=diary)
    assert [Path(result.source).name for result in report.results] == [f"{number:03d}.dng" for number in range(200)]
    assert report.count(Status.OK) == diary.counts[-1].ok == 200
    assert len(diary.results) == len(report.spans) == 200
    assert report.stage_s["decode"] == pytest.approx(200 * 0.5)
    assert report.worker_cpu_s == pytest.approx(sum(result.cpu_s for result in report.results))
    lost_s = sum(part.lost_s for part in report.lost_parts)
    assert lost_s == pytest.approx(report.jobs * report.wall_s - report.work_cpu_s)
    assert sum(part.fraction or 0 for part in report.lost_parts) == pytest.approx(report.serial_fraction)
    assert report.exit_code == 0
    document = json.loads(write_json(report, tmp_path).read_text())
    assert document["counts"]["ok"] == len(document["images"]) == 200


def test_attempts_of_a_slot_follow_one_another(shoot: Shoot, run: Run) -> None:
    report = run(shoot(*["sleep 0.01"] * 12), jobs=3)
    for slot in range(3):
        spans = [span for span in report.spans if span.slot == slot]
        assert spans
        assert all(one.start_s < one.end_s <= two.start_s for one, two in pairwise(spans))
        assert report.start_up_s <= spans[0].start_s
        assert spans[-1].end_s <= report.wall_s


def test_progress_tells_the_stage_of_what_is_in_flight(shoot: Shoot, run: Run) -> None:
    diary = Diary()
    run(shoot("sleep 0.8", "ok"), observer=diary)
    assert diary.started == (2, 2)
    assert ("000.dng", Stage.DECODE) in diary.seen
    assert diary.finished is not None
    assert all(one.settled <= two.settled for one, two in pairwise(diary.counts))


def test_a_second_run_skips_everything(shoot: Shoot, run: Run) -> None:
    folder = shoot("ok", "ok")
    run(folder)
    report = run(folder)
    assert report.count(Status.SKIPPED) == 2
    assert report.exit_code == 0
    assert {span.end for span in report.spans} == {SpanEnd.SKIPPED}


def test_fail_fast_takes_no_image_after_the_first_failure(shoot: Shoot, run: Run) -> None:
    diary = Diary()
    report = run(shoot("ok", "raise", *["sleep 0.05"] * 20), jobs=1, fail_fast=True, observer=diary)
    assert [result.status for result in report.results[:2]] == [Status.OK, Status.FAILED]
    assert {result.status for result in report.results[2:]} == {Status.CANCELLED}
    assert report.stopped
    assert len(diary.stopping) == 1
    assert report.exit_code == 1


def test_a_limit_develops_the_first_so_many(shoot: Shoot, run: Run) -> None:
    assert len(run(shoot(*["ok"] * 5), limit=2).results) == 2


def test_more_jobs_than_images_start_no_idle_workers(shoot: Shoot, run: Run) -> None:
    assert run(shoot("ok", "ok"), jobs=8).jobs == 2


def test_unreadable_inputs_fail_by_themselves(shoot: Shoot, run: Run) -> None:
    folder = shoot("ok")
    (folder / "broken.nef").symlink_to("nowhere")
    good, broken = run(folder).results
    assert good.status is Status.OK
    assert (broken.reason, broken.stage) == (ReasonCode.UNREADABLE, Stage.READ)


def test_names_that_are_not_unicode_go_through_workers_and_reports(shoot: Shoot, run: Run, tmp_path: Path) -> None:
    folder = shoot()
    name = os.fsdecode(b"gr\xfc\xdfe.dng")
    (folder / name).write_text("ok")
    report = run(folder)
    assert (tmp_path / "out" / os.fsdecode(b"gr\xfc\xdfe.done")).exists()
    document = json.loads(write_json(report, tmp_path).read_text())
    assert document["images"][0]["source"] == str(folder / name)


def test_equal_names_in_different_folders_keep_their_folders(shoot: Shoot, run: Run, tmp_path: Path) -> None:
    folder = shoot()
    for day in ("day1", "day2"):
        (folder / day).mkdir(parents=True)
        (folder / day / "a.dng").write_text("ok")
    run(folder)
    assert (tmp_path / "out" / "day1" / "a.done").exists()
    assert (tmp_path / "out" / "day2" / "a.done").exists()


HOLD = """
import sys, time
from pathlib import Path
from processor.batch.workspace import open_workspace
with open_workspace(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_batches_cannot_share_an_output_folder_until_the_first_is_dead(
    shoot: Shoot, run: Run, tmp_path: Path
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    folder = shoot("ok")
    try:
        with pytest.raises(UsageError, match=f"in use by process {holder.pid}"):
            run(folder)
    finally:
        holder.kill()
        holder.communicate()
    assert run(folder).count(Status.OK) == 1


def test_leftovers_of_killed_runs_are_cleared_and_nothing_temporary_stays(tmp_path: Path) -> None:
    leftover = tmp_path / ".rawmill" / "tmp" / "x" / "half"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    with open_workspace(tmp_path) as workspace:
        assert not leftover.exists()
        private = workspace.private_dir
        assert private.is_dir()
    assert not private.exists()
    assert {path.name for path in (tmp_path / ".rawmill").iterdir()} <= {"lock"}


@pytest.mark.parametrize("out_dir", ["/proc/out", "/dev/null/out"])
def test_an_output_folder_that_cannot_be_written_is_refused_by_name(out_dir: str, shoot: Shoot, recipe: Recipe) -> None:
    with pytest.raises(UsageError, match=f"{out_dir}.*cannot be written"):
        run_batch([shoot("ok")], recipe, Path(out_dir), BatchOptions(function=FAKE))


def test_a_logo_that_cannot_be_read_is_refused_before_anything_starts(shoot: Shoot, tmp_path: Path) -> None:
    recipe = Recipe(
        renditions=(Rendition(name="thumb", long_edge_px=320),), watermark=Watermark(logo=tmp_path / "no.png")
    )
    with pytest.raises(RecipeError, match=r"no\.png"):
        run_batch([shoot("ok")], recipe, tmp_path / "out", BatchOptions(function=FAKE))


@pytest.mark.parametrize("bad", [{"jobs": 0}, {"jobs": 10_000}, {"memory_bytes": 0}, {"limit": 0}])
def test_impossible_options_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(bad))):
        BatchOptions(**bad)  # type: ignore[arg-type]


def test_a_batch_can_run_outside_the_main_thread(shoot: Shoot, run: Run) -> None:
    reports: list[BatchReport] = []
    thread = threading.Thread(target=lambda: reports.append(run(shoot("ok"))))
    thread.start()
    thread.join(30)
    assert reports[0].count(Status.OK) == 1


def test_no_process_outlives_its_batch(shoot: Shoot, run: Run) -> None:
    folder = shoot("note_pid", "note_pid", "note_pid", "note_pid")
    run(folder)
    pids = {int(path.read_text()) for path in folder.glob("*.pid")}
    end_s = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end_s
        time.sleep(0.01)
