"""From a file that was announced to an image in the queue: links to upload with, and the look at what arrived."""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from processor.sniff import foreign_format
from service.api.problems import Code, Problem
from service.api.resources import Resources
from service.api.wire import (
    MAX_PARTS,
    ImageUploadedGiven,
    ImageUploadGiven,
    MultipartTold,
    PartLinkTold,
    PutTold,
    StoredPartTold,
    UploadedTold,
)
from service.aws.errors import AwsError, ObjectMissing, UploadMissing, UploadRefused
from service.aws.storage import MIB, Part
from service.jobs import outbox, transitions
from service.jobs.models import Image, ImageStatus, Job, JobStatus
from service.logs import logger

_log = logger(__name__)
A = TypeVar("A")
B = TypeVar("B")

MULTIPART_ABOVE_BYTES = 64 * MIB
"""Larger files go in parts: several at once, and only the missing ones again after a break."""
SMALLEST_PART_BYTES = 16 * MIB
HEAD_BYTES = 32
"""What is read of an uploaded file: what `foreign_format` looks at."""


def part_size_bytes(size_bytes: int) -> int:
    """The size of all parts but the last, so that there are at most 10 000."""
    return max(SMALLEST_PART_BYTES, math.ceil(size_bytes / MAX_PARTS / MIB) * MIB)


def part_sizes(size_bytes: int) -> dict[int, int]:
    """The size of each part in bytes, by its number from 1."""
    size = part_size_bytes(size_bytes)
    count = math.ceil(size_bytes / size)
    return dict.fromkeys(range(1, count), size) | {count: size_bytes - (count - 1) * size}


def offer(
    resources: Resources, job: Job, wanted: Sequence[tuple[Image, ImageUploadGiven]]
) -> list[PutTold | MultipartTold | Problem]:
    """Links to upload each image with, or why there are none."""
    begun = _each(resources, wanted, lambda pair: _begin(resources, job, pair[0]))
    return [_signed(resources, image, given, found) for (image, given), found in zip(wanted, begun, strict=True)]


def confirm(
    resources: Resources, job: Job, given: Sequence[tuple[Image, ImageUploadedGiven]]
) -> list[UploadedTold | Problem]:
    """Looks at what was uploaded, writes it down and sends the images to the queue.

    When the queue does not answer the images are accepted all the same: the row says that a message is due, and the
    sweeper sends it.
    """
    looks = _each(resources, given, lambda pair: _look(resources, job, *pair))
    there = [
        (image.image_id, image.size_bytes)
        for (image, _), problem in zip(given, looks, strict=True)
        if problem is None and image.uploaded_at is None
    ]
    if there:
        new = transitions.mark_uploaded(job.job_id, there)
        _send(resources, job.job_id, [image_id for image_id, _ in there if image_id in new])
    now = {
        image.image_id: image for image in Image.objects.filter(job=job, image_id__in=[i.image_id for i, _ in given])
    }
    return [
        _confirmed(job, now[image.image_id]) if problem is None else problem
        for (image, _), problem in zip(given, looks, strict=True)
    ]


def stored_parts(resources: Resources, image: Image) -> list[Part]:
    """The parts of an image's multipart upload that storage has.

    Raises:
        Problem: no multipart upload is under way.
    """
    if image.upload_id is None:
        raise Problem(Code.NO_UPLOAD, f"image {image.image_id}: no multipart upload is under way")
    try:
        return resources.upload_signer.bucket.parts(image.source_key, image.upload_id)
    except UploadMissing:
        raise Problem(Code.NO_UPLOAD, f"image {image.image_id}: its multipart upload has expired") from None


def told_parts(parts: Iterable[Part]) -> list[StoredPartTold]:
    """As the API tells them."""
    return [StoredPartTold(number=part.number, etag=part.etag, size_bytes=part.size_bytes) for part in parts]


@dataclass(frozen=True, slots=True)
class _Begun:
    """A multipart upload in storage. `is_new`: no row knows of it yet."""

    upload_id: str
    stored: list[Part]
    is_new: bool


def _begin(resources: Resources, job: Job, image: Image) -> _Begun | None:
    """What storage has to do before links can be signed: nothing for a small file."""
    _check_open(job, image)
    if image.size_bytes <= MULTIPART_ABOVE_BYTES:
        return None
    bucket = resources.upload_signer.bucket
    if image.upload_id is not None:
        try:
            return _Begun(image.upload_id, bucket.parts(image.source_key, image.upload_id), is_new=False)
        except UploadMissing:  # expired, or put together and found to be the wrong file
            pass
    return _Begun(bucket.create_upload(image.source_key), [], is_new=True)


def _written_down(resources: Resources, image: Image, begun: _Begun) -> _Begun:
    """The upload that counts: an earlier one when somebody else began it meanwhile."""
    if not begun.is_new:
        return begun
    bucket = resources.upload_signer.bucket
    counts = transitions.mark_upload_started(image.job_id, image.image_id, begun.upload_id, replaces=image.upload_id)
    if counts == begun.upload_id:
        return begun
    bucket.abort_upload(image.source_key, begun.upload_id)
    if counts is None:
        raise Problem(Code.JOB_ENDED, f"image {image.image_id}: it takes no upload any more")
    return _Begun(counts, bucket.parts(image.source_key, counts), is_new=False)


def _signed(
    resources: Resources, image: Image, given: ImageUploadGiven, begun: _Begun | Problem | None
) -> PutTold | MultipartTold | Problem:
    if isinstance(begun, Problem):
        return begun
    try:
        if begun is None:
            return _signed_put(resources, image, given)
        return _signed_parts(resources, image, given, _written_down(resources, image, begun))
    except Problem as problem:
        return problem


def _signed_put(resources: Resources, image: Image, given: ImageUploadGiven) -> PutTold:
    signer = resources.upload_signer
    life = signer.lifetime()
    link = signer.bucket.upload_link(
        image.source_key,
        size_bytes=image.size_bytes,
        lifetime_s=life.expires_in_s,
        sha256=None if given.sha256 is None else bytes.fromhex(given.sha256),
    )
    return PutTold(
        image_id=image.image_id,
        url=link.url,
        headers=link.headers,
        expires_in=life.expires_in_s,
        expires_at=life.expires_at,
    )


def _signed_parts(resources: Resources, image: Image, given: ImageUploadGiven, upload: _Begun) -> MultipartTold:
    sizes = part_sizes(image.size_bytes)
    beyond = [number for number in given.part_numbers or () if number not in sizes]
    if beyond:
        raise Problem(
            Code.INVALID_REQUEST,
            f"image {image.image_id} has {len(sizes)} parts; there is no part {beyond[0]}",
            errors=[{"pointer": "#/part_numbers", "detail": f"must be 1 to {len(sizes)}"}],
        )
    whole = {part.number for part in upload.stored if part.size_bytes == sizes.get(part.number)}
    numbers = sorted(set(given.part_numbers or ())) or [number for number in sizes if number not in whole]
    signer = resources.upload_signer
    life = signer.lifetime()

    def link(number: int) -> PartLinkTold:
        signed = signer.bucket.part_link(
            image.source_key,
            upload.upload_id,
            number=number,
            size_bytes=sizes[number],
            lifetime_s=life.expires_in_s,
        )
        return PartLinkTold(number=number, url=signed.url, headers=signed.headers, size_bytes=sizes[number])

    return MultipartTold(
        image_id=image.image_id,
        upload_id=upload.upload_id,
        part_size_bytes=sizes[1],
        parts=[link(number) for number in numbers],
        stored_parts=told_parts(upload.stored),
        expires_in=life.expires_in_s,
        expires_at=life.expires_at,
    )


def _look(resources: Resources, job: Job, image: Image, given: ImageUploadedGiven) -> None:
    """Raises Problem unless the object is there, whole, and could be what it should be."""
    if image.uploaded_at is not None:
        return
    _check_open(job, image)
    if image.upload_id is not None:
        _complete(resources, image, given)
    try:
        size_bytes, head = resources.uploads.peek(image.source_key, HEAD_BYTES)
    except ObjectMissing:
        raise Problem(Code.UPLOAD_MISSING, f"image {image.image_id}: nothing was uploaded yet") from None
    if size_bytes != image.size_bytes:
        raise Problem(
            Code.UPLOAD_MISMATCH,
            f"image {image.image_id}: {size_bytes} bytes were uploaded, {image.size_bytes} were announced",
        )
    foreign = foreign_format(head)
    if foreign is not None:
        raise Problem(Code.UPLOAD_MISMATCH, f"image {image.image_id}: what was uploaded is no camera RAW: it {foreign}")


def _complete(resources: Resources, image: Image, given: ImageUploadedGiven) -> None:
    """Puts the parts of a multipart upload together; one that is done already is left for the look at the object."""
    bucket, upload_id = resources.upload_signer.bucket, str(image.upload_id)
    try:
        stored = bucket.parts(image.source_key, upload_id)
        _check_parts(image, stored, given)
        bucket.complete_upload(image.source_key, upload_id, stored)
    except UploadMissing:
        return
    except UploadRefused as error:
        _log.info("upload_refused", reason=str(error))
        raise Problem(
            Code.UPLOAD_INCOMPLETE, f"image {image.image_id}: storage cannot put the parts together"
        ) from None


def _check_parts(image: Image, stored: Sequence[Part], given: ImageUploadedGiven) -> None:
    etags = {part.number: part.etag.strip('"') for part in stored}
    differing = [part.number for part in given.parts or () if etags.get(part.number) != part.etag.strip('"')]
    if differing:
        raise Problem(
            Code.UPLOAD_INCOMPLETE,
            f"image {image.image_id}: storage does not have part {differing[0]} with that ETag",
        )
    size_bytes = sum(part.size_bytes for part in stored)
    if size_bytes != image.size_bytes:
        raise Problem(
            Code.UPLOAD_INCOMPLETE,
            f"image {image.image_id}: storage has {len(stored)} parts of {size_bytes} bytes together; "
            f"{image.size_bytes} were announced",
        )


def _check_open(job: Job, image: Image) -> None:
    if job.status not in {JobStatus.PENDING, JobStatus.PROCESSING} or image.status == ImageStatus.FAILED:
        raise Problem(Code.JOB_ENDED, f"image {image.image_id}: its job is {job.status}, the image {image.status}")
    if image.uploaded_at is not None:
        raise Problem(Code.IMAGE_UPLOADED, f"image {image.image_id}: it was uploaded and accepted before")


def _send(resources: Resources, job_id: UUID, image_ids: Sequence[UUID]) -> None:
    if not image_ids:
        return
    try:
        outbox.send_images(resources.queue, job_id, image_ids)
    except AwsError as error:
        _log.warning("left_to_the_sweeper", job=str(job_id), images=len(image_ids), reason=str(error))


def _confirmed(job: Job, image: Image) -> UploadedTold | Problem:
    if image.uploaded_at is None:  # cancelled or expired while we looked
        return Problem(Code.JOB_ENDED, f"image {image.image_id}: job {job.job_id} takes no uploads any more")
    return UploadedTold(image_id=image.image_id, status=ImageStatus(image.status), uploaded_at=image.uploaded_at)


def _each(resources: Resources, items: Sequence[A], work: Callable[[A], B]) -> list[B | Problem]:
    """Works on all items, several at once, without the database; a problem of one is its result."""

    def guarded(item: A) -> B | Problem:
        try:
            return work(item)
        except Problem as problem:
            return problem

    if len(items) == 1:
        return [guarded(items[0])]
    futures: list[Future[B | Problem]] = [resources.pool.submit(guarded, item) for item in items]
    return [future.result() for future in futures]
