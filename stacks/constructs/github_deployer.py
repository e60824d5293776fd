"""The role that a workflow on GitHub deploys with, without any key to be stored there."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.settings import Settings

_ISSUER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"
_QUALIFIER = "hnb659fds"  # of `cdk bootstrap`, unless told otherwise
_BOOTSTRAP_ROLES = ("deploy", "file-publishing", "image-publishing")
"""What a deployment needs. Not `lookup`, which may read almost everything: synthesis here looks nothing up."""


class GitHubDeployer(Construct):
    """Trusts one repository's workflows while they run in one environment of GitHub, which is where approvals are kept.

    The role itself may do nothing but take the roles that `cdk bootstrap` made for deployments to this region.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, repository: str) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        iam_arn = f"arn:{stack.partition}:iam::{stack.account}"
        identity = settings.identity
        if identity.github_provider_exists:
            provider_arn = f"{iam_arn}:oidc-provider/{_ISSUER}"
        else:
            provider = iam.CfnOIDCProvider(self, "Provider", url=f"https://{_ISSUER}", client_id_list=[_AUDIENCE])
            provider_arn = provider.attr_arn
        role = iam.CfnRole(
            self,
            "Role",
            description=f"Deploys rawmill {settings.name} from {repository} on GitHub",
            max_session_duration=3600,
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Federated": provider_arn},
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        # Equal, not like: a pattern would also match what somebody else can name.
                        "Condition": {
                            "StringEquals": {
                                f"{_ISSUER}:aud": _AUDIENCE,
                                f"{_ISSUER}:sub": (
                                    f"repo:{repository}:environment:{identity.github_environment or settings.name}"
                                ),
                            }
                        },
                    }
                ],
            },
        )
        iam.CfnManagedPolicy(
            self,
            "Permissions",
            roles=[role.ref],
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Resource": [
                            f"{iam_arn}:role/cdk-{_QUALIFIER}-{name}-role-{stack.account}-{stack.region}"
                            for name in _BOOTSTRAP_ROLES
                        ],
                    }
                ],
            },
        )
        self.role_arn = role.attr_arn
