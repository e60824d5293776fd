"""What a queue message asks for: an image, an archive, or nothing that can be understood."""

import json
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ImageWanted:
    """Develop one image of a job."""

    job_id: UUID
    image_id: UUID


@dataclass(frozen=True, slots=True)
class ArchiveWanted:
    """Write the archive of a settled job."""

    job_id: UUID


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a message of ours; `why` is for the operator."""

    why: str


Wanted = ImageWanted | ArchiveWanted


def body_of(wanted: Wanted) -> str:
    """The message's body: `{"job_id": uuid, "image_id": uuid}` or `{"job_id": uuid, "archive": true}`."""
    if isinstance(wanted, ArchiveWanted):
        return json.dumps({"job_id": str(wanted.job_id), "archive": True})
    return json.dumps({"job_id": str(wanted.job_id), "image_id": str(wanted.image_id)})


def parse(body: str) -> Wanted | Unreadable:
    """Reads what `body_of` wrote; anything else is told what it is not."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        return Unreadable(f"not JSON: {error}")
    if not isinstance(fields, dict):
        return Unreadable(f"a JSON {type(fields).__name__}; a message is an object with job_id and image_id")
    try:
        job_id = _uuid(fields, "job_id")
        if fields.get("archive") is True:
            return ArchiveWanted(job_id)
        return ImageWanted(job_id, _uuid(fields, "image_id"))
    except ValueError as error:
        return Unreadable(str(error))


def _uuid(fields: dict[str, object], key: str) -> UUID:
    value = fields.get(key)
    try:
        return UUID(value)  # type: ignore[arg-type]
    except (ValueError, TypeError, AttributeError):
        raise ValueError(f"{key} is {json.dumps(value)[:80]}; it must be a UUID") from None
