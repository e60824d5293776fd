"""boto3 clients of the local endpoints, with the credentials of their root user."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.aws.endpoints import AwsAddress

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


class Clients:
    """Each client is made when it is first asked for; making one costs a quarter of a second."""

    def __init__(self, address: AwsAddress) -> None:
        self.address = address
        self.endpoint = address.url
        self.region = address.region
        self._session = boto3.Session(
            aws_access_key_id=address.access_key,
            aws_secret_access_key=address.secret_key,
            region_name=address.region,
        )

    @cached_property
    def s3(self) -> "S3Client":
        """Objects; buckets are a part of the path, since their names are no host names here."""
        return self._session.client(
            "s3", endpoint_url=self.endpoint, config=Config(s3={"addressing_style": "path"}, signature_version="s3v4")
        )

    @cached_property
    def sqs(self) -> "SQSClient":
        """Queues."""
        return self._session.client("sqs", endpoint_url=self.endpoint)

    @cached_property
    def ecs(self) -> "ECSClient":
        """Task definitions and services."""
        return self._session.client("ecs", endpoint_url=self.endpoint)

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """Secrets."""
        return self._session.client("secretsmanager", endpoint_url=self.endpoint)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """Stacks."""
        return self._session.client("cloudformation", endpoint_url=self.endpoint)

    @cached_property
    def ssm(self) -> Any:
        """Parameters."""
        return self.client("ssm")

    def client(self, service: str) -> Any:
        """Any other service."""
        return self._session.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]
