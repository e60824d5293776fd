"""Who may call, how often, with what kind of request; what every answer carries; health."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from limits import RateLimitItemPerMinute

from service.api import limits
from service.aws import storage
from service.aws.errors import AwsError
from service.config import WebConfig
from service.jobs import api_keys
from service.web.drain import drain
from tests.service.api.conftest import Caller

NAMES = Path(__file__).resolve().parents[3] / "docs" / "runbooks" / "names.sh"
JOB = {"recipe": "default", "files": [{"name": "a.dng", "size_bytes": 100}]}


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer x", "Basic dTpw", "Bearer rawmill_aaaaaaaaaaaa_" + "x" * 43, "Bearer \xff"],
)
def test_without_a_valid_key_nothing_is_answered(nobody: Caller, header: str | None) -> None:
    answer = nobody("GET", "/v1/jobs", headers={} if header is None else {"Authorization": header})
    answer.problem("unauthenticated", 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_is_refused_at_once(acme: Caller) -> None:
    assert acme("GET", "/v1/jobs").status == 200
    assert acme.token is not None
    assert api_keys.revoke(acme.token.split("_")[1])
    acme("GET", "/v1/jobs").problem("unauthenticated", 401)
    acme("POST", "/v1/jobs", JOB).problem("unauthenticated", 401)


def test_a_key_has_so_many_calls_a_minute_and_another_key_its_own(
    acme: Caller, rival: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "JOBS", RateLimitItemPerMinute(2, namespace="test-jobs"))
    assert [acme("POST", "/v1/jobs", JOB).status for _ in range(2)] == [202, 202]
    refused = acme("POST", "/v1/jobs", JOB)
    refused.problem("too_many_requests", 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert acme("GET", "/v1/jobs").status == 200, "only new jobs are counted here"
    assert rival("POST", "/v1/jobs", JOB).status == 202


def test_without_redis_requests_are_served_and_it_is_logged_once(
    acme: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(limits, "session_store_url", lambda _config: "redis://127.0.0.1:1/0")
    monkeypatch.setattr(limits, "_made", None)
    assert [acme("GET", "/v1/jobs").status for _ in range(3)] == [200, 200, 200]
    assert (caplog.text + capsys.readouterr().out).count("rate_limits_off") == 1


@pytest.mark.parametrize(
    ("headers", "code", "status"),
    [
        ({"Content-Type": "text/plain"}, "unsupported_media_type", 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported_media_type", 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, "unsupported_media_type", 415),
        ({"Content-Type": "application/json; charset=latin-1"}, "unsupported_media_type", 415),
        ({"Transfer-Encoding": "chunked"}, "length_required", 411),
        ({"Host": "evil.example.com"}, "bad_request", 400),
    ],
)
def test_requests_of_another_kind_are_refused(acme: Caller, headers: dict[str, str], code: str, status: int) -> None:
    acme("POST", "/v1/jobs", raw=b"{}", headers=headers).problem(code, status)


def test_a_body_of_more_than_8_mib_is_refused(acme: Caller) -> None:
    acme("POST", "/v1/jobs", raw=b" " * (8 * 1024 * 1024 + 1)).problem("body_too_large", 413)


@pytest.mark.parametrize(("method", "allowed"), [("PUT", "GET, POST"), ("PATCH", "GET, POST"), ("DELETE", "GET, POST")])
def test_another_method_is_told_which_there_are(acme: Caller, method: str, allowed: str) -> None:
    answer = acme(method, "/v1/jobs")
    answer.problem("method_not_allowed", 405)
    assert sorted(answer.headers["Allow"].split(", ")) == allowed.split(", ")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v2/jobs", "/v1/jobs/", "/admin/", "/v1/jobs/../../etc/passwd"])
def test_there_is_nothing_at_other_addresses(acme: Caller, path: str) -> None:
    acme("GET", path).problem("not_found", 404)


def test_what_breaks_inside_is_a_problem_without_a_word_of_ours(
    acme: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_arguments: Any) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("service.jobs.transitions.create_job", broken)
    answer = acme("POST", "/v1/jobs", JOB)
    answer.problem("internal_error", 500)
    assert b"secret inside" not in answer.content
    assert b"Traceback" not in answer.content
    logged = caplog.text + capsys.readouterr().out
    assert "secret inside" in logged, "the operator sees what happened"
    assert answer.headers["X-Request-Id"] in logged


def test_storage_that_does_not_answer_is_a_passing_trouble(acme: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any) -> None:
        raise AwsError("read s3://…: SlowDown")

    job = acme.job(5)
    monkeypatch.setattr(storage.Bucket, "peek", broken)
    answer = acme("POST", f"/v1/jobs/{job['job_id']}/images/{job['first_page']['items'][0]['image_id']}/uploaded")
    answer.problem("storage_unavailable", 503)
    assert "Retry-After" in answer.headers


def test_every_answer_has_an_id_and_tells_browsers_to_keep_out(acme: Caller) -> None:
    for answer in (acme("GET", "/v1/jobs"), acme("GET", "/nowhere"), acme("GET", "/health/")):
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert acme("GET", "/v1/jobs", headers={"X-Request-Id": "trace-0001"}).headers["X-Request-Id"] == "trace-0001"
    forged = acme("GET", "/v1/jobs", headers={"X-Request-Id": "a b\tc" * 30}).headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{32}", forged)
    assert "Strict-Transport-Security" in acme("GET", "/v1/jobs", headers={"X-Forwarded-Proto": "https"}).headers


def test_the_kinds_of_problems_are_explained_where_their_type_points(acme: Caller, nobody: Caller) -> None:
    problem = acme("GET", "/nowhere").json
    explained = nobody("GET", problem["type"].removeprefix("http://127.0.0.1:8000"))
    assert (explained.status, explained.json["code"]) == (200, "not_found")
    assert explained.json["remedy"]
    nobody("GET", "/v1/problems/no-such").problem("not_found", 404)


def test_health_is_answered_whatever_the_host_header_says(nobody: Caller) -> None:
    answer = nobody("GET", "/health/", headers={"Host": "10.0.11.7:80"})
    assert (answer.status, answer.json) == (200, {"status": "ok"})


def test_health_says_no_while_the_task_leaves(nobody: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(drain), "leaving", property(lambda _self: True))
    nobody("GET", "/health/").problem("not_ready", 503)


def test_health_says_no_without_the_latest_migration(nobody: Caller) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'jobs'")
    assert "migrations" in nobody("GET", "/health/").problem("not_ready", 503)["detail"]


def test_health_says_no_without_a_database(nobody: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: Any) -> None:
        raise OSError("connection refused")

    monkeypatch.setattr("service.database.base.DatabaseWrapper.cursor", refused)
    nobody("GET", "/health/").problem("not_ready", 503)


def test_deep_health_names_every_dependency_and_no_secret(nobody: Caller, service: WebConfig) -> None:
    answer = nobody("GET", "/health/deep/")
    assert answer.status == 200, answer.content
    assert {name: entry["status"] for name, entry in answer.json["dependencies"].items()} == dict.fromkeys(
        ("database", "session_store", "queue", "storage", "upload_signer", "download_signer"), "ok"
    )
    assert service.queue_url.encode() not in answer.content


def test_deep_health_is_not_there_for_strangers_from_outside(acme: Caller, nobody: Caller) -> None:
    outside = {"X-Forwarded-For": "203.0.113.9"}
    nobody("GET", "/health/deep/", headers=outside).problem("not_found", 404)
    assert acme("GET", "/health/deep/", headers=outside).status == 200


def test_the_runbooks_command_asks_for_deep_health_with_a_key_that_is_on_no_command_line(
    acme: Caller, nobody: Caller, tmp_path: Path
) -> None:
    del acme  # its tenant is there
    token = api_keys.create(tenant="acme", name="night").token
    curl, aws = tmp_path / "curl", tmp_path / "aws"
    curl.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$CALL"\nexec cat > "$SENT"\n', encoding="utf-8")
    aws.write_text('#!/bin/sh\necho "Url https://rawmill.example.com"\n', encoding="utf-8")
    for program in (curl, aws):
        program.chmod(0o755)
    call, sent = tmp_path / "call", tmp_path / "sent"
    told = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALL": str(call), "SENT": str(sent)}
    command = ["/usr/bin/env", "bash", "-c", f"source {NAMES} prod && health"]
    without = subprocess.run(command, env=told, capture_output=True, text=True, check=False, timeout=60)
    assert without.returncode
    assert "API key" in without.stderr
    assert not call.exists()
    subprocess.run(command, env={**told, "RAWMILL_API_KEY": token}, check=True, timeout=60)
    assert token not in call.read_text()
    path = call.read_text().split()[-1].removeprefix("https://rawmill.example.com")
    name, _, value = sent.read_text().strip().partition(": ")
    assert nobody("GET", path, headers={name: value, "X-Forwarded-For": "203.0.113.9"}).status == 200


def test_deep_health_names_what_is_broken(nobody: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object) -> None:
        raise AwsError("https://sqs.internal/123456789012/jobs: AccessDenied")

    monkeypatch.setattr("service.aws.queue.Queue.depth", broken)
    answer = nobody("GET", "/health/deep/")
    assert (answer.status, answer.json["status"]) == (503, "degraded")
    assert answer.json["dependencies"]["queue"]["status"] == "failed"
    assert b"123456789012" not in answer.content
