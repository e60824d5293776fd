"""API keys: made once, shown once, kept as a digest; compared in constant time; rotated with an overlap."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction

from service.jobs.models import ApiKey
from service.jobs.sql import row

_PREFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PREFIX_LENGTH = 12
_SECRET_BYTES = 32
_TOKEN = re.compile(r"rawmill_([a-z2-7]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
PREFIX = re.compile(r"[a-z2-7]{12}", re.ASCII)
"""What a prefix looks like; it names a key in lists and logs and opens nothing."""
_NOBODY = bytes(32)
"""Compared with when there is no such prefix, so that the answer takes as long as for a wrong secret."""

# One query: the caller's tenant, and at most once a minute the time at which the key was used.
_LOOK_UP = """
WITH used AS (
    UPDATE api_keys SET last_used_at = now()
    WHERE prefix = %(prefix)s AND digest = %(digest)s
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
        AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
)
SELECT tenant_id, digest, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS is_valid
FROM api_keys WHERE prefix = %(prefix)s
"""

_INSERT = """
INSERT INTO api_keys (prefix, tenant_id, digest, name, expires_at)
VALUES (%(prefix)s, %(tenant)s, %(digest)s, %(name)s, now() + %(lifetime)s::interval)
RETURNING prefix
"""

_REVOKE = """
UPDATE api_keys SET revoked_at = now()
WHERE prefix = %(prefix)s AND revoked_at IS NULL AND tenant_id = coalesce(%(tenant)s, tenant_id)
RETURNING prefix
"""

_REPLACE = """
UPDATE api_keys SET expires_at = least(expires_at, now() + %(overlap)s)
WHERE prefix = %(prefix)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    AND tenant_id = coalesce(%(tenant)s, tenant_id)
RETURNING tenant_id, name
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made. The token is shown to its owner now and never again."""

    prefix: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who sent a request.

    Attributes:
        key_prefix: of the key; `user-<id>` of somebody who signed in to the console.
    """

    tenant: str
    key_prefix: str


def create(*, tenant: str, name: str, lifetime: timedelta | None = None) -> NewKey:
    """Makes a key of a tenant; without `lifetime` it is valid until it is revoked.

    Raises:
        django.db.IntegrityError: there is no such tenant.
    """
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(_PREFIX_LENGTH))
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    register(tenant=tenant, name=name, prefix=prefix, digest=_digest(secret), lifetime=lifetime)
    return NewKey(prefix=prefix, token=f"rawmill_{prefix}_{secret}")


def register(*, tenant: str, name: str, prefix: str, digest: bytes, lifetime: timedelta | None = None) -> None:
    """Takes a key whose token was made elsewhere, by the SHA-256 of its secret: the token itself never comes here.

    Raises:
        django.db.IntegrityError: there is no such tenant, or another key has the prefix.
    """
    row(_INSERT, {"prefix": prefix, "tenant": tenant, "digest": digest, "name": name, "lifetime": lifetime})


def authenticate(token: str) -> Principal | None:
    """Whose token this is; None for one that is malformed, unknown, wrong, revoked or expired. One query."""
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        return None
    prefix, digest = parts[1], _digest(parts[2])
    found = row(_LOOK_UP, {"prefix": prefix, "digest": digest})
    expected = _NOBODY if found is None else bytes(found["digest"])
    if not hmac.compare_digest(digest, expected) or found is None or not found["is_valid"]:
        return None
    return Principal(tenant=found["tenant_id"], key_prefix=prefix)


def revoke(prefix: str, *, tenant: str | None = None) -> bool:
    """Ends a key (of this tenant) at once; False when there is none or it was revoked before."""
    return row(_REVOKE, {"prefix": prefix, "tenant": tenant}) is not None


def rotate(prefix: str, *, overlap: timedelta, tenant: str | None = None) -> NewKey | None:
    """Makes a new key in the place of a valid one (of this tenant), which stays valid for `overlap`; else None."""
    with transaction.atomic():
        replaced = row(_REPLACE, {"prefix": prefix, "overlap": overlap, "tenant": tenant})
        return None if replaced is None else create(tenant=replaced["tenant_id"], name=replaced["name"])


def listed(tenant: str | None) -> list[ApiKey]:
    """The keys of a tenant, or of all, oldest first."""
    keys = ApiKey.objects.order_by("tenant_id", "created_at")
    return list(keys if tenant is None else keys.filter(tenant_id=tenant))


def _digest(secret: str) -> bytes:
    # The secret has 256 random bits: nothing to guess, so nothing that a slow hash would protect.
    return hashlib.sha256(secret.encode()).digest()
