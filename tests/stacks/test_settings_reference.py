"""docs/configuration.md: every key of a settings file is in it, explained, with what is really allowed."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from stacks.settings import SettingsError, environment_names, load_settings
from stacks.settings.load import ENVIRONMENTS
from stacks.settings.reference import Key, groups

KEYS = {key.name: key for keys in groups().values() for key in keys}


def _spelled(data: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted keys of a file, with ZONE for the name of a zone."""
    for name, value in data.items():
        key = f"{prefix}{'ZONE' if prefix == 'network.zones.' else name}"
        if isinstance(value, dict) and key not in KEYS:
            yield from _spelled(value, f"{key}.")
        else:
            yield key


@pytest.mark.parametrize("environment", environment_names())
def test_every_key_of_an_environment_is_in_the_reference(environment: str) -> None:
    data = tomllib.loads((ENVIRONMENTS / f"{environment}.toml").read_text(encoding="utf-8"))
    assert set(_spelled(data)) <= KEYS.keys()


@pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.name)
def test_a_key_says_what_it_is_for(key: Key) -> None:
    assert key.meaning.endswith("."), f"{key.name}: describe it under `Attributes:` of its class"
    assert key.allowed


@pytest.mark.parametrize(
    ("key", "written", "bounds"),
    [
        ("jobs.time_limit_s", "[jobs]\ntime_limit_s = 9", ("10", "36,000")),
        ("budget.monthly_usd", "[budget]\nmonthly_usd = 0", ("0", "1,000,000")),
        ("storage.link_lifetime_s", "[storage]\nlink_lifetime_s = 899", ("900", "3,600")),
    ],
)
def test_bounds_in_the_reference_are_those_that_refuse(
    key: str, written: str, bounds: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert all(bound in KEYS[key].allowed for bound in bounds)
    folder = tmp_path_factory.mktemp("environments")
    (folder / "dev.toml").write_text(written, encoding="utf-8")
    with pytest.raises(SettingsError, match=key.replace(".", r"\.")):
        load_settings("dev", folder)


def test_what_a_validator_says_is_what_the_reference_says(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("environments")
    (folder / "dev.toml").write_text('region = "moon"', encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load_settings("dev", folder)
    assert KEYS["region"].allowed in str(raised.value)
