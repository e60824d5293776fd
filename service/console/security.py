"""What a browser may load and do on a page: the Content-Security-Policy, and its neighbours among the headers."""

import functools
from urllib.parse import urlsplit

from botocore.credentials import Credentials

from service.aws.clients import link_client
from service.config import WebConfig

PAGE_HEADERS = {
    # `no-referrer`, which the API has, would make browsers send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@functools.lru_cache(maxsize=4)
def content_security_policy(config: WebConfig) -> str:
    """Everything from here, nothing inline; pictures and transfers also from and to the two buckets that have links."""
    uploads, results = (_origin_of(config.region, each) for each in (config.uploads_bucket, config.results_bucket))
    storage = " ".join(dict.fromkeys((uploads, results)))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' blob: {results}",
            f"connect-src 'self' {storage}",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _origin_of(region: str, bucket: str) -> str:
    """Where links of a bucket lead: read off a link, so that it is true wherever AWS's endpoints are."""
    client = link_client(Credentials("nobody", "nothing"), region=region)
    parts = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"}))
    return f"{parts.scheme}://{parts.netloc}"
