"""The links of one image's upload: one for all of it or one a part, renewed when they expire."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from client.api import Api
from client.errors import ClientError, Problem
from client.models import Confirmation, Link, MultipartLinks, PartTag, PutLinks, UploadRequest
from client.retry import Patience, Transient, persistently
from client.stop import Stop
from client.storage import LinkRefusedError

MAX_RENEWALS = 3
"""New links for one piece, before the storage's refusal is taken for final."""

Put = Callable[[str, dict[str, str]], str]
"""Sends by a link with its headers and returns the ETag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of an image that is sent by one link: a part, or all of it as number 1."""

    number: int
    offset: int
    size_bytes: int


class Restarted(ClientError):  # noqa: N818 - what happened, for the uploader
    """The multipart upload is gone and a new one took its place: parts sent so far count no more."""


class Links:
    """Links and arrived parts of one image. Threads that send its parts share it.

    Args:
        api: gives new links.
        job_id: the job.
        request: what the links were asked for with.
        answer: the links.
        size_bytes: of the image.
    """

    def __init__(
        self, api: Api, job_id: str, request: UploadRequest, answer: PutLinks | MultipartLinks, *, size_bytes: int
    ) -> None:
        self._api = api
        self._job_id = job_id
        self._request = request
        self._upload_id = answer.upload_id if isinstance(answer, MultipartLinks) else None
        self._pieces = _pieces(answer, size_bytes)
        self._lock = threading.Lock()
        self._links = _by_number(answer)
        self._arrived = _stored(answer, self._pieces)
        self._given_up = False

    @property
    def is_complete(self) -> bool:
        """Whether every piece arrived."""
        with self._lock:
            return not self._given_up and len(self._arrived) == len(self._pieces)

    @property
    def arrived_bytes(self) -> int:
        """Bytes of the pieces that arrived."""
        with self._lock:
            return sum(piece.size_bytes for piece in self._pieces.values() if piece.number in self._arrived)

    def missing(self) -> list[Piece]:
        """Pieces that have not arrived."""
        with self._lock:
            return [piece for piece in self._pieces.values() if piece.number not in self._arrived]

    def confirmation(self) -> Confirmation:
        """What the service is told when all pieces arrived."""
        if self._upload_id is None:
            return Confirmation(image_id=self._request.image_id)
        tags = [PartTag(number=number, etag=etag) for number, etag in sorted(self._arrived.items())]
        return Confirmation(image_id=self._request.image_id, parts=tags)

    def give_up(self) -> None:
        """Pieces that wait need not be sent any more."""
        with self._lock:
            self._given_up = True

    def send(self, piece: Piece, put: Put, *, patience: Patience, stop: Stop) -> None:
        """Sends one piece, as often as patience lasts, with new links where the old are refused.

        Raises:
            Restarted: the multipart upload is another one now.
            LinkRefusedError: new links do not help.
            ClientError: what `put` raised for good.
        """
        refusals = 0

        def attempt() -> str:
            nonlocal refusals
            with self._lock:
                link = self._links[piece.number]
            try:
                return put(link.url, dict(link.headers))
            except LinkRefusedError as refusal:
                refusals += 1
                if refusals > MAX_RENEWALS:
                    raise
                self._renew(piece, link, refusal)
                raise Transient(refusal, after_s=0.0 if refusals == 1 else None) from refusal

        with self._lock:
            if self._given_up:
                return
        etag = persistently(attempt, patience=patience, stop=stop)
        with self._lock:
            self._arrived[piece.number] = etag

    def _renew(self, piece: Piece, refused: Link, refusal: LinkRefusedError) -> None:
        """New links for all pieces that are missing, unless another thread fetched them meanwhile."""
        with self._lock:
            if self._links[piece.number] is not refused:
                return
            answer = self._api.upload_links(self._job_id, [self._request])[self._request.image_id]
            if isinstance(answer, Problem):
                raise LinkRefusedError(f"{refusal}; {answer}")
            if isinstance(answer, MultipartLinks) and answer.upload_id != self._upload_id:
                raise Restarted("its upload expired and is begun anew")
            self._links |= _by_number(answer)


def _pieces(answer: PutLinks | MultipartLinks, size_bytes: int) -> dict[int, Piece]:
    part_bytes = answer.part_size_bytes if isinstance(answer, MultipartLinks) else size_bytes
    offsets = range(0, size_bytes, part_bytes)
    return {
        number: Piece(number=number, offset=offset, size_bytes=min(part_bytes, size_bytes - offset))
        for number, offset in enumerate(offsets, 1)
    }


def _by_number(answer: PutLinks | MultipartLinks) -> dict[int, Link]:
    return {part.number: part for part in answer.parts} if isinstance(answer, MultipartLinks) else {1: answer}


def _stored(answer: PutLinks | MultipartLinks, pieces: dict[int, Piece]) -> dict[int, str]:
    """Parts of an earlier run. Without a link to send them again they count, whatever their size."""
    if not isinstance(answer, MultipartLinks):
        return {}
    links = {part.number for part in answer.parts}
    return {part.number: part.etag for part in answer.stored_parts if part.number in pieces.keys() - links}
