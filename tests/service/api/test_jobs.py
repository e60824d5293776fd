"""Jobs over HTTP: posted at once, listed in pages, seen only by their tenant, cancelled."""

import pytest

from tests.service.api.conftest import Caller

JOB = {"recipe": "default", "files": [{"name": "a.dng", "size_bytes": 100}]}


def test_a_job_is_accepted_with_its_images_and_nothing_is_done_yet(acme: Caller) -> None:
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
