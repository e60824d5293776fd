"""What holds data: kept when its stack goes, and never replaced because of a name in the source."""

from typing import cast

import aws_cdk as cdk
from constructs import IConstruct

from stacks.settings import Settings


def pin(construct: IConstruct, logical_id: str) -> cdk.CfnResource:
    """Give a stateful resource a logical id that does not come from its place in the source.

    CloudFormation knows a resource by its logical id alone. One that follows from the path of constructs would change
    when a class is renamed or code is moved, and the resource with its data would be replaced by an empty one.
    """
    resource = cast("cdk.CfnResource", construct.node.default_child or construct)
    resource.override_logical_id(logical_id)
    return resource


def kept(settings: Settings) -> cdk.RemovalPolicy:
    """What becomes of keys, buckets, queues and secrets when their stack goes: kept where stacks are protected."""
    return cdk.RemovalPolicy.RETAIN if settings.termination_protection else cdk.RemovalPolicy.DESTROY


def snapshotted(settings: Settings) -> cdk.RemovalPolicy:
    """The same for what can leave a snapshot behind instead of going on to cost what it does while it runs."""
    return cdk.RemovalPolicy.SNAPSHOT if settings.termination_protection else cdk.RemovalPolicy.DESTROY
