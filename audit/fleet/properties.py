"""Numbers and texts out of resolved properties, each refused with its place when it is missing or not known yet."""

import math
from collections.abc import Mapping

from audit.assembly import Value
from audit.errors import Problem


class Properties:
    """Properties of one thing; a path such as `RedrivePolicy.maxReceiveCount` leads into what they contain."""

    def __init__(self, values: Mapping[str, Value], where: str, problems: list[Problem]) -> None:
        self._values, self._where, self._problems = values, where, problems

    def below(self, path: str) -> "Properties":
        """Properties further in; none when there are none."""
        found = self._at(path)
        return Properties(found if isinstance(found, dict) else {}, f"{self._where}: {path}", self._problems)

    def number(self, path: str, default: float | None = None) -> float | None:
        """A number, or the default where it is left out."""
        found = self._at(path)
        if found is None:
            return default
        try:
            number = float(found) if isinstance(found, int | float | str) else math.nan
        except ValueError:
            number = math.nan
        if math.isnan(number):
            self._refuse(path, f"{found} is not a number that the templates tell")
            return default
        if number < 0:
            self._refuse(path, f"{number:g}: at least 0 is allowed")
        return number

    def needed(self, path: str, *, least: float = 0) -> float:
        """A number that there is no default for."""
        found = self.number(path)
        if found is None:
            if self._at(path) is None:
                self._refuse(path, "is missing")
            return least
        if found < least:
            self._refuse(path, f"{found:g}: at least {least:g} is modelled")
        return max(found, least)

    def text(self, path: str) -> str | None:
        """A text, None where it is left out."""
        found = self._at(path)
        return None if found is None else str(found)

    def _at(self, path: str) -> Value:
        first, *rest = path.split(".")
        value = self._values.get(first)
        for key in rest:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def _refuse(self, path: str, why: str) -> None:
        self._problems.append(Problem(where=f"{self._where}: {path}", why=why))
