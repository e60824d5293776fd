"""`api_keys create | register TENANT --name NAME`, `api_keys list [TENANT]`, `api_keys revoke | rotate PREFIX`."""

import re
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError
from django.utils import timezone

from service.jobs import api_keys
from service.jobs.models import ApiKey, Tenant


class Command(BaseCommand):
    """Makes, lists, revokes and rotates API keys. The token goes to standard output once and is kept nowhere."""

    help = "make, list, revoke and rotate API keys"
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key and print its token, once")
        register = actions.add_parser("register", help="take a key made elsewhere; its token never passes through here")
        for made in (create, register):
            made.add_argument("tenant", help="the tenant's slug")
            made.add_argument("--name", required=True, help="what it is for")
            made.add_argument("--days", type=int, help="valid so long; without it until it is revoked")
        register.add_argument("--prefix", required=True, help="the token's second part: 12 of a-z and 2-7")
        register.add_argument("--sha256", required=True, help="hex SHA-256 of the token's third part")
        listing = actions.add_parser("list", help="all keys of a tenant, or of all")
        listing.add_argument("tenant", nargs="?")
        revoke = actions.add_parser("revoke", help="end a key at once")
        revoke.add_argument("prefix")
        rotate = actions.add_parser("rotate", help="make a new key for the same tenant; the old one ends later")
        rotate.add_argument("prefix")
        rotate.add_argument("--overlap-hours", type=float, default=24.0, help="the old key's remaining life (24)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Runs one action."""
        match options["action"]:
            case "create":
                self._show(api_keys.create(**self._of_tenant(options)))
            case "register":
                self._register(options)
            case "list":
                self._list(options["tenant"])
            case "revoke":
                self._revoke(options["prefix"])
            case _:
                self._rotate(options["prefix"], timedelta(hours=options["overlap_hours"]))

    def _of_tenant(self, options: dict[str, Any]) -> dict[str, Any]:
        """Tenant, name and lifetime of a new key, checked."""
        tenant, days = options["tenant"], options["days"]
        if not Tenant.objects.filter(slug=tenant).exists():
            raise CommandError(f"tenant {tenant!r}: no such tenant; make it with: tenants create {tenant} --name NAME")
        if days is not None and days < 1:
            raise CommandError(f"--days {days}: at least 1")
        lifetime = None if days is None else timedelta(days=days)
        return {"tenant": tenant, "name": options["name"], "lifetime": lifetime}

    def _register(self, options: dict[str, Any]) -> None:
        prefix, digest = options["prefix"], options["sha256"]
        if not api_keys.PREFIX.fullmatch(prefix):
            raise CommandError(f"--prefix {prefix!r}: 12 of a-z and 2-7")
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise CommandError("--sha256: 64 hexadecimal digits in small letters")
        try:
            api_keys.register(**self._of_tenant(options), prefix=prefix, digest=bytes.fromhex(digest))
        except IntegrityError:
            raise CommandError(f"--prefix {prefix!r}: another key has it; make a new token") from None
        self.stdout.write(f"key {prefix} registered")

    def _list(self, tenant: str | None) -> None:
        self.stdout.write("prefix\ttenant\tname\tcreated\tlast used\tstate")
        for key in api_keys.listed(tenant):
            used = "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}"
            self.stdout.write(
                f"{key.prefix}\t{key.tenant_id}\t{key.name}\t{key.created_at:%Y-%m-%d}\t{used}\t{_state(key)}"
            )

    def _revoke(self, prefix: str) -> None:
        if not api_keys.revoke(prefix):
            raise CommandError(f"key {prefix!r}: no such key, or revoked before; see: api_keys list")
        self.stdout.write(f"key {prefix} revoked")

    def _rotate(self, prefix: str, overlap: timedelta) -> None:
        if overlap < timedelta(0):
            raise CommandError("--overlap-hours: 0 or more")
        key = api_keys.rotate(prefix, overlap=overlap)
        if key is None:
            raise CommandError(f"key {prefix!r}: no such valid key; see: api_keys list")
        self._show(key)

    def _show(self, key: api_keys.NewKey) -> None:
        self.stderr.write(f"key {key.prefix} made; this is the only time that its token is shown")
        self.stdout.write(key.token)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    if key.expires_at is None:
        return "valid"
    state = "expired" if key.expires_at <= timezone.now() else "valid until"
    return f"{state} {key.expires_at:%Y-%m-%d %H:%M}"
