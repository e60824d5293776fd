"""Migrations before a web task serves: by one task, while those that start with it wait."""

from django.core.management import call_command
from django.db import connections


def migrate_first() -> None:
    """Brings the database up to date, then ends every connection: processes that fork must not share one."""
    call_command("migrate", verbosity=1, interactive=False)
    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()
