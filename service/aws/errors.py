"""What can go wrong with AWS: one family of errors, which tell a lasting refusal from a passing trouble."""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError


class AwsError(Exception):
    """A call to AWS failed after its retries. The message names the operation, the thing and AWS's own words."""


class AwsAway(AwsError):  # noqa: N818 - reads as what happened
    """AWS cannot be reached, breaks off, asks for less, or says that it is in trouble itself. It passes by itself."""


class AccessDenied(AwsError):  # noqa: N818 - reads as what happened
    """AWS refused: the role has no such permission. Trying again does not help; the infrastructure must change."""


class ObjectMissing(AwsError):  # noqa: N818
    """There is no object of that key."""


class UploadMissing(AwsError):  # noqa: N818
    """There is no multipart upload of that id: completed, aborted, or expired by the bucket's lifecycle."""


class UploadRefused(AwsError):  # noqa: N818
    """Storage refused to put the parts together: one is missing, too small, or has another ETag."""


_MISSING = {"404", "NoSuchKey", "NotFound"}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "Forbidden"}
_THROTTLED = {"SlowDown", "RequestTimeout", "RequestThrottled", "Throttling", "ThrottlingException"}
_SERVER_ERROR = 500
_REFUSED = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML", "InvalidRequest"}


@contextmanager
def translated(operation: str, thing: str) -> Iterator[None]:
    """Turns boto3's errors into this module's; `operation` and `thing` go into the message.

    S3 answers 403 instead of 404 for a missing key to a role that may not list the bucket; the message then says that
    `s3:ListBucket` is what was missing, and it counts as missing.
    """
    try:
        yield
    except ClientError as error:
        fault = error.response.get("Error", {})
        code, words = fault.get("Code", ""), fault.get("Message", "")
        message = f"{operation} {thing}: {code}: {words}"
        if code in _MISSING or (code in _DENIED and "s3:ListBucket" in words):
            raise ObjectMissing(message) from error
        if code in _DENIED:
            raise AccessDenied(message) from error
        if code == "NoSuchUpload":
            raise UploadMissing(message) from error
        if code in _REFUSED:
            raise UploadRefused(message) from error
        if code in _THROTTLED or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR:
            raise AwsAway(message) from error
        raise AwsError(message) from error
    except (BotoCoreError, Boto3Error) as error:
        raise AwsAway(f"{operation} {thing}: {error}") from error
