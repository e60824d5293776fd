"""Every address called as everybody: nobody gets more than its rule says, and no address is without a rule."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from service.accounts import people
from service.accounts.models import Role, User
from service.api import events
from service.config import WebConfig
from service.jobs import api_keys
from service.jobs.models import Tenant
from tests.platform import Resources
from tests.service.access.rules import RULES, Answer, Caller, expected, table

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
HTML = "text/html,application/xhtml+xml"
FORM = "application/x-www-form-urlencoded"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "security.md"
SERVED = {("POST /sign-in/", "401"), ("POST /sign-out/", "sign in"), ("POST /sign-out-everywhere/", "sign in")}
"""What these answer when they have done what they do: the password is wrong; whoever signed out may sign in again."""
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@pytest.fixture
def resources(shared_resources: Resources) -> Resources:
    """In the place of new ones: what a test puts there is under ids of its own."""
    return shared_resources


class World:
    """Two tenants, their keys and users, one job with a picture, and a way to call anything as anybody."""

    def __init__(self) -> None:
        for slug in ("acme", "rival", "ops"):
            Tenant.objects.get_or_create(slug=slug, defaults={"name": slug})
        key = api_keys.create(tenant="acme", name="acme's secret key name").token
        revoked, expired = (api_keys.create(tenant="acme", name="old").token for _ in range(2))
        api_keys.revoke(revoked.split("_")[1])
        with connection.cursor() as cursor:
            prefix = expired.split("_")[1]
            cursor.execute(
                "UPDATE api_keys SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second' "
                "WHERE prefix = %s",
                [prefix],
            )
        self.tokens = {
            Caller.MALFORMED: "rawmill_x",
            Caller.WRONG: f"{key[:-43]}{'x' * 43}",
            Caller.EXPIRED: expired,
            Caller.REVOKED: revoked,
            Caller.KEY: key,
            Caller.OTHER_KEY: api_keys.create(tenant="rival", name="r").token,
        }
        self.users = {
            Caller.MEMBER: user("ada@acme.test", "acme"),
            Caller.OTHER_MEMBER: user("rita@rival.test", "rival"),
            Caller.OPERATOR: user("olga@ops.test", "ops", role=Role.OPERATOR),
            Caller.FIRST_PASSWORD: user("new@acme.test", "acme", one_time=True),
            Caller.ENDED: user("gone@acme.test", "acme"),
        }
        self.key = key
        self.sessions = {}
        for caller, someone in self.users.items():
            client = Client(headers={"Accept": HTML})
            client.force_login(someone)
            self.sessions[caller] = client.cookies[settings.SESSION_COOKIE_NAME].value
        people.end_sessions(self.users[Caller.ENDED])

    def fresh(self) -> Mapping[str, str]:
        """Ids of a job of acme's with one image, and of a key of acme's."""
        files = [{"name": "ACME-SECRET-NAME.dng", "size_bytes": 100}]
        made = Client().post(
            "/v1/jobs",
            json.dumps({"recipe": "default", "files": files}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.key}"},
        )
        assert made.status_code == 202, made.content
        job = made.json()
        return {
            "job_id": job["job_id"],
            "image_id": job["first_page"]["items"][0]["image_id"],
            "prefix": api_keys.create(tenant="acme", name="ACME-SECRET-NAME").prefix,
            "code": "not_found",
            "version": "0",
            "rest": "console/app.css",
        }

    def call(self, caller: Caller, method: str, address: str, body: tuple[bytes, str]) -> Any:
        """One request."""
        client = Client(enforce_csrf_checks=True, raise_request_exception=False, headers={"Accept": HTML})
        headers = {}
        if caller in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[caller]}"
        session = self.sessions.get(Caller.MEMBER if caller is Caller.FORGED else caller)
        if session is not None:
            client.cookies[settings.SESSION_COOKIE_NAME] = session
        if caller is Caller.FORGED:
            headers |= {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
        else:
            # The token of our own sign-in page, as a browser has it that was there.
            client.cookies[settings.CSRF_COOKIE_NAME] = headers["X-CSRFToken"] = "a" * 32
        return client.generic(method, address, *body, headers=headers)


def user(email: str, tenant: str, *, role: Role = Role.MEMBER, one_time: bool = False) -> User:
    """Somebody, without the time that a real password hash takes."""
    return User.objects.create(
        email=email,
        name=email,
        tenant_id=tenant,
        role=role,
        password="!",  # noqa: S106 - none that could be typed
        one_time_until=timezone.now() + timedelta(days=1) if one_time else None,
    )


@pytest.fixture
def world(service: WebConfig, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everybody."""
    monkeypatch.setattr(events, "LONGEST_S", 0.0)
    monkeypatch.setattr(events, "LOOK_EVERY_S", 0.0)
    return World()


def addresses() -> list[str]:
    """Every address that there is, with its parameters: `/v1/jobs/<job_id>`."""

    def walk(resolver: Any, prefix: str) -> Iterator[str]:
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLPattern):
                yield prefix + str(pattern.pattern)
            else:
                yield from walk(pattern, prefix + str(pattern.pattern))

    return sorted({"/" + _PARAMETER.sub(r"<\1>", found) for found in walk(get_resolver(), "")})


def filled(address: str, ids: Mapping[str, str]) -> str:
    """An address with these ids."""
    return _PARAMETER.sub(lambda found: ids[found[1]], address)


def bodies(address: str, ids: Mapping[str, str]) -> tuple[bytes, str]:
    """A body that the call takes, so that nothing but the caller can be wrong."""
    given: dict[str, Any] = {}
    if address == "/v1/jobs":
        given = {"recipe": "default", "files": [{"name": "a.dng", "size_bytes": 5}]}
    elif address.endswith(("/uploads", "<job_id>/uploaded")):
        given = {"images": [{"image_id": ids["image_id"]}]}
    elif not address.startswith("/v1/"):
        return urlencode({"name": "n", "language": "en"}).encode(), FORM
    return json.dumps(given).encode() if given else b"", "application/json"


def told(response: Any) -> str:
    """An answer in one word."""
    to = response.headers.get("Location", "")
    if response.status_code in {301, 302, 303} and to.startswith("/sign-in/"):
        return "sign in"
    if response.status_code in {301, 302, 303} and to.startswith("/choose-password/"):
        return "choose a password"
    if response.status_code in {401, 403, 404}:
        return str(response.status_code)
    if response.status_code == 503 and b'"dependencies"' in response.content:
        return "yes"  # the health of a loaded machine, told in full
    return "yes" if response.status_code < 500 else f"{response.status_code} {response.content[:200]!r}"


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def test_every_address_has_a_rule_and_every_rule_an_address(world: World) -> None:
    """A new route without a rule fails here: decide who may call it, and say so in rules.py."""
    nothing = {name: str(uuid4()) for name in ("job_id", "image_id")} | {
        "prefix": "aaaaaaaaaaaa", "code": "not_found", "version": "0", "rest": "console/app.css"
    }  # fmt: skip
    found = set()
    for address in addresses():
        for method in METHODS:
            at = filled(address, nothing)
            caller = Caller.KEY if address.startswith("/v1/") else Caller.OPERATOR
            response = world.call(caller, method, at, bodies(address, nothing))
            if response.status_code == 405 or (response.status_code == 404 and "<" not in address):
                continue
            found.add(f"{method} {address}")
    assert (found - set(RULES), set(RULES) - found) == (set(), set())


@pytest.mark.parametrize("caller", list(Caller))
def test_nobody_gets_more_than_the_rules_say(world: World, caller: Caller) -> None:
    found, wanted = {}, {}
    for call in RULES:
        method, _, address = call.partition(" ")
        ids = world.fresh()
        response = world.call(caller, method, filled(address, ids), bodies(address, ids))
        answer, rule = told(response), expected(call, caller)
        if rule is Answer.OWN:
            rule = Answer.YES
        if caller in {Caller.MEMBER, Caller.FORGED} and address.endswith("camera.jpg") and answer == "404":
            answer = "yes"  # its own image, which is not uploaded yet
        if rule is Answer.YES and (call, answer) in SERVED:
            answer = "yes"
        found[call], wanted[call] = answer, rule.value
        if caller not in {Caller.KEY, Caller.MEMBER, Caller.FORGED}:
            said = body_of(response)
            for secret in (ids["job_id"], ids["image_id"], "ACME-SECRET-NAME", ids["prefix"], world.key):
                echoed = secret in address or secret in filled(address, ids)
                assert echoed or secret.encode() not in said, f"{caller} learns {secret} from {call}"
    assert {call: answer for call, answer in found.items() if answer != wanted[call]} == {}, wanted


def test_the_page_shows_the_rules_as_they_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition("<!-- made by tests/service/access/rules.py -->\n")[2].partition("<!-- end -->")[0]
    assert shown.strip() == table().strip(), "run: make service-docs"
