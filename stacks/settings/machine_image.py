"""Settings of the machine image that instances start from."""

from typing import Annotated

from pydantic import BeforeValidator

from stacks.settings.types import Strict, matching

Release = Annotated[
    str,
    BeforeValidator(
        matching(
            r"2023\.0\.20\d{6}",
            "a release of the ECS-optimized Amazon Linux 2023, such as '2023.0.20260414', never 'latest'",
        )
    ),
]
ImageId = Annotated[
    str, BeforeValidator(matching(r"ami-(?:[0-9a-f]{8}|[0-9a-f]{17})", "an image id, such as 'ami-0123456789abcdef0'"))
]


class MachineImageSettings(Strict):
    """The image is named by its release, so that instances change when this changes and at no other time.

    Attributes:
        release: of the ECS-optimized image that AWS publishes, the same in every region.
        x86_64, arm64: an image of your own, by its id in the region, for the release's place.
    """

    release: Release = "2023.0.20260414"
    x86_64: ImageId | None = None
    arm64: ImageId | None = None
