"""PostgreSQL: jobs, images, licence seats."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.enhanced_monitoring import EnhancedMonitoring
from stacks.constructs.imported_network import ImportedNetwork
from stacks.constructs.stateful import kept, pin, snapshotted
from stacks.settings import Settings
from stacks.traffic import Party, Tier, listening_port

# Minor versions come by themselves: to name one would be to go back to it with the next deployment.
_ENGINE_VERSION = "18"
_FAMILY = "postgres18"
_EXPORTED_LOGS = ("postgresql", "upgrade")


class Database(Construct):
    """An RDS instance in the database tier, with a standby in another zone where `database.multi_az` says so.

    Attributes:
        host: the address of the primary, which follows a failover.
        port: as a token, to be handed on.
        name: of the database inside the instance.
        secret_arn: `{"username", "password"}`, made and rotated by RDS.
        instance_identifier: what alarms and events know it by.
    """

    host: str
    port: str
    name: str = "rawmill"
    secret_arn: str
    instance_identifier: str

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, network: ImportedNetwork, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        # The instance has a name so that its log groups can be made before it, with a key and a retention; RDS would
        # make them without either. The name also keeps CloudFormation from ever replacing the instance: the new one
        # would have to be made, under the same name, before the old one goes.
        identifier = f"rawmill-{settings.name}"
        subnet_group = rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_description=f"Database tier of rawmill {settings.name}",
            subnet_ids=network.subnet_ids(Tier.DB),
        )
        parameters = rds.CfnDBParameterGroup(
            self,
            "Parameters",
            family=_FAMILY,
            description=f"PostgreSQL of rawmill {settings.name}",
            parameters={
                # A client that does not ask for TLS is turned away, rather than answered in plain text.
                "rds.force_ssl": "1",
                # Who waited for whom is what one asks first when jobs stand still.
                "log_lock_waits": "1",
            },
        )
        records = [self._records(identifier, name, key) for name in _EXPORTED_LOGS]
        self._monitoring = EnhancedMonitoring(self, "Monitoring", instance_identifier=identifier)
        database = settings.database
        self._instance = rds.CfnDBInstance(
            self,
            "Instance",
            db_instance_identifier=identifier,
            engine="postgres",
            engine_version=_ENGINE_VERSION,
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=False,
            db_instance_class=database.instance_class,
            db_name=self.name,
            multi_az=database.multi_az,
            # Who may connect.
            port=str(listening_port(Party.DATABASE)),
            db_subnet_group_name=subnet_group.ref,
            vpc_security_groups=[network.security_group(Party.DATABASE).security_group_id],
            publicly_accessible=False,
            db_parameter_group_name=parameters.ref,
            master_username="rawmill",
            manage_master_user_password=True,
            master_user_secret=rds.CfnDBInstance.MasterUserSecretProperty(kms_key_id=key.key_arn),
            ca_certificate_identifier="rds-ca-rsa2048-g1",
            # What is stored.
            storage_type="gp3",
            allocated_storage=str(database.storage_gib),
            max_allocated_storage=database.max_storage_gib,
            storage_encrypted=True,
            kms_key_id=key.key_arn,
            backup_retention_period=database.backup_retention_days,
            copy_tags_to_snapshot=True,
            delete_automated_backups=not settings.termination_protection,
            deletion_protection=settings.termination_protection,
            # What is seen of it.
            enable_performance_insights=True,
            performance_insights_kms_key_id=key.key_arn,
            performance_insights_retention_period=7,
            monitoring_interval=60,
            monitoring_role_arn=self._monitoring.role_arn,
            enable_cloudwatch_logs_exports=list(_EXPORTED_LOGS),
        )
        pin(self._instance, "Database").apply_removal_policy(snapshotted(settings))
        for group in records:
            self._instance.add_resource_dependency(group)
        self.host = self._instance.attr_endpoint_address
        self.port = self._instance.attr_endpoint_port
        self.secret_arn = self._instance.attr_master_user_secret_secret_arn
        self.instance_identifier = self._instance.ref

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about the port and the backups, and about what an environment that may be lost goes without."""
        yield self._accept(
            "AwsSolutions-RDS11",
            "the port is in the traffic matrix; who may reach it is decided there, not by its number",
        )
        for pack in ("NIST.800.53.R5", "HIPAA.Security"):
            yield self._accept(
                f"{pack}-RDSInBackupPlan", "RDS itself keeps backups and logs to restore to any second of the retention"
            )
        if not self._settings.termination_protection:
            for rule in (
                "AwsSolutions-RDS10",
                "NIST.800.53.R5-RDSInstanceDeletionProtectionEnabled",
                "HIPAA.Security-RDSInstanceDeletionProtectionEnabled",
            ):
                yield self._accept(rule, "the environment is meant to be destroyed: termination_protection = false")
        if not self._settings.database.multi_az:
            for rule in (
                "AwsSolutions-RDS3",
                "NIST.800.53.R5-RDSMultiAZSupport",
                "HIPAA.Security-RDSMultiAZSupport",
            ):
                yield self._accept(rule, "the environment may stand still with its zone: database.multi_az = false")
        yield from self._monitoring.acknowledgements()

    def _accept(self, rule: str, why: str) -> Acknowledgement:
        return Acknowledgement(resource=self._instance, rule=rule, reason=f"ACCEPTED: {why}")

    def _records(self, identifier: str, log: str, key: kms.IKey) -> cdk.CfnResource:
        group = logs.CfnLogGroup(
            self,
            f"{log.capitalize()}Records",
            log_group_name=f"/aws/rds/instance/{identifier}/{log}",
            retention_in_days=self._settings.observability.log_retention_days,
            kms_key_id=key.key_arn,
        )
        group.apply_removal_policy(kept(self._settings))
        return group
