"""The two kinds of work, image and archive, behind one face: claim it, make a task of it, settle it, give it back.

Every method but `task` talks to the database or to the disk and belongs on the database's lane.
"""

import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from enum import Enum, auto
from uuid import UUID

from service import metrics
from service.aws.queue import Message
from service.jobs import transitions
from service.jobs.messages import ArchiveWanted, ImageWanted, Wanted
from service.jobs.reasons import ServiceReason
from service.jobs.records import (
    ArchiveClaim,
    Claim,
    LeaseLost,
    Outcome,
    Refusal,
    StoredRendition,
)
from service.worker.archive.rows import write_rows
from service.worker.recipes import store_recipe
from service.worker.scratch import WORK, Scratch
from service.worker.tasks import ArchiveMade, ArchiveTask, ImageMade, ImageTask, Reply

ARCHIVE_TIME_LIMIT_S = 4 * 3600.0
"""For ten thousand images of some megabytes at the rate of one core; a stuck call ends long before by itself."""


class Settlement(Enum):
    """What writing down an end did."""

    SETTLED = auto()
    ARCHIVE_DUE = auto()
    """It was the last image of its job: the archive's message is to be sent."""
    LOST = auto()
    """Nothing was written: the lease was over and the work is somebody else's."""


class Order(ABC):
    """A message that was understood, and what is known of its work.

    Attributes:
        message: the delivery that asked for it.
        token: the lease, once it is claimed.
        attempts: how often it was claimed, this time included.
        folder: its folder below scratch, once it is prepared.
    """

    time_limit_s: float

    def __init__(self, message: Message) -> None:
        self.message = message
        self.token: UUID | None = None
        self.attempts = 0
        self.folder: str | None = None

    @property
    @abstractmethod
    def job_id(self) -> UUID:
        """The job that it belongs to."""

    @property
    @abstractmethod
    def ids(self) -> dict[str, str]:
        """What every line of the log about it names: job, image, tenant."""

    @property
    def waited_s(self) -> float:
        """Seconds since its message was sent."""
        return max(0.0, (datetime.now(UTC) - self.message.sent_at).total_seconds())

    @abstractmethod
    def claim(self, *, worker: str, lease_s: float) -> Refusal | None:
        """Take the lease; None when it is ours, else why not."""

    @abstractmethod
    def prepare(self, scratch: Scratch) -> None:
        """Put into scratch what the child needs.

        Raises:
            OSError: scratch is full.
            RecipeError: the recipe cannot be used.
        """

    @abstractmethod
    def task(self, *, token: int, grant_bytes: int) -> ImageTask | ArchiveTask:
        """What the child is told."""

    @abstractmethod
    def succeed(self, reply: Reply, *, took_s: float) -> Settlement:
        """Write down that it is done."""

    @abstractmethod
    def fail(self, code: str, message: str, *, took_s: float) -> Settlement:
        """Write down that it failed for good."""

    @abstractmethod
    def give_back(self, *, drained: bool, code: str | None = None, message: str | None = None) -> None:
        """Let it wait for another try; `drained` when it is not to blame: the worker stops, or met an outage."""


class ImageOrder(Order):
    """One image."""

    def __init__(self, message: Message, wanted: ImageWanted, *, time_limit_s: float) -> None:
        super().__init__(message)
        self.time_limit_s = time_limit_s
        self._wanted = wanted
        self._claim: Claim | None = None

    @property
    def job_id(self) -> UUID:
        return self._wanted.job_id

    @property
    def ids(self) -> dict[str, str]:
        tenant = {} if self._claim is None else {"tenant": self._claim.tenant}
        return {"job": str(self._wanted.job_id), "image": str(self._wanted.image_id), **tenant}

    @property
    def waited_s(self) -> float:
        # By the row: a message that takes the place of another one is young.
        return super().waited_s if self._claim is None or self._claim.waited_s is None else self._claim.waited_s

    @property
    def claimed(self) -> Claim:
        """The claim.

        Raises:
            RuntimeError: there is none yet.
        """
        if self._claim is None:
            raise RuntimeError(f"image {self._wanted.image_id} is not claimed")
        return self._claim

    def claim(self, *, worker: str, lease_s: float) -> Refusal | None:
        answer = transitions.claim(self._wanted.job_id, self._wanted.image_id, worker=worker, lease_s=lease_s)
        if isinstance(answer, Refusal):
            return answer
        self._claim, self.token, self.attempts = answer, answer.lease_token, answer.attempts
        return None

    def prepare(self, scratch: Scratch) -> None:
        store_recipe(scratch.recipes, self.claimed.recipe_digest, self.claimed.recipe)
        self.folder = scratch.make(str(self.claimed.job_id), str(self.claimed.image_id))

    def task(self, *, token: int, grant_bytes: int) -> ImageTask:
        claim = self.claimed
        return ImageTask(
            token=token,
            job_id=claim.job_id,
            image_id=claim.image_id,
            tenant=claim.tenant,
            folder=self.folder or "",
            source_key=claim.source_key,
            size_bytes=claim.size_bytes,
            in_vault=claim.vault_key is not None,
            recipe_digest=claim.recipe_digest,
            grant_bytes=grant_bytes,
        )

    def succeed(self, reply: Reply, *, took_s: float) -> Settlement:
        made = reply.result
        if not isinstance(made, ImageMade):
            raise TypeError(f"an image cannot end as {type(made).__name__}")
        outcome = Outcome(
            outputs=tuple(
                StoredRendition(
                    rendition=rendition.rendition,
                    key=rendition.key,
                    width_px=rendition.width_px,
                    height_px=rendition.height_px,
                    size_bytes=rendition.size_bytes,
                )
                for rendition in made.renditions
            ),
            vault_key=made.vault_key,
            verdict=made.verdict,
            evidence=tuple(storable(sentence) for sentence in made.evidence),
            timings={stage: round(seconds, 4) for stage, seconds in made.timings.items()},
        )
        settled = transitions.settle_completed(self.claimed, outcome)
        if isinstance(settled, LeaseLost):
            return Settlement.LOST
        metrics.image_completed(
            waited_s=self.claimed.waited_s,
            took_s=took_s,
            timings=made.timings,
            attempts=self.attempts,
            verdict=made.verdict,
            megapixels=made.megapixels,
            cpu_s=round(reply.cpu_s, 4),
            develop_cpu_s=round(reply.develop_cpu_s, 4),
            transfer_cpu_s=round(reply.transfer_cpu_s, 4),
            supervisor_cpu_s=round(time.process_time(), 4),
            licence_wait_s=round(reply.licence_wait_s, 4),
            fetch_s=round(made.timings.get("fetch", 0.0), 4),
            deliver_s=round(made.timings.get("deliver", 0.0), 4),
            peak_memory_bytes=reply.peak_memory_bytes,
            **self.ids,
        )
        return Settlement.ARCHIVE_DUE if settled.archive_due else Settlement.SETTLED

    def fail(self, code: str, message: str, *, took_s: float) -> Settlement:
        settled = transitions.settle_failed(self.claimed, code, storable(message))
        if isinstance(settled, LeaseLost):
            return Settlement.LOST
        metrics.image_failed(
            reason=code,
            waited_s=self.claimed.waited_s,
            took_s=took_s,
            attempts=self.attempts,
            error=storable(message),
            **self.ids,
        )
        return Settlement.ARCHIVE_DUE if settled.archive_due else Settlement.SETTLED

    def give_back(self, *, drained: bool, code: str | None = None, message: str | None = None) -> None:
        told = None if message is None else storable(message)
        transitions.give_back(self.claimed, drained=drained, code=code, message=told)


class ArchiveOrder(Order):
    """The archive of one job."""

    time_limit_s = ARCHIVE_TIME_LIMIT_S

    def __init__(self, message: Message, wanted: ArchiveWanted) -> None:
        super().__init__(message)
        self._wanted = wanted
        self._claim: ArchiveClaim | None = None
        self._posted_at = datetime.now(UTC)

    @property
    def job_id(self) -> UUID:
        return self._wanted.job_id

    @property
    def ids(self) -> dict[str, str]:
        tenant = {} if self._claim is None else {"tenant": self._claim.tenant}
        return {"job": str(self._wanted.job_id), **tenant}

    @property
    def claimed(self) -> ArchiveClaim:
        """The claim.

        Raises:
            RuntimeError: there is none yet.
        """
        if self._claim is None:
            raise RuntimeError(f"the archive of job {self._wanted.job_id} is not claimed")
        return self._claim

    def claim(self, *, worker: str, lease_s: float) -> Refusal | None:  # noqa: ARG002 - the row names no worker
        answer = transitions.claim_archive(self._wanted.job_id, lease_s=lease_s)
        if isinstance(answer, Refusal):
            return answer
        self._claim, self.token, self.attempts = answer, answer.lease_token, answer.attempts
        return None

    def prepare(self, scratch: Scratch) -> None:
        self.folder = scratch.make(f"archive-{self._wanted.job_id}", "rows")
        self._posted_at = write_rows(str(self._wanted.job_id), scratch.path / WORK / self.folder)

    def task(self, *, token: int, grant_bytes: int) -> ArchiveTask:
        return ArchiveTask(
            token=token,
            job_id=self.claimed.job_id,
            tenant=self.claimed.tenant,
            folder=self.folder or "",
            grant_bytes=grant_bytes,
        )

    def succeed(self, reply: Reply, *, took_s: float) -> Settlement:
        made = reply.result
        if not isinstance(made, ArchiveMade):
            raise TypeError(f"an archive cannot end as {type(made).__name__}")
        if not transitions.complete_archive(self.claimed, key=made.key, size_bytes=made.size_bytes):
            return Settlement.LOST
        metrics.job_completed(
            took_s=(datetime.now(UTC) - self._posted_at).total_seconds(),
            archive_s=round(took_s, 3),
            archive_bytes=made.size_bytes,
            entries=made.entries,
            cpu_s=round(reply.cpu_s, 4),
            peak_memory_bytes=reply.peak_memory_bytes,
            **self.ids,
        )
        return Settlement.SETTLED

    def fail(self, code: str, message: str, *, took_s: float) -> Settlement:  # noqa: ARG002
        failed = transitions.fail_archive(self.claimed, f"{code}: {storable(message)}")
        return Settlement.SETTLED if failed else Settlement.LOST

    def give_back(self, *, drained: bool, code: str | None = None, message: str | None = None) -> None:  # noqa: ARG002
        transitions.give_back_archive(self.claimed, drained=drained)


def order_for(message: Message, wanted: Wanted, *, time_limit_s: float) -> Order:
    """The order that a message asks for."""
    if isinstance(wanted, ArchiveWanted):
        return ArchiveOrder(message, wanted)
    return ImageOrder(message, wanted, time_limit_s=time_limit_s)


def extend_leases(images: list[UUID], archives: list[UUID], *, lease_s: float) -> frozenset[UUID]:
    """Prolong all leases in hand; returns those that are still ours. At most two queries."""
    ours: frozenset[UUID] = frozenset()
    if images:
        ours |= transitions.extend(images, lease_s=lease_s)
    if archives:
        ours |= transitions.extend_archives(archives, lease_s=lease_s)
    return ours


def reason_of(order: Order, code: str) -> str:
    """The code that an order is dead-lettered with."""
    return ServiceReason.ARCHIVE_FAILED if isinstance(order, ArchiveOrder) else code


def storable(text: str) -> str:
    """Text as PostgreSQL and SQS take it: without NUL and lone surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def attributes_of(code: str, message: str) -> dict[str, str]:
    """The attributes of a dead letter. Control characters, which SQS refuses, become spaces."""
    words = "".join(character if character.isprintable() else " " for character in storable(message))
    return {"reason_code": code, "reason": words[:1000] or code}
