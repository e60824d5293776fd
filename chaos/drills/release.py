"""Releases that are deployed and taken back while images flow: a good migration, and one that is refused."""

import shutil
import time
from pathlib import Path

from chaos.drills import Drill, Rehearsal, drill
from chaos.drills.printed import marked, typed
from chaos.field import Field, Strength, open_field, wait_until
from chaos.judge import Expected, account
from chaos.rest import at_rest
from chaos.shoot import RENDITIONS, Shoot, send
from chaos.suites import Workshop
from chaos.visitors import Visitors
from client import Submission
from local.aws.endpoints import ROOT
from local.tasks import Part

_PACKAGES = ("service", "processor")
_GOOD = """
    migrations.AddField("job", "colour", models.CharField(max_length=20, null=True)),
    migrations.AddIndex("job", models.Index(name="jobs_by_colour", fields=["colour"])),
"""
_BAD = """
    migrations.RenameField("job", "recipe_digest", "digest_of_recipe"),
"""
_MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "{last}")]
    operations = [{operations}]
"""
_COLUMN = "SELECT column_name FROM information_schema.columns WHERE table_name = 'jobs'"
_OVER_WITHIN_S = 600.0


@drill
class Rollback(Drill):
    name = "rollback"
    runbook = "rollback"
    what = "a release with a column more is deployed and taken back, then one that renames a column, while images flow"

    def run(self, workshop: Workshop) -> Rehearsal:
        folder = workshop.folder / self.name
        for script in marked(self.runbook, self.name):
            typed(script, data=folder, filled={})
        broken: list[str] = []
        size = workshop.size
        with (
            open_field(folder / "platform", strength=Strength(webs=2, workers=2), tell=workshop.tell) as target,
            Visitors(target) as visitors,
        ):
            shoot = send(target, folder / "shoots", images=size.images, jobs=size.jobs, size_px=size.photo_px)
            began_s = time.monotonic()
            workshop.tell("rollback: deploying a release with a column more")
            deploy(target, make_release(folder / "good", _GOOD))
            if "colour" not in {row["column_name"] for row in target.rows(_COLUMN)}:
                broken.append("the good release did not migrate")
            workshop.tell("rollback: taking it back")
            deploy(target, ROOT)
            workshop.tell("rollback: deploying a release that renames a column")
            why = refused(target, make_release(folder / "bad", _BAD))
            if "may break the release before" not in why:
                broken.append(f"the bad release ended for another reason: {why[-300:]}")
            if "recipe_digest" not in {row["column_name"] for row in target.rows(_COLUMN)}:
                broken.append("the bad release changed the database")
            deploy(target, ROOT)
            took_s = time.monotonic() - began_s
            expected = _expected(shoot, broken)
            facts, violations = at_rest(target, expected)
            broken += map(str, violations)
            visits = visitors.since_last()
            back = account(facts, expected).accounted
        if visits.unanswered:
            broken.append(f"{visits.unanswered} questions of users were never answered")
        came = f"both rolled back; users saw {visits.error_rate:.1%} errors of {visits.attempts} requests"
        return Rehearsal(images=size.images, back=back, took_s=took_s, came=came, broken=tuple(broken))


def make_release(folder: Path, operations: str) -> Path:
    """This code with one more migration."""
    shutil.rmtree(folder, ignore_errors=True)
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    migrations = folder / "service" / "jobs" / "migrations"
    last = max(path.stem for path in migrations.glob("0*.py"))
    text = _MIGRATION.format(last=last, operations=operations)
    # A name of its own: what the database has applied it knows by name.
    (migrations / f"9999_{folder.name}.py").write_text(text, encoding="utf-8")
    return folder


def deploy(target: Field, release: Path) -> None:
    """Every task runs the release, one after the other, each healthy before the next one goes."""
    for task in target.fleet.tasks():
        target.fleet.release(task.name, release)
        target.wait_whole()


def refused(target: Field, release: Path) -> str:
    """What the first web task of a release says that does not come up; what ECS would stop the deployment for."""
    web = target.fleet.tasks(Part.WEB)[0]
    start = web.program.log.stat().st_size
    target.fleet.release(web.name, release)
    wait_until(
        lambda: "migration" in _since(web.program.log, start),
        within_s=300.0,
        what="the release says why it does not start",
    )
    said = _since(web.program.log, start)
    target.fleet.release(web.name, ROOT)
    return said


def _since(log: Path, start: int) -> str:
    with log.open("rb") as lines:
        lines.seek(start)
        return lines.read().decode(errors="replace")


def _expected(shoot: Shoot, broken: list[str]) -> Expected:
    jobs: dict[str, list[str]] = {}
    for names, submission in zip(shoot.names, shoot.submissions(within_s=_OVER_WITHIN_S), strict=True):
        if isinstance(submission, Submission):
            jobs[submission.job.job_id] = names
        else:
            broken.append(f"a customer's client gave up: {submission}")
    return Expected(jobs=jobs, renditions=RENDITIONS)
