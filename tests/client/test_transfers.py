"""Submitting, watching and downloading, with a server and a network that misbehave in every way there is."""

import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from client import (
    Downloaded,
    Interrupted,
    JobStatus,
    NetworkError,
    NotDownloaded,
    Phase,
    ProblemError,
    Rawmill,
    UsageError,
)
from tests.client.conftest import RECIPE, Heard
from tests.client.crooked import Crooked, CrookedImage

EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


BAD_DIGEST = b"<Error><Code>BadDigest</Code></Error>"


def _fault(what: str, method: str, path: str, **more: Any) -> ParameterSet:
    return pytest.param({"method": method, "path": path, "times": 2} | more, id=what)


def _contents(crooked: Crooked) -> dict[str, bytes]:
    (job,) = crooked.jobs.values()
    return {image.name: image.content for image in job.images}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _check_all_there(crooked: Crooked, shoot: Path, out: Path) -> None:
    assert _contents(crooked) == _files(shoot)
    (job,) = crooked.jobs.values()
    expected = {
        f"{image.name.rpartition('.')[0]}.{rendition}.jpg": content
        for image in job.images
        for rendition, content in crooked.renditions(image).items()
    }
    assert _files(out) == expected


def test_a_folder_goes_up_is_developed_and_comes_down(
    crooked: Crooked, rawmill: Rawmill, shoot: Path, tmp_path: Path
) -> None:
    heard = Heard()
    submission = rawmill.submit([shoot], recipe=RECIPE, out=tmp_path / "out", progress=heard)
    assert submission.is_good
    assert submission.job.status is JobStatus.COMPLETED
    _check_all_there(crooked, shoot, tmp_path / "out")
    assert set(heard.totals) == heard.ended == set(Phase)
    assert heard.done == heard.totals
    assert not any((tmp_path / "state").rglob("*.json"))


@pytest.mark.parametrize(
    "fault",
    [
        _fault("connection dropped while the job is made", "POST", "/v1/jobs$"),
        _fault("an answer of the service cut short", "GET", "images", after_bytes=10),
        _fault("no links for a moment", "POST", "/uploads$", status=503),
        _fault("rate limited", "POST", "/uploads$", status=429, headers={"Retry-After": "0"}),
        _fault("an upload dropped in its middle", "PUT", "/storage/", after_bytes=9000),
        _fault("a part dropped in its middle", "PUT", "part=2", after_bytes=90_000),
        _fault("storage slows down", "PUT", "/storage/", status=503),
        _fault("a part arrived with other bytes", "PUT", "part=3", status=400, body=BAD_DIGEST),
        _fault("an expired link", "PUT", "/storage/", status=403, body=EXPIRED),
        _fault("an expired link of a part", "PUT", "part=1", status=403, body=EXPIRED),
        _fault("the service stumbles on confirming", "POST", "/uploaded$", status=500),
        _fault("no room for another event stream", "GET", "/events", times=1, status=503),
        _fault("the event stream breaks off", "GET", "/events", times=1, after_bytes=1),
        _fault("a download cut short", "GET", r"4k\.jpg", after_bytes=20_000),
        _fault("an expired download link", "GET", r"\.jpg", status=403, body=EXPIRED),
        _fault("storage stumbles", "GET", r"\.jpg", status=500),
    ],
)
def test_what_breaks_twice_in_passing_is_done_again_and_nothing_is_lost_or_doubled(
    fault: dict[str, Any], crooked: Crooked, rawmill: Rawmill, shoot: Path, tmp_path: Path
) -> None:
    crooked.lay(**fault)
    heard = Heard()
    submission = rawmill.submit([shoot], recipe=RECIPE, out=tmp_path / "out", progress=heard)
    assert crooked.faults[0].times == 0, "the fault was not met"
    assert submission.is_good
    assert len(crooked.jobs) == 1
    _check_all_there(crooked, shoot, tmp_path / "out")
    assert heard.done == heard.totals, "what broken attempts had moved must be taken back"


def test_only_the_part_that_broke_is_sent_again(crooked: Crooked, rawmill: Rawmill, shoot: Path) -> None:
    crooked.lay("PUT", "part=4", after_bytes=100)
    rawmill.submit([shoot / "big.dng"], recipe=RECIPE)
    assert [crooked.count("PUT", rf"part={number}&") for number in range(1, 7)] == [1, 1, 1, 2, 1, 1]


def test_parts_go_up_in_parallel_but_never_more_than_asked_for(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path
) -> None:
    crooked.together = 3
    new_client(parallel=3).submit([shoot], recipe=RECIPE)
    assert crooked.most_at_once == 3


def test_every_piece_carries_a_checksum_and_the_key_never_goes_to_the_storage(
    crooked: Crooked, rawmill: Rawmill, shoot: Path, tmp_path: Path
) -> None:
    rawmill.submit([shoot], recipe=RECIPE, out=tmp_path / "out")
    stored = [headers for headers in crooked.headers_seen if headers["path"].startswith("/storage/")]
    assert len(stored) > 15
    assert not any("authorization" in headers for headers in stored)
    puts = [headers for headers in stored if "content-length" in headers]
    assert all("content-md5" in headers or "x-amz-checksum-sha256" in headers for headers in puts)
    assert any("x-amz-checksum-sha256" in headers for headers in puts)


def test_links_and_confirmations_go_in_bulk_for_many_files(crooked: Crooked, rawmill: Rawmill, tmp_path: Path) -> None:
    for number in range(350):
        path = tmp_path / "many" / f"{number:04}.nef"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d" % number)
    submission = rawmill.submit([tmp_path / "many"], recipe=RECIPE)
    assert submission.job.images.completed == 350
    assert crooked.count("POST", "/uploads$") == 4
    assert crooked.count("POST", "/uploaded$") <= 10


def test_a_server_that_stays_away_is_given_up_and_the_submission_goes_on_later(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path, tmp_path: Path
) -> None:
    crooked.lay("PUT", "IMG|storage", times=10**9, status=503)
    with pytest.raises(NetworkError, match="503"):
        new_client(limit_s=0.2).submit([shoot], recipe=RECIPE, out=tmp_path / "out")
    crooked.faults.clear()
    assert new_client().resume(shoot).is_good
    assert len(crooked.jobs) == 1
    _check_all_there(crooked, shoot, tmp_path / "out")


def test_a_new_run_sends_only_the_parts_that_are_not_there(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path
) -> None:
    crooked.lay("PUT", "part=6", times=10**9, status=503)
    with pytest.raises(NetworkError):
        new_client(limit_s=0.3, parallel=1).submit([shoot / "big.dng"], recipe=RECIPE)
    crooked.faults.clear()
    heard = Heard()
    submission = new_client().submit([shoot / "big.dng"], recipe=RECIPE, progress=heard)
    assert submission.continued
    assert [crooked.count("PUT", rf"part={number}&") for number in range(1, 6)] == [1, 1, 1, 1, 1]
    assert heard.done[Phase.UPLOAD] == heard.totals[Phase.UPLOAD] == 1_500_000
    assert _contents(crooked) == {"big.dng": (shoot / "big.dng").read_bytes()}


def test_an_image_of_which_all_parts_are_there_needs_only_to_be_confirmed(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path
) -> None:
    crooked.lay("POST", "/uploaded$", times=10**9, status=503)
    with pytest.raises(ProblemError):
        new_client(limit_s=0.2).submit([shoot / "big.dng"], recipe=RECIPE)
    crooked.faults.clear()
    sent = crooked.count("PUT", "/storage/")
    assert new_client().resume(shoot / "big.dng").is_good
    assert crooked.count("PUT", "/storage/") == sent == 6


def test_an_answer_that_is_lost_does_not_make_a_second_job(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path
) -> None:
    crooked.lay("POST", "/v1/jobs$", answer_lost=True)
    with pytest.raises(NetworkError):
        new_client(limit_s=0).submit([shoot], recipe=RECIPE)
    assert new_client().submit([shoot], recipe=RECIPE).is_good
    assert len(crooked.jobs) == 1


def test_the_same_files_are_another_job_once_the_first_is_done_or_when_told_so(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path
) -> None:
    crooked.lay("PUT", "part=1", times=10**9, status=503)
    with pytest.raises(NetworkError):
        new_client(limit_s=0.1).submit([shoot], recipe=RECIPE)
    crooked.faults.clear()
    assert not new_client().submit([shoot], recipe=RECIPE, anew=True).continued
    assert new_client().submit([shoot], recipe=RECIPE).continued
    assert not new_client().submit([shoot], recipe=RECIPE).continued
    assert len(crooked.jobs) == 3


def test_a_job_that_was_cancelled_meanwhile_or_is_not_there_is_not_gone_on_with(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path
) -> None:
    for end in ("cancel", "remove"):
        crooked.lay("PUT", "part=1", times=10**9, status=503)
        with pytest.raises(NetworkError):
            new_client(limit_s=0.1).submit([shoot], recipe=RECIPE)
        crooked.faults.clear()
        job_id = list(crooked.jobs)[-1]
        if end == "cancel":
            crooked.jobs[job_id].status = "cancelled"
        else:
            del crooked.jobs[job_id]
        with pytest.raises(UsageError, match=f"job {job_id} was cancelled, has failed or is not there: submit again"):
            new_client().resume(job_id)
        submission = new_client().submit([shoot], recipe=RECIPE)
        assert submission.is_good
        assert not submission.continued


def test_a_multipart_upload_that_expired_is_begun_anew(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path
) -> None:
    crooked.lay("PUT", "part=6", times=10**9, status=503)
    with pytest.raises(NetworkError):
        new_client(limit_s=0.2).submit([shoot / "big.dng"], recipe=RECIPE)
    crooked.faults.clear()
    (job,) = crooked.jobs.values()
    real = crooked.upload_document

    def forgetful(job_id: str, image: object, sha256: str | None) -> dict[str, object]:
        answer = real(job_id, job.images[0], sha256)
        crooked.upload_document = real  # type: ignore[method-assign]
        job.images[0].upload_id, job.images[0].parts = None, {}  # after the links were given
        return answer

    crooked.upload_document = forgetful  # type: ignore[method-assign]
    assert new_client().resume(shoot / "big.dng").is_good
    assert _contents(crooked) == {"big.dng": (shoot / "big.dng").read_bytes()}


def test_a_link_that_is_refused_again_and_again_fails_its_file_alone(
    crooked: Crooked, rawmill: Rawmill, shoot: Path, tmp_path: Path
) -> None:
    rawmill.submit([shoot / "day 2"], recipe=RECIPE, wait=False)
    (job,) = crooked.jobs.values()
    crooked.lay("GET", rf"{job.images[2].image_id}/4k", times=10**9, status=403, body=EXPIRED)
    files = rawmill.download(job.job_id, tmp_path / "out")
    missing = [file for file in files if isinstance(file, NotDownloaded)]
    assert [(file.path.name, "403 AccessDenied" in file.reason) for file in missing] == [("IMG_2.4k.jpg", True)]
    assert len(files) == 8
    assert "signature" not in missing[0].reason, "a link is a secret while it lives"


def test_a_file_that_the_service_refuses_is_reported_and_the_rest_is_developed_and_downloaded(
    crooked: Crooked, rawmill: Rawmill, shoot: Path, tmp_path: Path
) -> None:
    (shoot / "day 2" / "notes.nef").write_bytes(b"not a raw")
    submission = rawmill.submit([shoot], recipe=RECIPE, out=tmp_path / "out")
    assert not submission.is_good
    assert [each.reason for each in submission.not_uploaded] == [
        "day 2/notes.nef: is not what was announced (upload_mismatch)"
    ]
    assert submission.job.images.completed == 5
    assert len(submission.files) == 10
    assert rawmill.is_unfinished(shoot), "it can be mended and resumed"


def test_a_file_that_shrinks_before_it_is_sent_is_reported_by_itself(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path
) -> None:
    crooked.lay("PUT", "/storage/", times=10**9, status=503)
    with pytest.raises(NetworkError):
        new_client(limit_s=0.1).submit([shoot], recipe=RECIPE)
    crooked.faults.clear()
    (shoot / "big.dng").write_bytes(b"short")
    submission = new_client().resume(shoot)
    assert [each.reason for each in submission.not_uploaded] == ["big.dng: changed since the job was made"]
    assert submission.job.images.completed == 4


def test_images_that_fail_make_a_submission_that_is_not_good(
    crooked: Crooked, rawmill: Rawmill, shoot: Path, tmp_path: Path
) -> None:
    (shoot / "broken.nef").write_bytes(b"bad bytes")
    submission = rawmill.submit([shoot], recipe=RECIPE, out=tmp_path / "out")
    assert (submission.job.images.completed, submission.job.images.failed) == (5, 1)
    assert not submission.is_good
    assert len(submission.files) == 10


def test_a_recipe_that_the_service_refuses_is_told_with_every_fault_and_leaves_nothing_to_resume(
    rawmill: Rawmill, shoot: Path
) -> None:
    with pytest.raises(
        ProblemError, match=r": recipe/renditions: missing; it is required.*invalid_recipe, request req-1"
    ):
        rawmill.submit([shoot], recipe={"name": "x"})
    assert not rawmill.is_unfinished(shoot)


def test_without_event_streams_the_job_is_polled(crooked: Crooked, rawmill: Rawmill, shoot: Path) -> None:
    crooked.events = False
    crooked.held.set()
    job_id = rawmill.submit([shoot], recipe=RECIPE, wait=False).job.job_id
    job = crooked.jobs[job_id]

    def develop() -> None:
        for image in job.images:
            crooked.develop(job, image)

    threading.Timer(0.3, develop).start()
    seen = list(rawmill.watch(job_id))
    assert seen[0].images.settled == 0
    assert seen[-1].status is JobStatus.COMPLETED
    assert crooked.count("GET", "/events") == 1


def test_an_upload_that_the_storage_lost_is_sent_once_more(crooked: Crooked, rawmill: Rawmill, shoot: Path) -> None:
    crooked.loses = 2
    assert rawmill.submit([shoot / "day 2"], recipe=RECIPE).is_good
    assert crooked.count("PUT", "/storage/") == 6
    assert crooked.loses == 0


def test_an_image_that_somebody_else_uploaded_meanwhile_is_no_failure(
    crooked: Crooked, rawmill: Rawmill, shoot: Path
) -> None:
    real = crooked.upload_document

    def overtaken(job_id: str, image: CrookedImage, sha256: str | None) -> dict[str, Any]:
        image.content, image.uploaded = (shoot / image.name).read_bytes(), True
        crooked.develop(crooked.jobs[job_id], image)
        return real(job_id, image, sha256)

    crooked.upload_document = overtaken  # type: ignore[method-assign]
    heard = Heard()
    assert rawmill.submit([shoot], recipe=RECIPE, progress=heard).is_good
    assert crooked.count("PUT", "/storage/") == 0
    assert heard.done == heard.totals


def test_a_rendition_that_arrives_with_other_bytes_is_downloaded_again(
    crooked: Crooked, rawmill: Rawmill, shoot: Path, tmp_path: Path
) -> None:
    job_id = rawmill.submit([shoot / "big.dng"], recipe=RECIPE).job.job_id
    (image,) = crooked.jobs[job_id].images
    size_bytes = len(crooked.renditions(image)["thumb"])
    crooked.lay("GET", "thumb", times=2, status=200, body=bytes(size_bytes))
    heard = Heard()
    rawmill.download(job_id, tmp_path / "out", progress=heard)
    assert (tmp_path / "out" / "big.thumb.jpg").read_bytes() == crooked.renditions(image)["thumb"]
    assert heard.done == heard.totals


def test_files_that_are_there_are_not_downloaded_again_but_wrong_ones_are(
    crooked: Crooked, rawmill: Rawmill, shoot: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job_id = rawmill.submit([shoot], recipe=RECIPE, out=out).job.job_id
    before = _files(out)
    asked = crooked.count("GET", r"\.jpg")
    again = rawmill.download(job_id, out)
    assert all(isinstance(file, Downloaded) and file.skipped for file in again)
    assert crooked.count("GET", r"\.jpg") == asked
    damaged = out / "big.4k.jpg"
    damaged.write_bytes(bytes(len(before["big.4k.jpg"])))
    (out / "big.thumb.jpg").write_bytes(b"short")
    rawmill.download(job_id, out)
    assert _files(out) == before
    assert crooked.count("GET", r"\.jpg") == asked + 2


def test_an_archive_that_breaks_off_goes_on_where_it_stood(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    crooked.lay("GET", "archive.zip", times=2, after_bytes=100_000)
    submission = new_client().submit([shoot], recipe=RECIPE, out=out, archive=True)
    (job,) = crooked.jobs.values()
    assert _files(out) == {f"{job.job_id}.zip": crooked.archive(job)}
    with zipfile.ZipFile(out / f"{submission.job.job_id}.zip") as archive:
        assert archive.testzip() is None
    ranges = [each.get("range") for each in crooked.headers_seen if "archive.zip" in each["path"]]
    assert ranges[0] is None
    assert ranges[1] == "bytes=100000-"


def test_a_job_without_an_archive_says_so(crooked: Crooked, rawmill: Rawmill, shoot: Path, tmp_path: Path) -> None:
    crooked.held.set()
    job_id = rawmill.submit([shoot], recipe=RECIPE, wait=False).job.job_id
    with pytest.raises(UsageError, match="pending: it has no archive"):
        rawmill.download(job_id, tmp_path / "out", archive=True)


def test_jobs_are_listed_page_by_page_and_cancelled(crooked: Crooked, rawmill: Rawmill, shoot: Path) -> None:
    crooked.held.set()
    for _ in range(3):
        rawmill.submit([shoot / "big.dng"], recipe=RECIPE, wait=False)
    newest, *_ = jobs = list(rawmill.jobs())
    assert len(jobs) == 3
    assert rawmill.cancel(newest.job_id).status is JobStatus.CANCELLED
    with pytest.raises(UsageError, match="'nothing' is no job's id"):
        rawmill.job("nothing")


def test_an_interrupted_submission_stops_soon_and_goes_on_later(
    crooked: Crooked, new_client: Callable[..., Rawmill], shoot: Path, tmp_path: Path
) -> None:
    class Impatient(Heard):
        def advance(self, phase: Phase, amount: int) -> None:
            super().advance(phase, amount)
            if self.done[phase] > 300_000:
                raise Interrupted("interrupted")

    with pytest.raises(Interrupted):
        new_client().submit([shoot], recipe=RECIPE, out=tmp_path / "out", progress=Impatient())
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("rawmill-transfer")]
    assert not threads
    assert new_client().resume(shoot).is_good
    _check_all_there(crooked, shoot, tmp_path / "out")
