"""Says which promises are broken: each image accounted for exactly once, nothing left over. Looks at facts alone."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from chaos.facts import Facts

SETTLED = frozenset({"completed", "failed"})
_OPEN = frozenset({"pending", "processing"})
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What was submitted.

    Attributes:
        jobs: names of the originals of each job.
        renditions: names of what is made of each.
        keys: idempotency keys that were used, each for one job of one image, called `visitors_file`.
        may_fail: whether an image may end as failed; as lost never.
    """

    jobs: Mapping[str, Sequence[str]]
    renditions: Sequence[str]
    keys: Sequence[str] = ()
    visitors_file: str | None = None
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that is broken, and by what."""

    promise: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The count of a run: `lost` images have no end, `duplicates` were made, counted or packed more than once."""

    images: int
    accounted: int
    duplicates: int
    lost: int


Promise = Callable[[Facts, Expected], Iterator[str]]
PROMISES: dict[str, Promise] = {}
"""Every promise by its name; each yields what breaks it."""


def _promise(name: str) -> Callable[[Promise], Promise]:
    def register(check: Promise) -> Promise:
        PROMISES[name] = check
        return check

    return register


def judge(facts: Facts, expected: Expected) -> list[Violation]:
    """Every broken promise, each with the first few things that break it."""
    found = []
    for name, check in PROMISES.items():
        broken = list(check(facts, expected))
        more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        if broken:
            found.append(Violation(name, "; ".join(broken[:_SHOWN]) + more))
    return found


def account(facts: Facts, expected: Expected) -> Account:
    """How many images went in and what became of them."""
    ends = Counter(
        (image["job_id"], image["name"])
        for image in facts.images
        if image["job_id"] in expected.jobs and image["status"] in SETTLED
    )
    wanted = {(job, name) for job, names in expected.jobs.items() for name in names}
    twice = sum(count - 1 for count in ends.values()) + sum(_packed_twice(facts, job) for job in expected.jobs)
    relevant = {image["image_id"] for image in facts.images if image["job_id"] in expected.jobs}
    logged = sum(count - 1 for image, count in facts.completions.items() if image in relevant and count > 1)
    return Account(
        images=len(wanted),
        accounted=len(wanted & ends.keys()),
        duplicates=twice + logged,
        lost=len(wanted - ends.keys()),
    )


@_promise("every image has one end")
def _one_end(facts: Facts, expected: Expected) -> Iterator[str]:
    for job, names in expected.jobs.items():
        rows = Counter(image["name"] for image in facts.images if image["job_id"] == job)
        ended = {image["name"]: image for image in facts.images if image["job_id"] == job}
        for name in names:
            image = ended.get(name)
            if image is None or rows[name] != 1:
                yield f"{job}/{name} has {rows[name]} rows"
            elif image["status"] == "failed" and not expected.may_fail:
                yield f"{job}/{name} failed as {image['error_code']}"
            elif image["status"] not in SETTLED:
                yield f"{job}/{name} is {image['status']} after {image['attempts']} attempts"


@_promise("an image is completed once")
def _completed_once(facts: Facts, _expected: Expected) -> Iterator[str]:
    for identity, count in facts.completions.items():
        if count > 1:
            yield f"{identity} was completed {count} times"
    for image in facts.images:
        if image["status"] == "completed" and len(set(image["renditions"])) != len(image["renditions"]):
            yield f"{image['image_id']} has renditions {image['renditions']}"


@_promise("a completed image has all its renditions")
def _renditions(facts: Facts, expected: Expected) -> Iterator[str]:
    for image in facts.images:
        if image["status"] == "completed" and image["job_id"] in expected.jobs:
            if sorted(image["renditions"]) != sorted(expected.renditions):
                yield f"{image['image_id']} has {image['renditions']}"
            missing = set(image["keys"]) - facts.results
            if missing:
                yield f"{image['image_id']} lacks {sorted(missing)}"


@_promise("a completed image has its original in the vault")
def _vaulted(facts: Facts, _expected: Expected) -> Iterator[str]:
    for image in facts.images:
        if image["status"] == "completed" and image["vault_key"] not in facts.vault:
            yield f"{image['image_id']}: {image['vault_key']}"


@_promise("a job is over when its images are, with counts that add up")
def _jobs(facts: Facts, expected: Expected) -> Iterator[str]:
    ends: Counter[tuple[str, str]] = Counter((image["job_id"], image["status"]) for image in facts.images)
    for job in facts.jobs:
        identity = job["job_id"]
        counted = (ends[identity, "completed"], ends[identity, "failed"])
        if counted != (job["images_completed"], job["images_failed"]):
            yield f"{identity} counts {job['images_completed']}+{job['images_failed']}, its images {counted}"
        if identity in expected.jobs and job["status"] in _OPEN:
            yield f"{identity} is {job['status']}"
        if identity in expected.jobs and job["status"] != "completed" and not expected.may_fail:
            yield f"{identity} ended as {job['status']}"
    for identity in expected.jobs.keys() - {job["job_id"] for job in facts.jobs}:
        yield f"{identity} has no row"


@_promise("an archive holds every rendition once")
def _archives(facts: Facts, expected: Expected) -> Iterator[str]:
    for job in facts.jobs:
        if job["job_id"] not in expected.jobs or job["status"] != "completed":
            continue
        packed = [name for name in facts.archives.get(job["job_id"], ()) if name.startswith("renditions/")]
        wanted = job["images_completed"] * len(expected.renditions)
        if len(packed) != wanted or _packed_twice(facts, job["job_id"]):
            yield f"{job['job_id']} packs {len(packed)} renditions ({len(set(packed))} different) of {wanted}"


@_promise("no row is stuck")
def _stuck(facts: Facts, expected: Expected) -> Iterator[str]:
    for image in facts.images:
        if image["status"] == "processing":
            yield f"{image['image_id']} is processing{' with a lease that is over' if image['is_overdue'] else ''}"
        elif image["status"] == "pending" and image["uploaded_at"] is not None:
            yield f"{image['image_id']} waits although it was uploaded"
    for job in facts.jobs:
        if job["has_lease"]:
            yield f"the archive of {job['job_id']} is under a lease"
    del expected


@_promise("no object without a row")
def _orphans(facts: Facts, _expected: Expected) -> Iterator[str]:
    known = {
        "uploads": {image["source_key"] for image in facts.images},
        # Also of images that failed: the next try takes the original from there when the upload has gone.
        "vault": {image["source_key"].replace("uploads/", "originals/", 1) for image in facts.images},
        "results": {key for image in facts.images for key in image["keys"]} | {job["s3_key"] for job in facts.jobs},
    }
    for bucket, keys in known.items():
        yield from (f"{bucket}/{key}" for key in sorted(getattr(facts, bucket) - keys))
    yield from (f"unfinished upload of {key}" for key in sorted(facts.unfinished))


@_promise("no message is left")
def _messages(facts: Facts, expected: Expected) -> Iterator[str]:
    if facts.messages:
        yield f"{facts.messages} in the job queue"
    if facts.dead_letters and not expected.may_fail:
        yield f"{facts.dead_letters} in the dead-letter queue"


@_promise("a request that is repeated makes one job")
def _idempotent(facts: Facts, expected: Expected) -> Iterator[str]:
    made = Counter(facts.keys)
    for key in expected.keys:
        if made[key] > 1:
            yield f"{made[key]} jobs were made with the key {key}"
    visited = sum(image["name"] == expected.visitors_file for image in facts.images)
    if visited > len(expected.keys):
        yield f"{visited} jobs were made by {len(expected.keys)} requests"


@_promise("no transaction is left open")
def _transactions(facts: Facts, _expected: Expected) -> Iterator[str]:
    if facts.idle_in_transaction:
        yield f"{facts.idle_in_transaction} sessions of the database hold one"


@_promise("no process is left behind")
def _processes(facts: Facts, _expected: Expected) -> Iterator[str]:
    yield from facts.strays


@_promise("no temporary file is left behind")
def _files(facts: Facts, _expected: Expected) -> Iterator[str]:
    yield from facts.files


def _packed_twice(facts: Facts, job: str) -> int:
    names = [str(PurePosixPath(name)) for name in facts.archives.get(job, ()) if name.startswith("renditions/")]
    return len(names) - len(set(names))
