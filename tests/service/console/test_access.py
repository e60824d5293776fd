"""Sessions at the API, headers of pages, and what is served to whom."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from service.accounts.models import User
from service.config import WebConfig
from service.console.static_files import STATIC_FOLDER
from tests.service.console.conftest import Browser

JOB = {"recipe": "default", "files": [{"name": "a.dng", "size_bytes": 5}]}


def post_job(browser: Browser, **headers: str) -> Any:
    """As a page does."""
    return browser.post("/v1/jobs", json.dumps(JOB), content_type="application/json", headers=headers)


def test_a_page_calls_the_api_with_the_session_and_its_token(ada: Browser) -> None:
    posted = post_job(ada, **{"X-CSRFToken": ada.token()})
    assert posted.status_code == 202, posted.content
    assert [job["job_id"] for job in ada.get("/v1/jobs").json()["items"]] == [posted.json()["job_id"]]


def test_a_session_without_the_token_changes_nothing(ada: Browser) -> None:
    refused = post_job(ada)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site_request")
    assert ada.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_another_site_cannot_use_a_session(ada: Browser, headers: dict[str, str]) -> None:
    assert ada.get("/v1/jobs", headers=headers).json()["code"] == "cross_site_request"
    assert post_job(ada, **headers, **{"X-CSRFToken": ada.token()}).status_code == 403


def test_the_token_does_not_help_a_page_of_another_origin(ada: Browser) -> None:
    refused = post_job(ada, **{"X-CSRFToken": ada.token(), "Origin": "https://evil.test"})
    assert refused.status_code == 403


def test_a_session_sees_its_own_tenant_alone(ada: Browser, rival: Browser) -> None:
    job = post_job(ada, **{"X-CSRFToken": ada.token()}).json()["job_id"]
    assert rival.get(f"/v1/jobs/{job}").status_code == 404
    assert rival.get("/v1/jobs").json()["items"] == []


def test_a_bearer_token_counts_before_the_session(ada: Browser) -> None:
    assert ada.get("/v1/jobs", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_calls_of_programs_leave_the_session_store_alone(service: WebConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.sessions.backends.cache import SessionStore

    monkeypatch.setattr(SessionStore, "load", lambda _self: pytest.fail("the session was read"))
    browser = Browser()
    answer = browser.get("/v1/jobs", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    assert not {"Vary", "Content-Language", "Set-Cookie"} & set(answer.headers)


def test_a_page_may_load_what_is_ours_and_nothing_inline(ada: Browser) -> None:
    policy = ada.get("/account/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    page = ada.get("/account/").content.decode()
    assert " style=" not in page
    assert "<script>" not in page


def test_storage_is_where_links_lead_in_the_policy(service: WebConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.console.security import content_security_policy

    content_security_policy.cache_clear()
    local = content_security_policy(service)
    assert "http://127.0.0.1:" in local
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    content_security_policy.cache_clear()
    deployed = content_security_policy(service)
    content_security_policy.cache_clear()
    assert f"https://{service.results_bucket}.s3.eu-west-1.amazonaws.com" in deployed
    assert f"img-src 'self' blob: https://{service.results_bucket}.s3" in deployed


def test_static_files_are_kept_for_ever_and_their_address_changes_with_them(service: WebConfig) -> None:
    address = f"{settings.STATIC_URL}console/app.css"
    file = Browser().get(address)
    assert file.status_code == 200
    assert b"".join(file.streaming_content) == (STATIC_FOLDER / "console/app.css").read_bytes()  # type: ignore[attr-defined]
    assert "immutable" in file["Cache-Control"]
    assert file["Content-Type"].startswith("text/css")


def test_a_file_of_another_version_is_found_and_not_kept(service: WebConfig) -> None:
    moved = Browser().get("/static/000000000000/console/app.css")
    assert (moved.status_code, moved["Location"]) == (302, f"{settings.STATIC_URL}console/app.css")
    assert moved["Cache-Control"] == "no-store"
    for path in ("/static/0/../settings.py", "/static/0/..%2f..%2fsettings.py", "/static/0/none.css"):
        assert Browser().get(path).status_code == 404


def test_a_page_that_is_not_there_is_a_page_for_people_and_a_problem_for_programs(ada: Browser) -> None:
    assert "There is nothing here" in ada.get("/nothing/").content.decode()
    program = Browser().get("/nothing/", headers={"Accept": "*/*"})
    assert program.json()["code"] == "not_found"


def test_pages_speak_the_browsers_language_until_another_is_chosen(ada: Browser) -> None:
    korean = {"Accept-Language": "ko-KR,ko;q=0.9"}
    assert '<html lang="ko">' in ada.get("/account/", headers=korean).content.decode()
    assert '<html lang="en">' in ada.get("/account/").content.decode()
    ada.submit("/language/", {"language": "ko", "next": "/account/"})
    assert '<html lang="ko">' in ada.get("/account/").content.decode()
    assert '<html lang="en">' not in ada.get("/account/", headers={"Accept-Language": "en"}).content.decode()


@pytest.mark.parametrize(
    ("kind", "size", "status"),
    [("multipart/form-data; boundary=x", 10, 415), ("application/x-www-form-urlencoded", 2 * 1024**2, 413)],
)
def test_forms_bring_no_files_and_no_end_of_data(
    make_user: Callable[..., User], kind: str, size: int, status: int
) -> None:
    answer = Browser(make_user("ada@acme.test")).generic("POST", "/account/", b"x" * size, kind)
    assert answer.status_code == status
