"""The worker's small parts: policy, loop, scratch, pace."""

import os
import threading
import time
from pathlib import Path

import pytest

from processor.errors import ReasonCode
from processor.result import Output
from service.aws.errors import AwsError
from service.jobs.reasons import ServiceReason
from service.worker import loop as loop_module
from service.worker.hand import Pace
from service.worker.loop import Lane, Loop, pause_s
from service.worker.orders import attributes_of, storable
from service.worker.policy import PERMANENT, RetryPolicy
from service.worker.scratch import ScratchError, open_scratch
from service.worker.transfer import TransferError, made_file

DOCS = Path(__file__).resolve().parents[3] / "docs" / "worker.md"
POLICY = RetryPolicy(max_attempts=3, visibility_timeout_s=900)


@pytest.mark.parametrize("code", sorted(PERMANENT))
def test_what_would_repeat_itself_is_given_up_at_once(code: str) -> None:
    assert POLICY.wait_s(code, attempts=1) is None


@pytest.mark.parametrize("code", sorted(set(ReasonCode) - PERMANENT))
def test_what_may_pass_waits_longer_each_time_until_the_last_try(code: str) -> None:
    first, second = (POLICY.wait_s(code, attempts=attempts) for attempts in (1, 2))
    assert first is not None
    assert second is not None
    assert 22 <= first <= 38
    assert 90 <= second <= 150
    assert POLICY.wait_s(code, attempts=3) is None


def test_an_outage_is_waited_out_with_growing_pauses_and_never_given_up() -> None:
    assert 22 <= POLICY.outage_wait_s(0) <= 38
    assert 225 <= POLICY.outage_wait_s(600) <= 375
    assert POLICY.outage_wait_s(86_400) == 900


def test_the_page_lists_every_reason_as_the_policy_treats_it() -> None:
    said: dict[str, bool] = {}
    for line in DOCS.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[2] in {"yes", "no"}:
            said |= {code.strip("`"): cells[2] == "yes" for code in cells[0].split()}
    elsewhere = {ServiceReason.CANCELLED, ServiceReason.EXPIRED, ServiceReason.ARCHIVE_FAILED}
    wanted = {*ReasonCode, *ServiceReason} - elsewhere
    assert said == {str(code): code not in PERMANENT for code in wanted}


def test_pauses_grow_to_half_a_minute_and_are_never_the_same_for_all() -> None:
    assert 0.25 <= pause_s(1) <= 0.5
    assert 15 <= pause_s(20) <= 30
    assert len({pause_s(5) for _ in range(10)}) > 1


def turn_until(loop: Loop, done: list[object], count: int = 1) -> None:
    end_s = time.monotonic() + 20
    while len(done) < count:
        loop.turn(0.05)
        assert time.monotonic() < end_s


def test_calls_run_on_their_lane_and_answers_come_back_in_the_loops_thread() -> None:
    loop = Loop()
    seen: list[object] = []
    loop.run(Lane.QUEUE, lambda: threading.current_thread().name, lambda name: seen.append((name, _me())))
    turn_until(loop, seen)
    assert seen == [("lane-queue", _me())]


def _me() -> str:
    return threading.current_thread().name


def test_a_lane_that_hangs_holds_up_no_other_and_is_noticed() -> None:
    loop = Loop()
    release = threading.Event()
    seen: list[object] = []
    loop.run(Lane.DATABASE, release.wait, seen.append)
    loop.run(Lane.QUEUE, lambda: "through", seen.append)
    turn_until(loop, seen)
    assert seen == ["through"]
    assert loop.longest_call_s() > 0
    release.set()
    turn_until(loop, seen, 2)


def test_an_outage_is_waited_out_and_anything_else_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "pause_s", lambda _: 0.01)
    loop = Loop()
    answers: list[object] = [AwsError("away"), AwsError("away"), "back"]
    done: list[object] = []
    failed: list[object] = []

    def call() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    loop.persist(Lane.QUEUE, call, done.append, failed.append, until_s=lambda: time.monotonic() + 60)
    turn_until(loop, done)
    assert (done, failed) == (["back"], [])
    answers.append(KeyError("a bug"))
    loop.persist(Lane.QUEUE, call, done.append, failed.append, until_s=lambda: time.monotonic() + 60)
    turn_until(loop, failed)
    assert isinstance(failed[0], KeyError)


def test_an_outage_that_lasts_too_long_is_told() -> None:
    loop = Loop()
    failed: list[object] = []

    def call() -> None:
        raise AwsError("away")

    loop.persist(Lane.QUEUE, call, lambda _: None, failed.append, until_s=lambda: 0.0)
    turn_until(loop, failed)
    assert isinstance(failed[0], AwsError)


def test_scratch_is_emptied_at_the_start_and_at_the_end_but_for_what_is_not_the_workers(tmp_path: Path) -> None:
    (tmp_path / "work" / "left").mkdir(parents=True)
    (tmp_path / "kept").touch()
    with open_scratch(tmp_path) as scratch:
        assert list((tmp_path / "work").iterdir()) == []
        folder = scratch.make("job", "image")
        (tmp_path / "work" / folder / "original").touch()
        with pytest.raises(ScratchError, match="in use"), open_scratch(tmp_path):
            pass
        assert (tmp_path / "work" / folder / "original").exists()
        assert (tmp_path / "made" / folder).is_dir()
    assert not (tmp_path / "work").exists()
    assert not (tmp_path / "made").exists()
    assert (tmp_path / "kept").exists()


def test_a_jobs_folders_outlive_its_images_for_a_while_and_never_come_back_under_their_name(tmp_path: Path) -> None:
    with open_scratch(tmp_path) as scratch:
        first = scratch.make("a", "image")
        scratch.discard(first)
        assert not (tmp_path / "work" / first).exists()
        assert Path(scratch.make("a", "image")).parent == Path(first).parent
        for job in "bcdefgh":
            scratch.discard(scratch.make(job, "image"))
        jobs = sorted(folder.name[0] for folder in (tmp_path / "made").iterdir())
        assert jobs == ["a", "e", "f", "g", "h"], "what is in use stays, and of the rest the last four"
        assert Path(scratch.make("b", "image")).parent.name not in {"b.2", Path(first).parent.name}


def test_a_scratch_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ScratchError, match="file/scratch"), open_scratch(tmp_path / "file" / "scratch"):
        pass


def test_an_image_is_expected_to_take_as_long_as_the_slowest_of_the_recent_ones() -> None:
    pace = Pace(remembered=3)
    assert pace.left_s(5) == 0
    for seconds in (100, 4, 6, 5):
        pace.note(seconds)
    assert pace.left_s(2) == 4
    assert pace.left_s(60) == 0


def test_what_customers_and_decoders_say_can_be_stored() -> None:
    assert storable("a\x00b\udc80") == "a\ufffdb?"
    attributes = attributes_of("damaged", "torn\x01\n" + "x" * 5000)
    assert attributes["reason"].startswith("torn  x")
    assert len(attributes["reason"]) == 1000
    assert attributes_of("damaged", "")["reason"] == "damaged"


@pytest.mark.parametrize("fault", ["elsewhere", "parent", "link", "two names", "pipe", "size", "missing", "folder"])
def test_what_a_decoder_says_it_made_is_stored_only_if_it_is_a_plain_file_of_its_own(
    tmp_path: Path, fault: str
) -> None:
    secret, folder = tmp_path / "secret", tmp_path / "made"
    folder.mkdir()
    secret.write_text("secret")
    path, name = folder / "image.jpg", "image.jpg"
    if fault == "elsewhere":
        name = str(secret)
    elif fault == "parent":
        name = "../secret"
    elif fault == "link":
        path.symlink_to(secret)
    elif fault == "two names":
        os.link(secret, path)
    elif fault == "pipe":
        os.mkfifo(path)
    elif fault == "folder":
        path.mkdir()
    elif fault == "size":
        path.write_text("secret!")
    output = Output(rendition="small", path=name, width_px=1, height_px=1, size_bytes=6)
    with pytest.raises(TransferError, match="is not what its decoder says") as caught:
        made_file(folder, output)
    assert caught.value.code == ReasonCode.DECODER_CRASH


def test_an_honest_rendition_is_stored(tmp_path: Path) -> None:
    (tmp_path / "image.abc.small.jpg").write_text("secret")
    output = Output(rendition="small", path="image.abc.small.jpg", width_px=1, height_px=1, size_bytes=6)
    assert made_file(tmp_path, output) == tmp_path / "image.abc.small.jpg"
