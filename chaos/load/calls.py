"""Calls of the API: steady, more than a key may make, more than tasks can answer, more than the database takes."""

import json
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack

import httpx
import psycopg

from bench.service.load import Answers, Request, ask_concurrently
from chaos.field import Field
from chaos.load import Load, Outcome, load
from chaos.suites import Workshop
from local.tasks import Part
from service.api.limits import CALLS, JOBS

_KEYS = 6
_FILES = [{"name": f"IMG_{number:04}.NEF", "size_bytes": 50_000_000} for number in range(20)]
_TIMEOUT_S = 60.0
_GOOD = {200, 202}
_PUSHED_BACK = {429, 503}


def new_keys(target: Field, tenant: str, count: int) -> list[str]:
    """API keys of one new tenant."""
    target.manage("tenants", "create", tenant, "--name", "Load")
    return [target.manage("api_keys", "create", tenant, "--name", f"load-{number}") for number in range(count)]


@load
class Steady(Load):
    name = "steady calls"
    what = "clients that list jobs and post jobs of 20 files, each as soon as it was answered"

    def run(self, target: Field, workshop: Workshop) -> Outcome:
        keys = new_keys(target, "steady", _KEYS)
        size = workshop.size
        # Enough keys, so that none meets its limit of calls or of new jobs.
        most = min(size.calls, CALLS.amount * _KEYS // size.callers // 2)
        listing = [[_listing(target, keys[number % _KEYS])] * most for number in range(size.callers)]
        posting = [[_posting(target, keys[number % _KEYS]) for _ in range(most)] for number in range(size.callers)]
        listed, posted = ask_concurrently(target.url, listing), ask_concurrently(target.url, posting)
        broken = [
            f"{what}: answers by status {answers.statuses}"
            for what, answers in (("GET", listed), ("POST", posted))
            if not set(answers.statuses) <= _GOOD
        ]
        figures = {"clients": size.callers, "list": _figures(listed), "post": _figures(posted)}
        came = f"{size.callers} clients; list: {_words(listed)}; post: {_words(posted)}"
        return Outcome(came=came, figures=figures, broken=tuple(broken))


@load
class TooManyCalls(Load):
    name = "a key beyond its limit"
    what = f"more than the {JOBS.amount} new jobs that one key may post in a minute"

    def run(self, target: Field, workshop: Workshop) -> Outcome:
        del workshop
        [key] = new_keys(target, "eager", 1)
        clients = 40
        # Refused for what they ask, and counted all the same: so the limit is met on slow machines, too.
        empty = _empty(target, key)
        answers = ask_concurrently(target.url, [[empty] * (JOBS.amount * 3 // 2 // clients) for _ in range(clients)])
        headers = {"Authorization": f"Bearer {key}"}
        told = httpx.post(f"{target.url}/v1/jobs", headers=headers, json={}, timeout=_TIMEOUT_S)
        broken = []
        if not set(answers.statuses) <= {422, 429} or told.status_code != httpx.codes.TOO_MANY_REQUESTS:
            broken.append(f"answers by status {answers.statuses}, then {told.status_code}")
        if not told.headers.get("Retry-After", "").isdigit():
            broken.append("429 without Retry-After")
        served = answers.statuses.get(422, 0)
        after = told.headers.get("Retry-After")
        came = f"{served} looked at, {answers.statuses.get(429, 0)} refused with 429, Retry-After {after} s"
        return Outcome(came=came, figures={"statuses": answers.statuses}, broken=tuple(broken))


@load
class DatabaseFull(Load):
    name = "database full"
    what = "others hold all connections that the database has, while users go on asking"

    def run(self, target: Field, workshop: Workshop) -> Outcome:
        del workshop
        [key] = new_keys(target, "patient", 1)
        answers: Counter[int] = Counter()
        without = 0
        with ExitStack() as held:
            _take_all(target, held)
            with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S) as client:
                for _ in range(10):
                    answer = client.get(f"{target.url}/v1/jobs")
                    answers[answer.status_code] += 1
                    without += answer.status_code in _PUSHED_BACK and "Retry-After" not in answer.headers
        target.wait_whole()
        after = httpx.get(f"{target.url}/v1/jobs", headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S)
        broken = []
        if not set(answers) <= _GOOD | _PUSHED_BACK or without:
            broken.append(f"answers by status {dict(answers)}, {without} pushed back without Retry-After")
        if not answers[503]:
            broken.append("nobody was pushed back: the database was not full, the case proves nothing")
        if after.status_code != httpx.codes.OK:
            broken.append(f"{after.status_code} when there was room again")
        came = f"{answers[200]} answered, {answers[503]} told 503 with Retry-After; all answered when there was room"
        return Outcome(came=came, figures={"statuses": dict(answers)}, broken=tuple(broken))


@load
class Crowd(Load):
    name = "a crowd"
    what = "ten times as many clients at once as the tasks have threads"

    def run(self, target: Field, workshop: Workshop) -> Outcome:
        keys = new_keys(target, "crowd", _KEYS)
        threads = 32 * len(target.fleet.tasks(Part.WEB))
        clients = threads * 10 if workshop.size.callers >= 50 else threads * 3
        calls = [[_listing(target, keys[number % _KEYS])] * 5 for number in range(clients)]
        answers = ask_concurrently(target.url, calls)
        strange = {status: count for status, count in answers.statuses.items() if status not in _GOOD | _PUSHED_BACK}
        broken = (f"answers by status {strange}",) if strange else ()
        pushed = sum(answers.statuses.get(status, 0) for status in _PUSHED_BACK)
        came = f"{clients} clients; {_words(answers)}; {pushed} pushed back, {sum(strange.values())} failed"
        return Outcome(came=came, figures={"clients": clients, **_figures(answers)}, broken=broken)


def _take_all(target: Field, held: ExitStack) -> None:
    """Opens sessions until only the superuser has room, and ends those of the service, which come back in vain."""
    told = target.told
    secret = json.loads(
        target.clients.secrets.get_secret_value(SecretId=told["RAWMILL_DATABASE_SECRET_ARN"])["SecretString"]
    )
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'rawmill-%%'"
    for _ in range(3):
        while True:
            try:
                connection = psycopg.connect(
                    host=told["RAWMILL_DATABASE_HOST"],
                    port=told["RAWMILL_DATABASE_PORT"],
                    dbname=told["RAWMILL_DATABASE_NAME"],
                    user=secret["username"],
                    password=secret["password"],
                    connect_timeout=5,
                )
            except psycopg.OperationalError:
                break
            held.enter_context(connection)
        target.rows(end)


def _listing(target: Field, key: str) -> Request:
    return Request.of(target.url, "GET", "/v1/jobs?limit=20", headers={"Authorization": f"Bearer {key}"})


def _empty(target: Field, key: str) -> Request:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return Request.of(target.url, "POST", "/v1/jobs", headers=headers, body=b"{}")


def _posting(target: Field, key: str) -> Request:
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    body = json.dumps({"recipe": "default", "files": _FILES}).encode()
    return Request.of(target.url, "POST", "/v1/jobs", headers=headers, body=body)


def _figures(answers: Answers) -> dict[str, object]:
    return {
        "statuses": answers.statuses,
        "per_second": round(_per_second(answers), 1),
        **{f"p{share}_ms": round(answers.percentile_s(share / 100) * 1000, 1) for share in (50, 95, 99)},
    }


def _per_second(answers: Answers) -> float:
    return len(answers.latencies_s) / answers.took_s if answers.took_s else 0.0


def _words(answers: Answers) -> str:
    p50, p95, p99 = (answers.percentile_s(share) * 1000 for share in (0.5, 0.95, 0.99))
    return f"{_per_second(answers):.0f}/s, p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms"


def counted(statuses: Sequence[int]) -> dict[str, int]:
    """How often each status came."""
    return {str(status): count for status, count in Counter(statuses).items()}
