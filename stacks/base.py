"""What all stacks have in common: name, place, protection, and the findings that they acknowledge."""

from abc import abstractmethod
from collections.abc import Iterator

import aws_cdk as cdk
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.settings import Settings


class PlatformStack(cdk.Stack):
    """A stack of one environment, named `rawmill-ENV-PART`."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        part = construct_id.lower()
        boundary = settings.identity.permissions_boundary
        super().__init__(
            scope,
            construct_id,
            stack_name=f"rawmill-{settings.name}-{part}",
            description=f"Rawmill {settings.name}: {part}",
            env=cdk.Environment(account=settings.account, region=settings.region),
            termination_protection=settings.termination_protection,
            # On every role of the stack, whoever makes it: an account that demands a boundary refuses roles without.
            permissions_boundary=cdk.PermissionsBoundary.from_name(boundary) if boundary else None,
        )

    @abstractmethod
    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """The compliance findings that this stack keeps."""
