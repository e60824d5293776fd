"""The console in this process, over a database of its own, and people of two tenants in front of it."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client, override_settings

from service.accounts import people
from service.accounts.models import Role, User
from service.config import WebConfig
from service.jobs.models import Tenant
from tests.platform import Resources

PASSWORD = "correct horse battery staple"  # noqa: S105 - of users who live as long as a test
FORM = "application/x-www-form-urlencoded"
HTML = "text/html,application/xhtml+xml"


@pytest.fixture
def resources(shared_resources: Resources) -> Resources:
    """In the place of new ones for each test; what a test puts there is under ids of its own."""
    return shared_resources


@pytest.fixture(autouse=True)
def _quick_passwords(service: WebConfig) -> Iterator[None]:
    """A hash that takes no time: how long the real one takes is not what these tests are about."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def make_user(service: WebConfig) -> Callable[..., User]:
    """Makes a user with the password above: `make_user("ada@acme.test", tenant="acme", role=Role.OPERATOR)`."""

    def make(email: str, *, tenant: str = "acme", role: Role = Role.MEMBER, name: str = "Ada") -> User:
        Tenant.objects.get_or_create(slug=tenant, defaults={"name": tenant})
        user, _ = people.create(email=email, name=name, tenant=tenant, role=role, password=PASSWORD)
        return user

    return make


class Browser(Client):
    """A browser: it asks for pages, and its forms need the token of the page that they are on."""

    def __init__(self, user: User | None = None) -> None:
        super().__init__(enforce_csrf_checks=True, raise_request_exception=False, headers={"Accept": HTML})
        if user is not None:
            self.force_login(user)

    def submit(self, path: str, fields: dict[str, Any] | None = None, *, page: str = "/account/") -> Any:
        """Sends a form as it stands on `page`."""
        sent = urlencode({**(fields or {}), "csrfmiddlewaretoken": self.token(page)}, doseq=True)
        return self.post(path, sent, content_type=FORM)

    def token(self, page: str = "/account/") -> str:
        """What a page gives its forms and scripts."""
        shown = self.get(page).content.decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown)
        assert found is not None, shown
        return found[1]

    def sign_in(self, email: str, password: str = PASSWORD) -> Any:
        """Through the form."""
        return self.submit("/sign-in/", {"email": email, "password": password}, page="/sign-in/")


@pytest.fixture
def ada(make_user: Callable[..., User]) -> Browser:
    """A member of acme, signed in."""
    return Browser(make_user("ada@acme.test"))


@pytest.fixture
def rival(make_user: Callable[..., User]) -> Browser:
    """A member of another tenant."""
    return Browser(make_user("rita@rival.test", tenant="rival", name="Rita"))


@pytest.fixture
def operator(make_user: Callable[..., User]) -> Browser:
    """Who sees the whole platform."""
    return Browser(make_user("olga@acme.test", role=Role.OPERATOR, name="Olga"))
