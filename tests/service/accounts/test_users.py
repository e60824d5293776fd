"""The operator's command for users, and what the database holds true about them."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from service.accounts.models import Role, User
from service.config import WebConfig
from service.jobs.models import Tenant


def users(*arguments: str) -> tuple[str, str]:
    """What the command writes: its answer, and its remarks."""
    answer, remarks = io.StringIO(), io.StringIO()
    call_command("users", *arguments, stdout=answer, stderr=remarks)
    return answer.getvalue().strip(), remarks.getvalue()


@pytest.fixture(autouse=True)
def _tenant(service: WebConfig) -> None:
    Tenant.objects.create(slug="acme", name="Acme")


def test_a_user_is_made_with_a_password_that_works_once(caplog: pytest.LogCaptureFixture) -> None:
    password, remarks = users("create", "Ada@Acme.test ", "--tenant", "acme", "--name", "Ada")
    user = User.objects.get()
    assert (user.email, user.role, user.must_choose_password) == ("ada@acme.test", Role.MEMBER, True)
    assert user.check_password(password)
    assert password not in remarks + caplog.text
    assert password not in user.password


def test_a_lasting_password_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a lasting good password\n"))
    answer, _ = users("create", "ada@acme.test", "--tenant", "acme", "--name", "Ada", "--password-stdin")
    assert "lasting" not in answer
    user = User.objects.get()
    assert user.check_password("a lasting good password")
    assert not user.must_choose_password


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["create", "no address", "--tenant", "acme", "--name", "A"], "e-mail address"),
        (["create", "a@b.test", "--tenant", "nobody", "--name", "A"], "no such tenant"),
        (["create", "ada@acme.test", "--tenant", "acme", "--name", "A"], "there is a user"),
        (["reset", "nobody@acme.test"], "no such user"),
        (["create", "a@b.test", "--tenant", "acme", "--name", "A", "--role", "king"], "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments: list[str], fault: str) -> None:
    users("create", "ada@acme.test", "--tenant", "acme", "--name", "Ada")
    with pytest.raises(CommandError, match=fault):
        users(*arguments)
    assert User.objects.count() == 1


def test_an_easy_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("password\n"))
    with pytest.raises(CommandError, match="password"):
        users("create", "ada@acme.test", "--tenant", "acme", "--name", "Ada", "--password-stdin")
    assert not User.objects.exists()


def test_reset_disable_and_sign_out_end_all_sessions() -> None:
    users("create", "ada@acme.test", "--tenant", "acme", "--name", "Ada")
    hashes = {User.objects.get().get_session_auth_hash()}
    for action in ("sign-out", "disable", "reset"):
        users(action, "ada@acme.test")
        hashes.add(User.objects.get().get_session_auth_hash())
    assert len(hashes) == 4
    assert not User.objects.get().is_active
    users("enable", "ada@acme.test")
    assert User.objects.get().is_active


def test_roles_change_and_the_list_shows_them() -> None:
    users("create", "ada@acme.test", "--tenant", "acme", "--name", "Ada")
    users("role", "ada@acme.test", "operator")
    listed, _ = users("list", "acme")
    assert "ada@acme.test\tacme\toperator\tAda\tnever\thas to choose a password" in listed
    assert "ada@acme.test" not in users("list", "nobody")[0]


@pytest.mark.parametrize("fields", [{"email": "Ada@acme.test"}, {"email": "a@b.test", "role": "king"}])
def test_the_database_refuses_what_the_code_would_never_write(fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(name="Ada", tenant_id="acme", password="!", **fields)  # noqa: S106 - no password at all
