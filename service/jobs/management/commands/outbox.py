"""`outbox resend [--job JOB] [--leases]`: every image and archive that waits gets a message again."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from service.jobs import outbox


class Command(BaseCommand):
    """The operator's tool after a queue or a database was restored, so that the two do not agree."""

    help = "let every image and archive that waits be sent again"
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The action."""
        actions = parser.add_subparsers(dest="action", required=True)
        resend = actions.add_parser("resend", help="the sweeper sends them; a message too many does no harm")
        resend.add_argument("--job", type=UUID, help="of this job alone")
        resend.add_argument("--leases", action="store_true", help="also what is in work, by rows that were restored")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Runs it."""
        images, archives = outbox.forget_sent(options["job"], leases=options["leases"])
        self.stdout.write(f"{images} images and {archives} archives wait for the sweeper")
