"""A group of instances that carries one service, grows and shrinks with its tasks, and drains before it lets one go."""

from collections.abc import Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.instance_role import make_instance_role
from stacks.constructs.launch_template import make_launch_template
from stacks.machines import Machine
from stacks.settings import Settings
from stacks.traffic import Party

_Group = autoscaling.CfnAutoScalingGroup

_WARM_UP_S = 120
"""From the start of an instance until it takes tasks."""


class InstanceGroup(Construct):
    """Launch template, Auto Scaling group and capacity provider, over all zones.

    The capacity provider alone decides how many instances there are: as many as tasks want. Nothing sets a desired
    capacity, so that a deployment does not undo what scaling did.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        name: str,
        party: Party,
        cluster: ecs.CfnCluster,
        machine: Machine,
        least: int,
        most: int,
        subnet_ids: Sequence[str],
        security_group_id: str,
        disk_gib: int,
        alternatives: Sequence[str] = (),
        spot_share_percent: int = 0,
        keep_busy_instances: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self._role = make_instance_role(self, "InstanceRole", cluster=cluster)
        profile = iam.CfnInstanceProfile(self, "InstanceProfile", roles=[self._role.role.role_name])
        self.launch_template = make_launch_template(
            self,
            "LaunchTemplate",
            settings=settings,
            name=name,
            machine=machine,
            cluster=cluster,
            instance_profile_arn=profile.attr_arn,
            security_group_id=security_group_id,
            party=party,
            disk_gib=disk_gib,
        )
        self._mixed = mixed = bool(alternatives) or spot_share_percent > 0
        launched = [machine.instance_type, *alternatives]
        self.group = _Group(
            self,
            "Group",
            min_size=str(least),
            max_size=str(most),
            vpc_zone_identifier=list(subnet_ids),
            launch_template=None if mixed else _version_of(self.launch_template),
            mixed_instances_policy=_mix(self.launch_template, launched, least, spot_share_percent) if mixed else None,
            # A Spot instance that is about to be taken back is replaced before it goes.
            capacity_rebalance=True if spot_share_percent > 0 else None,
            new_instances_protected_from_scale_in=keep_busy_instances,
            health_check_type="EC2",
            health_check_grace_period=_WARM_UP_S,
            default_instance_warmup=_WARM_UP_S,
            availability_zone_distribution=_Group.AvailabilityZoneDistributionProperty(
                capacity_distribution_strategy="balanced-best-effort"
            ),
            # In a zone that is being shifted away from, instances are left alone and none is started.
            availability_zone_impairment_policy=_Group.AvailabilityZoneImpairmentPolicyProperty(
                zonal_shift_enabled=True, impaired_zone_health_check_behavior="IgnoreUnhealthy"
            ),
            metrics_collection=[_Group.MetricsCollectionProperty(granularity="1Minute")],
            tags=[
                _Group.TagPropertyProperty(
                    key="Name", value=f"rawmill-{settings.name}-{name}", propagate_at_launch=True
                ),
                # ECS puts it on groups that it scales; left out here, every deployment would take it off again.
                _Group.TagPropertyProperty(key="AmazonECSManaged", value="true", propagate_at_launch=True),
            ],
        )
        self.group.cfn_options.update_policy = _replace_gradually(keep_busy_instances=keep_busy_instances)
        # An instance that starts before its permissions does not find its cluster, and one that outlives them does not
        # drain.
        self.group.add_resource_dependency(self._role.policy)
        self.capacity_provider = ecs.CfnCapacityProvider(
            self,
            "CapacityProvider",
            auto_scaling_group_provider=ecs.CfnCapacityProvider.AutoScalingGroupProviderProperty(
                auto_scaling_group_arn=self.group.ref,
                managed_scaling=ecs.CfnCapacityProvider.ManagedScalingProperty(
                    status="ENABLED",
                    target_capacity=100,
                    minimum_scaling_step_size=1,
                    maximum_scaling_step_size=min(most, 100),
                    instance_warmup_period=_WARM_UP_S,
                ),
                managed_draining="ENABLED",
                managed_termination_protection="ENABLED" if keep_busy_instances else "DISABLED",
            ),
        )

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings that do not fit groups which ECS scales."""
        yield from self._role.acknowledgements()
        yield Acknowledgement(
            resource=self.group,
            rule="AwsSolutions-AS3",
            reason="ACCEPTED: it follows its service's tasks all day; what people are told is that tasks are missing",
        )
        if self._mixed:
            for rule in (
                "AwsSolutions-EC26",
                "NIST.800.53.R5-EC2IMDSv2Enabled",
                "HIPAA.Security-EC2IMDSv2Enabled",
            ):
                yield Acknowledgement(
                    resource=self.group,
                    rule=rule,
                    reason="ACCEPTED: its launch template asks for it, which the rule does not see behind a mix",
                )


def _version_of(template: ec2.CfnLaunchTemplate) -> autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty:
    return _Group.LaunchTemplateSpecificationProperty(
        launch_template_id=template.ref, version=template.attr_latest_version_number
    )


def _mix(
    template: ec2.CfnLaunchTemplate, instance_types: Sequence[str], on_demand: int, spot_share_percent: int
) -> autoscaling.CfnAutoScalingGroup.MixedInstancesPolicyProperty:
    return _Group.MixedInstancesPolicyProperty(
        launch_template=_Group.LaunchTemplateProperty(
            launch_template_specification=_version_of(template),
            overrides=[_Group.LaunchTemplateOverridesProperty(instance_type=kind) for kind in instance_types],
        ),
        instances_distribution=_Group.InstancesDistributionProperty(
            on_demand_allocation_strategy="prioritized",
            # The least that always runs does not depend on what EC2 has to spare.
            on_demand_base_capacity=on_demand,
            on_demand_percentage_above_base_capacity=100 - spot_share_percent,
            spot_allocation_strategy="price-capacity-optimized",
        ),
    )


def _replace_gradually(*, keep_busy_instances: bool) -> cdk.CfnUpdatePolicy:
    """A new launch template, such as one with a newer image, replaces instances: each is started before one is drained.

    A worker's instance is protected from scaling in as long as it works. It is replaced all the same: its task is told
    to stop, and returns to the queue what it cannot finish.
    """
    return cdk.CfnUpdatePolicy(
        auto_scaling_instance_refresh=cdk.CfnAutoScalingInstanceRefresh(
            strategy="Rolling",
            preferences=cdk.CfnAutoScalingInstanceRefreshPreferences(
                min_healthy_percentage=100,
                max_healthy_percentage=110,
                instance_warmup=_WARM_UP_S,
                scale_in_protected_instances="Refresh" if keep_busy_instances else "Ignore",
                skip_matching=True,
                standby_instances="Ignore",
            ),
        )
    )
