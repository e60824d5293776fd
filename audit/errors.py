"""What keeps the audit from judging: a folder that is no cloud assembly, or something in it that is not modelled."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True, kw_only=True)
class Problem:
    """One thing that cannot be read or is not modelled.

    Attributes:
        where: file, stack, resource and property, as far as it is known.
        why: what stands there, and what would be understood.
    """

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


class AuditError(Exception):
    """The audit cannot answer. Its text has one line per problem; the command line prints it and exits with 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class NotModelledError(Exception):
    """A value that a reader of templates does not understand; it ends up as a problem with its place."""
