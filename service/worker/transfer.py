"""A child's way to object storage: the original in, renditions out, and the original into the vault meanwhile."""

import os
import re
import stat
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from processor.errors import ReasonCode, Stage
from processor.result import Output
from service.aws.clients import Clients
from service.aws.errors import AwsAway, AwsError, ObjectMissing
from service.aws.storage import MIB, Bucket
from service.jobs.object_keys import result_key, vault_key
from service.jobs.reasons import ServiceReason
from service.worker.tasks import ChildSetup, ImageTask, MadeRendition

CONTENT_TYPES: Final = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_THREADS = 3
_SINGLE_GET_BYTES = 32 * MIB
"""Originals up to this size come by one call: half the processor time. Larger ones come sooner in parallel pieces."""
_SINGLE_CALL_BYTES = 16 * MIB
"""Renditions up to this size are stored by one call; larger ones in parallel pieces."""


class TransferError(Exception):
    """An original or a rendition could not be moved.

    Attributes:
        code: reason code.
        stage: the stage that it belongs to.
    """

    def __init__(self, code: str, stage: Stage, message: str) -> None:
        super().__init__(message)
        self.code, self.stage = code, stage

    @property
    def is_outage(self) -> bool:
        """Whether storage is away: then neither the image nor its try is to blame."""
        return isinstance(self.__cause__, AwsAway)


class Transfer:
    """The buckets as one child sees them. Its threads only wait for storage; they live as long as the process."""

    def __init__(self, setup: ChildSetup) -> None:
        client = Clients(region=setup.region).s3
        self.uploads = Bucket(client, setup.uploads_bucket)
        self.vault = Bucket(client, setup.vault_bucket)
        self.results = Bucket(client, setup.results_bucket)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="transfer")
        # Started now: their stacks belong to what the process has before any image is granted memory.
        ready = threading.Barrier(_THREADS + 1)
        for _ in range(_THREADS):
            self._threads.submit(ready.wait)
        ready.wait()

    def fetch(self, task: ImageTask, path: Path) -> None:
        """Write the original into a file: from the uploads bucket, else from the vault. Nothing when it is there.

        Raises:
            TransferError: `original_missing`, or `unreadable` when storage is away.
            OSError: the file cannot be written.
        """
        if path.exists():
            return
        partial = path.with_suffix(".part")
        try:
            try:
                _get(self.uploads, task.source_key, partial, task.size_bytes)
            except ObjectMissing:
                _get(self.vault, _vault_key(task), partial, task.size_bytes)
        except ObjectMissing as error:
            raise TransferError(
                ServiceReason.ORIGINAL_MISSING,
                Stage.READ,
                "the original is neither among the uploads nor in the vault; upload it again with a new job",
            ) from error
        except AwsError as error:
            message = f"the original could not be fetched from storage: {error}"
            raise TransferError(ReasonCode.UNREADABLE, Stage.READ, message) from error
        size_bytes = partial.stat().st_size
        if size_bytes != task.size_bytes:
            raise TransferError(
                ServiceReason.UPLOAD_MISMATCH,
                Stage.READ,
                f"the original has {size_bytes} bytes in storage and was announced with {task.size_bytes}; it was "
                "replaced after its upload",
            )
        partial.rename(path)

    def begin_vaulting(self, task: ImageTask) -> "Future[None] | None":
        """Start to copy the original into the vault, inside storage; None when it is there already."""
        return None if task.in_vault else self._threads.submit(self._copy_into_vault, task)

    def end_vaulting(self, task: ImageTask, copying: "Future[None] | None") -> str:
        """Wait for the copy; returns its key.

        Raises:
            TransferError: `store_failed`.
        """
        if copying is not None:
            try:
                copying.result()
            except AwsError as error:
                message = f"the original could not be copied into the vault: {error}"
                raise TransferError(ReasonCode.STORE_FAILED, Stage.STORE, message) from error
        return _vault_key(task)

    def deliver(self, task: ImageTask, folder: Path, outputs: Sequence[Output]) -> tuple[MadeRendition, ...]:
        """Store all renditions, side by side.

        Raises:
            TransferError: `store_failed`.
        """
        files = [made_file(folder, output) for output in outputs]
        pending = [
            self._threads.submit(self._store, task, path, output) for path, output in zip(files, outputs, strict=True)
        ]
        try:
            return tuple(future.result() for future in pending)
        except AwsError as error:
            message = f"a rendition could not be stored: {error}"
            raise TransferError(ReasonCode.STORE_FAILED, Stage.STORE, message) from error
        finally:
            for future in pending:
                future.cancel()

    def _copy_into_vault(self, task: ImageTask) -> None:
        try:
            self.vault.copy_from(self.uploads, task.source_key, _vault_key(task))
        except ObjectMissing:
            # The upload has expired, and the original came from the vault.
            if self.vault.head(_vault_key(task)) is None:
                raise

    def _store(self, task: ImageTask, path: Path, output: Output) -> MadeRendition:
        # Named by content and recipe: whoever makes it again makes the same object.
        key = result_key(task.tenant, task.job_id, task.image_id, path.name)
        content_type = CONTENT_TYPES.get(path.suffix[1:], "application/octet-stream")
        if output.size_bytes <= _SINGLE_CALL_BYTES:
            self.results.put(key, path.read_bytes(), content_type=content_type)
        else:
            self.results.upload(path, key, content_type=content_type)
        return MadeRendition(
            rendition=output.rendition,
            key=key,
            width_px=output.width_px,
            height_px=output.height_px,
            size_bytes=output.size_bytes,
        )


def made_file(folder: Path, output: Output) -> Path:
    """The file of a rendition, if it is what its decoder says.

    A decoder that a file has taken over can name whatever it likes, and can do what it likes in its folder: a link
    there would have us store, for its customer, what only we can read.
    """
    path = folder / output.path
    try:
        if path.parent != folder or not _NAME.fullmatch(path.name):
            raise ValueError("it is not in the image's folder")  # noqa: TRY301 - one sentence for all
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise ValueError("it is no plain file")  # noqa: TRY301
        if found.st_size != output.size_bytes:
            raise ValueError(f"it has {found.st_size} bytes and not {output.size_bytes}")  # noqa: TRY301
    except (OSError, ValueError) as error:
        message = f"rendition {output.path[:200]!r} is not what its decoder says: {error}"
        raise TransferError(ReasonCode.DECODER_CRASH, Stage.STORE, message) from error
    return path


def _get(bucket: Bucket, key: str, path: Path, size_bytes: int) -> None:
    (bucket.fetch if size_bytes <= _SINGLE_GET_BYTES else bucket.download)(key, path)


def _vault_key(task: ImageTask) -> str:
    return vault_key(task.tenant, task.job_id, task.image_id)
