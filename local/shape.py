"""How large a platform is and what stands between its parts: one of each and nothing in between, unless told so."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.tasks import Part

SWEEP_EVERY_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a platform is made of.

    Attributes:
        webs, workers: how many tasks of each; every one has a port or a scratch folder of its own.
        sweep_every_s: pause between two sweeps.
        aws_port: where the tasks reach the AWS endpoints, when something stands in between; None: the endpoints' own.
        changes: variables that the tasks of a part are told beside those of their definition.
    """

    webs: int = 1
    workers: int = 1
    sweep_every_s: float = SWEEP_EVERY_S
    aws_port: int | None = None
    changes: Mapping[Part, Mapping[str, str]] = field(default_factory=dict)


def numbered(part: Part, number: int) -> str:
    """The name of a part's task: `worker`, then `worker-2` and so on."""
    return part.value if number == 1 else f"{part.value}-{number}"
