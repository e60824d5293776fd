"""Short sessions of the signer roles: what presigned links are signed with, and until when they live.

A link dies with the session that signed it, whatever it says of itself, and a role that was assumed by a role may keep
its session for one hour at most. Therefore sessions are taken anew in time, and callers are told the true end.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.credentials import Credentials, ReadOnlyCredentials

from service.aws.clients import Clients, link_client
from service.aws.errors import translated
from service.aws.storage import Bucket

if TYPE_CHECKING:
    from mypy_boto3_sts.client import STSClient

SESSION_S = 3600
"""The longest session that AWS grants to a role which is assumed by a role."""
CLOCK_GRAIN_S = 2
"""STS tells the end of a session in whole seconds, and the call itself takes time."""


@dataclass(frozen=True, slots=True)
class _Session:
    keys: ReadOnlyCredentials
    taken_at: datetime
    ends_at: datetime


class RoleSession(Credentials):
    """Credentials of an assumed role that are taken anew when they are older than `renewed_after_s`.

    Safe to share between threads: while one takes them, the others wait and use the same.
    """

    def __init__(self, sts: "STSClient", role_arn: str, *, session_name: str, renewed_after_s: float) -> None:
        super().__init__("", "", None, method="assumed-role")
        self._sts = sts
        self._role_arn = role_arn
        self._session_name = session_name
        self._renewed_after = timedelta(seconds=renewed_after_s)
        self._lock = threading.Lock()
        self._session: _Session | None = None

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys to sign with now."""
        return self._current().keys

    @property
    def ends_at(self) -> datetime:
        """When the keys, and all that was signed with them, end."""
        return self._current().ends_at

    def _current(self) -> _Session:
        with self._lock:
            if self._session is None or datetime.now(tz=UTC) - self._session.taken_at > self._renewed_after:
                self._session = self._assume()
            return self._session

    def _assume(self) -> _Session:
        taken_at = datetime.now(tz=UTC)
        with translated("assume", self._role_arn):
            found = self._sts.assume_role(
                RoleArn=self._role_arn, RoleSessionName=self._session_name, DurationSeconds=SESSION_S
            )["Credentials"]
        keys = ReadOnlyCredentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return _Session(keys, taken_at, found["Expiration"].astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long links signed now will work.

    Attributes:
        expires_in_s: what the link itself says, never more than the session has left.
        expires_at: the moment of its death.
    """

    expires_in_s: int
    expires_at: datetime


class Signer:
    """A bucket seen through a signer role."""

    def __init__(
        self, clients: Clients, *, role_arn: str, bucket: str, session_name: str, link_s: int, renewed_after_s: float
    ) -> None:
        self._credentials = RoleSession(
            clients.sts, role_arn, session_name=session_name, renewed_after_s=renewed_after_s
        )
        self._region = clients.region
        self._name = bucket
        self._link_s = link_s

    @cached_property
    def bucket(self) -> Bucket:
        """The bucket, with the role's permissions; sign links with `lifetime()`'s seconds."""
        return Bucket(link_client(self._credentials, region=self._region), self._name)

    def lifetime(self) -> Lifetime:
        """How long a link signed now lives: as configured, or shorter when the session ends before."""
        now = datetime.now(tz=UTC)
        left_s = (self._credentials.ends_at - now).total_seconds()
        seconds = self._link_s if left_s > self._link_s - CLOCK_GRAIN_S else int(left_s)
        return Lifetime(seconds, now + timedelta(seconds=min(seconds, left_s)))


UPLOAD_RENEWED_AFTER_S = 900
DOWNLOAD_RENEWED_AFTER_S = 1
"""A download link shall live for the whole hour that it promises, so each answer gets a session of its own; answers of
the same second share one."""


def upload_signer(clients: Clients, *, role_arn: str, bucket: str, link_s: int) -> Signer:
    """The signer of upload links, which live for three quarters of an hour at least, and of multipart uploads."""
    return Signer(
        clients,
        role_arn=role_arn,
        bucket=bucket,
        session_name="rawmill-uploads",
        link_s=link_s,
        renewed_after_s=UPLOAD_RENEWED_AFTER_S,
    )


def download_signer(clients: Clients, *, role_arn: str, bucket: str, link_s: int) -> Signer:
    """The signer of download links, which live as long as they are asked to, an hour at most."""
    return Signer(
        clients,
        role_arn=role_arn,
        bucket=bucket,
        session_name="rawmill-downloads",
        link_s=link_s,
        renewed_after_s=DOWNLOAD_RENEWED_AFTER_S,
    )
