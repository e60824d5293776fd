"""Signs links as a web task does, with its role and the service's own signers; told what to sign on standard input."""

import hashlib
import json
import sys
from typing import Any

from service.aws.clients import Clients
from service.aws.signers import download_signer, upload_signer
from service.config import WebConfig


def main() -> None:
    """Reads `{"key", "body", "life_s", "digest"}`, prints `{"upload": {"url", "headers"}, "download": {"url"}}`."""
    wanted: dict[str, Any] = json.load(sys.stdin)
    config = WebConfig.from_environment()
    clients = Clients(region=config.region)
    body, life_s = wanted["body"].encode(), wanted["life_s"]
    uploads = upload_signer(
        clients, role_arn=config.upload_signer_role_arn, bucket=config.uploads_bucket, link_s=life_s
    )
    downloads = download_signer(
        clients, role_arn=config.download_signer_role_arn, bucket=config.results_bucket, link_s=life_s
    )
    digest = hashlib.sha256(body).digest() if wanted["digest"] else None
    upload = uploads.bucket.upload_link(
        f"uploads/{wanted['key']}", size_bytes=len(body), lifetime_s=uploads.lifetime().expires_in_s, sha256=digest
    )
    download = downloads.bucket.download_link(f"results/{wanted['key']}", lifetime_s=downloads.lifetime().expires_in_s)
    print(json.dumps({"upload": {"url": upload.url, "headers": upload.headers}, "download": {"url": download.url}}))


if __name__ == "__main__":
    main()
