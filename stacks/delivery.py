"""The Delivery stack: who may deploy the others. Made only where `identity.github_repository` names somebody."""

from collections.abc import Iterator

import aws_cdk as cdk
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.base import PlatformStack
from stacks.constructs.github_deployer import GitHubDeployer
from stacks.settings import Settings


class DeliveryStack(PlatformStack):
    """GitHub as an identity provider, and the deploy role. Depends on no other stack, and none depends on it."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, repository: str) -> None:
        super().__init__(scope, construct_id, settings=settings)
        deployer = GitHubDeployer(self, "GitHub", settings=settings, repository=repository)
        cdk.CfnOutput(
            self, "DeployRoleArn", value=deployer.role_arn, description="What the workflow that deploys has to assume"
        )

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """The compliance packs find nothing here."""
        return iter(())
