"""The guard of the configuration matrix: no setting goes untried."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.stacks.configurations import configurations


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        # Zones, tags and licences are tables of the user's own keys: the table as a whole is the setting.
        if isinstance(value, dict) and key not in {"zones", "tags", "licences"}:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", repr(value)


def test_every_setting_is_varied_by_the_named_configurations() -> None:
    values: dict[str, set[str]] = defaultdict(set)
    for settings in configurations().values():
        for key, value in _leaves(settings.model_dump(mode="json")):
            values[key].add(value)
    constant = sorted(key for key, tried in values.items() if len(tried) < 2)
    assert not constant, (
        f"no configuration varies {', '.join(constant)}: give one of tests/stacks/configurations.py another value"
    )


def test_the_named_configurations_are_known_by_their_own_names() -> None:
    assert all(settings.name == name for name, settings in configurations().items())
