"""Migrations that a release may apply: those after which the release before can still serve."""

import pytest
from django.db import migrations, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from service.database import check
from service.database.additive import faults_of, is_ours
from service.jobs.models import Job

_CHAR = models.CharField(max_length=20)
ADDITIVE: dict[str, Operation] = {
    "a table": migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True))]),
    "a column that may be empty": migrations.AddField("job", "colour", models.CharField(max_length=20, null=True)),
    "a column that the database fills": migrations.AddField("job", "tries", models.IntegerField(db_default=0)),
    "an index": migrations.AddIndex("job", models.Index(name="by_recipe", fields=["recipe_digest"])),
    "less to be kept": migrations.RemoveConstraint("job", "jobs_settled"),
}
REFUSED: dict[str, Operation] = {
    "a column goes": migrations.RemoveField("job", "recipe_digest"),
    "a column has another name": migrations.RenameField("job", "recipe_digest", "digest"),
    "a column changes": migrations.AlterField("job", "recipe_digest", _CHAR),
    "a column must be filled": migrations.AddField("job", "colour", _CHAR),
    "a default that only Python knows": migrations.AddField("job", "n", models.IntegerField(default=0)),
    "a table goes": migrations.DeleteModel("Image"),
    "more to be kept": migrations.AddConstraint("job", models.UniqueConstraint(name="u", fields=["tenant"])),
    "SQL that nobody can judge": migrations.RunSQL("DROP TABLE jobs"),
    "hidden in the state": migrations.SeparateDatabaseAndState([migrations.RemoveField("job", "recipe_digest")]),
}


def _migration(*operations: Operation, **attributes: object) -> Migration:
    kind = type("Migration", (Migration,), {"operations": list(operations), **attributes})
    made: Migration = kind("0002_next", "jobs")
    return made


@pytest.mark.parametrize("name", ADDITIVE)
def test_what_the_release_before_need_not_know_is_applied(name: str) -> None:
    assert list(faults_of(_migration(ADDITIVE[name]))) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_break_the_release_before_is_refused_by_name(name: str) -> None:
    [fault] = faults_of(_migration(ADDITIVE["an index"], REFUSED[name]))
    assert fault.startswith("migration jobs.0002_next: ")
    assert "may break the release before" in fault or "db_default" in fault


def test_a_later_release_may_take_away_what_it_says_nobody_needs() -> None:
    operation = REFUSED["a column goes"]
    assert list(faults_of(_migration(operation, nobody_needs="no release since 1.4 reads recipe_digest"))) == []


def test_every_migration_of_this_release_can_be_rolled_back_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main() == 0
    ours = [each for each in MigrationLoader(None).disk_migrations.values() if is_ours(each)]
    assert {each.app_label for each in ours} == {"accounts", "jobs"}
    assert f"{len(ours)} migrations, all of which can be rolled back from" in capsys.readouterr().out
    assert Job._meta.db_table == "jobs"
