"""Downloads what a job made: under temporary names, checked, then renamed; what is there already is skipped."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from client.api import Api
from client.errors import NetworkError, StorageError, UsageError
from client.links import MAX_RENEWALS
from client.models import Image, ImageStatus, Job, Rendition
from client.names import OutputNames, rendition_path
from client.progress import Phase, Progress
from client.retry import Patience, Transient, persistently
from client.stop import Stop
from client.storage import LinkRefusedError, Storage
from client.units import run_lazily

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A file that is there now.

    Attributes:
        path: of the file.
        size_bytes: of it.
        skipped: it was there before.
    """

    path: Path
    size_bytes: int
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDownloaded:
    """A file that could not be downloaded.

    Attributes:
        path: where it would be.
        reason: for people.
    """

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One image whose renditions are wanted at `targets`."""

    image: Image
    targets: tuple[tuple[Rendition, Path], ...]


class Downloader:
    """Downloads from one job.

    Args:
        api: the service.
        storage: where the bytes come from.
        out: the folder.
        parallel: images under way at a time.
        patience: for each file.
        progress: hears of bytes.
        stop: ends everything.
    """

    def __init__(
        self,
        api: Api,
        storage: Storage,
        *,
        out: Path,
        parallel: int,
        patience: Patience,
        progress: Progress,
        stop: Stop,
    ) -> None:
        self._api = api
        self._storage = storage
        self._out = out
        self._parallel = parallel
        self._patience = patience
        self._progress = progress
        self._stop = stop

    def renditions(self, job_id: str) -> list[Downloaded | NotDownloaded]:
        """Every rendition of every completed image, in folders like those of the originals.

        Raises:
            UsageError: the folder cannot be made or written.
            NetworkError, ProblemError: the service or the storage does not serve this job.
            Interrupted: the switch was thrown. What is complete stays, the rest goes on next time.
        """
        _make(self._out)
        results: list[Downloaded | NotDownloaded] = []
        self._progress.begin(Phase.DOWNLOAD, 0)
        try:
            with closing(
                run_lazily(
                    self._tasks(job_id),
                    lambda task: self._download_image(job_id, task),
                    parallel=self._parallel,
                    stop=self._stop,
                )
            ) as done:
                for several in done:
                    results += several
        finally:
            self._progress.end(Phase.DOWNLOAD)
        return results

    def archive(self, job: Job) -> Downloaded:
        """The archive of a completed job as `JOB.zip`.

        Raises:
            UsageError: the job has none (yet), or the folder cannot be written.
            NetworkError, StorageError, ProblemError: it cannot be downloaded.
        """
        if not job.download_url:
            raise UsageError(f"job {job.job_id} is {job.status.value}: it has no archive to download")
        _make(self._out)
        target = self._out / f"{job.job_id}.zip"
        size = job.archive_bytes
        self._progress.begin(Phase.DOWNLOAD, size or 0)
        try:
            if size is not None and target.exists() and target.stat().st_size == size and zipfile.is_zipfile(target):
                self._moved(size)
                return Downloaded(path=target, size_bytes=size, skipped=True)
            link = [job.download_url]

            def renew() -> None:
                link[0] = self._api.job(job.job_id).download_url or link[0]

            # An archive that was made anew, after a redrive, is another file: the beginning of the old one is no use.
            mark = hashlib.sha256(f"{job.completed_at}".encode()).hexdigest()[:8]
            unfinished = self._out / f".{job.job_id}.{mark}.part"
            self._fetch(lambda: link[0], renew, unfinished, name=target.name, size_bytes=size)
            if not zipfile.is_zipfile(unfinished):
                unfinished.unlink()
                raise NetworkError(f"{target.name}: what arrived is no zip archive")
            unfinished.replace(target)
            return Downloaded(path=target, size_bytes=target.stat().st_size)
        except OSError as error:
            raise UsageError(f"{target}: cannot be written: {error.strerror}") from None
        finally:
            self._progress.end(Phase.DOWNLOAD)

    def _tasks(self, job_id: str) -> Iterator[_Task]:
        """Completed images, in the job's order; the total grows as they become known."""
        names = OutputNames()
        total_bytes = 0
        for image in self._api.images(job_id, links=True):
            stem = names.stem(image.name, image.position)  # of failed ones, too: names must not depend on them
            if image.status is not ImageStatus.COMPLETED:
                continue
            targets = tuple(
                (rendition, self._out / rendition_path(stem, rendition.name, rendition.file_name))
                for rendition in image.renditions
            )
            total_bytes += sum(rendition.size_bytes for rendition, _ in targets)
            self._progress.begin(Phase.DOWNLOAD, total_bytes)
            yield _Task(image=image, targets=targets)

    def _download_image(self, job_id: str, task: _Task) -> list[Downloaded | NotDownloaded]:
        """Downloads one image's renditions, one after the other."""
        links = {rendition.name: rendition.url for rendition in task.image.renditions}

        def renew() -> None:
            links.update({each.name: each.url for each in self._api.image(job_id, task.image.image_id).renditions})

        results: list[Downloaded | NotDownloaded] = []
        for rendition, target in task.targets:
            try:
                if _is_there(target, rendition):
                    self._moved(rendition.size_bytes)
                    results.append(Downloaded(path=target, size_bytes=rendition.size_bytes, skipped=True))
                    continue
                if links[rendition.name] is None:
                    renew()
                self._download_rendition(rendition, target, partial(_link, links, rendition.name), renew)
                results.append(Downloaded(path=target, size_bytes=rendition.size_bytes))
            except (StorageError, LinkRefusedError) as error:
                results.append(NotDownloaded(path=target, reason=str(error)))
            except OSError as error:
                raise UsageError(f"{target}: cannot be written: {error.strerror}") from None
        return results

    def _download_rendition(
        self, rendition: Rendition, target: Path, link: Callable[[], str], renew: Callable[[], None]
    ) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.part")
        unfinished.unlink(missing_ok=True)  # of an earlier run, which may have seen other bytes under this name
        self._fetch(link, renew, unfinished, name=target.name, size_bytes=rendition.size_bytes, sha256=rendition.sha256)
        unfinished.replace(target)

    def _fetch(
        self,
        link: Callable[[], str],
        renew: Callable[[], None],
        unfinished: Path,
        *,
        name: str,
        size_bytes: int | None,
        sha256: str | None = None,
    ) -> None:
        """Downloads as often as patience lasts, with new links where the old are refused, and checks the digest."""
        refusals = 0

        def attempt() -> None:
            nonlocal refusals
            try:
                self._storage.get(
                    link(), unfinished, name=name, size_bytes=size_bytes, stop=self._stop, moved=self._moved
                )
            except LinkRefusedError as refusal:
                refusals += 1
                if refusals > MAX_RENEWALS:
                    raise
                renew()
                raise Transient(refusal, after_s=0.0 if refusals == 1 else None) from refusal
            if sha256 is not None and _sha256(unfinished) != sha256:
                self._moved(-unfinished.stat().st_size)
                unfinished.unlink()
                raise Transient(StorageError(name, status=200, code="with other bytes than announced"))

        persistently(attempt, patience=self._patience, stop=self._stop)

    def _moved(self, amount: int) -> None:
        self._progress.advance(Phase.DOWNLOAD, amount)


def _link(links: dict[str, str | None], rendition: str) -> str:
    return links.get(rendition) or ""


def _is_there(target: Path, rendition: Rendition) -> bool:
    """Whether an earlier run left this rendition, whole."""
    try:
        if target.stat().st_size != rendition.size_bytes:
            return False
    except OSError:
        return False
    return rendition.sha256 is None or _sha256(target) == rendition.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror}") from None
