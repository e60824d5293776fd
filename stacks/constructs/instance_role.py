"""What an instance may do by itself: join its cluster, and be reached by Session Manager. Tasks cannot take it on."""

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.roles import Permission, ScopedRole

_NO_RESOURCE = "neither ECS's endpoint nor Session Manager's calls know a resource to name"


def make_instance_role(scope: Construct, construct_id: str, *, cluster: ecs.CfnCluster) -> ScopedRole:
    """The role of the instances of one cluster.

    AWS's ready-made policies for it would also let an instance create clusters, read every parameter of the account and
    every image in it. Images and logs are the execution role's.
    """
    stack = cdk.Stack.of(scope)
    instances = f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:container-instance/{cluster.ref}/*"
    return ScopedRole(
        scope,
        construct_id,
        description=f"Instances of {stack.stack_name}",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        permissions=[
            Permission(
                sid="JoinCluster",
                actions=[
                    "ecs:DeregisterContainerInstance",
                    "ecs:RegisterContainerInstance",
                    "ecs:SubmitAttachmentStateChanges",
                    "ecs:SubmitContainerStateChange",
                    "ecs:SubmitTaskStateChange",
                ],
                resources=[cluster.attr_arn],
            ),
            Permission(
                sid="RunTasks",
                actions=["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"],
                resources=[instances],
                conditions={"ArnEquals": {"ecs:cluster": cluster.attr_arn}},
                because="instances of one cluster: an instance has no name there before it joins",
            ),
            Permission(sid="FindEndpoint", actions=["ecs:DiscoverPollEndpoint"], resources=["*"], because=_NO_RESOURCE),
            Permission(
                sid="SessionManager",
                actions=[
                    "ec2messages:AcknowledgeMessage",
                    "ec2messages:DeleteMessage",
                    "ec2messages:FailMessage",
                    "ec2messages:GetEndpoint",
                    "ec2messages:GetMessages",
                    "ec2messages:SendReply",
                    "ssm:UpdateInstanceInformation",
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                resources=["*"],
                because=_NO_RESOURCE,
            ),
        ],
    )
