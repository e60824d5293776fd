"""The two roles that sign links. The web task takes one on for a link, so that a link can do no more than its role."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.roles import ScopedRole, allow, use_key
from stacks.data import DataStack


class WebSigners(Construct):
    """Upload signer: puts originals into uploads. Download signer: gets renditions from results."""

    def __init__(self, scope: Construct, construct_id: str, *, data: DataStack, web_role: iam.Role) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        web = iam.ArnPrincipal(web_role.role_arn)
        self.upload = ScopedRole(
            self,
            "Upload",
            description="Signs links that put originals into the uploads bucket",
            assumed_by=web,
            statements=[
                allow(
                    ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"],
                    [data.uploads.arn_for_objects("uploads/*")],
                    sid="Uploads",
                ),
                # Decrypt, because S3 reads a multipart upload's parts when it puts them together.
                use_key(data.key, stack=stack, through=["s3"]),
            ],
        )
        self.download = ScopedRole(
            self,
            "Download",
            description="Signs links that get renditions and archives from the results bucket",
            assumed_by=web,
            statements=[
                allow(["s3:GetObject"], [data.results.arn_for_objects("results/*")], sid="Results"),
                use_key(data.key, stack=stack, through=["s3"], encrypt=False),
            ],
        )
