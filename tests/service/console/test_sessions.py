"""Signing in and out: who gets in, what a stranger learns from trying, and when sessions end."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import caches
from django.test import RequestFactory
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from service.accounts import people
from service.accounts.models import Role, User
from service.accounts.sessions import SessionStore
from service.config import WebConfig
from service.console import attempts
from service.jobs.models import Tenant
from tests.service.console.conftest import FORM, PASSWORD, Browser

MakeUser = Callable[..., User]
CLIENT_OF = attempts.client_of


@pytest.fixture(autouse=True)
def _other_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is shared by all tests: each comes from an address of its own."""
    here = uuid4().hex
    monkeypatch.setattr(attempts, "client_of", lambda _request: here)


def address() -> str:
    """Of somebody whom no other test knows."""
    return f"ada-{uuid4().hex[:12]}@acme.test"


def test_a_user_signs_in_and_sees_their_jobs(make_user: MakeUser) -> None:
    user = make_user(address())
    browser = Browser()
    answer = browser.sign_in(user.email.upper())
    assert answer.status_code == 302
    assert answer["Location"] == "/jobs/"
    assert browser.get("/jobs/").status_code == 200
    user.refresh_from_db()
    assert user.last_login is not None


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page_and_back(make_user: MakeUser) -> None:
    user = make_user(address())
    browser = Browser()
    led = browser.get("/jobs/?status=failed")
    assert led["Location"] == "/sign-in/?next=%2Fjobs%2F%3Fstatus%3Dfailed"
    back = browser.submit(
        "/sign-in/", {"email": user.email, "password": PASSWORD, "next": "/jobs/?status=failed"}, page="/sign-in/"
    )
    assert back["Location"] == "/jobs/?status=failed"


ELSEWHERE = (
    *("https://evil.test/", "//evil.test/", "///evil.test", "https:evil.test", "javascript:alert(1)", "data:,x"),
    *("/\\evil.test", "\\\\evil.test", "/\t/evil.test", "\t//evil.test", "/\n/evil.test", "\x01//evil.test", "\x00"),
    *("http://127.0.0.1@evil.test/", "//evil.test\\@127.0.0.1/", "http://[", "jobs/"),
)
"""Where a page of somebody else would like to lead a user of ours, in the ways that browsers read."""


@pytest.mark.parametrize("next_", ELSEWHERE)
def test_nobody_is_led_to_another_site_after_signing_in(make_user: MakeUser, next_: str) -> None:
    user = make_user(address())
    answer = Browser().submit("/sign-in/", {"email": user.email, "password": PASSWORD, "next": next_}, page="/sign-in/")
    assert answer["Location"] == "/jobs/"


def test_nobody_is_led_to_another_site_by_choosing_a_language_and_no_header_is_split(ada: Browser) -> None:
    for next_ in (*ELSEWHERE, "/jobs/\r\nSet-Cookie: a=b"):
        answer = ada.submit("/language/", {"language": "ko", "next": next_}, page="/jobs/")
        to = answer.headers.get("Location", "/")
        assert to.startswith("/") or to == "jobs/", next_
        assert not to.startswith(("//", "/\\")), next_
        assert not any(ord(character) < 32 for character in to)
        assert "a" not in answer.cookies


def test_a_stranger_does_not_learn_which_addresses_there_are(make_user: MakeUser) -> None:
    known = make_user(address())
    disabled = make_user(address())
    people.set_active(disabled, active=False)
    pages = {
        _without_tokens(answer.content.decode().replace(email, "ADDRESS"))
        for email, password in (
            (known.email, "wrong password here"),
            (address(), "wrong password here"),
            (disabled.email, PASSWORD),
        )
        if (answer := Browser().sign_in(email, password)).status_code == 401
    }
    assert len(pages) == 1


def _without_tokens(page: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page)


def test_the_password_of_an_address_is_hashed_whether_there_is_a_user_or_not(
    make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user(known := address())
    hashed: list[str] = []
    monkeypatch.setattr(User, "set_password", lambda _self, given: hashed.append(given))
    checked: list[str] = []

    def check(_user: User, given: str) -> bool:
        checked.append(given)
        return False

    monkeypatch.setattr(User, "check_password", check)
    Browser().sign_in(known, "guess one two three")
    Browser().sign_in(address(), "guess one two three")
    assert (len(checked), len(hashed)) == (1, 1)


def test_guessing_is_stopped_for_one_client_and_others_get_in(
    make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user(address())
    most = attempts.PER_CLIENT_AND_ADDRESS.amount
    for _ in range(most):
        assert Browser().sign_in(user.email, "not the password").status_code == 401
    refused = Browser().sign_in(user.email)
    assert refused.status_code == 429, "even the right password is not looked at"
    assert 0 < int(refused["Retry-After"]) <= 15 * 60
    monkeypatch.setattr(attempts, "client_of", lambda _request: uuid4().hex)
    assert Browser().sign_in(user.email).status_code == 302


def test_whoever_knows_the_password_may_sign_in_as_often_as_they_like(make_user: MakeUser) -> None:
    user = make_user(address())
    for _ in range(attempts.PER_CLIENT_AND_ADDRESS.amount + 2):
        assert Browser().sign_in(user.email).status_code == 302


def test_the_client_is_who_the_load_balancer_says() -> None:
    said = RequestFactory().get("/", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})
    assert CLIENT_OF(said) == "203.0.113.9"
    assert CLIENT_OF(RequestFactory().get("/")) == "127.0.0.1"


def test_a_session_that_somebody_planted_before_is_worth_nothing_after_signing_in(make_user: MakeUser) -> None:
    user = make_user(address())
    planted = SessionStore()
    planted["planted"] = True
    planted.save()
    browser = Browser()
    browser.cookies[settings.SESSION_COOKIE_NAME] = str(planted.session_key)
    browser.sign_in(user.email)
    assert browser.cookies[settings.SESSION_COOKIE_NAME].value != planted.session_key
    attacker = Browser()
    attacker.cookies[settings.SESSION_COOKIE_NAME] = str(planted.session_key)
    assert attacker.get("/jobs/").status_code == 302


def test_signing_out_ends_the_session_in_the_store(ada: Browser) -> None:
    cookie = ada.cookies[settings.SESSION_COOKIE_NAME].value
    assert ada.submit("/sign-out/")["Location"] == "/sign-in/"
    thief = Browser()
    thief.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert thief.get("/jobs/").status_code == 302


def test_signing_out_everywhere_ends_all_sessions_and_no_api_key(make_user: MakeUser) -> None:
    user = make_user(address())
    here, elsewhere = Browser(user), Browser(user)
    assert elsewhere.get("/jobs/").status_code == 200
    here.submit("/sign-out-everywhere/")
    assert elsewhere.get("/jobs/").status_code == 302
    assert here.get("/jobs/").status_code == 302


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(make_user: MakeUser) -> None:
    user = make_user(address())
    browser = Browser()
    browser.sign_in(user.email)
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        cookie = browser.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize(("public_url", "encrypted"), [("https://photos.test", True), ("http://127.0.0.1:8000", False)])
def test_cookies_are_secure_wherever_the_public_address_is(
    service_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, public_url: str, *, encrypted: bool
) -> None:
    import importlib

    from service import runtime
    from service import settings as module

    service_environment["RAWMILL_PUBLIC_URL"] = public_url
    monkeypatch.setattr(runtime, "_config", WebConfig.from_environment(service_environment))
    fresh = importlib.reload(module)
    assert fresh.SESSION_COOKIE_SECURE is encrypted
    assert fresh.CSRF_COOKIE_SECURE is encrypted
    assert fresh.SESSION_COOKIE_NAME.startswith("__Host-") is encrypted


def test_a_one_time_password_opens_nothing_but_the_page_to_choose_one(service: WebConfig) -> None:
    Tenant.objects.create(slug="acme", name="Acme")
    user, password = people.create(email=address(), name="New", tenant="acme", role=Role.MEMBER)
    browser = Browser()
    assert browser.sign_in(user.email, password)["Location"] == "/choose-password/"
    assert browser.get("/jobs/")["Location"] == "/choose-password/"
    assert browser.get("/v1/jobs").status_code == 401
    page = browser.submit("/choose-password/", {"new": password, "again": password}, page="/choose-password/")
    assert page.status_code == 400, "the same one would still be known to somebody else"
    chosen = "something of my own choice"
    done = browser.submit("/choose-password/", {"new": chosen, "again": chosen}, page="/choose-password/")
    assert done["Location"] == "/jobs/"
    assert browser.get("/jobs/").status_code == 200
    assert Browser().sign_in(user.email, password).status_code == 401
    assert Browser().sign_in(user.email, chosen).status_code == 302


def test_a_one_time_password_ends_after_its_time(service: WebConfig) -> None:
    Tenant.objects.create(slug="acme", name="Acme")
    user, password = people.create(email=address(), name="New", tenant="acme", role=Role.MEMBER)
    user.one_time_until = timezone.now() - timedelta(seconds=1)
    user.save()
    assert Browser().sign_in(user.email, password).status_code == 401


@pytest.mark.parametrize(
    ("new", "again", "fault"),
    [
        ("short", "short", "at least 12"),
        ("password1234", "password1234", "commonly used"),
        ("one two three four", "one two three five", "differ"),
        ("x" * 2000, "x" * 2000, "too long"),
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused(ada: Browser, new: str, again: str, fault: str) -> None:
    page = ada.submit("/account/", {"current": PASSWORD, "new": new, "again": again})
    assert page.status_code == 400
    assert fault in page.content.decode()


def test_changing_the_password_needs_the_old_one_and_ends_other_sessions(make_user: MakeUser) -> None:
    user = make_user(address())
    here, elsewhere = Browser(user), Browser(user)
    new = {"new": "another good password", "again": "another good password"}
    assert here.submit("/account/", {"current": "wrong", **new}).status_code == 400
    assert here.submit("/account/", {"current": PASSWORD, **new}).status_code == 302
    assert here.get("/jobs/").status_code == 200
    assert elsewhere.get("/jobs/").status_code == 302


def test_a_form_without_the_token_of_its_page_changes_nothing(make_user: MakeUser) -> None:
    user = make_user(address())
    browser = Browser(user)
    answer = browser.post("/sign-out-everywhere/", "", content_type=FORM)
    assert answer.status_code == 403
    assert "expired" in answer.content.decode()
    assert browser.get("/jobs/").status_code == 200


def test_without_the_session_store_pages_say_so_and_keys_go_on_working(
    ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise RedisConnectionError("gone")

    monkeypatch.setattr(type(caches["default"]), "get", gone)
    page = ada.get("/jobs/")
    assert page.status_code == 503
    assert "Not available right now" in page.content.decode()
    assert ada.get("/v1/jobs").json()["code"] == "database_unavailable"
