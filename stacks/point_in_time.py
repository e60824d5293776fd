"""Brings a bucket back to a moment: `python -m stacks.point_in_time BUCKET --to TIME [--prefix P] [--apply]`.

Buckets are versioned: what was overwritten or deleted is still there for as long as their lifecycle keeps it. A restore
deletes nothing for good. It makes the version of that moment the newest again, or hides what was not there yet, so that
a restore to a wrong moment is mended by another one. Runs with the credentials of this shell; without `--apply` it says
what it would do.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DONE, FAILED, USAGE_ERROR = 0, 1, 2


class Action(StrEnum):
    """What becomes of an object."""

    RESTORE = "restore"
    """The version of that moment becomes the newest one."""
    HIDE = "hide"
    """It was not there at that moment: a delete marker is put over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of an object, or a marker that says it was deleted."""

    key: str
    version_id: str
    since: datetime
    is_newest: bool
    is_marker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One object that is not as it was."""

    action: Action
    key: str
    version_id: str = ""


def plan(versions: Iterable[Version], *, to: datetime, exactly: bool) -> Iterator[Step]:
    """What has to be done for each key.

    Args:
        versions: all of a bucket, in any order.
        to: the moment.
        exactly: also hide what has come since; else it stays, for nobody is in the way of a new object.
    """
    by_key: dict[str, list[Version]] = {}
    for version in versions:
        by_key.setdefault(version.key, []).append(version)
    for key, known in sorted(by_key.items()):
        newest = next(version for version in known if version.is_newest)
        # Versions of one second are told apart by which is the newest alone, as storage tells no more.
        then = max(
            (version for version in known if version.since <= to),
            key=lambda version: (version.since, version.is_newest),
            default=None,
        )
        was_there = then is not None and not then.is_marker
        if then is not None and was_there and not then.is_newest:
            yield Step(action=Action.RESTORE, key=key, version_id=then.version_id)
        elif not was_there and not newest.is_marker and exactly:
            yield Step(action=Action.HIDE, key=key)


def versions_of(s3: "S3Client", bucket: str, prefix: str) -> Iterator[Version]:
    """Every version and marker below a prefix."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        entries: list[tuple[Any, bool]] = [(entry, False) for entry in page.get("Versions", [])]
        entries += [(entry, True) for entry in page.get("DeleteMarkers", [])]
        for entry, is_marker in entries:
            yield Version(
                key=entry["Key"],
                version_id=entry["VersionId"],
                since=entry["LastModified"].astimezone(UTC),
                is_newest=entry["IsLatest"],
                is_marker=is_marker,
            )


def take(s3: "S3Client", bucket: str, step: Step) -> None:
    """Do one step. A copy takes metadata along, and objects of any size."""
    if step.action is Action.HIDE:
        s3.delete_object(Bucket=bucket, Key=step.key)
        return
    source = {"Bucket": bucket, "Key": step.key, "VersionId": step.version_id}
    s3.copy(CopySource=source, Bucket=bucket, Key=step.key)  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when done, 1 when AWS refuses, 2 after a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m stacks.point_in_time", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("bucket", help="its name, as the outputs of the Data stack say")
    parser.add_argument("--to", required=True, type=_moment, metavar="TIME", help="such as 2026-11-29T21:30:00Z")
    parser.add_argument("--prefix", default="", help="only keys that begin like this")
    parser.add_argument("--exactly", action="store_true", help="also hide objects that were not there yet")
    parser.add_argument("--apply", action="store_true", help="do it; else it is only said")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except (ClientError, BotoCoreError) as error:
        print(f"{options.bucket}: {error}", file=sys.stderr)
        return FAILED


def _run(options: argparse.Namespace) -> int:
    s3: S3Client = boto3.client("s3", config=Config(s3={"addressing_style": "auto"}))
    steps = list(plan(versions_of(s3, options.bucket, options.prefix), to=options.to, exactly=options.exactly))
    for step in steps:
        if options.apply:
            take(s3, options.bucket, step)
        print(f"{step.action}\t{step.key}")
    counted = {action: sum(step.action is action for step in steps) for action in Action}
    said = "done" if options.apply else "nothing was changed: run again with --apply"
    print(f"{counted[Action.RESTORE]} to restore, {counted[Action.HIDE]} to hide; {said}", file=sys.stderr)
    return DONE


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: a moment like 2026-11-29T21:30:00Z") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text}: say the time zone, as in 2026-11-29T21:30:00Z")
    if moment > datetime.now(UTC):
        raise argparse.ArgumentTypeError(f"{text}: has not come yet")
    return moment.astimezone(UTC)


if __name__ == "__main__":
    sys.exit(main())
