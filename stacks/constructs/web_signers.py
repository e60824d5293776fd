"""The two roles that sign links. The web task takes one on for a link, so that a link can do no more than its role."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.roles import OBJECTS, Permission, ScopedRole, use_key
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
            permissions=[
                Permission(
                    sid="Uploads",
                    actions=["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"],
                    resources=[data.uploads.arn_for_objects("uploads/*")],
                    because=OBJECTS,
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
            permissions=[
                Permission(
                    sid="Results",
                    actions=["s3:GetObject"],
                    resources=[data.results.arn_for_objects("results/*")],
                    because=OBJECTS,
                ),
                use_key(data.key, stack=stack, through=["s3"], encrypt=False),
            ],
        )

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about their wildcards."""
        yield from self.upload.acknowledgements()
        yield from self.download.acknowledgements()
