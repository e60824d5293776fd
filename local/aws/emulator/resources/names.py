"""Names: their zone is the customer's, from before our stacks, and is not on this machine; they are recorded alone."""

from local.aws.emulator.resources.handler import Handler, recorded


def handlers(_stock: dict[str, Handler]) -> dict[str, Handler]:
    """The types of names, by name."""
    return {"AWS::Route53::RecordSet": recorded(lambda properties, _: str(properties["Name"]))}
