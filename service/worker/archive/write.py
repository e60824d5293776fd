"""Streams an archive from storage into storage: no temporary file, and the same memory for any size."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from zipstream import ZIP_STORED, ZipStream

from processor.errors import ReasonCode, Stage
from service.aws.errors import AwsError
from service.aws.storage import MIB, Bucket
from service.aws.stream import ObjectWriter
from service.jobs.object_keys import archive_key
from service.worker.archive.contents import Entry, list_contents, write_pages
from service.worker.archive.rows import read_images, read_job
from service.worker.tasks import ArchiveMade, ArchiveTask
from service.worker.transfer import TransferError

PIECE_BYTES = 4 * MIB
PIECES_AHEAD = 6
"""Pieces that are read before the zip asks for them: waiting for one small object after another would take the time."""


def write_archive(results: Bucket, task: ArchiveTask, folder: Path) -> ArchiveMade:
    """Write the archive of the job whose rows are in `folder`; it is there whole or not at all.

    Pictures are stored as they are, for they do not shrink further. All sizes are known, so the archive's is too.

    Raises:
        TransferError: storage is away, or a rendition is not what its row says.
    """
    contents = list_contents(read_job(folder), read_images(folder))
    archive = ZipStream(compress_type=ZIP_STORED, sized=True)
    pages = write_pages(contents, folder)
    for page in pages:
        archive.add_path(page, page.name)
    key = archive_key(task.tenant, task.job_id)
    try:
        with (
            _Pieces(results, contents.entries) as pieces,
            ObjectWriter(results, key, content_type="application/zip", file_name=f"rawmill-{task.job_id}.zip") as out,
        ):
            for entry in contents.entries:
                archive.add(pieces.of(entry), entry.name, size=entry.size_bytes)
            expected_bytes = len(archive)
            for data in archive:
                out.write(data)
            if out.size_bytes != expected_bytes:
                raise RuntimeError(f"{out.size_bytes} bytes where {expected_bytes} were expected")  # noqa: TRY301
    except AwsError as error:
        message = f"the archive could not be written: {error}"
        raise TransferError(ReasonCode.STORE_FAILED, Stage.STORE, message) from error
    except RuntimeError as error:  # a size that the zip did not expect
        message = f"the archive could not be written: a rendition has changed since it was stored: {error}"
        raise TransferError(ReasonCode.STORE_FAILED, Stage.STORE, message) from error
    return ArchiveMade(key=key, size_bytes=out.size_bytes, entries=len(contents.entries) + len(pages))


class _Pieces:
    """Reads objects in pieces, in the order of the entries, some pieces ahead."""

    def __init__(self, bucket: Bucket, entries: Sequence[Entry]) -> None:
        self._bucket = bucket
        self._wanted = (
            (entry.key, start) for entry in entries for start in range(0, max(entry.size_bytes, 1), PIECE_BYTES)
        )
        self._threads = ThreadPoolExecutor(PIECES_AHEAD, thread_name_prefix="pieces")
        self._ahead: deque[Future[bytes]] = deque()

    def __enter__(self) -> "_Pieces":
        self._read_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def of(self, entry: Entry) -> Iterator[bytes]:
        """The bytes of an entry; only in the order of the entries."""
        for _ in range(0, max(entry.size_bytes, 1), PIECE_BYTES):
            piece = self._ahead.popleft()
            self._read_on()
            yield piece.result()

    def _read_on(self) -> None:
        while len(self._ahead) < PIECES_AHEAD:
            wanted = next(self._wanted, None)
            if wanted is None:
                return
            key, start = wanted
            self._ahead.append(self._threads.submit(self._bucket.read, key, start=start, length=PIECE_BYTES))
