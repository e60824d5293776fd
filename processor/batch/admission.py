"""Decides which image starts next: bounded by free slots and by a budget of memory, without deadlock or starvation.

Every image starts with the same grant, budget / jobs, and no header is read in advance. An image whose plan needs more
says so right after its own header, gives its grant back and queues for what it needs. While one waits there, nothing
new starts: the running ones drain until it fits, which they must, for no request above the whole budget is queued.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Applicant(Protocol):
    """What asks for memory: `grant_bytes` is what it holds, `needed_bytes` what it asked for, 0 while it has not."""

    grant_bytes: int
    needed_bytes: int


ApplicantT = TypeVar("ApplicantT", bound=Applicant)


@dataclass(slots=True, kw_only=True)
class Work:
    """One image on its way through the batch.

    Attributes:
        index, source, stem: as in ImageTask.
        attempts: how often it was started and counted.
        kill_failures, io_failures: how often it failed in a way that may pass.
        grant_bytes: memory that it holds while it runs, 0 otherwise.
        needed_bytes: what it asked for, 0 while it has not.
    """

    index: int
    source: str
    stem: str
    attempts: int = 0
    kill_failures: int = 0
    io_failures: int = 0
    grant_bytes: int = 0
    needed_bytes: int = 0


@dataclass(slots=True)
class Admission(Generic[ApplicantT]):
    """The queue of images and the ledger of memory.

    Attributes:
        budget_bytes: sum that the grants of all running images never exceed.
        jobs: places among which the budget is shared out.
        granted_bytes: what the running images hold.
    """

    budget_bytes: int
    jobs: int
    _fresh: deque[ApplicantT] = field(default_factory=deque)
    _large: deque[ApplicantT] = field(default_factory=deque)
    granted_bytes: int = 0

    @property
    def base_grant_bytes(self) -> int:
        """What an image is granted before its header is known."""
        return max(1, self.budget_bytes // self.jobs)

    @property
    def waiting(self) -> int:
        """Images that have not started."""
        return len(self._fresh) + len(self._large)

    @property
    def short_of_memory(self) -> bool:
        """Whether an image waits only because memory is granted to others."""
        if self._large:
            return not self._fits(self._large[0].needed_bytes)
        return bool(self._fresh) and not self._fits(self.base_grant_bytes)

    def add(self, work: ApplicantT) -> None:
        """Queue an image, new or to be tried again; one that told its need goes with the large ones."""
        (self._large if work.needed_bytes > self.base_grant_bytes else self._fresh).append(work)

    def take(self) -> ApplicantT | None:
        """The image to start now, with its grant entered; None when nothing may start."""
        if self._large:
            if not self._fits(self._large[0].needed_bytes):
                return None
            work = self._large.popleft()
            return self._grant(work, work.needed_bytes)
        if self._fresh and self._fits(self.base_grant_bytes):
            return self._grant(self._fresh.popleft(), self.base_grant_bytes)
        return None

    def give_back(self, work: ApplicantT) -> None:
        """Free the grant of an image that has stopped running."""
        self.granted_bytes -= work.grant_bytes
        work.grant_bytes = 0

    def remove(self, work: ApplicantT) -> None:
        """Take an image out of the queue; no error when it is not in it."""
        for queue in (self._fresh, self._large):
            if work in queue:
                queue.remove(work)

    def drain(self) -> list[ApplicantT]:
        """Empty the queue; returns what had not started."""
        left = [*self._large, *self._fresh]
        self._large.clear()
        self._fresh.clear()
        return left

    def _fits(self, wanted_bytes: int) -> bool:
        return self.granted_bytes + wanted_bytes <= self.budget_bytes

    def _grant(self, work: ApplicantT, grant_bytes: int) -> ApplicantT:
        work.grant_bytes = grant_bytes
        self.granted_bytes += grant_bytes
        return work
