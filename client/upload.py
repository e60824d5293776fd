"""Uploads the files of a job straight to the storage: hashed ahead, linked and confirmed in bulk.

Memory does not grow with the number of files: work is drawn as threads come free. A piece that breaks is sent again by
itself; an expired link is renewed; a file that cannot be uploaded is reported and does not stop the others.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from client.api import Api
from client.errors import ChangedFileError, Problem, ProblemError, StorageError, UsageError
from client.files import LocalFile
from client.links import Links, Piece, Restarted
from client.models import Confirmation, UploadRequest
from client.progress import Phase, Progress
from client.retry import Patience
from client.stop import Stop
from client.storage import LinkRefusedError, Slice, Storage
from client.units import run_lazily

BULK = 100
"""Images in one call, the most that the API takes."""
BATCH_BYTES = 256 << 20
"""Links are asked for at most so many bytes ahead, so that they do not expire before they are used."""
HASHED_BYTES = 64 << 20
"""Files up to this size go up in one piece; their digest is announced before, and signed into their link."""
HASHING_THREADS = 2
CONFIRM_AFTER_S = 1.0


UPLOADED = "image_uploaded"
"""The service's code for an image that it has: no failure, whoever uploaded it."""
LOST = frozenset({"upload_missing", "upload_incomplete"})
"""Its codes for what was sent and is not there: worth another try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """An image that the service waits for, and its file.

    Attributes:
        file: where its bytes are.
    """

    image_id: str
    file: LocalFile


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUploaded:
    """A file that could not be uploaded.

    Attributes:
        reason: for people.
        again: whether another try is worth it.
    """

    expected: Expected
    reason: str
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What one thread sends at a time."""

    expected: Expected
    links: Links
    piece: Piece

    @property
    def slice(self) -> Slice:
        """Its bytes."""
        return Slice(file=self.expected.file, offset=self.piece.offset, size_bytes=self.piece.size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A piece that arrived, or why it did not."""

    task: _Task
    failure: NotUploaded | None = None


@dataclass(slots=True)
class _Unconfirmed:
    waiting: list[tuple[Expected, Confirmation]] = field(default_factory=list)
    since_s: float = 0.0

    def add(self, expected: Expected, confirmation: Confirmation) -> None:
        if not self.waiting:
            self.since_s = time.monotonic()
        self.waiting.append((expected, confirmation))

    @property
    def due(self) -> bool:
        waited_s = time.monotonic() - self.since_s
        return len(self.waiting) >= BULK or (bool(self.waiting) and waited_s > CONFIRM_AFTER_S)


class Uploader:
    """Uploads to one job.

    Args:
        api: the service.
        storage: where the bytes go.
        job_id: the job.
        parallel: pieces under way at a time.
        patience: for each piece.
        progress: hears of bytes.
        stop: ends everything.
    """

    def __init__(
        self,
        api: Api,
        storage: Storage,
        *,
        job_id: str,
        parallel: int,
        patience: Patience,
        progress: Progress,
        stop: Stop,
    ) -> None:
        self._api = api
        self._storage = storage
        self._job_id = job_id
        self._parallel = parallel
        self._patience = patience
        self._progress = progress
        self._stop = stop

    def run(self, images: Sequence[Expected]) -> list[NotUploaded]:
        """Uploads and confirms all that can be. Those whose upload expired meanwhile are begun anew, once.

        Returns:
            The files that could not be uploaded.

        Raises:
            NetworkError, ProblemError: the service or the storage does not serve this job (any more).
            Interrupted: the switch was thrown.
        """
        failures = self._pass(images)
        again = [failure.expected for failure in failures if failure.again]
        if not again:
            return failures
        return [failure for failure in failures if not failure.again] + self._pass(again)

    def _pass(self, images: Sequence[Expected]) -> list[NotUploaded]:
        failures: list[NotUploaded] = []
        failed: set[str] = set()
        complete: set[str] = set()
        unconfirmed = _Unconfirmed()
        whole: list[tuple[Expected, Links]] = []
        """Images of which nothing is left to send: broken off just before they were confirmed."""

        def fail(failure: NotUploaded) -> None:
            if failure.expected.image_id not in failed:
                failed.add(failure.expected.image_id)
                failures.append(failure)

        tasks = self._tasks(images, fail=fail, whole=whole)
        with closing(run_lazily(tasks, self._send, parallel=self._parallel, stop=self._stop)) as results:
            for sent in results:
                if sent.failure:
                    fail(sent.failure)
                elif sent.task.links.is_complete and sent.task.expected.image_id not in complete:
                    complete.add(sent.task.expected.image_id)  # its last parts may arrive in one moment
                    unconfirmed.add(sent.task.expected, sent.task.links.confirmation())
                if unconfirmed.due:
                    self._confirm(unconfirmed, fail)
        for expected, links in whole:
            unconfirmed.add(expected, links.confirmation())
        self._confirm(unconfirmed, fail)
        return failures

    def _tasks(
        self,
        images: Sequence[Expected],
        *,
        fail: Callable[[NotUploaded], None],
        whole: list[tuple[Expected, Links]],
    ) -> Iterator[_Task]:
        """Everything to send, links just in time."""
        for batch in self._batches(images, fail):
            requests = [request for _, request in batch]
            answers = self._api.upload_links(self._job_id, requests)
            for expected, request in batch:
                answer = answers[expected.image_id]
                if isinstance(answer, Problem):
                    if answer.code == UPLOADED:
                        self._progress.advance(Phase.UPLOAD, expected.file.size_bytes)
                    else:
                        fail(NotUploaded(expected=expected, reason=f"{expected.file.name}: {answer}"))
                    continue
                links = Links(self._api, self._job_id, request, answer, size_bytes=expected.file.size_bytes)
                self._progress.advance(Phase.UPLOAD, links.arrived_bytes)
                if links.is_complete:
                    whole.append((expected, links))
                for piece in links.missing():
                    yield _Task(expected=expected, links=links, piece=piece)

    def _batches(
        self, images: Iterable[Expected], fail: Callable[[NotUploaded], None]
    ) -> Iterator[list[tuple[Expected, UploadRequest]]]:
        """Images with what their links are asked for with; a batch is bounded in number and in bytes."""
        batch: list[tuple[Expected, UploadRequest]] = []
        size_bytes = 0
        with closing(run_lazily(images, self._described, parallel=HASHING_THREADS, stop=self._stop)) as described:
            for each in described:
                if isinstance(each, NotUploaded):
                    fail(each)
                    continue
                batch.append(each)
                size_bytes += each[0].file.size_bytes
                if len(batch) == BULK or size_bytes >= BATCH_BYTES:
                    yield batch
                    batch, size_bytes = [], 0
        if batch:
            yield batch

    def _described(self, expected: Expected) -> tuple[Expected, UploadRequest] | NotUploaded:
        file = expected.file
        try:
            file.check_unchanged()
            small = file.size_bytes <= HASHED_BYTES
            digest = Slice.whole(file).sha256(self._stop).hex() if small else None
        except ChangedFileError as error:
            return NotUploaded(expected=expected, reason=str(error))
        return expected, UploadRequest(image_id=expected.image_id, sha256=digest)

    def _send(self, task: _Task) -> _Sent:
        """Sends one piece, as often as it takes."""
        file = task.expected.file
        try:
            task.links.send(
                task.piece,
                lambda url, headers: self._put_once(task, url, headers),
                patience=self._patience,
                stop=self._stop,
            )
            file.check_unchanged()
        except Restarted as error:
            return self._failed(task, f"{file.name}: {error}", again=True)
        except (ChangedFileError, StorageError, LinkRefusedError) as error:
            return self._failed(task, str(error))
        except ProblemError as error:  # of asking for a new link
            if error.exit_code != UsageError.exit_code:
                raise
            return self._failed(task, f"{file.name}: {error}")
        return _Sent(task=task)

    def _put_once(self, task: _Task, url: str, headers: dict[str, str]) -> str:
        if not any(name.lower().startswith("x-amz-checksum-") for name in headers):
            headers = {**headers, "Content-MD5": task.slice.md5_header(self._stop)}
        return self._storage.put(
            url,
            task.slice,
            headers=headers,
            stop=self._stop,
            moved=lambda amount: self._progress.advance(Phase.UPLOAD, amount),
        )

    @staticmethod
    def _failed(task: _Task, reason: str, *, again: bool = False) -> _Sent:
        task.links.give_up()
        return _Sent(task=task, failure=NotUploaded(expected=task.expected, reason=reason, again=again))

    def _confirm(self, unconfirmed: _Unconfirmed, fail: Callable[[NotUploaded], None]) -> None:
        """Tells the service what is there, in bulk; it looks at each object and may refuse it."""
        while unconfirmed.waiting:
            batch, unconfirmed.waiting = unconfirmed.waiting[:BULK], unconfirmed.waiting[BULK:]
            answers = self._api.confirm(self._job_id, [confirmation for _, confirmation in batch])
            for expected, _ in batch:
                problem = answers.get(expected.image_id)
                if problem and problem.code != UPLOADED:
                    reason = f"{expected.file.name}: {problem}"
                    fail(NotUploaded(expected=expected, reason=reason, again=problem.code in LOST))
