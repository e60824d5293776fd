"""Many uploads at once, and one job as large as a job can be."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx

from chaos.field import Field
from chaos.judge import Expected
from chaos.load import Load, Outcome, load
from chaos.load.calls import counted
from chaos.rest import at_rest
from chaos.shoot import PATIENCE, RECIPE, RENDITIONS, originals, photos
from chaos.suites import Workshop
from client import JobStatus, Rawmill

_TINY_PX = (96, 64)
_BULK = 100
_OVER_WITHIN_S = 3600.0
_TRIES = 5
"""Of one upload whose connection breaks: the storage of this machine has one process, which 500 clients ask at once."""


@load
class UploadsAtOnce(Load):
    name = "uploads at once"
    what = "files of one job, uploaded all at the same time by links and confirmed a hundred in a call"

    def run(self, target: Field, workshop: Workshop) -> Outcome:
        count = workshop.size.uploads
        photo = photos(workshop.folder / "photos", (1200, 800))[0].read_bytes()
        began_s = time.monotonic()
        job, stored, broke, confirmed = asyncio.run(_upload_all(target, photo, count))
        took_s = time.monotonic() - began_s
        expected = Expected(jobs={job: [_name(number) for number in range(count)]}, renditions=RENDITIONS)
        violations = at_rest(target, expected, over_within_s=_OVER_WITHIN_S)[1]
        broken = [str(each) for each in violations]
        if set(stored) != {200} or confirmed != count:
            broken.append(f"uploads by status {counted(stored)}, {confirmed} of {count} confirmed")
        came = f"{count} uploads of {len(photo) / 2**20:.1f} MiB in {took_s:.0f} s, all accepted and developed"
        came += f"; {broke} connections to storage broke off and were made again" if broke else ""
        figures = {"uploads": count, "statuses": counted(stored), "broke_off": broke, "upload_s": round(took_s, 1)}
        return Outcome(came=came, figures=figures, broken=tuple(broken))


@load
class LargeJob(Load):
    name = "a large job"
    what = "one job of as many tiny images as a job may have, through the customer's client"

    def run(self, target: Field, workshop: Workshop) -> Outcome:
        count = workshop.size.tiny_images
        files = originals(workshop.folder / "large", photos(workshop.folder / "photos", _TINY_PX), count)
        began_s = time.monotonic()
        with Rawmill(
            target.url, target.key, parallel=32, state=workshop.folder / "client", patience=PATIENCE
        ) as rawmill:
            job = rawmill.submit([files[0].parent], recipe=RECIPE, anew=True).job
        took_s = time.monotonic() - began_s
        expected = Expected(jobs={job.job_id: [path.name for path in files]}, renditions=RENDITIONS)
        facts, violations = at_rest(target, expected, over_within_s=_OVER_WITHIN_S)
        broken = [str(each) for each in violations]
        if job.status is not JobStatus.COMPLETED:
            broken.append(f"the job is {job.status}")
        packed = len(facts.archives.get(job.job_id, ()))
        came = f"{count} images in {took_s:.0f} s ({count / took_s:.0f}/s), {packed} files in the archive"
        return Outcome(came=came, figures={"images": count, "took_s": round(took_s, 1)}, broken=tuple(broken))


async def _upload_all(target: Field, photo: bytes, count: int) -> tuple[str, list[int], int, int]:
    """Job, status of each upload, how many connections broke off, and how many uploads were confirmed."""
    broke = 0
    headers = {"Authorization": f"Bearer {target.key}"}
    limits = httpx.Limits(max_connections=count, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=300.0, limits=limits) as client:
        body = {"recipe": RECIPE, "files": [{"name": _name(n), "size_bytes": len(photo)} for n in range(count)]}
        job = (await _posted(client, f"{target.url}/v1/jobs", body, headers))["job_id"]
        images = await _images(client, f"{target.url}/v1/jobs/{job}/images", headers)
        bulks = [images[start : start + _BULK] for start in range(0, len(images), _BULK)]
        links: list[dict[str, Any]] = []
        for bulk in bulks:
            wanted = {"images": [{"image_id": image} for image in bulk]}
            links += (await _posted(client, f"{target.url}/v1/jobs/{job}/uploads", wanted, headers))["uploads"]

        async def put(link: dict[str, Any]) -> int:
            nonlocal broke
            tries = 0
            while True:
                try:
                    return (await client.put(link["url"], content=photo, headers=link["headers"])).status_code
                except httpx.TransportError:
                    broke += 1
                    tries += 1
                    if tries == _TRIES:
                        raise
                await asyncio.sleep(1.0)

        stored = await asyncio.gather(*(put(link) for link in links))
        confirmed: Counter[bool] = Counter()
        for bulk in bulks:
            given = {"images": [{"image_id": image} for image in bulk]}
            told = (await _posted(client, f"{target.url}/v1/jobs/{job}/uploaded", given, headers))["images"]
            confirmed.update("problem" not in each for each in told)
    return job, list(stored), broke, confirmed[True]


async def _posted(client: httpx.AsyncClient, url: str, body: object, headers: dict[str, str]) -> dict[str, Any]:
    answer = await client.post(url, json=body, headers=headers)
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


async def _images(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        place = {"cursor": cursor} if cursor else {}
        page = (await client.get(url, params={"limit": 100, **place}, headers=headers)).json()
        found += [image["image_id"] for image in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def _name(number: int) -> str:
    return f"IMG_{number:05}.dng"
