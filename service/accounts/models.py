"""Users: each belongs to one tenant and sees that tenant's jobs; operators see the platform besides."""

import secrets
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac

from service.jobs.models import Tenant


class Role(models.TextChoices):
    """A `member` works with the tenant's own jobs; an `operator` sees queue, workers and dead letters of all."""

    MEMBER = "member"
    OPERATOR = "operator"


def new_sessions_key() -> str:
    """A value that no session was signed with before."""
    return secrets.token_hex(16)


class Users(BaseUserManager["User"]):
    """Finds users by their address, however it is written."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """The user of an address."""
        return self.get(email=normal_email(username or ""))


def normal_email(given: str) -> str:
    """An address as it is kept: without spaces around it, in small letters."""
    return given.strip().lower()


class User(AbstractBaseUser):
    """Somebody who may sign in."""

    email = models.EmailField(unique=True, max_length=254)
    name = models.CharField(max_length=100)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="users")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    is_active = models.BooleanField(default=True)
    one_time_until = models.DateTimeField(null=True)
    """The password was given out by an operator: it opens nothing but the page to choose one, and only until then."""
    sessions_key = models.CharField(max_length=32, default=new_sessions_key)
    """Part of what every session of this user is checked against: a new value ends them all."""
    created_at = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[Users] = Users()

    class Meta:
        db_table = "users"
        constraints: ClassVar = [
            models.CheckConstraint(name="users_email_normal", condition=Q(email=Lower("email"))),
            models.CheckConstraint(name="users_role", condition=Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_operator(self) -> bool:
        """Whether the operator's page is theirs."""
        return self.role == Role.OPERATOR

    @property
    def must_choose_password(self) -> bool:
        """Whether they signed in with a password that somebody else knows."""
        return self.one_time_until is not None

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django's, with the key of the sessions in it: they end with a new password and with a new key."""
        salt = "service.accounts.User.session"
        return salted_hmac(salt, f"{self.password}:{self.sessions_key}", secret=secret, algorithm="sha256").hexdigest()
