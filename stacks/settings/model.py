"""Settings that can be used: the tree, and the rules between its keys kept."""

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from stacks.settings.rules import broken_rules
from stacks.settings.tree import SettingsTree


class Settings(SettingsTree):
    """One environment. There is none that breaks a rule."""

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        problems = tuple(broken_rules(self))
        if problems:
            raise PydanticCustomError(
                "rules", "{count} rules are broken", {"count": len(problems), "problems": problems}
            )
        return self
