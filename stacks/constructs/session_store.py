"""Redis: sessions of the console and rate limits, nothing that cannot be lost."""

from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.constructs.imported_network import ImportedNetwork
from stacks.constructs.stateful import kept, pin
from stacks.settings import Settings
from stacks.traffic import Party, Tier

_ENGINE_VERSION = "7.1"
_FAMILY = "redis7"


class SessionStore(Construct):
    """A replication group in the database tier that fails over by itself as soon as it has a replica."""

    host: str
    port: str
    secret_arn: str
    replication_group_id: str

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, network: ImportedNetwork, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
        token = secretsmanager.CfnSecret(
            self,
            "Token",
            description=f"Auth token of the session store of rawmill {settings.name}",
            kms_key_id=key.key_arn,
            generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
                password_length=64, exclude_punctuation=True
            ),
        )
        pin(token, "SessionStoreToken").apply_removal_policy(kept(settings))
        replicas = settings.session_store.replicas
        group = elasticache.CfnReplicationGroup(
            self,
            "Group",
            replication_group_description=f"Sessions of rawmill {settings.name}",
            engine="redis",
            engine_version=_ENGINE_VERSION,
            cache_node_type=settings.session_store.node_type,
            num_cache_clusters=1 + replicas,
            automatic_failover_enabled=replicas > 0,
            multi_az_enabled=replicas > 0,
            cache_subnet_group_name=elasticache.CfnSubnetGroup(
                self,
                "Subnets",
                description=f"Database tier of rawmill {settings.name}",
                subnet_ids=network.subnet_ids(Tier.DB),
            ).ref,
            cache_parameter_group_name=elasticache.CfnParameterGroup(
                self,
                "Parameters",
                cache_parameter_group_family=_FAMILY,
                description=f"Redis of rawmill {settings.name}",
                properties={"maxmemory-policy": "allkeys-lru"},
            ).ref,
            security_group_ids=[network.security_group(Party.SESSION_STORE).security_group_id],
            port=6379,
            transit_encryption_enabled=True,
            auth_token=f"{{{{resolve:secretsmanager:{token.ref}}}}}",
            at_rest_encryption_enabled=True,
            kms_key_id=key.key_arn,
            auto_minor_version_upgrade=True,
            snapshot_retention_limit=1,
        )
        pin(group, "SessionStore")
        self.host = group.attr_primary_end_point_address
        self.port = group.attr_primary_end_point_port
        self.secret_arn = token.ref
        self.replication_group_id = group.ref
