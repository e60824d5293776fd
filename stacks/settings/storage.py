"""Settings of what is stored: how long each bucket keeps its objects, and how long a link to one lives."""

from typing import Annotated

from pydantic import Field

from stacks.settings.types import Strict, WebOrigin

Days = Annotated[int, Field(ge=1, le=3650)]


class StorageSettings(Strict):
    """The buckets.

    Attributes:
        uploads_retention_days: what customers uploaded; the vault has its own copy by then.
        results_retention_days: renditions and archives, which can be made again from the vault.
        vault_archive_after_days: originals move to cheaper storage that still answers at once.
        access_log_retention_days: who read and wrote what in the other buckets, and the load balancer's requests.
        link_lifetime_s: how long a presigned link works. One role that assumes another does so for an hour at most,
            and a link dies with the session that signed it. Below a quarter of an hour other requests would be refused
            with the links: S3 takes a signature for that long from a clock that is wrong.
        console_origins: web origins beside the platform's own domain whose pages may upload and download, such as
            the address of a load balancer that has no domain yet.
    """

    uploads_retention_days: Days = 7
    results_retention_days: Days = 30
    vault_archive_after_days: Days = 90
    access_log_retention_days: Days = 365
    link_lifetime_s: Annotated[int, Field(ge=900, le=3600)] = 3600
    console_origins: Annotated[tuple[WebOrigin, ...], Field(strict=False, max_length=10)] = ()
