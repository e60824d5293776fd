"""`migrate`, by one process at a time: tasks that start together wait for the first one and find nothing left to do."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from service.database.exclusive import exclusive


class Command(migrate.Command):
    """Django's command under a lock of the database."""

    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Waits for its turn, then migrates."""
        with exclusive("migrate", connections[options["database"]]):
            super().handle(*args, **options)
