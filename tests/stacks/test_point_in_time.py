"""A bucket goes back to a moment: what was spoilt is as it was, and a restore can itself be taken back."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from stacks.point_in_time import Action, Step, Version, main, plan
from tests.platform import Aws

_BEGIN = datetime(2026, 11, 29, 12, tzinfo=UTC)


def _version(key: str, minute: int, *, newest: bool = False, marker: bool = False) -> Version:
    since = _BEGIN + timedelta(minutes=minute)
    return Version(key=key, version_id=f"{key}{minute}", since=since, is_newest=newest, is_marker=marker)


def test_each_key_goes_back_to_the_version_of_the_moment_and_what_is_as_it_was_is_left_alone() -> None:
    versions = [
        *(_version("kept", 1, newest=True), _version("new", 9, newest=True)),
        *(_version("overwritten", 1), _version("overwritten", 9, newest=True)),
        *(_version("deleted", 1), _version("deleted", 9, newest=True, marker=True)),
        *(_version("came back", 1), _version("came back", 2, marker=True), _version("came back", 9, newest=True)),
        *(_version("gone before", 1), _version("gone before", 2, newest=True, marker=True)),
        *(_version("at the very moment", 5), _version("at the very moment", 6, newest=True)),
    ]
    moment = _BEGIN + timedelta(minutes=5)
    restored = [
        Step(action=Action.RESTORE, key="at the very moment", version_id="at the very moment5"),
        Step(action=Action.RESTORE, key="deleted", version_id="deleted1"),
        Step(action=Action.RESTORE, key="overwritten", version_id="overwritten1"),
    ]
    assert list(plan(versions, to=moment, exactly=False)) == restored
    hidden = [Step(action=Action.HIDE, key="came back"), Step(action=Action.HIDE, key="new")]
    assert sorted(plan(versions, to=moment, exactly=True), key=lambda step: (step.action, step.key)) == [
        *hidden,
        *restored,
    ]


@pytest.fixture
def shell(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command, with the credentials of this shell."""
    for name, value in aws.address.environment().items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: main(list(arguments))


def test_a_bucket_is_looked_at_first_then_restored_and_restored_back(
    aws: Aws, shell: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = f"versions-{uuid4().hex[:12]}"
    aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a/deleted", "a/overwritten", "b/elsewhere"):
        aws.s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="image/jpeg")
    good = _moment()
    aws.s3.delete_object(Bucket=bucket, Key="a/deleted")
    aws.s3.put_object(Bucket=bucket, Key="a/overwritten", Body=b"spoilt")
    aws.s3.delete_object(Bucket=bucket, Key="b/elsewhere")
    spoilt = _moment()

    assert shell(bucket, "--prefix", "a/", "--to", good) == 0
    said = capsys.readouterr()
    assert said.out == "restore\ta/deleted\nrestore\ta/overwritten\n"
    assert said.err == "2 to restore, 0 to hide; nothing was changed: run again with --apply\n"
    assert aws.s3.get_object(Bucket=bucket, Key="a/overwritten")["Body"].read() == b"spoilt"

    assert shell(bucket, "--prefix", "a/", "--to", good, "--apply") == 0
    for key in ("a/deleted", "a/overwritten"):
        found = aws.s3.get_object(Bucket=bucket, Key=key)
        assert (found["Body"].read(), found["ContentType"]) == (key.encode(), "image/jpeg")
    assert [entry["Key"] for entry in aws.s3.list_objects_v2(Bucket=bucket, Prefix="b/").get("Contents", [])] == []

    assert shell(bucket, "--to", spoilt, "--exactly", "--apply") == 0
    keys = [entry["Key"] for entry in aws.s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["a/overwritten"]
    assert aws.s3.get_object(Bucket=bucket, Key="a/overwritten")["Body"].read() == b"spoilt"


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-29T12:00:00", "2126-01-01T00:00:00Z"])
def test_a_moment_that_is_none_is_refused(shell: Callable[..., int], moment: str) -> None:
    with pytest.raises(SystemExit) as ended:
        shell("bucket", "--to", moment)
    assert ended.value.code == 2


def test_a_bucket_that_is_not_there_is_named(shell: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert shell("no-such-bucket-here", "--to", "2026-01-01T00:00:00Z") == 1
    assert "no-such-bucket-here: " in capsys.readouterr().err


def _moment() -> str:
    """Now, with a second before and after it: storage tells no more."""
    time.sleep(1.1)
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    time.sleep(1.1)
    return moment
