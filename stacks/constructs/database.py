"""PostgreSQL: jobs, images, licence seats."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from stacks.constructs.imported_network import ImportedNetwork
from stacks.constructs.stateful import kept, pin, snapshotted
from stacks.settings import Settings
from stacks.traffic import Party, Tier

_ENGINE_VERSION = "17.6"
_FAMILY = "postgres17"
_MASTER = "rawmill"


class Database(Construct):
    """An RDS instance in the database tier, with a standby in another zone where `database.multi_az` says so."""

    host: str
    port: str
    name = "rawmill"
    secret_arn: str
    instance_identifier: str

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, network: ImportedNetwork, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
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
            },
        )
        monitoring = iam.Role(
            self,
            "Monitoring",
            assumed_by=iam.ServicePrincipal("monitoring.rds.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonRDSEnhancedMonitoringRole")
            ],
        )
        # The instance has a name so that its log group can be made before it, with a key and a retention. The name
        # also keeps CloudFormation from replacing the instance: two cannot have the same.
        identifier = f"rawmill-{settings.name}"
        records = logs.CfnLogGroup(
            self,
            "Records",
            log_group_name=f"/aws/rds/instance/{identifier}/postgresql",
            retention_in_days=settings.observability.log_retention_days,
            kms_key_id=key.key_arn,
        )
        records.apply_removal_policy(kept(settings))
        database = settings.database
        instance = rds.CfnDBInstance(
            self,
            "Instance",
            db_instance_identifier=identifier,
            engine="postgres",
            engine_version=_ENGINE_VERSION,
            db_instance_class=database.instance_class,
            db_name=self.name,
            port="5432",
            master_username=_MASTER,
            manage_master_user_password=True,
            master_user_secret=rds.CfnDBInstance.MasterUserSecretProperty(kms_key_id=key.key_arn),
            multi_az=database.multi_az,
            db_subnet_group_name=subnet_group.ref,
            vpc_security_groups=[network.security_group(Party.DATABASE).security_group_id],
            publicly_accessible=False,
            db_parameter_group_name=parameters.ref,
            storage_type="gp3",
            allocated_storage=str(database.storage_gib),
            max_allocated_storage=database.max_storage_gib,
            storage_encrypted=True,
            kms_key_id=key.key_arn,
            backup_retention_period=database.backup_retention_days,
            copy_tags_to_snapshot=True,
            delete_automated_backups=not settings.termination_protection,
            deletion_protection=settings.termination_protection,
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=False,
            enable_performance_insights=True,
            performance_insights_kms_key_id=key.key_arn,
            performance_insights_retention_period=7,
            monitoring_interval=60,
            monitoring_role_arn=monitoring.role_arn,
            enable_cloudwatch_logs_exports=["postgresql"],
            ca_certificate_identifier="rds-ca-rsa2048-g1",
        )
        pin(instance, "Database")
        instance.apply_removal_policy(snapshotted(settings))
        instance.add_resource_dependency(records)
        self.host = instance.attr_endpoint_address
        self.port = instance.attr_endpoint_port
        self.secret_arn = instance.attr_master_user_secret_secret_arn
        self.instance_identifier = instance.ref
