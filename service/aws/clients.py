"""One session and its clients: made once, shared by all threads, each with time limits and retries of its own kind.

boto3 itself honours AWS_ENDPOINT_URL, therefore the same code runs against the local endpoints.
"""

import os
import threading
import weakref
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials
from botocore.session import Session as BotocoreSession

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sts.client import STSClient

CONNECT_TIMEOUT_S = 3.0
QUICK_READ_TIMEOUT_S = 10.0
"""Role sessions, secrets and single messages: an answer that takes longer will not come."""
STORAGE_READ_TIMEOUT_S = 60.0
"""Between two bytes of an object, and for a copy inside storage, which answers at its end."""
QUEUE_READ_TIMEOUT_S = 30.0
"""Longer than the longest long poll (20 s)."""
ATTEMPTS = 4
POOL_CONNECTIONS = 32


def _config(read_timeout_s: float) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=POOL_CONNECTIONS,
        tcp_keepalive=True,
        user_agent_extra="rawmill",
    )


_S3 = Config(
    signature_version="s3v4",
    # Links must name the region's own host: the global one answers new buckets with redirects, which breaks a PUT.
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
)
_LINKS = Config(
    # Checksums that boto3 adds of itself would have to be sent by whoever uses the link.
    request_checksum_calculation="when_required",
)


C = TypeVar("C", bound=BaseClient)
_made: "weakref.WeakSet[BaseClient]" = weakref.WeakSet()


def _kept(client: C) -> C:
    _made.add(client)
    return client


def _leave_connections() -> None:
    """Connections of the process that forked are its own: a second one on them would write into its requests."""
    for client in list(_made):
        client.close()


os.register_at_fork(after_in_child=_leave_connections)


class Clients:
    """The clients of one set of credentials in one region. Safe to share between threads."""

    def __init__(self, *, region: str) -> None:
        self._session = boto3.Session(region_name=region)
        self._lock = threading.Lock()  # making clients is not safe for threads, using them is
        self._s3: S3Client | None = None
        self._sqs: SQSClient | None = None
        self._sts: STSClient | None = None
        self._secrets: SecretsManagerClient | None = None

    @property
    def region(self) -> str:
        """The region of all clients."""
        return str(self._session.region_name)

    @property
    def s3(self) -> "S3Client":
        """Storage."""
        with self._lock:
            if self._s3 is None:
                self._s3 = _kept(self._session.client("s3", config=_config(STORAGE_READ_TIMEOUT_S).merge(_S3)))
            return self._s3

    @property
    def sqs(self) -> "SQSClient":
        """Queues."""
        with self._lock:
            if self._sqs is None:
                self._sqs = _kept(self._session.client("sqs", config=_config(QUEUE_READ_TIMEOUT_S)))
            return self._sqs

    @property
    def sts(self) -> "STSClient":
        """Role sessions."""
        with self._lock:
            if self._sts is None:
                self._sts = _kept(self._session.client("sts", config=_config(QUICK_READ_TIMEOUT_S)))
            return self._sts

    @property
    def secrets(self) -> "SecretsManagerClient":
        """Secrets Manager."""
        with self._lock:
            if self._secrets is None:
                self._secrets = _kept(self._session.client("secretsmanager", config=_config(QUICK_READ_TIMEOUT_S)))
            return self._secrets


def link_client(credentials: Credentials, *, region: str) -> "S3Client":
    """A storage client that signs with credentials which may change between two calls, made for presigned links."""
    session = BotocoreSession()
    session.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
    config = _config(QUICK_READ_TIMEOUT_S).merge(_S3).merge(_LINKS)
    return _kept(boto3.Session(botocore_session=session, region_name=region).client("s3", config=config))


class _Given(CredentialProvider):
    METHOD = "given"
    CANONICAL_NAME = "given"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials
