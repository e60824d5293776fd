"""The AWS things that a web task uses, made once a process: storage through its signers, the job queue."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service import runtime
from service.aws.clients import Clients
from service.aws.queue import Queue
from service.aws.signers import Signer, download_signer, upload_signer
from service.aws.storage import Bucket
from service.config import WebConfig

STORAGE_CALLS_AT_ONCE = 8


@dataclass(frozen=True)
class Resources:
    """Of one web task.

    Attributes:
        uploads: what customers uploaded, to look at.
        upload_signer: links to upload with, and multipart uploads.
        download_signer: links to results.
        queue: where images to develop go.
        dead_letters: where messages go that were given up.
        pool: threads for calls to storage that do not depend on each other.
    """

    uploads: Bucket
    upload_signer: Signer
    download_signer: Signer
    queue: Queue
    dead_letters: Queue
    pool: ThreadPoolExecutor


_lock = threading.Lock()
_made: tuple[WebConfig, Resources] | None = None


def resources() -> Resources:
    """The resources of this process, for the configuration that it has now."""
    global _made  # noqa: PLW0603 - one process, one set
    config = runtime.web_config()
    with _lock:
        if _made is None or _made[0] is not config:
            _made = (config, _make(config))
        return _made[1]


def _make(config: WebConfig) -> Resources:
    clients = Clients(region=config.region)
    return Resources(
        uploads=Bucket(clients.s3, config.uploads_bucket),
        upload_signer=upload_signer(
            clients, role_arn=config.upload_signer_role_arn, bucket=config.uploads_bucket, link_s=config.link_lifetime_s
        ),
        download_signer=download_signer(
            clients,
            role_arn=config.download_signer_role_arn,
            bucket=config.results_bucket,
            link_s=config.link_lifetime_s,
        ),
        queue=Queue(clients.sqs, config.queue_url),
        dead_letters=Queue(clients.sqs, config.dead_letter_queue_url),
        pool=ThreadPoolExecutor(STORAGE_CALLS_AT_ONCE, thread_name_prefix="storage"),
    )
