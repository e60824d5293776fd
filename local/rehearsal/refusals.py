"""Calls that the endpoints refused for want of a grant, as their log tells them: nobody can swallow these."""

import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"refused (\w[\w-]*:\w+) on (\S+) to (\S+)")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One call that was refused."""

    action: str
    resource: str
    principal: str

    @property
    def role(self) -> str:
        """The name of the role that asked; the principal when it was none."""
        parts = self.principal.split("/")
        return parts[1] if ":assumed-role/" in self.principal else self.principal

    def __str__(self) -> str:
        return f"{self.action} on {self.resource} to {self.principal}"


class Refusals:
    """Refusals since this was made, or since `forget`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._from = 0
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._from = self._log.stat().st_size if self._log.exists() else 0

    def seen(self) -> list[Refusal]:
        """Each different one once, in the order in which they came."""
        with self._log.open("rb") as log:
            log.seek(self._from)
            text = log.read().decode(errors="replace")
        found = (Refusal(action=line[1], resource=line[2], principal=line[3]) for line in _LINE.finditer(text))
        return list(dict.fromkeys(found))
