"""Django's settings, derived from the configuration of this process. No variable is read here."""

import secrets as random
from typing import Any
from urllib.parse import quote

from service import runtime
from service.aws.secrets import secrets_of
from service.config import Config, WebConfig
from service.database.connection import RotatingConnection
from service.web.size import THREADS

_current = runtime.configured()


def _database(config: Config) -> dict[str, Any]:
    options: dict[str, Any] = {
        "sslmode": config.database_sslmode.value,
        "region": config.region,
        "secret_arn": config.database_secret_arn,
        "connect_timeout": 5,
        "application_name": f"rawmill-{config.role}",
        # a peer that vanished (a failover, a dead NAT mapping) is noticed in half a minute, not in two hours
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        # a task that freezes in the middle of a transaction must not hold its locks for ever
        "options": "-c idle_in_transaction_session_timeout=120000",
    }
    if isinstance(config, WebConfig):
        options["pool"] = {
            "connection_class": RotatingConnection,
            "min_size": 1,
            "max_size": THREADS,
            "timeout": 5,
            "max_idle": 300,
            "max_lifetime": 3600,
        }
    return {
        "ENGINE": "service.database",
        "HOST": config.database_host,
        "PORT": config.database_port,
        "NAME": config.database_name,
        "OPTIONS": options,
        "CONN_MAX_AGE": 0 if "pool" in options else None,
        "CONN_HEALTH_CHECKS": True,
    }


def session_store_url(config: WebConfig) -> str:
    """Where Redis is, with its auth token: a value to be used, never to be shown."""
    token = secrets_of(config.region).text(config.session_store_secret_arn)
    scheme = "rediss" if config.session_store_tls else "redis"
    return f"{scheme}://:{quote(token, safe='')}@{config.session_store_host}:{config.session_store_port}/0"


def _session_store(config: WebConfig) -> dict[str, Any]:
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": session_store_url(config),
        "KEY_PREFIX": f"rawmill:{config.environment}",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2, "health_check_interval": 30},
    }


def _secret_key(config: Config | None) -> str:
    """Web tasks share one key, for any of them must accept what another signed; nobody else signs anything."""
    if isinstance(config, WebConfig):
        return secrets_of(config.region).text(config.django_secret_arn)
    return random.token_urlsafe(50)


SECRET_KEY = _secret_key(_current)
DEBUG = False
ALLOWED_HOSTS = list(_current.allowed_hosts) if isinstance(_current, WebConfig) else []
DATABASES = {} if _current is None else {"default": _database(_current)}
CACHES = {"default": _session_store(_current)} if isinstance(_current, WebConfig) else {}
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
INSTALLED_APPS = ["service.jobs"]
MIDDLEWARE = ["service.api.middleware.RequestContext"]
ROOT_URLCONF = "service.api.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
APPEND_SLASH = False
LOGGING_CONFIG = None  # service.logs sets logging up
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
