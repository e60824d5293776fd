"""Whether a release can be rolled back: the release before it must go on serving with what its migrations leave.

While a deployment goes on, tasks of both releases share the database; after a rollback the old ones have it alone. So
a migration may add what the old release does not have to know, and nothing else. What is no longer used is taken away
by a later release, whose migration says in `nobody_needs` why no release that may come back needs it.
"""

from collections.abc import Iterator

from django.db import connection, models
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import (
    AddField,
    AddIndex,
    AlterModelManagers,
    AlterModelOptions,
    CreateModel,
    RemoveConstraint,
    RemoveIndex,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation

_HARMLESS = (AddIndex, AlterModelManagers, AlterModelOptions, CreateModel, RemoveConstraint, RemoveIndex)


class MigrationRefused(Exception):  # noqa: N818 - reads as what happened
    """A migration cannot be rolled back from. The message names it, its operation and what to do."""


def require_additive() -> None:
    """Looks at the migrations that are due. Into an empty database everything may go, and so may all of a new app's.

    Raises:
        MigrationRefused: the release before this one could not serve after one of them.
    """
    executor = MigrationExecutor(connection)
    # The release before does not know an app of which nothing has been applied yet.
    known = {app for app, _ in executor.loader.applied_migrations}
    due = executor.migration_plan(executor.loader.graph.leaf_nodes())
    faults = [
        fault
        for migration, backwards in due
        if migration.app_label in known and is_ours(migration) and not backwards
        for fault in faults_of(migration)
    ]
    if faults:
        raise MigrationRefused("\n".join(faults))


def is_ours(migration: Migration) -> bool:
    """Whether we wrote it. Those of Django's own apps come with its release notes, and cannot be split."""
    return type(migration).__module__.startswith("service.")


def faults_of(migration: Migration) -> Iterator[str]:
    """What in a migration the release before could not live with, one sentence each."""
    if getattr(migration, "nobody_needs", None):
        return
    for operation in migration.operations:
        for fault in _faults(operation):
            yield (
                f"migration {migration.app_label}.{migration.name}: {fault}. Split it: this release adds, a later one "
                "takes away (`nobody_needs`)"
            )


def _faults(operation: Operation) -> Iterator[str]:
    if isinstance(operation, SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _faults(inner)
    elif isinstance(operation, AddField):
        if not _may_be_left_out(operation.field):
            yield (
                f"field {operation.model_name}.{operation.name} has no value in rows that the release before adds; "
                "give it null=True or db_default"
            )
    elif not isinstance(operation, _HARMLESS):
        yield f"{type(operation).__name__} ({operation.describe()}) may break the release before"


def _may_be_left_out(field: "models.Field[object, object]") -> bool:
    return bool(field.null or field.has_db_default() or field.many_to_many)
