"""What has to be there first, in terms of CloudFormation's resources."""

import aws_cdk as cdk
from constructs import IConstruct


def resource_of(construct: IConstruct) -> cdk.CfnResource:
    """The one resource that a higher construct stands for.

    Raises:
        TypeError: it stands for none, or for several.
    """
    resource = construct.node.default_child
    if not isinstance(resource, cdk.CfnResource):
        raise TypeError(f"{construct.node.path} stands for no single resource")
    return resource
