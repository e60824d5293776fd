"""Django's settings, derived from the configuration of this process. No variable is read here."""

import secrets as random
from typing import Any
from urllib.parse import quote

from service import runtime
from service.aws.secrets import secrets_of
from service.config import Config, WebConfig, WorkerConfig
from service.console.static_files import STATIC_FOLDER, is_immutable, static_version
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
SESSION_ENGINE = "service.accounts.sessions"
INSTALLED_APPS = ["service.jobs"]
if not isinstance(_current, WorkerConfig):  # workers know jobs and nobody who looks at them
    INSTALLED_APPS += [
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "service.accounts.apps.AccountsConfig",
        "service.console",
    ]
MIDDLEWARE = [
    "service.api.middleware.RequestContext",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "service.console.middleware.Pages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "service.console.middleware.PageLanguage",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "service.web.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = False

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["service.accounts.people.Passwords"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {"user_attributes": ["email", "name"]}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
    )
]
LOGIN_URL = "sign-in"
_encrypted = isinstance(_current, WebConfig) and _current.public_url.startswith("https:")
# `__Host-`: a browser takes it from this very host over TLS only, and gives it to nobody else.
_prefix = "__Host-" if _encrypted else ""
SESSION_COOKIE_NAME = f"{_prefix}rawmill-session"
SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _encrypted
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{_prefix}rawmill-csrf"
CSRF_FAILURE_VIEW = "service.console.views.errors.forged"
LANGUAGE_COOKIE_NAME = "rawmill-language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "service.console.context.about",
            ]
        },
    }
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어")]
STATIC_ROOT = STATIC_FOLDER
STATIC_URL = f"/static/{static_version()}/"
WHITENOISE_IMMUTABLE_FILE_TEST = is_immutable
LOGGING_CONFIG = None  # service.logs sets logging up
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
