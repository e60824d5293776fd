"""One image large: what was made of it beside what the camera showed, and what is known of it."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from service.api.resources import resources
from service.api.telling import told_image
from service.aws.errors import ObjectMissing
from service.console import words
from service.console.access import signed_in, the_user
from service.console.originals import embedded_picture
from service.console.showing import tiles
from service.jobs.models import Image, ImageStatus

SCREEN_PX = 1600
"""The smallest rendition with a long edge of this or more fills a screen; the largest one is fetched for zooming."""


@require_safe
@signed_in
def image(request: HttpRequest, job_id: UUID, image_id: UUID) -> HttpResponse:
    """The light box."""
    found = _image_of(request, job_id, image_id)
    told = told_image(found, links=True)
    by_size = sorted(told.renditions, key=lambda rendition: max(rendition.width_px, rendition.height_px))
    screen = [each for each in by_size if max(each.width_px, each.height_px) >= SCREEN_PX] or by_size[-1:]
    siblings = Image.objects.filter(job_id=job_id)
    context: dict[str, Any] = {
        "section": "jobs",
        "job_id": job_id,
        "image": found,
        "told": told,
        "tile": tiles([found])[0],
        "screen": screen[0] if screen else None,
        "full": by_size[-1] if by_size else None,
        "verdict_words": words.VERDICTS.get(found.verdict) if found.verdict else None,
        "reason": words.reason_of(found.error_code) if found.status == ImageStatus.FAILED else None,
        "before": siblings.filter(position__lt=found.position)
        .order_by("-position")
        .values_list("pk", flat=True)
        .first(),
        "after": siblings.filter(position__gt=found.position).order_by("position").values_list("pk", flat=True).first(),
        "seconds": sum(found.timings.values()),
    }
    return render(request, "console/image.html", context)


@require_safe
@signed_in
def camera_picture(request: HttpRequest, job_id: UUID, image_id: UUID) -> HttpResponse:
    """The JPEG that the camera embedded in the original, as long as storage has what was uploaded."""
    found = _image_of(request, job_id, image_id)
    if found.uploaded_at is None:
        raise Http404
    uploads = resources().uploads
    try:
        jpeg = embedded_picture(
            lambda start, length: uploads.read(found.source_key, start=start, length=length), found.size_bytes
        )
    except ObjectMissing:
        raise Http404 from None
    if jpeg is None:
        raise Http404
    headers = {"Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return HttpResponse(jpeg, content_type="image/jpeg", headers=headers)


def _image_of(request: HttpRequest, job_id: UUID, image_id: UUID) -> Image:
    found = (
        Image.objects.select_related("job")
        .filter(image_id=image_id, job_id=job_id, job__tenant_id=the_user(request).tenant_id)
        .first()
    )
    if found is None:
        raise Http404
    return found
