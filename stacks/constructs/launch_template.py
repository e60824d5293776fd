"""How an instance of a cluster starts: pinned image, encrypted disk, session-bound metadata, no key, no open port."""

import json

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.constructs.naming import name_tag
from stacks.machines import Architecture, Machine
from stacks.settings import MachineImageSettings, Settings
from stacks.traffic import CLIENT_PORTS, Party

_Template = ec2.CfnLaunchTemplate


def make_launch_template(
    scope: Construct,
    construct_id: str,
    *,
    settings: Settings,
    name: str,
    machine: Machine,
    cluster: ecs.CfnCluster,
    instance_profile_arn: str,
    security_group_id: str,
    party: Party,
    disk_gib: int,
) -> ec2.CfnLaunchTemplate:
    """The launch template of one group of instances."""
    # What starts later is tagged by the template alone.
    tags = [
        cdk.CfnTag(key="Project", value="rawmill"),
        cdk.CfnTag(key="Environment", value=settings.name),
        *(cdk.CfnTag(key=key, value=value) for key, value in sorted(settings.tags.items())),
        *name_tag(settings, name),
    ]
    return _Template(
        scope,
        construct_id,
        launch_template_data=_Template.LaunchTemplateDataProperty(
            image_id=image_id(settings.machine_image, machine.architecture),
            instance_type=machine.instance_type,
            iam_instance_profile=_Template.IamInstanceProfileProperty(arn=instance_profile_arn),
            # Sessions only, and one hop: a container's request for the instance's credentials ends on the instance.
            metadata_options=_Template.MetadataOptionsProperty(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,
                instance_metadata_tags="disabled",
            ),
            network_interfaces=[
                _Template.NetworkInterfaceProperty(
                    device_index=0,
                    associate_public_ip_address=False,
                    delete_on_termination=True,
                    groups=[security_group_id],
                )
            ],
            block_device_mappings=[
                _Template.BlockDeviceMappingProperty(
                    device_name="/dev/xvda",
                    ebs=_Template.EbsProperty(
                        encrypted=True, volume_type="gp3", volume_size=disk_gib, delete_on_termination=True
                    ),
                )
            ],
            monitoring=_Template.MonitoringProperty(enabled=True),
            ebs_optimized=True,
            tag_specifications=[
                _Template.TagSpecificationProperty(resource_type=kind, tags=tags)
                for kind in ("volume", "network-interface")
            ],
            user_data=cdk.Fn.base64(_cloud_config(cluster.ref, party)),
        ),
    )


def image_id(images: MachineImageSettings, architecture: Architecture) -> str:
    """An image of one's own, or the parameter by which AWS publishes one release: it never changes its value."""
    own, folder, suffix = {
        Architecture.X86_64: (images.x86_64, "", "x86_64"),
        Architecture.ARM64: (images.arm64, "arm64/", "arm64"),
    }[architecture]
    if own is not None:
        return own
    name = f"al2023-ami-ecs-hvm-{images.release}-kernel-6.1-{suffix}"
    return f"{{{{resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/{folder}{name}/image_id}}}}"


def _cloud_config(cluster_name: str, party: Party) -> str:
    """What the instance is told when it starts, as data rather than as a script."""
    agent = {
        "ECS_CLUSTER": cluster_name,
        # With the hop limit, the second lock between a task and the instance's credentials.
        "ECS_AWSVPC_BLOCK_IMDS": "true",
        "ECS_DISABLE_PRIVILEGED": "true",
        # When EC2 takes a Spot instance back, its tasks are stopped in the two minutes before.
        "ECS_ENABLE_SPOT_INSTANCE_DRAINING": "true",
        # The tag is a hash of the content: an image that is there already is the right one.
        "ECS_IMAGE_PULL_BEHAVIOR": "once",
        # What a task that was killed left in its scratch goes soon, and not after hours.
        "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "10m",
    }
    clients = CLIENT_PORTS[party]
    # The agents of ECS and Session Manager call from the instance's own address.
    kernel = f"net.ipv4.ip_local_port_range = {clients.first} {clients.last}\n"
    ports_file = "/etc/sysctl.d/90-client-ports.conf"
    config = {
        "write_files": [
            {"path": "/etc/ecs/ecs.config", "content": "".join(f"{key}={value}\n" for key, value in agent.items())},
            {"path": ports_file, "content": kernel},
        ],
        "runcmd": [["sysctl", "--load", ports_file]],
    }
    # JSON is YAML, and keeps what is in it apart from what it means.
    return f"#cloud-config\n{json.dumps(config, indent=1)}\n"
