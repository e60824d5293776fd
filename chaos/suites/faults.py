"""Images flow while something is broken; afterwards each is accounted for exactly once and nothing is left over."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.errors import ChaosError
from chaos.faults import Fault, all_faults
from chaos.field import VISIBILITY_TIMEOUT_S, Field, Strength, open_field, wait_until
from chaos.judge import Expected, account
from chaos.pages import table
from chaos.rest import at_rest
from chaos.shoot import RENDITIONS, Shoot, send
from chaos.suites import NOT_TRIED, Figures, Suite, Workshop, suite
from chaos.visitors import FILE, Visitors
from client import Submission
from local.errors import LocalError

_FLOWING_SHARE = 0.1
"""The fault comes when so many of the images are done: some are, some are under way, most wait."""
_FLOWING_WITHIN_S = 600.0
_OVER_WITHIN_S = 900.0

_DONE = """
SELECT count(*) FILTER (WHERE images.settled_at IS NOT NULL) AS done
FROM images JOIN jobs USING (job_id)
WHERE jobs.created_at >= to_timestamp(%(since)s) AND jobs.recipe ->> 'name' = 'chaos'
"""
_TOUCHED = """
SELECT image_id::text FROM images JOIN jobs USING (job_id)
WHERE jobs.created_at >= to_timestamp(%(since)s) AND images.attempts > 0 AND images.settled_at IS NULL
"""
_RECOVERED = """
SELECT extract(epoch FROM max(settled_at))::float AS at FROM images WHERE image_id = ANY(%(images)s::uuid[])
"""


@suite
class Faults(Suite):
    """One platform, one fault after the other."""

    name = "faults"
    order = 1

    def cases(self) -> Sequence[str]:
        return list(all_faults())

    def run(self, workshop: Workshop) -> Figures:
        figures: Figures = {"visibility_timeout_s": VISIBILITY_TIMEOUT_S, "images": workshop.size.images, "cases": {}}
        wanted = [kind for name, kind in all_faults().items() if workshop.wants(name)]
        with (
            open_field(workshop.folder / "platform", strength=Strength(), tell=workshop.tell) as target,
            Visitors(target) as visitors,
        ):
            for kind in wanted:
                try:
                    figures["cases"][kind.name] = _case(workshop, target, visitors, kind())
                except (ChaosError, LocalError) as error:
                    figures["cases"][kind.name] = {"skipped": "could not be tried", "broken": [str(error)]}
                workshop.keep(figures)
        return figures

    def show(self, figures: Figures, console: Console) -> None:
        shown = Table(title=f"{figures['images']} images flow while something is broken", expand=False)
        shown.add_column("fault", no_wrap=True)
        for column in ("images in", "accounted", "duplicates", "lost", "recovery", "errors users saw", "struck"):
            shown.add_column(column, justify="right")
        for name, case in figures["cases"].items():
            shown.add_row(name, *_cells(case))
        console.print(shown)

    def blocks(self, figures: Figures) -> Mapping[str, str]:
        head = ("fault", "what is done", "images in", "accounted", "duplicates", "lost", "recovery", "errors users saw")
        cases = figures["cases"]
        rows = [(name, kind.what, *_cells(cases.get(name, NOT_TRIED))[:-1]) for name, kind in all_faults().items()]
        return {"faults": table(head, rows, right=range(2, len(head)))}


def _case(workshop: Workshop, target: Field, visitors: Visitors, fault: Fault) -> Figures:
    """One fault, from a whole platform to a whole platform."""
    impossible = fault.is_possible(target)
    if impossible is not None:
        return {"skipped": impossible}

    def tell(what: str) -> None:
        workshop.tell(f"{fault.name}: {what}")

    size = workshop.size
    fault.lasts_s *= size.pace
    target.wait_whole()
    fault.prepare(target)
    tell(f"{size.images} images")
    shoot = send(target, workshop.folder / "shoots", images=size.images, jobs=size.jobs, size_px=size.photo_px)
    wait_until(
        lambda: _done(target, shoot) >= _FLOWING_SHARE * size.images or shoot.is_over,
        within_s=_FLOWING_WITHIN_S,
        what="images flow",
    )
    before = _done(target, shoot)
    visitors.since_last()
    tell("now")
    try:
        fault.inject(target)
        hits = fault.hits(target)
    finally:
        fault.heal(target)
    healed_at = time.time()
    touched = [row["image_id"] for row in target.rows(_TOUCHED, {"since": shoot.began_at})]
    tell("healed; waiting for every job")
    submissions = shoot.submissions(within_s=_OVER_WITHIN_S)
    shoot.close()
    visits = visitors.since_last()
    expected, not_over = _expected(shoot, submissions, visitors.keys)
    tell("looking for what is left over")
    facts, violations = at_rest(target, expected)
    fault.clear(target)
    counted = account(facts, expected)
    broken = [*not_over, *map(str, violations)]
    if not hits:
        broken.append("the fault struck nothing: the case proves nothing")
    if visits.unanswered:
        broken.append(f"{visits.unanswered} questions of users were never answered")
    return {
        "images": size.images,
        "before": before,
        "accounted": counted.accounted,
        "duplicates": counted.duplicates,
        "lost": size.images - counted.accounted,
        "recovery_s": _recovery_s(target, touched, healed_at),
        "struck": hits,
        "attempts": visits.attempts,
        "failed": visits.failed,
        "error_rate": visits.error_rate,
        "longest_wait_s": visits.longest_s,
        "reasons": visits.reasons,
        "replaced": target.fleet.replaced,
        "sessions": sum(facts.sessions.values()),
        "broken": broken,
    }


def _done(target: Field, shoot: Shoot) -> int:
    return int(target.rows(_DONE, {"since": shoot.began_at})[0]["done"])


def _expected(shoot: Shoot, submissions: Sequence[object], keys: Sequence[str]) -> tuple[Expected, list[str]]:
    """What the judge is to look for, and the submissions that did not end well."""
    jobs: dict[str, list[str]] = {}
    not_over = []
    for names, submission in zip(shoot.names, submissions, strict=True):
        if not isinstance(submission, Submission):
            not_over.append(f"a customer's client gave up: {type(submission).__name__}: {submission}")
            continue
        if not submission.is_good:
            not_over.append(f"job {submission.job.job_id} is {submission.job.status} for its customer: {submission}")
        jobs[submission.job.job_id] = names
    return Expected(jobs=jobs, renditions=RENDITIONS, keys=keys, visitors_file=FILE), not_over


def _recovery_s(target: Field, touched: Sequence[str], healed_at: float) -> float:
    """From the end of the fault until every image that it could have touched had its end."""
    if not touched:
        return 0.0
    at = target.rows(_RECOVERED, {"images": list(touched)})[0]["at"]
    return 0.0 if at is None else max(0.0, float(at) - healed_at)


def _cells(case: Mapping[str, Any]) -> tuple[str, ...]:
    if "skipped" in case:
        return ("–", "–", "–", "–", "–", case["skipped"], "–")
    errors = f"{case['error_rate']:.1%} of {case['attempts']}"
    numbers = (case[name] for name in ("images", "accounted", "duplicates", "lost"))
    return (*map(str, numbers), f"{case['recovery_s']:.0f} s", errors, str(case["struck"]))
