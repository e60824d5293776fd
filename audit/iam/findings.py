"""What the proofs over policies find."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: `insufficient`, `unused`, `trust`, `unknown role`, `open` or `forbidden`.
        subject: construct path of the role or resource.
    """

    kind: str
    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How many calls and statements of one role or resource were judged, and what was found."""

    subject: str
    calls: int
    statements: int
    findings: tuple[Finding, ...]
