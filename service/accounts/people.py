"""Makes users, gives out passwords that work once, ends sessions. What operators and users may do to an account."""

import secrets
from datetime import timedelta

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils import timezone

from service.accounts.models import Role, User, new_sessions_key, normal_email

ONE_TIME_LIFETIME = timedelta(hours=72)
"""How long a password that an operator gave out can be used."""
_ONE_TIME_BYTES = 15


class Passwords(ModelBackend):
    """Django's check of address and password, which takes as long for an address that nobody has."""

    def user_can_authenticate(self, user: AbstractBaseUser | AnonymousUser | None) -> bool:
        """Not when they are disabled, nor when their one-time password is too old."""
        if not isinstance(user, User) or not user.is_active:
            return False
        return user.one_time_until is None or user.one_time_until > timezone.now()


def create(*, email: str, name: str, tenant: str, role: Role, password: str | None = None) -> tuple[User, str]:
    """A new user and their password: the one given, or one that works once.

    Raises:
        django.core.exceptions.ValidationError: the password given is too easy to guess.
        django.db.IntegrityError: the address is taken, or there is no such tenant.
    """
    user = User(email=normal_email(email), name=name, tenant_id=tenant, role=role)
    if password is None:
        password = _give_out(user)
    else:
        validate_password(password, user)
        user.set_password(password)
    with transaction.atomic():
        user.save(force_insert=True)
    return user, password


def reset(user: User) -> str:
    """A password that works once; the old one and all sessions end."""
    password = _give_out(user)
    end_sessions(user)
    user.save(update_fields=["password", "one_time_until"])
    return password


def choose_password(user: User, password: str) -> None:
    """The user's own choice; every session of theirs ends, but for one that is signed in anew."""
    user.set_password(password)
    user.one_time_until = None
    user.sessions_key = new_sessions_key()
    user.save(update_fields=["password", "one_time_until", "sessions_key"])


def end_sessions(user: User) -> None:
    """Signs a user out everywhere, with their next request."""
    user.sessions_key = new_sessions_key()
    user.save(update_fields=["sessions_key"])


def set_active(user: User, *, active: bool) -> None:
    """Lets a user in or keeps them out; who is kept out is signed out as well."""
    user.is_active = active
    user.save(update_fields=["is_active"])
    if not active:
        end_sessions(user)


def _give_out(user: User) -> str:
    password = secrets.token_urlsafe(_ONE_TIME_BYTES)
    user.set_password(password)
    user.one_time_until = timezone.now() + ONE_TIME_LIFETIME
    return password
