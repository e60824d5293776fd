"""Finds what a file of calls names: resources by construct path, patterns of ARNs, the deployment's own place."""

from collections.abc import Mapping

from audit.assembly import Assembly, Resource
from audit.iam.conditions import ABSENT
from audit.iam.names import Names

EVERYWHERE = "*"


class Places:
    """Lookup over one assembly."""

    def __init__(self, assembly: Assembly) -> None:
        self._names = Names(assembly)
        self._resources: dict[str, Resource] = {
            plain(resource.path): resource for resource in assembly.resources.values()
        }
        template = next(iter(assembly.stacks.values()))
        self._place = {
            "account": template.account or "<account>",
            "region": template.region or "<region>",
            "platform": template.stack_name.rpartition("-")[0],
        }

    def arn(self, on: str) -> str | None:
        """The ARN of a construct path, a pattern with the place filled in, or None for a path that is not there.

        `PATH#master user` is the secret that RDS keeps for a database, `PATH#revisions` every revision of a task
        definition, `PATH#name` the physical name.
        """
        if on == EVERYWHERE or on.startswith("arn:"):
            return self.filled(on)
        path, _, attribute = on.partition("#")
        resource = self._resources.get(path)
        if resource is None:
            return None
        if attribute == "master user":
            secret = f"secret:<{resource.address} {attribute}>"
            return self.filled(f"arn:aws:secretsmanager:{{region}}:{{account}}:{secret}")
        if attribute == "revisions":
            return f"{self._names.arn(resource).rpartition(':')[0]}:*"
        by_name = attribute == "name" or resource.kind == "AWS::EC2::VPCEndpoint"
        return self._names.name(resource) if by_name else self._names.arn(resource)

    def filled(self, text: str) -> str:
        """A text with `{account}`, `{region}` and `{platform}`, the beginning of all stacks' names, put in."""
        return text.format(**self._place)

    def context(self, given: Mapping[str, str]) -> dict[str, object]:
        """Context keys of a call: values are texts or construct paths, an empty one means that the key is absent."""
        return {
            key.lower(): (self.arn(value) or self.filled(value)) if value else ABSENT for key, value in given.items()
        }


def plain(path: str) -> str:
    """A construct's path without the resource that CDK makes inside of it."""
    return path.removesuffix("/Resource")
