"""The one container image of the platform, built from `Dockerfile` when an environment is deployed."""

from pathlib import Path

from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from stacks.machines import Architecture

_ROOT = Path(__file__).resolve().parents[2]
_PLATFORMS = {
    Architecture.X86_64: ecr_assets.Platform.LINUX_AMD64,
    Architecture.ARM64: ecr_assets.Platform.LINUX_ARM64,
}


class ContainerImage(Construct):
    """The image for one instruction set. Its tag is a hash of what `.dockerignore` lets into the build and of the base.

    Args:
        base: what it is built on, by its digest; the Dockerfile's own when None.
    """

    def __init__(self, scope: Construct, construct_id: str, *, architecture: Architecture, base: str | None) -> None:
        super().__init__(scope, construct_id)
        asset = ecr_assets.DockerImageAsset(
            self,
            "Asset",
            directory=str(_ROOT),
            platform=_PLATFORMS[architecture],
            build_args=None if base is None else {"BASE_IMAGE": base},
        )
        self.architecture = architecture
        self.uri = asset.image_uri
        self.repository_arn = asset.repository.repository_arn
