"""What goes over the wire: requests as they are validated, answers as they are published in the OpenAPI document."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema

from processor.recipe import Recipe
from processor.recipe_io import preset_names
from service.jobs.models import MAX_IMAGES, MAX_NAME_LENGTH, ImageStatus, JobStatus

BULK = 100
"""Images of one bulk call, and the most of one page."""
MAX_PARTS = 10_000


def _name(value: str) -> str:
    name = unicodedata.normalize("NFC", value)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise ValueError("must not have control characters or halves of characters")
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise ValueError(f"must have 1 to {MAX_NAME_LENGTH} characters; it has {len(name)}")
    return name


def _whole(value: object) -> object:
    """JSON has one kind of number: 5.0 is as whole as 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


FileName = Annotated[
    str,
    AfterValidator(_name),
    Field(
        json_schema_extra={
            "minLength": 1,
            "maxLength": MAX_NAME_LENGTH,
            "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
        },
        description="Any Unicode without control characters. It is data: shown, put into archives, never a path.",
        examples=["IMG_0042.CR3"],
    ),
]
Id = Annotated[UUID, Field(strict=False)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="hex SHA-256 of the file")]
PartNumber = Annotated[Whole, Field(ge=1, le=MAX_PARTS)]
ETag = Annotated[str, Field(min_length=1, max_length=200, pattern=r'^"?[A-Za-z0-9+/=-]+"?$')]


class NewFileGiven(_Given):
    """A file that will be uploaded."""

    name: FileName
    size_bytes: Whole = Field(ge=1, le=2**62, description="exactly; what is uploaded must have this size")


RECIPE_PLACE = {"type": "object", "title": "RecipeSettings"}
"""Stands for the schema of a recipe until the whole document is there to refer to it."""
RecipeGiven = Annotated[dict[str, JsonValue], WithJsonSchema(RECIPE_PLACE)]


class JobGiven(_Given):
    """A new job: what to make of which files."""

    recipe: Annotated[str, Field(max_length=64, json_schema_extra={"enum": list(preset_names())})] | RecipeGiven = (
        Field(description="a preset's name, or settings", examples=["default"])
    )
    files: Annotated[list[NewFileGiven], Field(min_length=1, max_length=MAX_IMAGES)]


class UploadGiven(_Given):
    """How an image will be uploaded."""

    sha256: Sha256 | None = Field(
        default=None, description="storage then refuses anything else; used where the upload is a single PUT"
    )
    part_numbers: Annotated[list[PartNumber], Field(min_length=1, max_length=MAX_PARTS)] | None = Field(
        default=None, description="links for these parts only; without it, for all that storage does not have"
    )


class ImageUploadGiven(UploadGiven):
    """The same, in a bulk call."""

    image_id: Id


class UploadsGiven(_Given):
    """Up to 100 images to upload."""

    images: Annotated[list[ImageUploadGiven], Field(min_length=1, max_length=BULK)]


class PartGiven(_Given):
    """A part that was uploaded, with the ETag that storage answered."""

    number: PartNumber
    etag: ETag


class UploadedGiven(_Given):
    """An image was uploaded. `parts` of a multipart upload are compared with what storage has."""

    parts: Annotated[list[PartGiven], Field(min_length=1, max_length=MAX_PARTS)] | None = None


class ImageUploadedGiven(UploadedGiven):
    """The same, in a bulk call."""

    image_id: Id


class AllUploadedGiven(_Given):
    """Up to 100 images that were uploaded."""

    images: Annotated[list[ImageUploadedGiven], Field(min_length=1, max_length=BULK)]


class ErrorTold(_Told):
    """One fault and its place."""

    pointer: str | None = Field(default=None, description="JSON pointer into the body", examples=["#/files/0/name"])
    parameter: str | None = Field(default=None, description="query parameter or header", examples=["limit"])
    detail: str


class ProblemTold(_Told):
    """A problem document (RFC 9457). `code` is what programs decide by."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ErrorTold] | None = None
    request_id: str | None = None


class RecipeTold(_Told):
    """Which recipe a job has."""

    name: str
    digest: str = Field(description="hex SHA-256 over all that decides the pixels")
    renditions: list[str]


class CountsTold(_Told):
    """The images of a job. Those that are neither completed nor failed are waiting or in work."""

    total: int
    completed: int
    failed: int


class JobTold(_Told):
    """A job. `completed` means that the archive can be downloaded."""

    job_id: UUID
    status: JobStatus
    recipe: RecipeTold
    images: CountsTold
    created_at: datetime
    started_at: datetime | None
    settled_at: datetime | None = Field(description="when the last image was done; the archive is written then")
    completed_at: datetime | None
    cancelled_at: datetime | None
    expires_at: datetime = Field(description="a job that is not done by then fails")
    error_code: str | None
    error_message: str | None
    archive_bytes: int | None
    download_url: str | None = Field(default=None, description="the archive: a zip with all renditions and a report")
    expires_in: int | None = Field(default=None, description="seconds that the link lives", examples=[3600])
    link_expires_at: datetime | None = Field(default=None, description="the moment of the link's death")


class RenditionTold(_Told):
    """A finished picture."""

    name: str
    file_name: str
    width_px: int
    height_px: int
    size_bytes: int
    url: str | None = None


class ImageTold(_Told):
    """An image of a job."""

    image_id: UUID
    position: int = Field(description="place in the job as it was posted, from 0")
    name: str
    size_bytes: int
    status: ImageStatus
    uploaded_at: datetime | None
    started_at: datetime | None
    settled_at: datetime | None
    attempts: int
    error_code: str | None = Field(description="reason code of a failure")
    error_message: str | None
    verdict: str | None = Field(description="`ok`, or `suspect`: look at it")
    evidence: list[str]
    timings: dict[str, float] = Field(description="seconds by stage")
    renditions: list[RenditionTold]
    expires_in: int | None = Field(default=None, description="seconds that the links live")
    link_expires_at: datetime | None = None


class ImagesTold(_Told):
    """A page of images in the order of the files."""

    items: list[ImageTold]
    next_cursor: str | None = Field(description="of the next page; null on the last one")


class JobsTold(_Told):
    """A page of jobs, newest first."""

    items: list[JobTold]
    next_cursor: str | None


class JobCreatedTold(JobTold):
    """The job and the first hundred of its images."""

    first_page: ImagesTold


class PartLinkTold(_Told):
    """Where one part goes. Send exactly these headers, and `Content-MD5` to have storage check what arrives."""

    number: int
    url: str
    headers: dict[str, str]
    size_bytes: int


class StoredPartTold(_Told):
    """A part that storage has."""

    number: int
    etag: str
    size_bytes: int


class PutTold(_Told):
    """Where a whole file goes: one PUT with exactly these headers."""

    image_id: UUID
    method: Literal["put"] = "put"
    url: str
    headers: dict[str, str]
    expires_in: int
    expires_at: datetime


class MultipartTold(_Told):
    """Where the parts of a file go: in any order, several at once; after a break, ask again for the missing ones."""

    image_id: UUID
    method: Literal["multipart"] = "multipart"
    upload_id: str
    part_size_bytes: int = Field(description="of all parts but the last")
    parts: list[PartLinkTold]
    stored_parts: list[StoredPartTold]
    expires_in: int
    expires_at: datetime


class ImageProblemTold(_Told):
    """An image of a bulk call that was refused; the others are not touched by it."""

    image_id: UUID
    problem: ProblemTold


class UploadsTold(_Told):
    """One entry an image, in the order of the request."""

    uploads: list[PutTold | MultipartTold | ImageProblemTold]


class UploadStateTold(_Told):
    """How far a multipart upload is."""

    image_id: UUID
    upload_id: str
    part_size_bytes: int
    stored_parts: list[StoredPartTold]


class UploadedTold(_Told):
    """An image that is on its way to a worker."""

    image_id: UUID
    status: ImageStatus
    uploaded_at: datetime


class AllUploadedTold(_Told):
    """One entry an image, in the order of the request."""

    images: list[UploadedTold | ImageProblemTold]


class CodeTold(_Told):
    """What a problem's code means and what to do."""

    type: str
    code: str
    status: int
    title: str
    remedy: str


def recipe_schema() -> dict[str, Any]:
    """The JSON schema of a recipe's settings."""
    schema = Recipe.model_json_schema()
    schema["examples"] = [{"renditions": [{"name": "web", "long_edge_px": 2048, "quality": 85}]}]
    schema["$defs"]["Watermark"]["properties"]["logo"] = {
        "type": "string",
        "pattern": "^data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+$",
        "description": "the picture itself as a data URI",
    }
    return schema
