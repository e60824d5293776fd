"""Lets pages of this machine's console talk to its buckets, as a deployment lets those of its own domain."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CORSRuleTypeDef

# As `stacks/constructs/buckets.py` has them for a domain; a test compares both.
UPLOADS: "CORSRuleTypeDef" = {
    "AllowedOrigins": [],
    "AllowedMethods": ["PUT"],
    "AllowedHeaders": ["content-md5", "content-type", "x-amz-*"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 3600,
}
RESULTS: "CORSRuleTypeDef" = {
    "AllowedOrigins": [],
    "AllowedMethods": ["GET", "HEAD"],
    "AllowedHeaders": ["range"],
    "ExposeHeaders": ["Content-Disposition", "Content-Length", "Content-Range", "ETag"],
    "MaxAgeSeconds": 3600,
}


def open_buckets(s3: "S3Client", environment: Mapping[str, str]) -> None:
    """Adds the origin of web, as its environment names it, to the rules of uploads and results."""
    origin = environment["RAWMILL_PUBLIC_URL"]
    for variable, rule in (("RAWMILL_UPLOADS_BUCKET", UPLOADS), ("RAWMILL_RESULTS_BUCKET", RESULTS)):
        s3.put_bucket_cors(
            Bucket=environment[variable], CORSConfiguration={"CORSRules": [{**rule, "AllowedOrigins": [origin]}]}
        )
