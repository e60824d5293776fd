"""A job and its images: all or nothing, and once per idempotency key."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from service.jobs.models import Image, Job
from service.jobs.object_keys import source_key
from service.jobs.records import Created, Idempotency, IdempotencyConflict, NewFile
from service.jobs.sql import row, rows

_REMEMBER = """
INSERT INTO idempotency_keys (tenant_id, key, body_digest, job_id)
VALUES (%(tenant)s, %(key)s, %(digest)s, %(job)s)
ON CONFLICT (tenant_id, key) DO NOTHING
RETURNING job_id
"""

_REMEMBERED = "SELECT job_id, body_digest FROM idempotency_keys WHERE tenant_id = %(tenant)s AND key = %(key)s"

_INSERT_JOB = """
INSERT INTO jobs (job_id, tenant_id, recipe, recipe_digest, images_total, created_at, expires_at)
VALUES (%(job)s, %(tenant)s, %(recipe)s::jsonb, %(digest)s, %(total)s, now(), now() + %(lifetime)s)
"""

_INSERT_IMAGES = """
INSERT INTO images (image_id, job_id, position, name, size_bytes, source_key)
SELECT image_id, %(job)s, ordinality - 1, name, size_bytes, source_key
FROM unnest(%(ids)s::uuid[], %(names)s::text[], %(sizes)s::bigint[], %(keys)s::text[])
    WITH ORDINALITY AS announced (image_id, name, size_bytes, source_key, ordinality)
"""


def create_job(
    *,
    tenant: str,
    recipe: Mapping[str, Any],
    recipe_digest: str,
    files: Sequence[NewFile],
    lifetime: timedelta,
    idempotency: Idempotency | None = None,
) -> Created:
    """Creates a pending job with a pending image for each file.

    Args:
        recipe: as the customer gave it, validated.
        files: 1 to MAX_IMAGES files in the customer's order.
        lifetime: how long the job may take before it expires.
        idempotency: the same key and body give the job that they gave before.

    Raises:
        IdempotencyConflict: the key was used with another body.
    """
    job_id = uuid4()
    ids = [uuid4() for _ in files]
    with transaction.atomic():
        # The key comes first: of two equal requests at once the second waits here until the first has committed.
        if idempotency is not None and not _is_new(tenant, idempotency, job_id):
            return _replayed(tenant, idempotency)
        rows(
            _INSERT_JOB,
            {
                "job": job_id,
                "tenant": tenant,
                "recipe": json.dumps(recipe),
                "digest": recipe_digest,
                "total": len(files),
                "lifetime": lifetime,
            },
        )
        rows(
            _INSERT_IMAGES,
            {
                "job": job_id,
                "ids": ids,
                "names": [file.name for file in files],
                "sizes": [file.size_bytes for file in files],
                "keys": [source_key(tenant, job_id, image_id) for image_id in ids],
            },
        )
        return Created(job=Job.objects.get(job_id=job_id), image_ids=tuple(ids), replayed=False)


def _is_new(tenant: str, idempotency: Idempotency, job_id: UUID) -> bool:
    values = {"tenant": tenant, "key": idempotency.key, "digest": idempotency.body_digest, "job": job_id}
    return row(_REMEMBER, values) is not None


def _replayed(tenant: str, idempotency: Idempotency) -> Created:
    known = row(_REMEMBERED, {"tenant": tenant, "key": idempotency.key})
    if known is None or known["body_digest"] != idempotency.body_digest:
        raise IdempotencyConflict(f"idempotency key {idempotency.key!r} was used with another body")
    images = Image.objects.filter(job_id=known["job_id"]).order_by("position").values_list("image_id", flat=True)
    return Created(job=Job.objects.get(job_id=known["job_id"]), image_ids=tuple(images), replayed=True)
