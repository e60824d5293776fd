"""What the API answers, as far as the client reads it. Fields that are new to this client are passed over."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class JobStatus(StrEnum):
    """A job is `pending` until its first image starts; `completed` has an archive to download."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


class ImageStatus(StrEnum):
    """`completed` and `failed` are an image's ends."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Counts(_Answer):
    """How many images of a job are where; completed and failed ones are settled."""

    total: int
    completed: int
    failed: int

    @property
    def settled(self) -> int:
        """Images that reached an end."""
        return self.completed + self.failed


class Job(_Answer):
    """A job.

    Attributes:
        job_id: its id.
        status: where it is.
        images: how many images.
        expires_at: a job that is not over by then fails.
        download_url: of the archive, when completed; lives for `expires_in` seconds.
    """

    job_id: str
    status: JobStatus
    images: Counts
    created_at: datetime
    settled_at: datetime | None = None
    completed_at: datetime | None = None
    expires_at: datetime | None = None
    download_url: str | None = Field(default=None, repr=False)
    archive_bytes: int | None = None
    expires_in: int | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def ended_early(self) -> bool:
        """Whether it ended without its archive: cancelled, expired, or every image failed."""
        return self.status in {JobStatus.FAILED, JobStatus.CANCELLED}

    @property
    def has_failures(self) -> bool:
        """Whether anything of it failed so far, or it was cancelled."""
        return self.images.failed > 0 or self.ended_early


class Rendition(_Answer):
    """One picture made of an original.

    Attributes:
        file_name: as browsers save it; its ending is the format's.
        url: its link, where links were asked for.
        sha256: hex digest, where the service tells it.
    """

    name: str
    file_name: str
    size_bytes: int
    width_px: int
    height_px: int
    url: str | None = Field(default=None, repr=False)
    sha256: str | None = None


class Image(_Answer):
    """An image of a job.

    Attributes:
        position: its place in the job, from 0.
        name: the file's, as submitted.
        uploaded_at: when the service accepted the original, or None.
        error_code, error_message: why it failed.
        verdict: `ok`, `suspect` or `damaged`.
        renditions: when completed.
    """

    image_id: str
    position: int
    name: str
    size_bytes: int
    status: ImageStatus
    uploaded_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    verdict: str | None = None
    renditions: tuple[Rendition, ...] = ()


class UploadRequest(BaseModel):
    """Asks for the links of one image.

    Attributes:
        sha256: hex digest of the file, which the storage then verifies; None where the file goes up in parts.
        part_numbers: the parts for which links are wanted; None for all that are missing.
    """

    image_id: str
    sha256: str | None = None
    part_numbers: list[int] | None = None


class Link(_Answer):
    """A link and the headers that must be sent with it."""

    url: str = Field(repr=False)
    headers: dict[str, str] = Field(default_factory=dict)


class PartLink(Link):
    """The link of one part."""

    number: int
    size_bytes: int


class StoredPart(_Answer):
    """A part that the storage has."""

    number: int
    etag: str
    size_bytes: int


class PutLinks(Link):
    """An image that goes up in one piece."""

    method: Literal["put"]
    image_id: str


class MultipartLinks(_Answer):
    """An image that goes up in parts: links for those that are missing, and those that are there."""

    method: Literal["multipart"]
    image_id: str
    upload_id: str
    part_size_bytes: int = Field(gt=0)
    parts: tuple[PartLink, ...]
    stored_parts: tuple[StoredPart, ...] = ()


class PartTag(BaseModel):
    """Names a part that the storage has."""

    number: int
    etag: str


class Confirmation(BaseModel):
    """Tells the service that an image is uploaded.

    Attributes:
        parts: of a multipart upload, in their order.
    """

    image_id: str
    parts: list[PartTag] | None = None


class JobPage(_Answer):
    """A page of jobs."""

    items: tuple[Job, ...]
    next_cursor: str | None = None


class ImagePage(_Answer):
    """A page of images."""

    items: tuple[Image, ...]
    next_cursor: str | None = None


class NewJob(Job):
    """A job that was just made, with the first of its images."""

    first_page: ImagePage


class NewFile(BaseModel):
    """A file as it is announced."""

    name: str
    size_bytes: int


def fields(model: BaseModel) -> dict[str, Any]:
    """A request's fields, those that are unset left out."""
    return model.model_dump(exclude_none=True)
