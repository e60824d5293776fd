"""Jobs over real storage, a real queue and a real database, and workers in processes of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.config import WebConfig
from tests.platform import Aws, Resources
from tests.processor.conftest import make_dng  # noqa: F401 - fixtures of the processor's tests

ROOT = Path(__file__).resolve().parents[3]
RECIPE = {"name": "web", "renditions": [{"name": "small", "long_edge_px": 128}, {"name": "thumb", "long_edge_px": 64}]}
ENTRY = Path(__file__).with_name("entry.py")
FAKE = "tests.service.worker.fakes:develop"


@dataclass
class Worker:
    """A worker in a process of its own, and what it logged."""

    process: "subprocess.Popen[bytes]"
    log: Path
    scratch: Path

    def lines(self) -> list[dict[str, Any]]:
        """Its log, one dictionary a line."""
        lines = []
        for line in self.log.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"message": line})
        return lines

    def events(self, name: str) -> list[dict[str, Any]]:
        """Lines of one event."""
        return [line for line in self.lines() if line.get("message") == name]

    def stop(self, number: int = signal.SIGTERM, *, at_most_s: float = 30.0) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(at_most_s)


@dataclass
class TestJob:
    """A job whose originals are uploaded and whose messages are sent."""

    __test__ = False

    job_id: UUID
    image_ids: tuple[UUID, ...]

    def row(self) -> Any:
        from service.jobs.models import Job

        return Job.objects.get(pk=self.job_id)

    def images(self) -> list[Any]:
        from service.jobs.models import Image

        return list(Image.objects.filter(job_id=self.job_id).order_by("position"))

    def statuses(self) -> list[str]:
        return [image.status for image in self.images()]

    @property
    def settled(self) -> bool:
        return self.row().settled_at is not None

    @property
    def ended(self) -> bool:
        return self.row().status in {"completed", "failed", "cancelled"}


@dataclass
class Farm:
    """Makes jobs and workers over one test's parts."""

    aws: Aws
    resources: Resources
    environment: dict[str, str]
    folder: Path
    workers: list[Worker] = field(default_factory=list)

    def job(
        self,
        files: Sequence[Path | bytes],
        *,
        recipe: Mapping[str, Any] = RECIPE,
        names: Sequence[str] | None = None,
        send: bool = True,
    ) -> TestJob:
        """Post a job, upload its files, confirm them and send the messages."""
        from service.aws.clients import Clients
        from service.aws.queue import Queue
        from service.jobs import outbox, transitions
        from service.jobs.models import Tenant
        from service.jobs.records import NewFile

        Tenant.objects.get_or_create(slug="acme", defaults={"name": "Acme"})
        contents = [file if isinstance(file, bytes) else file.read_bytes() for file in files]
        names = names or [f"IMG_{number:04d}.DNG" for number in range(len(files))]
        created = transitions.create_job(
            tenant="acme",
            recipe=recipe,
            recipe_digest=f"{abs(hash(json.dumps(recipe))):x}",
            files=[NewFile(name=name, size_bytes=len(data)) for name, data in zip(names, contents, strict=True)],
            lifetime=timedelta(days=1),
        )
        job = TestJob(created.job.job_id, created.image_ids)
        for image, data in zip(job.images(), contents, strict=True):
            self.aws.s3.put_object(Bucket=self.resources.uploads_bucket, Key=image.source_key, Body=data)
        sizes = [(image_id, len(data)) for image_id, data in zip(job.image_ids, contents, strict=True)]
        transitions.mark_uploaded(job.job_id, sizes)
        if send:
            queue = Queue(Clients(region=self.aws.address.region).sqs, self.resources.queue_url)
            outbox.send_images(queue, job.job_id, job.image_ids)
        return job

    def scripts(self, *scripts: str, **options: Any) -> TestJob:
        """A job whose originals are words that say what happens to them: see fakes.py."""
        return self.job([script.encode() for script in scripts], **options)

    def worker(self, *, environment: Mapping[str, str] | None = None, **settings: Any) -> Worker:
        """Start a worker, with quick polls."""
        number = len(self.workers)
        scratch = self.folder / f"scratch-{number}"
        log = self.folder / f"worker-{number}.log"
        chosen = {"poll_wait_s": 1, "empty_s": 1.5, **settings}
        if "function" in settings:
            chosen["also_writable"] = [str(self.folder), "/dev/full"]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, str(ENTRY), json.dumps(chosen)],
                cwd=ROOT,
                env={
                    **os.environ,
                    **self.environment,
                    "PYTHONPATH": str(ROOT),
                    "RAWMILL_SCRATCH": str(scratch),
                    **(environment or {}),
                },
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        worker = Worker(process, log, scratch)
        self.workers.append(worker)
        return worker

    def drain(self, **settings: Any) -> Worker:
        """Run a worker until the queue is empty; fails when it does not exit with 0."""
        worker = self.worker(until_empty=True, **settings)
        assert worker.process.wait(180) == 0, worker.log.read_text()
        return worker

    def visibility(self, seconds: int) -> None:
        """Shorten the queue's visibility timeout, for the queue and for workers started from now on."""
        self.aws.sqs.set_queue_attributes(
            QueueUrl=self.resources.queue_url, Attributes={"VisibilityTimeout": str(seconds)}
        )
        self.environment["RAWMILL_VISIBILITY_TIMEOUT_S"] = str(seconds)

    def send(self, body: str) -> None:
        """Send any message."""
        self.aws.sqs.send_message(QueueUrl=self.resources.queue_url, MessageBody=body)

    def waiting(self) -> int:
        """Messages in the queue, in flight or not."""
        found = self.aws.sqs.get_queue_attributes(
            QueueUrl=self.resources.queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return sum(int(value) for value in found.values())

    def dead_letters(self) -> list[tuple[str, dict[str, str]]]:
        """Body and attributes of every dead letter; they stay where they are."""
        found: dict[str, tuple[str, dict[str, str]]] = {}
        handles: list[str] = []
        while True:
            answer = self.aws.sqs.receive_message(
                QueueUrl=self.resources.dead_letter_queue_url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=2,
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            new = [message for message in answer if message["MessageId"] not in found]
            if not new:
                for handle in handles:
                    # Whoever looks next, such as the operator's tool, finds them at once.
                    self.aws.sqs.change_message_visibility(
                        QueueUrl=self.resources.dead_letter_queue_url, ReceiptHandle=handle, VisibilityTimeout=0
                    )
                return list(found.values())
            handles += [message["ReceiptHandle"] for message in new]
            for message in new:
                attributes = {
                    name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()
                }
                found[message["MessageId"]] = (message["Body"], attributes)

    def keys(self, bucket: str) -> list[str]:
        """All keys of a bucket."""
        pages = self.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def renditions(self, job: TestJob) -> list[str]:
        """Keys of all renditions of a job."""
        return [
            key
            for key in self.keys(self.resources.results_bucket)
            if str(job.job_id) in key and not key.endswith("archive.zip")
        ]


@pytest.fixture
def farm(
    service: WebConfig, aws: Aws, resources: Resources, service_environment: dict[str, str], tmp_path: Path
) -> Iterator[Farm]:
    """Two slots, a short visibility timeout, everything else as in production."""
    environment = {**service_environment, "RAWMILL_PROCESSES": "2"}
    farm = Farm(aws=aws, resources=resources, environment=environment, folder=tmp_path)
    yield farm
    for worker in farm.workers:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait(10)
