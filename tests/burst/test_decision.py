"""What the burst decides, without AWS."""

from itertools import islice
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

COUNT = st.integers(0, 100_000)


@pytest.fixture
def decision(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["decision"]


@pytest.mark.parametrize(
    ("outstanding", "base", "live", "missing"),
    [
        (0, 0, 0, 0),
        (1, 0, 0, 1),
        (10, 0, 0, 1),
        (11, 0, 0, 2),
        (11, 0, 1, 1),
        (11, 0, 5, 0),
        (10_000, 0, 0, 60),
        (10_000, 0, 58, 2),
        (10_000, 0, 61, 0),
        (400, 400, 0, 0),
        (401, 400, 0, 1),
    ],
)
def test_as_many_tasks_are_missing_as_the_backlog_is_worth(
    decision: ModuleType, outstanding: int, base: int, live: int, missing: int
) -> None:
    found = decision.missing_tasks(outstanding=outstanding, base_images=base, images_per_task=10, live=live, most=60)
    assert found == missing


@given(images=st.tuples(COUNT, COUNT), per_task=st.integers(1, 1000), live=COUNT, most=st.integers(1, 1000))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_backlog_and_no_number_of_live_tasks_leads_above_the_limit(
    decision: ModuleType, images: tuple[int, int], per_task: int, live: int, most: int
) -> None:
    outstanding, base = images

    def missing(live: int) -> int:
        found: int = decision.missing_tasks(
            outstanding=outstanding, base_images=base, images_per_task=per_task, live=live, most=most
        )
        return found

    assert missing(live) >= 0
    assert missing(live) == 0 or live + missing(live) <= most
    # Nothing is missing once what was missing has been started.
    assert missing(live + missing(live)) == 0


def test_requests_of_a_minute_have_names_of_their_own_that_ecs_accepts(decision: ModuleType) -> None:
    names = list(decision.tokens(started_by="rawmill-" + "x" * 80, minute="2026-11-23T03:10"))
    assert len(set(names)) == len(names) == decision.REQUESTS
    # API reference of RunTask: up to 64 characters in the range of 33 to 126.
    assert all(len(name) <= 64 and all(33 <= ord(letter) <= 126 for letter in name) for name in names)


def test_names_are_the_same_for_everybody_within_a_minute_and_others_in_the_next(decision: ModuleType) -> None:
    def first(time: str) -> list[str]:
        return list(islice(decision.tokens(started_by="rawmill", minute=decision.minute_of(time)), 3))

    assert first("2026-11-23T03:10:00Z") == first("2026-11-23T03:10:59.410+0000")
    assert not set(first("2026-11-23T03:10:00Z")) & set(first("2026-11-23T03:11:00Z"))


def test_a_time_that_is_none_is_refused(decision: ModuleType) -> None:
    with pytest.raises(ValueError, match="time 'yesterday': allowed a timestamp such as"):
        decision.minute_of("yesterday")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("ThrottlingException: Rate exceeded", "throttled"),
        ("InvalidParameterException: Error retrieving subnet information: Rate exceeded", "throttled"),
        ("Capacity is unavailable at this time. Please try again later", "capacity"),
        ("You've reached the limit on the number of vCPUs you can run concurrently", "quota"),
        ("RESOURCE:ENI", "addresses"),
        ("AccessDeniedException: User is not authorized to perform: ecs:RunTask", "refused"),
        ("something that nobody has seen", "other"),
    ],
)
def test_a_reason_is_one_word_out_of_a_few(decision: ModuleType, reason: str, code: str) -> None:
    assert decision.reason_code(reason) == code
