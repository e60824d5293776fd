"""Logs: one line an event, JSON for machines or readable, with the job, image, tenant and request it belongs to.

`bound(job=…, image=…)` puts ids on every line that is logged within, by whatever library. Secrets are removed from
every line, whoever wrote it: fields by their name, tokens and signatures of links by their shape.
"""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, Processor

from service.config import Config, LogFormat

REMOVED = "[removed]"
_SECRET_FIELDS = re.compile(
    r"password|passwd|secret$|secret_?string|token|authorization|cookie|api_?key$|digest$|credential|signature", re.I
)
_SECRET_SHAPES = (
    (re.compile(r"(rawmill_[a-z2-7]{12}_)[A-Za-z0-9_-]{43}"), rf"\1{REMOVED}"),
    (re.compile(r"(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"']+"), rf"\1{REMOVED}"),
    (re.compile(r"(?i)((?:postgres(?:ql)?|rediss?)://[^:/@\s]*:)[^@\s]+(@)"), rf"\1{REMOVED}\2"),
    (re.compile(r"(?i)(\bBearer\s+)[A-Za-z0-9._~+/=-]+"), rf"\1{REMOVED}"),
    (re.compile(r"(?i)(\bpassword\s*[=:]\s*)('[^']*'|\"[^\"]*\"|\S+)"), rf"\1{REMOVED}"),
)
_QUIET = ("botocore", "boto3", "urllib3", "s3transfer", "psycopg", "PIL", "asyncio")


def configure(config: Config, *, stream: TextIO = sys.stdout) -> None:
    """Sets up this process's logs: everything goes to `stream`, Python's own logging included."""
    shared = _shared(config.role.value, config.environment)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(config.log_format, colours=stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("django.request").setLevel(logging.ERROR)  # each request has a line of its own already
    logging.captureWarnings(True)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `log = logger(__name__)`, then `log.info("archive_written", size_bytes=…)`."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return found


@contextmanager
def bound(**ids: Any) -> Iterator[None]:
    """Puts `job`, `image`, `tenant`, `request_id` or others on every line that this thread logs within."""
    with structlog.contextvars.bound_contextvars(**{name: str(value) for name, value in ids.items()}):
        yield


def without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The last processor before rendering: what must not be in a log is replaced."""
    return {name: _cleaned(name, value) for name, value in event.items()}


def _cleaned(name: str, value: Any) -> Any:
    if isinstance(value, MutableMapping):
        return {str(key): _cleaned(str(key), inner) for key, inner in value.items()}
    if _SECRET_FIELDS.search(name) and value is not None and not isinstance(value, bool | int | float):
        return REMOVED
    if isinstance(value, list | tuple):
        return [_cleaned("", inner) for inner in value]
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value if isinstance(value, str) else str(value)
    for shape, replacement in _SECRET_SHAPES:
        text = shape.sub(replacement, text)
    return text


def _shared(role: str, environment: str) -> list[Processor]:
    def about_this_process(_logger: Any, _method: str, event: EventDict) -> EventDict:
        return {**event, "role": role, "environment": environment}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        about_this_process,
    ]


def _rendering(log_format: LogFormat, *, colours: bool) -> list[Processor]:
    if log_format is LogFormat.JSON:
        return [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message", "_event"),
            without_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [
        structlog.processors.format_exc_info,
        without_secrets,
        _without_metrics,
        structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=28),
    ]


def _without_metrics(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """People read the numbers; the envelope that CloudWatch needs around them is left out."""
    return {name: value for name, value in event.items() if name not in {"_aws", "role", "environment"}}
