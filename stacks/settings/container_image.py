"""Settings of the container image that tasks run."""

from typing import Annotated

from pydantic import BeforeValidator

from stacks.settings.types import Strict, matching

# Docker's own grammar, with the registry and the digest required: nothing here is looked up in a default registry.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
BaseImage = Annotated[
    str,
    BeforeValidator(
        matching(
            rf"(?=[^/]*[.:])[A-Za-z0-9.-]+(?::\d{{1,5}})?(?:/{_COMPONENT})+(?::\w[\w.-]{{0,127}})?@sha256:[0-9a-f]{{64}}",
            "a Python image by its digest, such as 'public.ecr.aws/docker/library/python:3.12-slim@sha256:…' with 64 "
            "hexadecimal digits, or no key at all",
        )
    ),
]


class ContainerImageSettings(Strict):
    """What the image of all tasks is built on.

    Attributes:
        base: names the base by its digest, so that the same commit builds the same image whenever it is deployed.
            Without it the Dockerfile's own base is taken as its tag stands on that day.
    """

    base: BaseImage | None = None
