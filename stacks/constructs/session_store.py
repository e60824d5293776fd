"""Redis: sessions of the console and rate limits, nothing that cannot be lost."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.generated_secret import generated_secret, never_rotated
from stacks.constructs.imported_network import ImportedNetwork
from stacks.constructs.stateful import kept, pin
from stacks.settings import Settings
from stacks.traffic import Party, Tier, listening_port

_ENGINE_VERSION = "7.1"
_FAMILY = "redis7"


class SessionStore(Construct):
    """A replication group in the database tier that fails over by itself as soon as it has a replica.

    Attributes:
        host: the address of the primary, which follows a failover.
        port: as a token, to be handed on.
        secret_arn: the auth token, as the whole secret string.
        replication_group_id: what alarms know it by.
    """

    host: str
    port: str
    secret_arn: str
    replication_group_id: str

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, network: ImportedNetwork, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
        self._replicas = settings.session_store.replicas
        self._token = generated_secret(
            self,
            "Token",
            settings=settings,
            key=key,
            logical_id="SessionStoreToken",
            what="Auth token of the session store",
        )
        subnet_group = elasticache.CfnSubnetGroup(
            self,
            "Subnets",
            description=f"Database tier of rawmill {settings.name}",
            subnet_ids=network.subnet_ids(Tier.DB),
        )
        parameters = elasticache.CfnParameterGroup(
            self,
            "Parameters",
            cache_parameter_group_family=_FAMILY,
            description=f"Redis of rawmill {settings.name}",
            # A full store forgets whoever has been away longest, rather than refusing to let anyone in.
            properties={"maxmemory-policy": "allkeys-lru"},
        )
        records = logs.CfnLogGroup(
            self,
            "Records",
            retention_in_days=settings.observability.log_retention_days,
            kms_key_id=key.key_arn,
        )
        records.apply_removal_policy(kept(settings))
        self._group = elasticache.CfnReplicationGroup(
            self,
            "Group",
            replication_group_description=f"Sessions of rawmill {settings.name}",
            engine="redis",
            engine_version=_ENGINE_VERSION,
            cache_node_type=settings.session_store.node_type,
            num_cache_clusters=1 + self._replicas,
            automatic_failover_enabled=self._replicas > 0,
            multi_az_enabled=self._replicas > 0,
            cache_subnet_group_name=subnet_group.ref,
            cache_parameter_group_name=parameters.ref,
            security_group_ids=[network.security_group(Party.SESSION_STORE).security_group_id],
            port=listening_port(Party.SESSION_STORE),
            transit_encryption_enabled=True,
            # CloudFormation puts the value in as it deploys; the template knows only the name.
            auth_token=f"{{{{resolve:secretsmanager:{self._token.ref}:SecretString:::}}}}",
            at_rest_encryption_enabled=True,
            kms_key_id=key.key_arn,
            auto_minor_version_upgrade=True,
            snapshot_retention_limit=0,
            log_delivery_configurations=[
                elasticache.CfnReplicationGroup.LogDeliveryConfigurationRequestProperty(
                    log_type=log_type,
                    log_format="json",
                    destination_type="cloudwatch-logs",
                    destination_details=elasticache.CfnReplicationGroup.DestinationDetailsProperty(
                        cloud_watch_logs_details=(
                            elasticache.CfnReplicationGroup.CloudWatchLogsDestinationDetailsProperty(
                                log_group=records.ref
                            )
                        )
                    ),
                )
                for log_type in ("engine-log", "slow-log")
            ],
        )
        # It holds nothing that is missed, and a snapshot of sessions would be one more place that holds them.
        pin(self._group, "SessionStore").apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        self.host = self._group.attr_primary_end_point_address
        self.port = self._group.attr_primary_end_point_port
        self.secret_arn = self._token.ref
        self.replication_group_id = self._group.ref

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings that suit stores of data."""
        yield Acknowledgement(
            resource=self._group,
            rule="AwsSolutions-AEC5",
            reason="ACCEPTED: the port is in the traffic matrix; who may reach it is decided there, not by its number",
        )
        if self._replicas == 0:
            yield Acknowledgement(
                resource=self._group,
                rule="AwsSolutions-AEC4",
                reason="ACCEPTED: the environment may stand still with its zone: session_store.replicas = 0",
            )
        for pack in ("NIST.800.53.R5", "HIPAA.Security"):
            yield Acknowledgement(
                resource=self._group,
                rule=f"{pack}-ElastiCacheRedisClusterAutomaticBackup",
                reason="ACCEPTED: holds sessions and rate limits, which nobody would restore from a day ago",
            )
        yield from never_rotated(
            self._token, "changed in two steps around a deployment of the web tasks, so by a person: docs/data.md"
        )
