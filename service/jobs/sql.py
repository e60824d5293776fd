"""Statements that change state: written out, run as one round trip, answered as dictionaries."""

from collections.abc import Mapping
from typing import Any

from django.db import connection


def rows(statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Runs one statement and returns its rows by column name."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        if cursor.description is None:
            return []
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def row(statement: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The only row, or None."""
    found = rows(statement, parameters)
    return found[0] if found else None


COUNT_SETTLED = """
    images_completed = jobs.images_completed + counted.completed,
    images_failed = jobs.images_failed + counted.failed,
    settled_at = CASE
        WHEN jobs.images_completed + jobs.images_failed + counted.completed + counted.failed = jobs.images_total
        THEN now() ELSE jobs.settled_at END,
    status = CASE
        WHEN jobs.status IN ('pending', 'processing') AND jobs.images_failed + counted.failed = jobs.images_total
        THEN 'failed' ELSE jobs.status END
"""
"""Assignments that count images settled by the same statement (`counted`) and end the job with its last one.

The row is locked by the UPDATE and read as the transaction before left it; whoever makes the sum reach the total has
seen the end, and nobody else can. A job without a single success fails at once: there is nothing to archive.
"""
