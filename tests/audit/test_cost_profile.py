"""A usage profile is refused in one line per mistake; those that are shipped are whole."""

import re
from pathlib import Path

import pytest

from audit.cost import profile
from audit.cost.model import Level
from audit.cost.profile import PROFILES
from audit.errors import AuditError

AGENCY = (PROFILES / "agency.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", profile.shipped())
def test_shipped_profiles_are_whole_and_in_order(name: str) -> None:
    found = profile.load(name)
    assert found.name == name
    levels = [found.usage(level).images for level in Level]
    assert levels == sorted(levels)
    assert levels[0] > 0


@pytest.mark.parametrize(
    ("pattern", "written", "said"),
    [
        (
            r"per_month = .*",
            "per_month = { low = 9, expected = 5, high = 7 }",
            "low 9, expected 5, high 7: not in this order",
        ),
        (r"per_month = .*", "per_month = -4", "images.per_month: -4: is not between 0 and 1e+12"),
        (r"per_month = .*", "per_month = 'many'", "images.per_month: 'many' is neither a number nor a table"),
        (r"per_month = .*", "per_month = true", "images.per_month: True is neither a number nor a table"),
        (r"per_month = .*", "per_month = nan", "images.per_month: nan: is not between"),
        (r"per_month = .*", "per_month = { low = 1, high = 2 }", "images.per_month.expected: is missing"),
        (r"per_month = .*", "", "images.per_month: is missing"),
        (r"per_month = .*", "per_month = 4\nper_week = 1", "images.per_week: is no key of a profile"),
        (r"(?m)^hours = .*", "hours = 0", "peak.hours: 0: Input should be greater than 0"),
        (r"(?m)^hours = .*", "hours = 800", "peak.hours: 800: Input should be less than or equal to 730"),
        (r"title = .*", "title = ''", "title"),
        (r"title = .*", "title = [", "is not TOML"),
    ],
)
def test_garbage_is_refused_in_one_line_that_names_the_key(
    tmp_path: Path, pattern: str, written: str, said: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(re.sub(pattern, written, AGENCY, count=1))
    with pytest.raises(AuditError) as refused:
        profile.load(str(path))
    (problem,) = refused.value.problems
    assert said in str(problem), str(problem)
    assert "\n" not in str(problem)
    assert "mine.toml" in str(problem)


def test_a_name_that_nobody_knows_is_answered_with_those_that_are() -> None:
    with pytest.raises(AuditError, match="no profile and no file of that name; shipped are agency, month-of-weddings"):
        profile.load("nonesuch")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.toml"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(AuditError, match="is not TOML"):
        profile.load(str(path))
