"""The Python API: one object for one server and one key, and a method for everything that a customer does."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from client.api import Api
from client.config import find_access, state_folder
from client.download import Downloaded, Downloader, NotDownloaded
from client.errors import ClientError, ProblemError, UsageError
from client.files import Refused, select
from client.models import Image, ImagePage, ImageStatus, Job, NewFile
from client.progress import Phase, Progress, Quiet
from client.recipes import read_recipe, with_logo
from client.retry import Patience
from client.state import Memory, Remembered, new_submission
from client.stop import Stop
from client.storage import Storage
from client.transport import Transport
from client.upload import Expected, NotUploaded, Uploader
from client.watch import follow

DEFAULT_PARALLEL = 4
MAX_PARALLEL = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What became of a submission.

    Attributes:
        job: as last seen.
        uploaded: files that the service accepted.
        refused: files that were left out before anything was sent.
        not_uploaded: files that were announced but could not be uploaded; the job waits for them until it is resumed,
            cancelled or past its lifetime.
        files: what was downloaded, when that was asked for.
        continued: the job is one that an earlier call began.
    """

    job: Job
    uploaded: int
    refused: tuple[Refused, ...] = ()
    not_uploaded: tuple[NotUploaded, ...] = ()
    files: tuple[Downloaded | NotDownloaded, ...] = ()
    continued: bool = False

    @property
    def is_good(self) -> bool:
        """Whether nothing failed so far."""
        return not (
            self.refused
            or self.not_uploaded
            or self.job.has_failures
            or any(isinstance(file, NotDownloaded) for file in self.files)
        )


class Rawmill:
    """A Rawmill, as its customers see it.

    Example:
        with Rawmill("https://rawmill.example.com", key) as rawmill:
            submission = rawmill.submit(["shoot"], recipe="web.toml", out=Path("web"))

    Every method raises `ClientError`: `UsageError` for what the caller can mend, `ProblemError` for what the server
    refused, `NetworkError` when it could not be reached for longer than the patience.

    Args:
        url: the server's origin.
        key: the API key.
        parallel: transfers under way at a time.
        patience: how long to try again what may succeed later.
        state: the folder in which unfinished submissions are remembered (default: the user's state folder).
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        parallel: int = DEFAULT_PARALLEL,
        patience: Patience | None = None,
        state: Path | None = None,
    ) -> None:
        if not 1 <= parallel <= MAX_PARALLEL:
            raise UsageError(f"parallel = {parallel}: 1 to {MAX_PARALLEL} transfers at a time")
        self._patience = patience or Patience()
        self._parallel = parallel
        self._transport = Transport(url, key, patience=self._patience)
        self._storage = Storage(parallel=parallel)
        self._memory = Memory(state or state_folder())

    @classmethod
    def from_environment(cls, *, parallel: int = DEFAULT_PARALLEL) -> Self:
        """With server and key of `RAWMILL_URL` and `RAWMILL_API_KEY`, or of the configuration file."""
        access = find_access()
        return cls(access.url, access.key, parallel=parallel)

    def close(self) -> None:
        """Gives all connections back."""
        self._transport.close()
        self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def submit(
        self,
        paths: Sequence[str | Path],
        *,
        recipe: str | Path | Mapping[str, Any],
        wait: bool = True,
        out: Path | None = None,
        archive: bool = False,
        anew: bool = False,
        progress: Progress | None = None,
    ) -> Submission:
        """Makes a job of files and folders and uploads them.

        A submission of the same, unchanged files with the same recipe that was broken off before is gone on with.

        Args:
            paths: RAW files, and folders that are searched for them.
            recipe: a `.toml` or `.json` file, its settings, or the name of one of the service's.
            wait: until the job is over; with `out` always.
            out: folder for the results, or None.
            archive: download the archive instead of single renditions.
            anew: make another job even when there is one to go on with.
            progress: hears of everything.
        """
        settings = with_logo(dict(recipe), folder=Path()) if isinstance(recipe, Mapping) else read_recipe(recipe)
        selection = select(paths)
        wanted = new_submission(
            server=self._transport.origin,
            recipe=settings,
            named=[Path(path) for path in paths],
            selection=selection,
            out=out,
            archive=archive,
            watch=wait or out is not None,
        )
        earlier = None if anew else self._memory.same_work(wanted)
        if earlier is not None and self._goes_on(earlier):
            wishes = {"out": wanted.out, "archive": archive, "watch": wanted.watch}
            return self._carry_on(earlier.model_copy(update=wishes), progress or Quiet(), continued=True)
        return self._carry_on(wanted, progress or Quiet(), continued=False)

    def resume(self, what: str | Path, *, progress: Progress | None = None) -> Submission:
        """Goes on with a submission that was broken off.

        Args:
            what: a job's id, or a path that was submitted; of several the newest is taken.
            progress: hears of everything.
        """
        server = self._transport.origin
        remembered = self._memory.of_job(server, str(what))
        if remembered is None:
            remembered = next(iter(self._memory.of_folder(server, Path(what))), None)
        if remembered is None:
            raise UsageError(f"{what}: no unfinished submission of that job or path is known on this machine")
        if not self._goes_on(remembered):
            raise UsageError(f"job {remembered.job_id} was cancelled, has failed or is not there: submit again")
        return self._carry_on(remembered, progress or Quiet(), continued=True)

    def _goes_on(self, earlier: Remembered) -> bool:
        """Whether a remembered submission can be gone on with: its job is there and was not ended by others."""
        if earlier.job_id is None:
            return True
        try:
            job = self.job(earlier.job_id)
        except ProblemError as error:
            if error.problem.status == httpx.codes.NOT_FOUND:  # of another tenant, or long ago
                return False
            raise
        if not job.ended_early:
            return True
        self._memory.forget(earlier)
        return False

    def jobs(self) -> Iterator[Job]:
        """All jobs, the newest first."""
        return self._api(Stop()).jobs()

    def job(self, job_id: str) -> Job:
        """A job as it stands."""
        return self._api(Stop()).job(job_id)

    def images(self, job_id: str, *, status: ImageStatus | None = None) -> Iterator[Image]:
        """The images of a job, in its order."""
        return self._api(Stop()).images(job_id, status=status)

    def cancel(self, job_id: str) -> Job:
        """Cancels what has not started; images under way are finished."""
        job = self._api(Stop()).cancel(job_id)
        remembered = self._memory.of_job(self._transport.origin, job_id)
        if remembered is not None:
            self._memory.forget(remembered)
        return job

    def watch(self, job_id: str) -> Iterator[Job]:
        """The job as it stands, then after each change, until it is completed, failed or cancelled."""
        return follow(self._api(Stop()), job_id, stop=Stop(), is_over=lambda job: job.status.is_final)

    def download(
        self, job_id: str, out: Path, *, archive: bool = False, progress: Progress | None = None
    ) -> list[Downloaded | NotDownloaded]:
        """Downloads what is there of a job: its renditions so far, or the archive once the job is completed.

        Args:
            job_id: the job.
            out: the folder; files that are there already are not downloaded again.
            archive: the archive instead of single renditions.
            progress: hears of bytes.
        """
        with self._operation() as (api, stop):
            downloader = self._downloader(api, out, progress or Quiet(), stop)
            return [downloader.archive(api.job(job_id))] if archive else downloader.renditions(job_id)

    def is_unfinished(self, what: str | Path) -> bool:
        """Whether `resume` knows a submission of that job or path."""
        server = self._transport.origin
        return bool(self._memory.of_job(server, str(what)) or self._memory.of_folder(server, Path(what)))

    def _carry_on(self, work: Remembered, progress: Progress, *, continued: bool) -> Submission:
        """From wherever a submission stands to its end."""
        with self._operation() as (api, stop):
            self._memory.keep(work)
            work, job, first_page = self._job_of(api, work)
            progress.note(f"job {job.job_id}{' goes on' if continued else ''}")
            watching = _Watching(api, job, stop, progress) if work.watch else None
            if not work.uploaded:
                progress.begin(Phase.UPLOAD, work.selection().size_bytes)
            try:
                if watching:
                    watching.start()
                not_uploaded = (
                    [] if work.uploaded else self._upload(api, work, job, first_page, progress=progress, stop=stop)
                )
                if not not_uploaded and not work.uploaded:
                    work = work.model_copy(update={"uploaded": True})
                    self._memory.keep(work)
                if watching:
                    watching.wait(missing=len(not_uploaded))
            finally:
                if watching:
                    watching.stop()
            job = api.job(job.job_id)
            files: list[Downloaded | NotDownloaded] = []
            if work.out_folder and job.images.completed:
                downloader = self._downloader(api, work.out_folder, progress, stop)
                if not work.archive:
                    files = downloader.renditions(job.job_id)
                elif job.download_url:
                    files = [downloader.archive(job)]
            if not not_uploaded and not any(isinstance(file, NotDownloaded) for file in files):
                self._memory.forget(work)
            selection = work.selection()
            return Submission(
                job=job,
                uploaded=len(selection.files) - len(not_uploaded),
                refused=selection.refused,
                not_uploaded=tuple(not_uploaded),
                files=tuple(files),
                continued=continued,
            )

    def _job_of(self, api: Api, work: Remembered) -> tuple[Remembered, Job, ImagePage | None]:
        """The submission's job, made if it is not there yet, then with the first page of its images."""
        if work.job_id is not None:
            return work, api.job(work.job_id), None
        files = [NewFile(name=file.name, size_bytes=file.size_bytes) for file in work.files]
        try:
            job = api.create_job(work.recipe, files, idempotency_key=work.idempotency_key)
        except ProblemError as error:
            if error.exit_code == UsageError.exit_code:  # no later try makes a job of this
                self._memory.forget(work)
            raise
        work = work.model_copy(update={"job_id": job.job_id})
        self._memory.keep(work)
        return work, job, job.first_page

    def _upload(
        self,
        api: Api,
        work: Remembered,
        job: Job,
        first_page: ImagePage | None,
        *,
        progress: Progress,
        stop: Stop,
    ) -> list[NotUploaded]:
        """Uploads what the service does not have yet."""
        files = work.selection().files
        expected: list[Expected] = []
        there_bytes = 0
        try:
            for image in api.images(job.job_id, after=first_page):
                file = files[image.position]
                if image.status is not ImageStatus.PENDING or image.uploaded_at is not None:
                    there_bytes += file.size_bytes
                else:
                    expected.append(Expected(image_id=image.image_id, file=file))
            progress.reached(Phase.UPLOAD, there_bytes)
            if not expected:
                return []
            uploader = Uploader(
                api,
                self._storage,
                job_id=job.job_id,
                parallel=self._parallel,
                patience=self._patience,
                progress=progress,
                stop=stop,
            )
            return uploader.run(expected)
        finally:
            progress.end(Phase.UPLOAD)

    def _downloader(self, api: Api, out: Path, progress: Progress, stop: Stop) -> Downloader:
        return Downloader(
            api,
            self._storage,
            out=out,
            parallel=self._parallel,
            patience=self._patience,
            progress=progress,
            stop=stop,
        )

    def _api(self, stop: Stop) -> Api:
        return Api(self._transport.with_stop(stop))

    @contextmanager
    def _operation(self) -> Iterator[tuple[Api, Stop]]:
        """A switch of its own for one operation, thrown when it is left by an error or by Ctrl-C."""
        stop = Stop()
        try:
            yield self._api(stop), stop
        finally:
            stop.throw()


class _Watching:
    """Follows a job in a thread of its own, while its files are still being uploaded, and tells how far it is."""

    def __init__(self, api: Api, job: Job, stop: Stop, progress: Progress) -> None:
        self._api = api
        self._job = job
        self._stop = stop
        self._progress = progress
        self._missing = 0
        self._uploaded = threading.Event()
        self._error: ClientError | None = None
        self._thread = threading.Thread(target=self._run, name="rawmill-watch", daemon=True)

    def start(self) -> None:
        """Begins to follow."""
        self._progress.begin(Phase.DEVELOP, self._job.images.total)
        self._thread.start()

    def wait(self, *, missing: int) -> None:
        """Until the job is over; with images missing, until all others are settled.

        Raises:
            ClientError: the job cannot be followed.
        """
        self._missing = missing
        self._uploaded.set()
        while self._thread.is_alive():
            self._thread.join(0.2)  # in pieces, so that Ctrl-C is heard
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Ends the phase, however far it came."""
        self._progress.end(Phase.DEVELOP)

    def _is_over(self, job: Job) -> bool:
        if job.status.is_final:
            return True
        return self._uploaded.is_set() and self._missing > 0 and job.images.settled >= job.images.total - self._missing

    def _run(self) -> None:
        try:
            for job in follow(self._api, self._job.job_id, stop=self._stop, is_over=self._is_over):
                self._job = job
                self._progress.reached(Phase.DEVELOP, job.images.settled)
        except ClientError as error:
            self._error = error
