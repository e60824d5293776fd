"""Holds the assemblies of one environment against each other, each question for itself: one that cannot be answered
leaves the answers to the others as they are."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from audit.assembly import Assembly
from audit.errors import AuditError, NotModelledError
from audit.iam.model import read_policies
from audit.reach.load import read_network
from audit.review.alarms import AlarmChange, alarm_changes
from audit.review.assets import read_assets
from audit.review.cost import CostChange, cost_change
from audit.review.exports import Deadlock, deadlocks
from audit.review.fate import Fate, Loss
from audit.review.paths import Layer, PathChange, Way, path_changes
from audit.review.permissions import PermissionChange, Turn, permission_changes, spelled
from audit.review.points import PointChange, point_changes
from audit.review.renames import find_renames, renamed
from audit.review.resources import Change, Effect, is_made_anew, resource_changes
from audit.review.stacks import StackChange, stack_changes

PROFILE = "agency"
"""Whose usage is priced, unless somebody asks for another."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Review:
    """Everything that a change does to one environment.

    Attributes:
        presence: `both`, or `added` or `removed` when only one side has the environment.
        followers: how many resources go on unchanged but refer to what is replaced or renamed.
        cost: None when it stays what it is, or cannot be told.
        blind: what could not be judged, with the reason.
    """

    environment: str
    presence: str = "both"
    stacks: tuple[StackChange, ...] = ()
    resources: tuple[Change, ...] = ()
    followers: int = 0
    deadlocks: tuple[Deadlock, ...] = ()
    paths: tuple[PathChange, ...] = ()
    permissions: tuple[PermissionChange, ...] = ()
    points: tuple[PointChange, ...] = ()
    alarms: tuple[AlarmChange, ...] = ()
    cost: CostChange | None = None
    blind: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def losses(self) -> tuple[Change, ...]:
        """Resources with data that are deleted or made anew."""
        return tuple(change for change in self.resources if change.loss is not None)

    @property
    def taken(self) -> tuple[Change, ...]:
        """Resources that cannot be made anew, because the old one has their name."""
        return tuple(change for change in self.resources if change.taken)

    @property
    def assets(self) -> tuple[str, ...]:
        """Code and images that are other ones."""
        return tuple(sorted({name for change in self.resources for name in change.assets}))

    @property
    def is_quiet(self) -> bool:
        """Whether nothing differs but code and images."""
        others = (
            self.stacks,
            self.deadlocks,
            self.paths,
            self.permissions,
            self.points,
            self.alarms,
            self.cost,
            self.blind,
        )
        return self.presence == "both" and not any(others) and all(change.assets for change in self.resources)


def compare(environment: str, base: Assembly | None, head: Assembly | None, *, profile: str = PROFILE) -> Review:
    """What a change does to an environment, which at least one side has.

    Args:
        environment: its name.
        base, head: its assemblies.
        profile: whose usage is priced.
    """
    if base is None or head is None:
        assembly = base or head
        stacks = () if assembly is None else stack_changes(_without_resources(assembly), assembly)
        return Review(environment=environment, presence="added" if base is None else "removed", stacks=stacks)
    if _written(base) == _written(head):
        # Then nothing has to be understood.
        return Review(environment=environment)
    assets = {**read_assets(base), **read_assets(head)}
    renames = find_renames(base, head, assets)
    same = renamed(base, renames, head)
    blind: dict[str, tuple[str, ...]] = {}

    def judged(question: str, judge: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
        try:
            return judge()
        except AuditError as error:
            blind[question] = tuple(map(str, error.problems))
        except NotModelledError as error:
            blind[question] = (str(error),)
        return ()

    def permissions() -> tuple[PermissionChange, ...]:
        return spelled(permission_changes(read_policies(same), read_policies(head)), base, head)

    def priced() -> tuple[CostChange, ...]:
        found = cost_change(same, head, profile)
        return (found,) if found else ()

    stacks = stack_changes(base, head)
    # What is deployed of these stays as it is.
    left = {change.stack for change in stacks if change.effect in {"left behind", "moved"}}
    changes = resource_changes(same, head, renames, assets)
    return Review(
        environment=environment,
        stacks=stacks,
        resources=tuple(
            _where_it_stays(change, left)
            for change in changes
            if change.address.stack not in left and not _only_follows(change)
        ),
        followers=_followers(head, changes),
        deadlocks=deadlocks(base, head, {change.address for change in changes if is_made_anew(change)}),
        paths=judged("network", lambda: path_changes(read_network(same), read_network(head))),
        permissions=judged("permissions", permissions),
        points=judged(
            "single points of failure", lambda: point_changes(same, head, (read_network(same), read_network(head)))
        ),
        alarms=alarm_changes(same, head),
        cost=next(iter(judged("cost", priced)), None),
        blind=blind,
    )


def _written(assembly: Assembly) -> dict[str, object]:
    return {name: replace(stack, path=Path(), assets={}) for name, stack in assembly.stacks.items()}


def _only_follows(change: Change) -> bool:
    return change.effect is Effect.CHANGED and not change.differences and not change.assets


def _followers(head: Assembly, changes: Iterable[Change]) -> int:
    listed = [change for change in changes if not _only_follows(change)]
    anew = {change.address for change in listed if change.effect in {Effect.REPLACED, Effect.RENAMED}}
    touched = {change.address for change in listed}
    return sum(bool(resource.targets & anew) for address, resource in head.resources.items() if address not in touched)


def _where_it_stays(change: Change, left: Collection[str]) -> Change:
    """The change, with what a stack that is left as it is means for its data."""
    stack = (change.former or change.address).stack
    if change.loss is None or stack not in left:
        return change
    return replace(change, loss=Loss(word=change.loss.word, fate=Fate.ORPHANED, policy=f"stack {stack} is left"))


def _without_resources(assembly: Assembly) -> Assembly:
    return replace(assembly, stacks={}, resources={}, outputs={}, problems=())


def _stateful(*effects: Effect) -> Callable[[Review], bool]:
    return lambda review: any(change.effect in effects for change in review.losses)


GATES: Mapping[str, Callable[[Review], bool]] = {
    "deleted-stateful": _stateful(Effect.DELETED, Effect.RENAMED),
    "replaced-stateful": _stateful(Effect.REPLACED, Effect.RENAMED),
    "blocked-deployment": lambda review: bool(review.deadlocks or review.taken),
    "path-opened": lambda review: any(
        item.way is Way.OPENED and item.layer is not Layer.EDGES for item in review.paths
    ),
    "permission-gained": lambda review: any(item.turn is Turn.GAINED for item in review.permissions),
    "point-gained": lambda review: any(item.gained for item in review.points),
    "alarm-weakened": lambda review: any(item.weaker for item in review.alarms),
    "cost-raised": lambda review: review.cost is not None and review.cost.difference.expected > 0,
}
"""Reasons to refuse a change, by the names that they are asked for with."""
