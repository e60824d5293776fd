"""Where server and key come from, and that the key goes nowhere else."""

from pathlib import Path

import pytest

from client.config import config_path, find_access, state_folder
from client.errors import UsageError

KEY = "rawmill_abcd_s3cr3ts3cr3t"


def _config(home: Path, text: str, mode: int = 0o600) -> dict[str, str]:
    path = home / "rawmill" / "client.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)
    return {"XDG_CONFIG_HOME": str(home)}


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    environment = _config(tmp_path, f'url = "https://file.example"\napi_key = "{KEY}"\n')
    assert find_access(environment=environment).url == "https://file.example"
    environment["RAWMILL_URL"] = "https://environment.example"
    access = find_access(environment=environment)
    assert (access.url, access.key) == ("https://environment.example", KEY)
    assert find_access(url="https://option.example", environment=environment).url == "https://option.example"


def test_the_key_can_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    path.chmod(0o400)
    assert find_access(url="https://x", key_file=path, environment={"RAWMILL_API_KEY": "other"}).key == KEY


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RAWMILL_API_KEY": KEY}, "no server.*RAWMILL_URL"),
        ({"RAWMILL_URL": "https://x"}, "no API key.*RAWMILL_API_KEY"),
    ],
)
def test_what_is_missing_is_said_with_every_way_to_give_it(
    environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        find_access(environment={**environment, "XDG_CONFIG_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (f'api_key = "{KEY}"', 0o644, "others may read it; chmod 600"),
        (f'api_key = "{KEY}', 0o600, "TOML"),
        (f'apikey = "{KEY}"', 0o600, "unknown key apikey; allowed: api_key, url"),
        ("api_key = 5", 0o600, "api_key: text in quotes"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_without_showing_the_key(
    text: str, mode: int, said: str, tmp_path: Path
) -> None:
    environment = _config(tmp_path, text, mode) | {"RAWMILL_URL": "https://x"}
    with pytest.raises(UsageError, match=said) as refused:
        find_access(environment=environment)
    assert "s3cr3t" not in str(refused.value)


def test_an_access_that_is_printed_does_not_show_its_key() -> None:
    access = find_access(environment={"RAWMILL_URL": "https://x", "RAWMILL_API_KEY": KEY})
    assert "s3cr3t" not in repr(access)


def test_relative_folders_in_the_environment_are_passed_over_as_the_specification_says() -> None:
    environment = {"XDG_CONFIG_HOME": "relative", "XDG_STATE_HOME": ""}
    assert config_path(environment) == Path.home() / ".config/rawmill/client.toml"
    assert state_folder(environment) == Path.home() / ".local/state/rawmill/jobs"
