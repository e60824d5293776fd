"""Scenarios, assumptions and service times: what is wrong in a file is told in one line, with its place."""

from pathlib import Path

import pytest

from audit.errors import AuditError
from audit.fleet.assumptions import ASSUMPTIONS, read_assumptions
from audit.fleet.scenarios import put, read_scenarios
from audit.fleet.service_times import Clock, Times, read_service_times
from tests.audit.fleet.fleets import burst, fleet, instances

SCENARIO = '[a]\ntitle = "A"\nwhy = "because"\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no scenario"),
        ("[a", "is not TOML"),
        (SCENARIO, "a: arrivals: Field required"),
        (SCENARIO + "arrivals = []", "arrivals: Tuple should have at least 1 item"),
        (SCENARIO + "arrivals = [{ images = 0 }]", "images: Input should be greater than or equal to 1, not 0"),
        (SCENARIO + "arrivals = [{ images = 1e99 }]", "images"),
        (SCENARIO + "arrivals = [{ images = 99_000_000, every_h = 1, times = 2 }]", "at most 100000000 are simulated"),
        (SCENARIO + "arrivals = [{ images = 5, times = 3 }]", "times needs every_h above 0"),
        (
            SCENARIO + "arrivals = [{ images = 5, at_h = -1 }]",
            "at_h: Input should be greater than or equal to 0, not -1",
        ),
        (SCENARIO + "arrivals = [{ images = 5, at_h = nan }]", "at_h: Input should be"),
        (SCENARIO + "arrivals = [{ images = 5, image = 5 }]", "image: Extra inputs are not permitted"),
        (SCENARIO + "arrivals = [{ images = 5 }]\npoison = { share = 0.1, crash = 0.5 }", "add up to 1"),
        (SCENARIO + "arrivals = [{ images = 5 }]\ncameras = { x = 0 }", "x: Input should be greater than 0, not 0"),
    ],
)
def test_a_scenario_that_is_none_is_refused_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "scenarios.toml"
    path.write_text(text)
    with pytest.raises(AuditError) as raised:
        read_scenarios(path)
    assert why in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert str(path) in str(raised.value)


def test_a_scenario_of_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(AuditError, match="scenario 'nine-lives': is none of one-job, wedding-saturday"):
        read_scenarios(only=["one-job", "nine-lives"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is not JSON"),
        ("[]", "valid dictionary"),
        ('{"measured_on": "yesterday"}', "measured_on: String should match pattern"),
    ],
)
def test_service_times_that_are_none_are_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "times.json"
    path.write_text(text)
    with pytest.raises(AuditError, match=why):
        read_service_times(path)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=r"gone.toml: cannot be read \(No such file"):
        read_scenarios(tmp_path / "gone.toml")
    (tmp_path / "raw.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(AuditError, match="is not UTF-8 at byte 0"):
        read_scenarios(tmp_path / "raw.toml")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("range = [50, 80, 180]", "range = [80, 50, 180]", "low, likely, high in this order"),
        ("range = [50, 80, 180]", "", "either value or range is needed"),
        ("value = 0.8", "value = 0", "fargate_speed: above 0 is allowed"),
        ("[retry_factor]", "[retry_faktor]", "retry_factor: Field required"),
    ],
)
def test_assumptions_that_are_none_are_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    path = tmp_path / "assumptions.toml"
    path.write_text(ASSUMPTIONS.read_text().replace(old, new))
    with pytest.raises(AuditError, match=why):
        read_assumptions(path)


def test_an_assumption_of_another_name_is_refused() -> None:
    with pytest.raises(AuditError, match="assumption 'luck': is none of instance_start_s"):
        read_assumptions().with_values({"luck": 1})


def test_arrivals_are_as_many_as_written_and_the_same_for_a_seed() -> None:
    for name, scenario in read_scenarios().items():
        work = scenario.work(7)
        assert work.images == scenario.images, name
        assert list(work.sends) == list(scenario.work(7).sends)
        assert [send.at_s for send in work.sends] == sorted(send.at_s for send in work.sends)


def test_cameras_that_were_not_measured_are_refused() -> None:
    with pytest.raises(AuditError, match="scenario 'a': cameras: polaroid: was not measured; there are"):
        read_service_times().mix({"polaroid": 1.0}, where="scenario 'a'")


def test_times_are_those_of_the_cameras_in_their_shares() -> None:
    measured = read_service_times()
    camera = next(iter(measured.cameras.values()))
    mean_s = sum(camera.seconds) / len(camera.seconds)
    moved_s = (camera.original_mb + camera.renditions_mb) / 50
    times = Times.drawn([(camera, 1.0)], speed=2.0, transfer_mb_per_s=50, seed=1)
    assert times.mean_s == pytest.approx(mean_s / 2 + moved_s, rel=0.01)


def test_a_stretch_tells_how_many_of_its_images_were_done_when_it_was_cut() -> None:
    stretch = Clock(Times.of([1.0, 2.0, 3.0, 4.0])).take(3)
    assert stretch.seconds == 6
    assert [stretch.done_after(at_s) for at_s in (0, 0.9, 1.0, 2.9, 3.0, 6.0)] == [0, 0, 1, 1, 2, 3]


def test_the_spot_scenario_says_what_it_changed_and_leaves_fleets_with_spot_alone() -> None:
    spot = read_scenarios()["spot-reclaim"]
    changed = put(fleet(instances(2, 6)), spot)
    assert changed.fleet.instances is not None
    assert (changed.fleet.instances.spot_share, changed.fleet.instances.on_demand_base) == (0.8, 2)
    assert "as if 80% of instances above the first 2 were Spot" in changed.changed
    assert put(changed.fleet, spot).changed == ""
    assert put(fleet(tasks=burst()), spot).changed == ""
