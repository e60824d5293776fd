"""The fleet simulation's model of the burst, held against the function's own code."""

from types import ModuleType

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.fleet.model import missing_tasks


@given(
    outstanding=st.integers(0, 100_000),
    base_images=st.integers(0, 10_000),
    images_per_task=st.integers(1, 500),
    live=st.integers(0, 500),
    most=st.integers(1, 500),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_simulation_starts_as_many_tasks_as_the_function_does(
    modules: dict[str, ModuleType], *, outstanding: int, base_images: int, images_per_task: int, live: int, most: int
) -> None:
    situation = {
        "outstanding": outstanding,
        "base_images": base_images,
        "images_per_task": images_per_task,
        "live": live,
        "most": most,
    }
    assert missing_tasks(**situation) == modules["decision"].missing_tasks(**situation)
