"""Jobs from queue to results, on good days."""

from tests.processor.conftest import MakeDng
from tests.service.worker.conftest import Farm


def test_a_job_of_real_raws_is_developed_delivered_and_archived(farm: Farm, make_dng: MakeDng) -> None:
    job = farm.job([make_dng(seed=seed).path for seed in (1, 2, 3)])
    worker = farm.drain()
    assert job.row().status == "completed", worker.log.read_text()
    assert job.statuses() == ["completed"] * 3
    assert len(farm.renditions(job)) == 6
    assert farm.waiting() == 0
