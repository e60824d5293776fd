"""The tables of docs/configuration.md: every key of a settings file, and what must hold between two of them."""

from stacks.pictures.tables import table
from stacks.settings.reference import Key, groups
from stacks.settings.rules import RULES


def settings_tables() -> dict[str, str]:
    """One table for each table of the file, and one of the rules, by the name of their place in the page."""
    tables = {f"settings-{name.replace('_', '-') or 'environment'}": _keys(keys) for name, keys in groups().items()}
    rules = "\n".join(f"- {rule.__name__.strip('_').replace('_', ' ')}" for rule in RULES)
    return tables | {"settings-rules": rules}


def _keys(keys: tuple[Key, ...]) -> str:
    rows = [(f"`{key.name}`", key.allowed, key.default, key.meaning) for key in keys]
    return table(("key", "allowed", "when left out", "what"), rows)
