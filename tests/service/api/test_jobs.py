"""Jobs over HTTP: posted at once, listed in pages, seen only by their tenant, cancelled; and what is refused."""

import base64
import io
import json
import threading
import unicodedata
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image as Picture

from service.api import events
from service.aws.storage import Bucket
from service.jobs import transitions
from service.jobs.models import Job
from service.jobs.records import ArchiveClaim, Claim, Outcome, StoredRendition
from tests.service.api.conftest import RAW, Caller, upload

FILES = [{"name": "a.dng", "size_bytes": 100}]
JOB = {"recipe": "default", "files": FILES}
RECIPE = {"renditions": [{"name": "web", "long_edge_px": 1600}]}


def test_a_job_is_accepted_with_its_images_and_nothing_is_done_yet(
    acme: Caller, messages: Callable[[], list[Any]]
) -> None:
    answer = acme("POST", "/v1/jobs", {**JOB, "files": [{"name": n, "size_bytes": 5} for n in ("b.cr3", "a.nef")]})
    assert answer.status == 202
    job = answer.json
    assert job["status"] == "pending"
    assert job["images"] == {"total": 2, "completed": 0, "failed": 0}
    assert job["recipe"]["renditions"] == ["4k", "1080p", "thumb"]
    assert [image["name"] for image in job["first_page"]["items"]] == ["b.cr3", "a.nef"]
    assert answer.headers["Location"] == f"/v1/jobs/{job['job_id']}"
    again = acme("GET", answer.headers["Location"])
    assert again.json == {key: value for key, value in job.items() if key != "first_page"}
    assert messages() == []


def test_a_recipe_can_be_given_as_settings_and_is_kept_complete(acme: Caller) -> None:
    job = acme("POST", "/v1/jobs", {"recipe": {"name": "mine", **RECIPE}, "files": FILES}).json
    assert (job["recipe"]["name"], job["recipe"]["renditions"]) == ("mine", ["web"])
    assert Job.objects.get(job_id=job["job_id"]).recipe["tier"] == "standard"


@pytest.mark.parametrize(
    ("recipe", "pointer", "words"),
    [
        ("no-such", "#/recipe", "the presets are"),
        ("../../etc/passwd", "#/recipe", "the presets are"),
        ({}, "#/recipe/renditions", "required"),
        ({"renditions": []}, "#/recipe/renditions", "at least 1"),
        ({"renditions": [{"name": "x", "long_edge_px": 5}]}, "#/recipe/renditions/0/long_edge_px", "16"),
        ({**RECIPE, "colour": "red"}, "#/recipe/colour", "unknown key"),
        ({**RECIPE, "watermark": {"logo": "/etc/passwd"}}, "#/recipe/watermark/logo", "data:image"),
        (
            {**RECIPE, "watermark": {"logo": "data:image/png;base64,AAAA"}},
            "#/recipe/watermark/logo",
            "not an image",
        ),
        ({**RECIPE, "filters": [{"kind": "custom", "name": "sepia"}]}, "#/recipe/filters", "no such filter"),
        ({**RECIPE, "filters": [{"kind": "custom", "name": "x", "params": {"a": "\0"}}]}, "#/recipe", "NUL"),
        ({**RECIPE, "filters": [{"kind": "custom", "name": "x", "params": {"a": "\ud800"}}]}, "#/recipe", "stored"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_explained(acme: Caller, recipe: Any, pointer: str, words: str) -> None:
    problem = acme("POST", "/v1/jobs", {"recipe": recipe, "files": FILES}).problem("invalid_recipe", 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert words in problem["detail"]
    assert "/tmp" not in json.dumps(problem)


def test_every_fault_of_a_recipe_has_its_place(acme: Caller) -> None:
    recipe = {"renditions": [{"name": "BAD", "long_edge_px": 5}], "tier": "best?"}
    problem = acme("POST", "/v1/jobs", {"recipe": recipe, "files": FILES}).problem("invalid_recipe", 422)
    assert {error["pointer"] for error in problem["errors"]} == {
        "#/recipe/renditions/0/name",
        "#/recipe/renditions/0/long_edge_px",
        "#/recipe/tier",
    }


def test_a_watermark_comes_with_the_recipe_as_a_data_uri(acme: Caller) -> None:
    logo = io.BytesIO()
    Picture.new("RGBA", (8, 8), (255, 0, 0, 128)).save(logo, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(logo.getvalue()).decode()}"
    recipe = {**RECIPE, "watermark": {"logo": uri}}
    job = acme("POST", "/v1/jobs", {"recipe": recipe, "files": FILES})
    assert job.status == 202, job.content
    assert Job.objects.get(job_id=job.json["job_id"]).recipe["watermark"]["logo"] == uri


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"", "invalid_request", 422),
        (b"{", "malformed_json", 400),
        (b'{"recipe": NaN}', "malformed_json", 400),
        (b"\xff\xfe", "malformed_json", 400),
        (b"[" * 100_000, "malformed_json", 400),
        (b'{"recipe": "default", "files": ' + b"9" * 5000 + b"}", "malformed_json", 400),
        (b"[]", "invalid_request", 422),
        (b"null", "invalid_request", 422),
        (b'"text"', "invalid_request", 422),
    ],
)
def test_a_body_that_is_no_job_is_refused(acme: Caller, body: bytes, code: str, status: int) -> None:
    acme("POST", "/v1/jobs", raw=body).problem(code, status)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"files": []}, "#/files"),
        ({"files": [{"name": "a", "size_bytes": 1}] * 10_001}, "#/files"),
        ({"files": [{"name": "a.dng", "size_bytes": 0}]}, "#/files/0/size_bytes"),
        ({"files": [{"name": "a.dng", "size_bytes": -1}]}, "#/files/0/size_bytes"),
        ({"files": [{"name": "a.dng", "size_bytes": "100"}]}, "#/files/0/size_bytes"),
        ({"files": [{"name": "a.dng", "size_bytes": True}]}, "#/files/0/size_bytes"),
        ({"files": [{"name": "a.dng", "size_bytes": 1e30}]}, "#/files/0/size_bytes"),
        ({"files": [{"name": "a.dng", "size_bytes": 1.5}]}, "#/files/0/size_bytes"),
        ({"files": [{"name": "a.dng", "size_bytes": 2**40}]}, "#/files/0/size_bytes"),
        ({"files": [{"name": "", "size_bytes": 1}]}, "#/files/0/name"),
        ({"files": [{"name": "a\0.dng", "size_bytes": 1}]}, "#/files/0/name"),
        ({"files": [{"name": "a\n.dng", "size_bytes": 1}]}, "#/files/0/name"),
        ({"files": [{"name": "\ud800", "size_bytes": 1}]}, "#/files/0/name"),
        ({"files": [{"name": "x" * 5000, "size_bytes": 1}]}, "#/files/0/name"),
        ({"files": [{"size_bytes": 1}]}, "#/files/0/name"),
        ({"files": [{"name": "a", "size_bytes": 1, "path": "/"}]}, "#/files/0/path"),
        ({"files": "all"}, "#/files"),
        ({"recipe": None}, "#/recipe"),
        ({"recipe": 5}, "#/recipe"),
        ({"surprise": 1}, "#/surprise"),
    ],
)
def test_values_that_are_not_allowed_are_pointed_at(acme: Caller, change: dict[str, Any], pointer: str) -> None:
    problem = acme("POST", "/v1/jobs", {**JOB, **change}).problem("invalid_request", 422)
    assert problem["errors"][0]["pointer"] == pointer, problem


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "C:\\x.dng", "\u202egnd.exe", "📷" * 100, "a/b/c.dng", ".", "e\u0301.dng"],
)
def test_strange_names_are_data_and_never_keys(acme: Caller, name: str) -> None:
    image = acme.job(5, name=name)["first_page"]["items"][0]
    assert image["name"] == unicodedata.normalize("NFC", name)
    key = Job.objects.get().images.get().source_key
    assert key == f"uploads/acme/{Job.objects.get().job_id}/{image['image_id']}"


def test_ten_thousand_files_are_one_job_in_pages(acme: Caller, queries: Callable[[], int]) -> None:
    before = queries()
    answer = acme("POST", "/v1/jobs", {**JOB, "files": [{"name": f"{n}.dng", "size_bytes": 9} for n in range(10_000)]})
    assert answer.status == 202
    assert queries() - before <= 10, "a job of any size takes as many queries as a small one"
    job = answer.json
    assert len(job["first_page"]["items"]) == 100
    page = acme("GET", f"/v1/jobs/{job['job_id']}/images?limit=100&cursor={job['first_page']['next_cursor']}").json
    assert [image["position"] for image in page["items"]] == list(range(100, 200))


def test_pages_of_images_and_jobs_have_everything_once_and_then_end(acme: Caller) -> None:
    jobs = [acme.job(*[5] * 7)["job_id"] for _ in range(5)]
    assert _all(acme, "/v1/jobs?limit=2", "job_id") == jobs[::-1]
    names = _all(acme, f"/v1/jobs/{jobs[0]}/images?limit=3", "name")
    assert names == [f"IMG_{number}.dng" for number in range(7)]
    assert _all(acme, f"/v1/jobs/{jobs[0]}/images?status=failed", "name") == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "cursor=%00", "cursor=abc", "cursor=WyJ4Il0", "status=done"]
)
def test_pages_that_do_not_exist_are_refused(acme: Caller, query: str) -> None:
    job = acme.job(5)
    for path in ("/v1/jobs", f"/v1/jobs/{job['job_id']}/images"):
        problem = acme("GET", f"{path}?{query}").problem("invalid_request", 422)
        assert problem["errors"][0]["parameter"] == query.partition("=")[0]


def test_the_same_idempotency_key_and_body_give_the_same_job(acme: Caller, rival: Caller) -> None:
    first = acme("POST", "/v1/jobs", JOB, headers={"Idempotency-Key": "k1"})
    spaced = json.dumps({"files": FILES, "recipe": "default"}, indent=4).encode()
    again = acme("POST", "/v1/jobs", raw=spaced, headers={"Idempotency-Key": "k1"})
    assert (again.status, again.json) == (202, first.json)
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert rival("POST", "/v1/jobs", JOB, headers={"Idempotency-Key": "k1"}).json["job_id"] != first.json["job_id"]
    assert acme("POST", "/v1/jobs", JOB).json["job_id"] != first.json["job_id"]


def test_an_idempotency_key_with_another_body_is_refused(acme: Caller) -> None:
    acme("POST", "/v1/jobs", JOB, headers={"Idempotency-Key": "k1"})
    other = {**JOB, "files": [{"name": "a.dng", "size_bytes": 101}]}
    acme("POST", "/v1/jobs", other, headers={"Idempotency-Key": "k1"}).problem("idempotency_key_reused", 422)
    assert Job.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ü"])
def test_an_idempotency_key_that_is_none_is_refused(acme: Caller, key: str) -> None:
    answer = acme("POST", "/v1/jobs", JOB, headers={"Idempotency-Key": key})
    assert answer.problem("invalid_request", 422)["errors"][0]["parameter"] == "Idempotency-Key"


def test_nothing_of_another_tenant_is_there(acme: Caller, rival: Caller) -> None:
    job = acme.job(5)
    job_id, image_id = job["job_id"], job["first_page"]["items"][0]["image_id"]
    mine = rival.job(5)["job_id"]
    one = {"images": [{"image_id": image_id}]}
    for method, path, body in (
        ("GET", f"/v1/jobs/{job_id}", None),
        ("DELETE", f"/v1/jobs/{job_id}", None),
        ("GET", f"/v1/jobs/{job_id}/images", None),
        ("GET", f"/v1/jobs/{job_id}/events", None),
        ("GET", f"/v1/jobs/{job_id}/images/{image_id}", None),
        ("GET", f"/v1/jobs/{mine}/images/{image_id}", None),
        ("GET", f"/v1/jobs/{job_id}/images/{image_id}/upload", None),
        ("POST", f"/v1/jobs/{job_id}/images/{image_id}/upload", {}),
        ("POST", f"/v1/jobs/{mine}/images/{image_id}/upload", {}),
        ("POST", f"/v1/jobs/{job_id}/images/{image_id}/uploaded", {}),
        ("POST", f"/v1/jobs/{job_id}/uploads", one),
        ("POST", f"/v1/jobs/{job_id}/uploaded", one),
    ):
        rival(method, path, body).problem("not_found", 404)
    for path, entries in (("uploads", "uploads"), ("uploaded", "images")):
        (entry,) = rival("POST", f"/v1/jobs/{mine}/{path}", one).json[entries]
        assert entry["problem"]["code"] == "not_found"
    assert _all(rival, "/v1/jobs", "job_id") == [mine]
    assert acme("GET", f"/v1/jobs/{job_id}").json["status"] == "pending"


def test_a_job_that_does_not_exist_is_not_found(acme: Caller) -> None:
    acme("GET", f"/v1/jobs/{uuid.uuid4()}").problem("not_found", 404)
    acme("GET", "/v1/jobs/not-an-id").problem("not_found", 404)
    acme("GET", "/v1/jobs/%00").problem("not_found", 404)


def test_cancelling_ends_what_has_not_started_and_can_be_repeated(acme: Caller) -> None:
    job = acme.job(5, 5)
    path = f"/v1/jobs/{job['job_id']}"
    assert acme("DELETE", path).json["status"] == "cancelled"
    assert acme("DELETE", path).json["status"] == "cancelled"
    images = acme("GET", f"{path}/images").json["items"]
    assert {(image["status"], image["error_code"]) for image in images} == {("failed", "cancelled")}
    image_id = images[0]["image_id"]
    acme("POST", f"{path}/images/{image_id}/upload").problem("job_ended", 409)
    acme("POST", f"{path}/images/{image_id}/uploaded").problem("job_ended", 409)


def test_a_completed_job_and_its_images_have_links_that_live_an_hour(acme: Caller, results: Bucket) -> None:
    job_id, image_id = _developed(acme, results)
    job = acme("GET", f"/v1/jobs/{job_id}").json
    assert (job["status"], job["expires_in"]) == ("completed", 3600)
    download = httpx.get(job["download_url"])
    assert (download.status_code, download.content) == (200, b"zip")
    assert download.headers["Content-Disposition"] == f'attachment; filename="rawmill-{job_id}.zip"'
    image = acme("GET", f"/v1/jobs/{job_id}/images/{image_id}").json
    (rendition,) = image["renditions"]
    assert rendition["file_name"] == "IMG_0-web.jpg"
    assert httpx.get(rendition["url"]).content == b"jpeg"
    assert image["expires_in"] == 3600
    listed = acme("GET", f"/v1/jobs/{job_id}/images").json["items"][0]
    assert listed["renditions"][0]["url"] is None, "pages have no links unless they are asked for"
    linked = acme("GET", f"/v1/jobs/{job_id}/images?links=true").json["items"][0]
    assert httpx.get(linked["renditions"][0]["url"]).content == b"jpeg"
    acme("DELETE", f"/v1/jobs/{job_id}").problem("job_ended", 409)


def test_events_tell_the_job_and_end_with_it(acme: Caller, results: Bucket) -> None:
    job_id, _ = _developed(acme, results)
    answer = acme("GET", f"/v1/jobs/{job_id}/events")
    assert answer.headers["Content-Type"] == "text/event-stream"
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines())
        for block in answer.content.decode().split("\n\n")
        if block
    ]
    assert [block.get("event") for block in blocks] == [None, "job", "end"]
    assert json.loads(blocks[1]["data"])["images"] == {"total": 1, "completed": 1, "failed": 0}
    resumed = acme("GET", f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": blocks[1]["id"]})
    assert b"event: job" not in resumed.content, "what was seen is not sent again"
    assert b"event: end" in resumed.content


def test_more_streams_than_a_task_can_hold_are_sent_away_for_a_while(
    acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_places", threading.BoundedSemaphore(1))
    job = acme.job(5)
    acme("DELETE", f"/v1/jobs/{job['job_id']}")
    for _ in range(3):
        assert acme("GET", f"/v1/jobs/{job['job_id']}/events").status == 200, "an ended stream gives its place back"
    with events._places:
        answer = acme("GET", f"/v1/jobs/{job['job_id']}/events")
    answer.problem("too_many_streams", 503)
    assert int(answer.headers["Retry-After"]) > 0


def _all(caller: Caller, path: str, field: str) -> list[Any]:
    found, cursor = [], None
    while True:
        more = "" if cursor is None else f"{'&' if '?' in path else '?'}cursor={cursor}"
        page = caller("GET", path + more).json
        found += [item[field] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def _developed(acme: Caller, results: Bucket) -> tuple[str, str]:
    """A completed job, its results put in place as a worker would."""
    job = acme.job(len(RAW))
    job_id, image = job["job_id"], job["first_page"]["items"][0]
    assert upload(acme, job, image, RAW).status == 200
    claim = transitions.claim(uuid.UUID(job_id), uuid.UUID(image["image_id"]), worker="test", lease_s=60)
    assert isinstance(claim, Claim)
    key = f"results/acme/{job_id}/{image['image_id']}/0123.jpg"
    results.put(key, b"jpeg", content_type="image/jpeg")
    output = StoredRendition(rendition="web", key=key, width_px=40, height_px=30, size_bytes=4)
    transitions.settle_completed(claim, Outcome(outputs=(output,), verdict="ok"))
    archive = transitions.claim_archive(uuid.UUID(job_id), lease_s=60)
    key = f"results/acme/{job_id}/archive.zip"
    results.put(key, b"zip", content_type="application/zip")
    assert isinstance(archive, ArchiveClaim)
    assert transitions.complete_archive(archive, key=key, size_bytes=3)
    return job_id, image["image_id"]
