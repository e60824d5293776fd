"""Transitions one after the other: what each changes, and what it refuses."""

from collections.abc import Callable
from datetime import timedelta

from tests.service.jobs.conftest import RECIPE, Made

MakeJob = Callable[..., Made]


def test_a_new_job_waits_and_keeps_its_files_in_the_order_in_which_they_were_posted(tenant: str) -> None:
    from service.jobs import transitions
    from service.jobs.models import Image, JobStatus
    from service.jobs.records import NewFile

    names = ["z.dng", "🐈.CR3", "a/b/../c.nef", "z.dng"]
    created = transitions.create_job(
        tenant=tenant,
        recipe=RECIPE,
        recipe_digest="0" * 64,
        files=[NewFile(name=name, size_bytes=number + 1) for number, name in enumerate(names)],
        lifetime=timedelta(days=7),
    )
    images = list(Image.objects.filter(job=created.job).order_by("position"))
    assert created.job.status == JobStatus.PENDING
    assert created.job.recipe == RECIPE
    assert created.job.expires_at - created.job.created_at == timedelta(days=7)
    assert [image.name for image in images] == names
    assert [image.size_bytes for image in images] == [1, 2, 3, 4]
    assert tuple(image.image_id for image in images) == created.image_ids
    assert images[0].source_key == f"uploads/acme/{created.job.job_id}/{images[0].image_id}"
