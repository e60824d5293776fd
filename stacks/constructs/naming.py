"""Names that people read: the Name tag. Nothing that could be replaced carries a physical name."""

import aws_cdk as cdk

from stacks.settings import Settings


def name_tag(settings: Settings, what: str) -> list[cdk.CfnTag]:
    """The Name tag of one resource, such as `rawmill-prod-public-a`."""
    return [cdk.CfnTag(key="Name", value=f"rawmill-{settings.name}-{what}")]


def pascal(words: str) -> str:
    """`private-app` and `private app` as part of a construct's id: `PrivateApp`."""
    return "".join(word.capitalize() for word in words.replace("-", " ").replace(".", " ").split())
