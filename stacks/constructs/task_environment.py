"""The environment variables of each task, exactly those that the service reads. Secrets go by their ARN."""

import json

from stacks.constructs.web_signers import WebSigners
from stacks.data import DataStack
from stacks.machines import MIB, WorkerSize
from stacks.messaging import MessagingStack
from stacks.settings import Settings
from stacks.traffic import Party, listening_port

Variables = dict[str, str]

SCRATCH = "/scratch"


def metrics_namespace(settings: Settings) -> str:
    """Where the platform's own metrics go."""
    return f"Rawmill/{settings.name}"


def common_environment(settings: Settings, *, data: DataStack, messaging: MessagingStack) -> Variables:
    """What web, worker and maintenance all read."""
    return {
        "AWS_DEFAULT_REGION": settings.region,
        "RAWMILL_ENVIRONMENT": settings.name,
        "RAWMILL_LOG_FORMAT": "json",
        "RAWMILL_METRICS_NAMESPACE": metrics_namespace(settings),
        "RAWMILL_DATABASE_HOST": data.database.host,
        "RAWMILL_DATABASE_PORT": data.database.port,
        "RAWMILL_DATABASE_NAME": data.database.name,
        "RAWMILL_DATABASE_SECRET_ARN": data.database.secret_arn,
        "RAWMILL_DATABASE_SSLMODE": "require",
        "RAWMILL_UPLOADS_BUCKET": data.uploads.bucket_name,
        "RAWMILL_VAULT_BUCKET": data.vault.bucket_name,
        "RAWMILL_RESULTS_BUCKET": data.results.bucket_name,
        "RAWMILL_QUEUE_URL": messaging.queue.queue_url,
        "RAWMILL_DEAD_LETTER_QUEUE_URL": messaging.dead_letter_queue.queue_url,
        "RAWMILL_VISIBILITY_TIMEOUT_S": str(settings.messaging.visibility_timeout_s),
        "RAWMILL_MAX_RECEIVES": str(settings.messaging.max_receive_count),
        "RAWMILL_JOB_TIME_LIMIT_S": str(settings.jobs.time_limit_s),
        "RAWMILL_JOB_LIFETIME_DAYS": str(settings.jobs.lifetime_days),
    }


def maintenance_environment(settings: Settings) -> Variables:
    """What the sweeper reads beside it."""
    return {"RAWMILL_MESSAGE_RETENTION_DAYS": str(settings.messaging.retention_days)}


def web_environment(settings: Settings, *, data: DataStack, url: str, host: str, signers: WebSigners) -> Variables:
    """What web reads beside it. `host` is what browsers send: every other one is turned away."""
    return {
        "RAWMILL_PORT": str(listening_port(Party.WEB)),
        "RAWMILL_PUBLIC_URL": url,
        "RAWMILL_ALLOWED_HOSTS": host,
        "RAWMILL_DJANGO_SECRET_ARN": data.django_secret_arn,
        "RAWMILL_SESSION_STORE_HOST": data.session_store.host,
        "RAWMILL_SESSION_STORE_PORT": data.session_store.port,
        "RAWMILL_SESSION_STORE_TLS": "1",
        "RAWMILL_SESSION_STORE_SECRET_ARN": data.session_store.secret_arn,
        "RAWMILL_UPLOAD_SIGNER_ROLE_ARN": signers.upload.arn,
        "RAWMILL_DOWNLOAD_SIGNER_ROLE_ARN": signers.download.arn,
        "RAWMILL_LINK_LIFETIME_S": str(settings.storage.link_lifetime_s),
        "RAWMILL_MAX_FILE_BYTES": str(settings.jobs.max_file_mib * MIB),
    }


def worker_environment(settings: Settings, *, size: WorkerSize) -> Variables:
    """What a worker reads beside it, whether on an instance or on Fargate."""
    return {
        "RAWMILL_PROCESSES": str(size.processes),
        "RAWMILL_MEMORY_BYTES": str(size.processing_bytes),
        "RAWMILL_STOP_TIMEOUT_S": str(settings.workers.stop_timeout_s),
        "RAWMILL_SCRATCH": SCRATCH,
        "RAWMILL_LICENCES": json.dumps(settings.workers.licences, sort_keys=True),
    }
