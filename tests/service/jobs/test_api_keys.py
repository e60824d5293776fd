"""API keys: shown once, kept as a digest, valid until revoked, expired or replaced."""

import io
import json
import os
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone

from service.jobs import api_keys
from service.jobs.models import ApiKey, Tenant

NAMES = Path(__file__).resolve().parents[3] / "docs" / "runbooks" / "names.sh"


def test_a_token_says_whose_it_is(tenant: str) -> None:
    key = api_keys.create(tenant=tenant, name="CI")
    assert api_keys.authenticate(key.token) == api_keys.Principal(tenant="acme", key_prefix=key.prefix)


def test_the_secret_is_kept_nowhere_and_shown_in_no_representation(tenant: str) -> None:
    key = api_keys.create(tenant=tenant, name="CI")
    secret = key.token.removeprefix(f"rawmill_{key.prefix}_")
    assert len(secret) == 43  # 256 bits
    assert secret not in repr(key)
    row = ApiKey.objects.values().get()
    assert secret not in str(row)
    assert len(bytes(row["digest"])) == 32


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "\n",
        lambda token: token.upper(),
        lambda token: token.replace("rawmill_", "rawmill-"),
        lambda token: token[:8] + "a" * 12 + token[20:],
        lambda token: "Bearer " + token,
        lambda _token: "",
        lambda _token: "rawmill__",
        lambda _token: "rawmill_" + "é" * 12 + "_" + "a" * 43,
        lambda _token: "\x00",
    ],
)
def test_a_token_that_differs_in_anything_is_nobodys(tenant: str, change: Callable[[str], str]) -> None:
    assert api_keys.authenticate(change(api_keys.create(tenant=tenant, name="CI").token)) is None


def test_a_key_with_anothers_secret_is_nobodys(tenant: str) -> None:
    first, second = api_keys.create(tenant=tenant, name="a"), api_keys.create(tenant=tenant, name="b")
    mixed = f"rawmill_{first.prefix}_{second.token.removeprefix(f'rawmill_{second.prefix}_')}"
    assert api_keys.authenticate(mixed) is None
    assert ApiKey.objects.get(prefix=first.prefix).last_used_at is None


def test_a_revoked_key_is_nobodys_at_once(tenant: str) -> None:
    key = api_keys.create(tenant=tenant, name="CI")
    assert api_keys.revoke(key.prefix)
    assert api_keys.authenticate(key.token) is None
    assert not api_keys.revoke(key.prefix)


def test_a_key_ends_with_its_life(tenant: str) -> None:
    key = api_keys.create(tenant=tenant, name="CI", lifetime=timedelta(days=1))
    assert api_keys.authenticate(key.token) is not None
    ApiKey.objects.update(expires_at=timezone.now())
    assert api_keys.authenticate(key.token) is None


def test_a_rotated_key_works_until_its_overlap_ends_and_its_successor_goes_on(tenant: str) -> None:
    old = api_keys.create(tenant=tenant, name="CI")
    new = api_keys.rotate(old.prefix, overlap=timedelta(hours=1))
    assert new is not None
    assert api_keys.authenticate(old.token) is not None
    assert api_keys.authenticate(new.token) == api_keys.Principal(tenant="acme", key_prefix=new.prefix)
    assert ApiKey.objects.get(prefix=new.prefix).name == "CI"

    third = api_keys.rotate(new.prefix, overlap=timedelta(0))
    assert third is not None
    assert api_keys.authenticate(new.token) is None
    assert api_keys.authenticate(third.token) is not None
    assert api_keys.rotate(new.prefix, overlap=timedelta(0)) is None


def test_a_rotation_never_prolongs_a_key(tenant: str) -> None:
    old = api_keys.create(tenant=tenant, name="CI", lifetime=timedelta(minutes=5))
    api_keys.rotate(old.prefix, overlap=timedelta(days=30))
    expires_at = ApiKey.objects.get(prefix=old.prefix).expires_at
    assert expires_at is not None
    assert expires_at < timezone.now() + timedelta(minutes=6)


def test_asking_takes_one_query_and_the_use_is_noted_once_a_minute(tenant: str, queries: Callable[[], int]) -> None:
    key = api_keys.create(tenant=tenant, name="CI")
    before = queries()
    api_keys.authenticate(key.token)
    assert queries() - before == 1
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    api_keys.authenticate(key.token)
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    api_keys.authenticate(key.token)
    last = ApiKey.objects.get().last_used_at
    assert last is not None
    assert last >= first


def test_there_is_no_key_without_a_tenant(tenant: str) -> None:
    with pytest.raises(IntegrityError):
        api_keys.create(tenant="nobody", name="CI")


def test_the_command_prints_the_token_alone_on_standard_output_and_never_again(tenant: str) -> None:
    token, notes = run("api_keys", "create", "acme", "--name", "laptop")
    assert api_keys.authenticate(token.strip()) is not None
    prefix = token.split("_")[1]
    assert "only time" in notes
    assert token.strip() not in notes

    listed, _ = run("api_keys", "list")
    assert f"{prefix}\tacme\tlaptop" in listed
    assert listed.rstrip().endswith("valid")
    assert token.strip() not in listed

    rotated, _ = run("api_keys", "rotate", prefix, "--overlap-hours", "1")
    assert api_keys.authenticate(rotated.strip()) is not None
    assert "valid until" in run("api_keys", "list", "acme")[0]
    assert run("api_keys", "revoke", prefix)[0] == f"key {prefix} revoked\n"
    assert api_keys.authenticate(token.strip()) is None
    assert "revoked" in run("api_keys", "list")[0]


AWS = """#!/bin/sh
case "$1 $2" in
  "ssm get-parameter") printf 'WorkerCluster c\\nWorkerSubnets s\\nMaintenanceTask t\\nMaintenanceContainer m\\n' ;;
  "ecs run-task") printf '%s' "$*" > "$CALL"; echo arn:aws:ecs:eu-west-1:1:task/c/abc ;;
esac
"""


def test_the_operators_shell_makes_a_token_that_works_and_sends_its_digest_alone(tenant: str, tmp_path: Path) -> None:
    aws, call = tmp_path / "aws", tmp_path / "call"
    aws.write_text(AWS, encoding="utf-8")
    aws.chmod(0o755)
    made = subprocess.run(
        ["/usr/bin/env", "bash", "-c", f"source {NAMES} prod && api_key acme laptop"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALL": str(call)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    token = made.stdout.strip()
    sent = call.read_text(encoding="utf-8")
    assert token.split("_", 2)[2] not in sent
    command = json.loads(sent.partition("--overrides ")[2].partition(" --query")[0])["containerOverrides"][0]["command"]
    run(*command[1:])
    assert api_keys.authenticate(token) == api_keys.Principal(tenant="acme", key_prefix=token.split("_")[1])


def test_tenants_are_made_and_listed(tenant: str) -> None:
    assert "next: api_keys create" in run("tenants", "create", "foto-mueller", "--name", "Foto Müller")[0]
    assert [line.split("\t")[0] for line in run("tenants", "list")[0].splitlines()] == ["acme", "foto-mueller"]
    assert Tenant.objects.get(slug="foto-mueller").name == "Foto Müller"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tenants", "create", "acme", "--name", "x"], "there is a tenant of that slug"),
        (["tenants", "create", "../x", "--name", "x"], "a-z, 0-9 and -"),
        (["tenants", "create", "a/b", "--name", "x"], "a-z, 0-9 and -"),
        (["api_keys", "create", "nobody", "--name", "x"], "no such tenant; make it with: tenants create nobody"),
        (["api_keys", "create", "acme", "--name", "x", "--days", "0"], "at least 1"),
        (["api_keys", "register", "acme", "--name", "x", "--prefix", "A", "--sha256", "0" * 64], "12 of a-z and 2-7"),
        (["api_keys", "register", "acme", "--name", "x", "--prefix", "a" * 12, "--sha256", "0"], "64 hexadecimal"),
        (["api_keys", "register", "no", "--name", "x", "--prefix", "a" * 12, "--sha256", "0" * 64], "no such tenant"),
        (["api_keys", "revoke", "nothing"], "no such key"),
        (["api_keys", "rotate", "nothing"], "no such valid key"),
        (["api_keys", "rotate", "nothing", "--overlap-hours", "-1"], "0 or more"),
    ],
)
def test_a_wrong_call_says_what_to_do(tenant: str, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(*arguments)


def run(*arguments: str) -> tuple[str, str]:
    """Standard output and standard error of a management command."""
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()
