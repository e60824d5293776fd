"""Objects that ask for KMS without naming a key get the account's own key for S3, as on AWS; ministack refuses them.

The CDK command line uploads its assets that way.
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import s3

from local.aws.emulator.resources.handler import arn_of

_ALGORITHM = "x-amz-server-side-encryption"
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def install() -> None:
    """Name the key in such requests before ministack looks at them."""
    stock = s3._resolve_sse_write_headers

    def resolve(headers: Mapping[str, str], bucket: str) -> Any:
        if headers.get(_ALGORITHM) == "aws:kms" and not headers.get(_KEY):
            headers = {**headers, _KEY: arn_of("kms", "alias/aws/s3")}
        return stock(headers, bucket)

    s3._resolve_sse_write_headers = resolve
