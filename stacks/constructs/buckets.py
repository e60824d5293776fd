"""The four buckets: uploads, vault, results, logs."""

from collections.abc import Iterator
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.stateful import kept, pin
from stacks.settings import Settings

LOAD_BALANCER_PREFIX = "load-balancer"
"""Where in the logs bucket the load balancer writes its access logs."""
_UNDO_DAYS = 7
"""How long a version that was overwritten or deleted can be brought back."""
_UNDO_DAYS_OF_ORIGINALS = 90


class Buckets(Construct):
    """Private, encrypted, versioned, reached over TLS only, each with its lifecycle.

    The vault is locked to the S3 endpoint of the VPC. Uploads and results are reached from the internet through
    presigned links, so that they cannot be: they bound the age of a signature instead.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, key: kms.IKey, s3_endpoint_id: str
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._key = key
        storage = settings.storage
        self.logs = self._logs()
        self.uploads = self._bucket(
            "Uploads",
            rules=[s3.LifecycleRule(id="Retention", expiration=cdk.Duration.days(storage.uploads_retention_days))],
            cors=self._cors(
                methods=[s3.HttpMethods.PUT],
                accepted=["content-md5", "content-type", "x-amz-*"],
                # A multipart upload is completed with the tag of every part.
                exposed=["ETag"],
            ),
        )
        self.vault = self._bucket(
            "Vault",
            undo_days=_UNDO_DAYS_OF_ORIGINALS,
            rules=[
                s3.LifecycleRule(
                    id="Archive",
                    transitions=[
                        s3.Transition(
                            # Read within milliseconds all the same: an original may be developed anew at any time.
                            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                            transition_after=cdk.Duration.days(storage.vault_archive_after_days),
                        )
                    ],
                )
            ],
        )
        self.results = self._bucket(
            "Results",
            rules=[s3.LifecycleRule(id="Retention", expiration=cdk.Duration.days(storage.results_retention_days))],
            cors=self._cors(
                methods=[s3.HttpMethods.GET, s3.HttpMethods.HEAD],
                accepted=["range"],
                exposed=["Content-Disposition", "Content-Length", "Content-Range", "ETag"],
            ),
        )
        self._lock_to_endpoint(self.vault, s3_endpoint_id)
        for bucket in (self.uploads, self.results):
            self._bound_signature_age(bucket)
        self._let_load_balancers_log()
        for bucket in (self.uploads, self.vault, self.results, self.logs):
            # A bucket that is kept keeps its policy: the vault must not lose its lock with the stack.
            if bucket.policy:
                bucket.policy.apply_removal_policy(kept(settings))

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about what each bucket is for."""
        why_one_region = {
            self.uploads: "emptied after days, when the vault has its own copy",
            self.vault: "versioned, over three zones, and kept; a second region is a choice of cost left to its owner",
            self.results: "can be made again from the vault",
            self.logs: "the trail of this region, of no use without it",
        }
        for bucket, why in why_one_region.items():
            for pack in ("NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"):
                yield _accept(bucket, f"{pack}-S3BucketReplicationEnabled", why)
        for pack in ("NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"):
            yield _accept(
                self.logs,
                f"{pack}-S3DefaultEncryptionKMS",
                "encrypted with S3's own key: load balancers deliver their logs to no bucket with another",
            )

    def _logs(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Logs",
            # The load balancer cannot write to a bucket with a key of ours.
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="Retention", expiration=cdk.Duration.days(self._settings.storage.access_log_retention_days)
                ),
                *_housekeeping(),
            ],
            removal_policy=kept(self._settings),
        )
        pin(bucket, "LogsBucket")
        return bucket

    def _bucket(
        self,
        name: str,
        *,
        rules: list[s3.LifecycleRule],
        cors: list[s3.CorsRule] | None = None,
        undo_days: int = _UNDO_DAYS,
    ) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            # One data key for many objects: without it every object is a request to KMS, and a charge.
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[*rules, *_housekeeping(undo_days)],
            cors=cors,
            server_access_logs_bucket=self.logs,
            server_access_logs_prefix=f"s3/{name.lower()}/",
            removal_policy=kept(self._settings),
        )
        pin(bucket, f"{name}Bucket")
        return bucket

    def _cors(
        self, *, methods: list[s3.HttpMethods], accepted: list[str], exposed: list[str]
    ) -> list[s3.CorsRule] | None:
        origins = list(self._settings.console_origins)
        if not origins:
            return None
        return [
            s3.CorsRule(
                allowed_origins=origins,
                allowed_methods=methods,
                allowed_headers=accepted,
                exposed_headers=exposed,
                max_age=3600,
            )
        ]

    def _let_load_balancers_log(self) -> None:
        account = cdk.Stack.of(self).account
        self.logs.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AccessLogsOfLoadBalancers",
                principals=[iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
                actions=["s3:PutObject"],
                # The service writes below the account whose load balancer it is, so that the path names the account.
                resources=[self.logs.arn_for_objects(f"{LOAD_BALANCER_PREFIX}/AWSLogs/{account}/*")],
            )
        )

    def _lock_to_endpoint(self, bucket: s3.Bucket, endpoint_id: str) -> None:
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ObjectsThroughTheEndpointOnly",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                # Of objects only: who administers the bucket, and CloudFormation, are not inside the VPC.
                actions=["s3:*"],
                resources=[bucket.arn_for_objects("*")],
                conditions={"StringNotEquals": {"aws:SourceVpce": endpoint_id}},
            )
        )

    def _bound_signature_age(self, bucket: s3.Bucket) -> None:
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="NoSignatureOlderThanALink",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:*"],
                resources=[bucket.arn_for_objects("*")],
                # In milliseconds. A link that was signed for longer stops working all the same.
                conditions={"NumericGreaterThan": {"s3:signatureAge": self._settings.storage.link_lifetime_s * 1000}},
            )
        )


def _accept(bucket: s3.Bucket, rule: str, why: str) -> Acknowledgement:
    return Acknowledgement(
        resource=cast("cdk.CfnResource", bucket.node.default_child), rule=rule, reason=f"ACCEPTED: {why}"
    )


def _housekeeping(undo_days: int = _UNDO_DAYS) -> list[s3.LifecycleRule]:
    """What would otherwise be paid for and never seen."""
    return [
        s3.LifecycleRule(id="IncompleteUploads", abort_incomplete_multipart_upload_after=cdk.Duration.days(1)),
        s3.LifecycleRule(
            id="FormerVersions",
            noncurrent_version_expiration=cdk.Duration.days(undo_days),
            expired_object_delete_marker=True,
        ),
    ]
