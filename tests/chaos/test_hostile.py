"""Spoilt files: made the same each time, and none of them gets further than its own failure."""

import os
from pathlib import Path

import pytest

from chaos.hostile import campaign
from chaos.hostile.mutator import entries

BOUNDED = int(os.environ.get("RAWMILL_SPOILT_FILES", "120"))
"""Files of the test below; more of them: `RAWMILL_SPOILT_FILES=2000`, or `make chaos`."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What is spoilt."""
    return campaign.seeds(tmp_path_factory.mktemp("seeds"), None)


def test_a_file_is_the_same_whenever_its_number_is_made(good: list[bytes]) -> None:
    for number in range(50):
        assert campaign.spoilt(number, good, 1) == campaign.spoilt(number, good, 1)
    made = {campaign.spoilt(number, good, 1)[0] for number in range(50)}
    assert len(made) >= 49
    assert campaign.spoilt(3, good, 1) != campaign.spoilt(3, good, 2)


def test_spoiling_knows_the_structure_of_its_files_and_survives_what_has_none(good: list[bytes]) -> None:
    for data in good:
        tags = {entry.tag for entry in entries(data)}
        assert {256, 257, 273 if 273 in tags else 324, 330, 50706} <= tags
    done = {way for number in range(300) for way in campaign.spoilt(number, good, 1)[1]}
    assert done == {
        "tag_value", "tag_header", "dimensions", "loop", "jpeg", "cut", "bits", "block", "splice", "move",
    }  # fmt: skip
    assert entries(b"") == []
    assert entries(b"II*\0\xff\xff\xff\xff") == []


@pytest.mark.timeout(900)
def test_spoilt_files_end_with_a_verdict_or_a_reason_and_nothing_else_happens(tmp_path: Path) -> None:
    """The bounded form of `make chaos`: a number here names a file that can be made again."""
    tally = campaign.run(tmp_path, files=BOUNDED, seed=2)
    assert tally.unforeseen == []
    assert (tally.hangs, tally.unaccounted, tally.beyond_memory, tally.escapes, tally.left_over) == (0, 0, 0, 0, 0)
    assert sum(tally.reasons.values()) == BOUNDED
    assert len(tally.reasons) >= 3, "spoiling has become too gentle, or too rough, to try anything"


def test_what_happens_outside_of_the_walls_is_noticed(tmp_path: Path) -> None:
    canary = campaign._canary(tmp_path / "canary")
    before = campaign._digest(canary)
    (canary / "a").write_text("somebody was here")
    assert campaign._digest(canary) != before
