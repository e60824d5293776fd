"""What is true of a platform at one moment: rows, objects, messages, processes, files. Gathered, not judged."""

import contextlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from psycopg.rows import dict_row

from chaos.field import MARK, Field, persistently
from local.tasks import Part
from service.aws.queue import Queue

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_IMAGES = """
SELECT image_id::text, job_id::text, name, status, attempts, source_key, vault_key, uploaded_at, upload_id, error_code,
    lease_until < now() AS is_overdue,
    ARRAY(SELECT jsonb_array_elements(outputs) ->> 'key') AS keys,
    ARRAY(SELECT jsonb_array_elements(outputs) ->> 'rendition') AS renditions
FROM images ORDER BY job_id, position
"""

_JOBS = """
SELECT job_id::text, status, images_total, images_completed, images_failed, s3_key,
    archive_token IS NOT NULL AS has_lease
FROM jobs
"""

_KEYS = "SELECT key FROM idempotency_keys"

_SESSIONS = """
SELECT application_name AS name, count(*) AS sessions, count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle
FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'rawmill%' GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A platform at rest, or what should be.

    Attributes:
        images, jobs: rows, as dictionaries by column.
        uploads, vault, results: keys of all objects.
        unfinished: multipart uploads that were begun and neither completed nor aborted.
        messages, dead_letters: in the job queue (also hidden ones) and in the dead-letter queue.
        archives: names in each job's archive.
        keys: idempotency keys, one for each job that was made with it.
        completions: how often each image was logged as completed.
        idle_in_transaction: sessions of the database that hold a transaction open.
        strays: processes that no running task owns.
        files: temporary files that nobody needs any more.
    """

    images: Sequence[Mapping[str, Any]] = ()
    jobs: Sequence[Mapping[str, Any]] = ()
    uploads: frozenset[str] = frozenset()
    vault: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()
    unfinished: frozenset[str] = frozenset()
    messages: int = 0
    dead_letters: int = 0
    archives: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Sequence[str] = ()
    completions: Mapping[str, int] = field(default_factory=dict)
    idle_in_transaction: int = 0
    sessions: Mapping[str, int] = field(default_factory=dict)
    strays: Sequence[str] = ()
    files: Sequence[str] = ()


class Gatherer:
    """Gathers facts. Everything but processes and files can be gathered of any service: tests do."""

    def __init__(
        self, *, database_url: str, s3: "S3Client", sqs: "SQSClient", told: Mapping[str, str], logs: Iterable[Path] = ()
    ) -> None:
        self._database_url, self._s3, self._sqs, self._told = database_url, s3, sqs, told
        self._logs = list(logs)

    def rows(self) -> dict[str, Any]:
        """What the database says."""
        return persistently(self._rows)

    def _rows(self) -> dict[str, Any]:
        with psycopg.connect(self._database_url, row_factory=dict_row, connect_timeout=30) as connection:
            sessions = connection.execute(_SESSIONS).fetchall()
            return {
                "images": connection.execute(_IMAGES).fetchall(),
                "jobs": connection.execute(_JOBS).fetchall(),
                "keys": [each["key"] for each in connection.execute(_KEYS).fetchall()],
                "sessions": {each["name"]: each["sessions"] for each in sessions},
                "idle_in_transaction": sum(each["idle"] for each in sessions),
            }

    def objects(self) -> dict[str, Any]:
        """What storage has."""
        buckets = {part: self._told[f"RAWMILL_{part.upper()}_BUCKET"] for part in ("uploads", "vault", "results")}
        unfinished = [
            upload["Key"]
            for bucket in buckets.values()
            for upload in self._s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        ]
        return {
            **{part: frozenset(self._keys(bucket)) for part, bucket in buckets.items()},
            "unfinished": frozenset(unfinished),
        }

    def messages(self) -> dict[str, Any]:
        """How many messages there are, also hidden and delayed ones."""
        return {
            "messages": queue_length(self._sqs, self._told["RAWMILL_QUEUE_URL"]),
            "dead_letters": queue_length(self._sqs, self._told["RAWMILL_DEAD_LETTER_QUEUE_URL"]),
        }

    def archives(self, jobs: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
        """What is in the archives of these jobs."""
        return {job["job_id"]: self._entries(job["s3_key"]) for job in jobs if job["s3_key"]}

    def completions(self) -> Counter[str]:
        """Lines of the logs that say an image was completed, by image."""
        counted: Counter[str] = Counter()
        for log in self._logs:
            with log.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if '"image_completed"' in line:
                        counted[json.loads(line)["image"]] += 1
        return counted

    def _keys(self, bucket: str) -> Iterable[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            yield from (entry["Key"] for entry in page.get("Contents", []))

    def _entries(self, key: str) -> list[str]:
        body = self._s3.get_object(Bucket=self._told["RAWMILL_RESULTS_BUCKET"], Key=key)["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return archive.namelist()


def queue_length(sqs: "SQSClient", url: str) -> int:
    """Messages of a queue, hidden and delayed ones included."""
    depth = Queue(sqs, url).depth()
    return depth.waiting + depth.in_flight + depth.delayed


def facts_of(target: Field, *, jobs: frozenset[str]) -> Facts:
    """All facts of a field; archives of these jobs alone, for they have to be read whole."""
    logs = [task.program.log for task in target.fleet.tasks(Part.WORKER)]
    told = target.told
    gatherer = Gatherer(
        database_url=target.database_url, s3=target.clients.s3, sqs=target.clients.sqs, told=told, logs=logs
    )
    rows = gatherer.rows()
    return Facts(
        **rows,
        **gatherer.objects(),
        **gatherer.messages(),
        archives=gatherer.archives(job for job in rows["jobs"] if job["job_id"] in jobs),
        completions=gatherer.completions(),
        strays=strays(target.mark, {task.pid for task in target.fleet.running()}),
        files=left_files(target),
    )


def strays(mark: str, owners: set[int]) -> list[str]:
    """Processes that bear the mark and descend from no owner."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.environ().get(MARK) != mark:
                continue
            family = {process.pid, *(parent.pid for parent in process.parents())}
            if not family & owners:
                left.append(f"{process.pid} {' '.join(process.cmdline())[:80]}")
        except psutil.Error:
            continue
    return left


def left_files(target: Field) -> list[str]:
    """Files of work that is over: below scratch, in shared memory, in the folder for temporary files."""
    scratches = [task.program.environment["RAWMILL_SCRATCH"] for task in target.fleet.running(Part.WORKER)]
    # A job's own folder stays for a while: its decoder holds on to it.
    work = [path for scratch in scratches for tree in ("work", "made") for path in Path(scratch, tree).glob("*/*")]
    held = open_paths({task.pid for task in target.fleet.running()})
    elsewhere = [*target.fleet.private_folders, *target.temp.iterdir()]
    return [str(path) for path in [*work, *(path for path in elsewhere if path.exists() and not _is_held(path, held))]]


def open_paths(owners: set[int]) -> frozenset[str]:
    """Paths that processes of these owners have open, mapped, or listen on."""
    found: set[str] = set()
    for owner in owners:
        for process in _family(owner):
            # One that ended meanwhile holds nothing, and its siblings still do.
            with contextlib.suppress(psutil.Error):
                found |= {str(listening.laddr) for listening in process.net_connections("unix")}
            with contextlib.suppress(psutil.Error):
                found |= {file.path for file in process.open_files()} | {part.path for part in process.memory_maps()}
    return frozenset(found)


def _family(owner: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(owner), *psutil.Process(owner).children(recursive=True)]
    except psutil.Error:
        return []


def _is_held(path: Path, held: frozenset[str]) -> bool:
    return any(each == str(path) or each.startswith(f"{path}/") for each in held)
