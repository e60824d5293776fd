"""What a task is told by its environment: one frozen model a role, read once at the edge and validated as a whole."""

import difflib
import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Json, ValidationError
from pydantic_core import ErrorDetails

PREFIX = "RAWMILL_"
_NOT_OURS = {"region": "AWS_DEFAULT_REGION"}


class ConfigError(Exception):
    """The environment cannot be used. One line a fault: the variable, its value, what is allowed."""


class Role(StrEnum):
    """What a task does; the first argument of `python -m service`."""

    WEB = "web"
    WORKER = "worker"
    MAINTENANCE = "maintenance"


class LogFormat(StrEnum):
    """`json` for machines, `console` for people."""

    JSON = "json"
    CONSOLE = "console"


class SslMode(StrEnum):
    """libpq's sslmode. Anything below `require` is for a database on the same machine."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


def variable_of(field: str) -> str:
    """The environment variable that a field is read from."""
    return _NOT_OURS.get(field, PREFIX + field.upper())


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise ValueError("an origin like https://rawmill.example.com, without a path")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("a URL that starts with https:// or http://")
    return value


def _hosts(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(host for host in (part.strip() for part in value.split(",")) if host)


def _flag(value: object) -> object:
    if value not in {"0", "1", True, False}:
        raise ValueError("1 or 0")
    return value


Text = Annotated[str, Field(min_length=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1)]
Seats = Annotated[int, Field(ge=1, le=10_000)]
Url = Annotated[str, AfterValidator(_url)]
Origin = Annotated[str, AfterValidator(_origin)]
Hosts = Annotated[tuple[Text, ...], BeforeValidator(_hosts), Field(min_length=1)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Arn = Annotated[str, Field(pattern=r"^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$")]
Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class Config(BaseModel):
    """What every role needs."""

    model_config = ConfigDict(frozen=True, alias_generator=variable_of, populate_by_name=False, extra="ignore")
    role: ClassVar[Role]

    region: Text = Field(description="AWS region of everything below")
    environment: Text = Field(description="name of the environment: dev, staging, prod")
    log_format: LogFormat = Field(description="`json` for machines, `console` for people")
    metrics_namespace: Text = Field(description="CloudWatch namespace of the metrics in the log")

    database_host: Text = Field(description="PostgreSQL host")
    database_port: Port = Field(description="PostgreSQL port")
    database_name: Text = Field(description="name of the database")
    database_secret_arn: Arn = Field(description='secret `{"username", "password"}`, read anew when it is refused')
    database_sslmode: SslMode = Field(description="libpq's sslmode; below `require` only on one machine")

    uploads_bucket: Bucket = Field(description="where customers put originals through links")
    vault_bucket: Bucket = Field(description="where originals are kept")
    results_bucket: Bucket = Field(description="renditions and archives")
    queue_url: Url = Field(description="the job queue")
    dead_letter_queue_url: Url = Field(description="messages that failed for good")

    visibility_timeout_s: int = Field(ge=3, le=43_200, description="the job queue's; a lease lasts as long")
    max_receives: int = Field(ge=1, le=1000, description="tries of one message before it is given up")
    job_time_limit_s: Count = Field(description="longest time that one image may take")
    job_lifetime_days: int = Field(ge=1, le=365, description="a job that is not finished after this fails")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Reads and validates the variables of this role.

        Raises:
            ConfigError: one line a fault, in the order of the fields.
        """
        given = os.environ if environment is None else environment
        names = cls.variable_names()
        try:
            return cls.model_validate({name: given[name] for name in names if name in given})
        except ValidationError as error:
            unknown = [name for name in given if name.startswith(PREFIX) and name not in ALL_VARIABLES]
            raise ConfigError("\n".join(_sentence(fault, unknown) for fault in error.errors())) from None

    @classmethod
    def variable_names(cls) -> frozenset[str]:
        """The environment variables that this role reads; all of them are required."""
        return frozenset(variable_of(field) for field in cls.model_fields)


class WebConfig(Config):
    """What the API needs besides."""

    role: ClassVar[Role] = Role.WEB

    port: Port = Field(description="where the API listens")
    public_url: Origin = Field(description="origin that customers see")
    allowed_hosts: Hosts = Field(description="comma-separated `Host` headers that are answered")
    django_secret_arn: Arn = Field(description="secret string that signs cookies")
    session_store_host: Text = Field(description="Redis host")
    session_store_port: Port = Field(description="Redis port")
    session_store_tls: Flag = Field(description="`1`: TLS, `0`: plain, only on one machine")
    session_store_secret_arn: Arn = Field(description="secret string: Redis' auth token")
    upload_signer_role_arn: Arn = Field(description="role whose session signs upload links")
    download_signer_role_arn: Arn = Field(description="role whose session signs download links")
    link_lifetime_s: int = Field(ge=60, le=3600, description="life of a link; a chained role's session ends at 3600")
    max_file_bytes: Count = Field(description="largest original that may be announced")


class WorkerConfig(Config):
    """What the consumer needs besides."""

    role: ClassVar[Role] = Role.WORKER

    processes: int = Field(ge=1, le=1024, description="child processes; one a core")
    memory_bytes: Count = Field(description="memory of all children together")
    stop_timeout_s: int = Field(ge=2, description="from SIGTERM to SIGKILL")
    scratch: Text = Field(description="writable folder for files in flight")
    licences: Json[dict[str, Seats]] = Field(description='seats by licence: `{"filter_license": 4}` or `{}`')


class MaintenanceConfig(Config):
    """What the sweeper needs besides. The operator's tools are the same task."""

    role: ClassVar[Role] = Role.MAINTENANCE

    message_retention_days: int = Field(ge=1, le=14, description="the job queue's; what was sent before is sent again")


CONFIGS: Mapping[Role, type[Config]] = {kind.role: kind for kind in (WebConfig, WorkerConfig, MaintenanceConfig)}
ALL_VARIABLES = frozenset().union(*(kind.variable_names() for kind in CONFIGS.values()))


def _sentence(fault: ErrorDetails, unknown: list[str]) -> str:
    """`VARIABLE = value: what is allowed`; a missing one is matched with a misspelt one."""
    variable, *inner = (str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        near = difflib.get_close_matches(variable, unknown, n=1)
        return f"{variable}: missing; it is required" + (f" ({near[0]} is set: misspelt?)" if near else "")
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    key = f" [{'.'.join(inner)}]" if inner else ""
    return f"{variable} = {_shown(fault['input'])}{key}: {message}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
