"""`tenants create SLUG --name NAME | list`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction

from service.jobs.models import Tenant


class Command(BaseCommand):
    """Makes and lists tenants."""

    help = "make and list tenants"
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a tenant")
        create.add_argument("slug", help="short name in object keys: a-z, 0-9 and -, at most 48; it never changes")
        create.add_argument("--name", required=True, help="name for people")
        actions.add_parser("list", help="all tenants")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Runs one action."""
        if options["action"] == "create":
            self._create(options["slug"], options["name"])
            return
        for tenant in Tenant.objects.order_by("slug"):
            self.stdout.write(f"{tenant.slug}\t{tenant.created_at:%Y-%m-%d}\t{tenant.name}")

    def _create(self, slug: str, name: str) -> None:
        try:
            with transaction.atomic():
                Tenant.objects.create(slug=slug, name=name)
        except IntegrityError as error:
            if "tenants_slug" in str(error):
                raise CommandError(
                    f"slug {slug!r}: a-z, 0-9 and -, at most 48, beginning with a letter or digit"
                ) from None
            raise CommandError(f"slug {slug!r}: there is a tenant of that slug") from None
        self.stdout.write(f"tenant {slug} made; next: api_keys create {slug} --name NAME")
