"""From announced to sent: uploads that begin, uploads that are there, messages that are on their way."""

from collections.abc import Collection, Sequence
from uuid import UUID

from service.jobs.sql import row, rows

_UPLOAD_STARTED = """
UPDATE images SET upload_id = CASE
    WHEN images.upload_id IS NULL OR images.upload_id = %(replaces)s THEN %(upload)s
    ELSE images.upload_id
END
FROM jobs
WHERE images.image_id = %(image)s AND images.job_id = %(job)s AND jobs.job_id = images.job_id
    AND images.status = 'pending' AND images.uploaded_at IS NULL AND jobs.status IN ('pending', 'processing')
RETURNING images.upload_id
"""

_UPLOADED = """
WITH there AS (
    SELECT images.image_id
    FROM images
    JOIN jobs USING (job_id)
    JOIN unnest(%(images)s::uuid[], %(sizes)s::bigint[]) AS found (image_id, size_bytes)
        ON found.image_id = images.image_id AND found.size_bytes = images.size_bytes
    WHERE images.job_id = %(job)s AND images.status = 'pending' AND images.uploaded_at IS NULL
        AND jobs.status IN ('pending', 'processing')
    ORDER BY images.image_id
    FOR UPDATE OF images
)
UPDATE images SET uploaded_at = now(), upload_id = NULL
FROM there
WHERE images.image_id = there.image_id
RETURNING images.image_id
"""

_ENQUEUED = """
WITH sent AS (
    SELECT image_id FROM images
    WHERE image_id = ANY(%(images)s) AND status = 'pending' AND uploaded_at IS NOT NULL
    ORDER BY image_id
    FOR UPDATE
)
UPDATE images SET enqueued_at = now()
FROM sent
WHERE images.image_id = sent.image_id
RETURNING images.image_id
"""


def mark_upload_started(job_id: UUID, image_id: UUID, upload_id: str, *, replaces: str | None = None) -> str | None:
    """Writes down a multipart upload and returns the one that counts: an earlier one if there is any but `replaces`.

    `replaces` is an upload that storage does not know any more.

    None when the image takes no upload: uploaded before, settled, its job ended, or no such image in this job. A
    caller that gets back another id than its own aborts its own.
    """
    found = row(_UPLOAD_STARTED, {"job": job_id, "image": image_id, "upload": upload_id, "replaces": replaces})
    return None if found is None else str(found["upload_id"])


def mark_uploaded(job_id: UUID, images: Sequence[tuple[UUID, int]]) -> frozenset[UUID]:
    """Writes down images whose object is there with the given size in bytes; returns those that are new.

    Left out are images that were there before, have another size than announced, or whose job has ended.
    """
    ids, sizes = [image_id for image_id, _ in images], [size for _, size in images]
    return frozenset(found["image_id"] for found in rows(_UPLOADED, {"job": job_id, "images": ids, "sizes": sizes}))


def mark_enqueued(image_ids: Collection[UUID]) -> frozenset[UUID]:
    """Writes down that messages were sent. Images that a fast worker has claimed already are left as they are."""
    return frozenset(found["image_id"] for found in rows(_ENQUEUED, {"images": list(image_ids)}))
