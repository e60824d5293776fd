"""`users create EMAIL --tenant SLUG --name NAME [--role operator] | list | reset | role | disable | enable | …`."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import IntegrityError

from service.accounts import people
from service.accounts.models import Role, User, normal_email
from service.jobs.models import Tenant


class Command(BaseCommand):
    """Makes and manages the console's users. A password goes to standard output once and is kept nowhere."""

    help = "make users of the console, give out passwords, end sessions"
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a user and print a password that works once")
        create.add_argument("email")
        create.add_argument("--tenant", required=True, help="whose jobs they see: the tenant's slug")
        create.add_argument("--name", required=True, help="name for people")
        create.add_argument("--role", choices=Role.values, default=Role.MEMBER.value)
        create.add_argument("--password-stdin", action="store_true", help="take a lasting password from standard input")
        listing = actions.add_parser("list", help="all users of a tenant, or of all")
        listing.add_argument("tenant", nargs="?")
        role = actions.add_parser("role", help="make a member an operator, or the other way round")
        role.add_argument("email")
        role.add_argument("role", choices=Role.values)
        for action, text in (
            ("reset", "print a new password that works once; the old one and all sessions end"),
            ("disable", "keep a user out, and sign them out everywhere"),
            ("enable", "let a user in again"),
            ("sign-out", "end all sessions of a user"),
        ):
            actions.add_parser(action, help=text).add_argument("email")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Runs one action."""
        match options["action"]:
            case "create":
                password = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else None
                self._create(options["email"], options["name"], options["tenant"], Role(options["role"]), password)
            case "list":
                self._list(options["tenant"])
            case "role":
                user = _found(options["email"])
                user.role = options["role"]
                user.save(update_fields=["role"])
                self.stdout.write(f"{user.email} is {'an operator' if user.is_operator else 'a member'} now")
            case "reset":
                user = _found(options["email"])
                self._show(user, people.reset(user))
            case "disable" | "enable" as action:
                user = _found(options["email"])
                people.set_active(user, active=action == "enable")
                self.stdout.write(f"{user.email} {action}d")
            case _:
                user = _found(options["email"])
                people.end_sessions(user)
                self.stdout.write(f"{user.email} is signed out everywhere")

    def _create(self, email: str, name: str, tenant: str, role: Role, given: str | None) -> None:
        try:
            validate_email(normal_email(email))
        except ValidationError:
            raise CommandError(f"{email!r}: an e-mail address is needed") from None
        if not Tenant.objects.filter(slug=tenant).exists():
            raise CommandError(f"tenant {tenant!r}: no such tenant; make it with: tenants create {tenant} --name NAME")
        try:
            user, password = people.create(email=email, name=name, tenant=tenant, role=role, password=given)
        except ValidationError as error:
            raise CommandError(f"password: {' '.join(error.messages)}") from None
        except IntegrityError:
            raise CommandError(f"{email}: there is a user of that address; a new password: users reset") from None
        if given is None:
            self._show(user, password)
        else:
            self.stdout.write(f"{user.email} may sign in")

    def _list(self, tenant: str | None) -> None:
        self.stdout.write("email\ttenant\trole\tname\tlast sign-in\tstate")
        users = User.objects.order_by("tenant_id", "email")
        for user in users if tenant is None else users.filter(tenant_id=tenant):
            last = "never" if user.last_login is None else f"{user.last_login:%Y-%m-%d %H:%M}"
            self.stdout.write(f"{user.email}\t{user.tenant_id}\t{user.role}\t{user.name}\t{last}\t{_state(user)}")

    def _show(self, user: User, password: str) -> None:
        hours = round(people.ONE_TIME_LIFETIME.total_seconds() / 3600)
        self.stderr.write(f"{user.email}: this password works once, within {hours} hours, and is not shown again")
        self.stdout.write(password)


def _found(email: str) -> User:
    user = User.objects.filter(email=normal_email(email)).first()
    if user is None:
        raise CommandError(f"{email}: no such user; see: users list")
    return user


def _state(user: User) -> str:
    if not user.is_active:
        return "disabled"
    return "has to choose a password" if user.must_choose_password else "active"
