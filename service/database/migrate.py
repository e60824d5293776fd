"""Migrations before a web task serves: by one task, while those that start with it wait."""

from django.core.management import call_command
from django.db import connections

from service.database.additive import require_additive
from service.logs import logger

_log = logger(__name__)


def migrate_first() -> None:
    """Brings the database up to date, then ends every connection: processes that fork must not share one.

    Raises:
        MigrationRefused: the release before could not serve with what a migration leaves; nothing was changed.
    """
    require_additive()
    call_command("migrate", verbosity=0, interactive=False)
    _log.info("database_up_to_date")
    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()
