"""Jobs from queue to results, on good days."""

import base64
import io
import os
import subprocess
import sys
from uuid import UUID

import numpy as np
from PIL import Image

from tests.processor.conftest import MakeDng
from tests.service.worker.conftest import FAKE, RECIPE, ROOT, Farm
from tests.waiting import wait_until


def test_a_job_of_real_raws_is_developed_delivered_vaulted_and_archived(farm: Farm, make_dng: MakeDng) -> None:
    originals = [make_dng(seed=seed).path for seed in (1, 2, 3)]
    job = farm.job(originals)
    worker = farm.drain()
    assert job.row().status == "completed", worker.log.read_text()
    assert job.statuses() == ["completed"] * 3
    assert farm.waiting() == 0
    assert farm.dead_letters() == []
    stored = [output["key"] for image in job.images() for output in image.outputs]
    assert sorted(stored) == farm.renditions(job)
    for image, original in zip(job.images(), originals, strict=True):
        kept = farm.aws.s3.get_object(Bucket=farm.resources.vault_bucket, Key=image.vault_key)["Body"].read()
        assert kept == original.read_bytes()
        assert [output["rendition"] for output in image.outputs] == ["small", "thumb"]
        assert image.verdict == "ok"
        assert {"read", "decode", "encode", "fetch", "deliver"} <= image.timings.keys()
        head = farm.aws.s3.head_object(Bucket=farm.resources.results_bucket, Key=image.outputs[0]["key"])
        assert (head["ContentType"], head["ContentLength"]) == ("image/jpeg", image.outputs[0]["size_bytes"])


def test_every_image_is_one_line_with_its_ids_its_waits_and_its_stages(farm: Farm) -> None:
    job = farm.scripts("ok", "image_error damaged")
    worker = farm.drain(function=FAKE)
    (done,) = worker.events("image_completed")
    assert UUID(done["image"]) == job.image_ids[0]
    assert UUID(done["job"]) == job.job_id
    assert done["tenant"] == "acme"
    assert done["QueueWait"] >= 0
    assert done["DecodeTime"] == 0.1
    (failed,) = worker.events("image_failed")
    assert (UUID(failed["image"]), failed["Reason"]) == (job.image_ids[1], "damaged")


def test_scratch_is_empty_when_the_work_is_done(farm: Farm) -> None:
    farm.scripts("ok", "image_error damaged", "segfault")
    worker = farm.drain(function=FAKE)
    assert [
        path for path in worker.scratch.rglob("*") if path.is_file() and path.name not in {"lock", "heartbeat"}
    ] == []


def test_an_original_that_is_gone_from_the_uploads_is_taken_from_the_vault(farm: Farm) -> None:
    job = farm.scripts("ok")
    (image,) = job.images()
    key = image.source_key.replace("uploads/", "originals/", 1)
    uploads, vault = farm.resources.uploads_bucket, farm.resources.vault_bucket
    farm.aws.s3.copy_object(CopySource={"Bucket": uploads, "Key": image.source_key}, Bucket=vault, Key=key)
    farm.aws.s3.delete_object(Bucket=uploads, Key=image.source_key)
    farm.drain(function=FAKE)
    assert job.statuses() == ["completed"]
    assert job.images()[0].vault_key == key


def test_an_original_that_is_nowhere_fails_at_once_and_by_name(farm: Farm) -> None:
    job = farm.scripts("ok", "ok")
    image = job.images()[0]
    farm.aws.s3.delete_object(Bucket=farm.resources.uploads_bucket, Key=image.source_key)
    farm.drain(function=FAKE)
    assert [(row.status, row.error_code, row.attempts) for row in job.images()] == [
        ("failed", "original_missing", 1),
        ("completed", None, 1),
    ]
    ((body, attributes),) = farm.dead_letters()
    assert str(image.image_id) in body
    assert attributes["reason_code"] == "original_missing"


def test_an_image_that_needs_more_than_its_share_of_memory_waits_until_it_fits(farm: Farm) -> None:
    farm.environment |= {"RAWMILL_MEMORY_BYTES": str(400 << 20), "RAWMILL_MAX_RECEIVES": "1"}
    job = farm.scripts("sleep 0.3", "needs 300", "sleep 0.3", "needs 300", "needs 500")
    farm.drain(function=FAKE)
    assert job.statuses() == ["completed"] * 4 + ["failed"]
    last = job.images()[4]
    assert last.error_code == "out_of_memory"
    assert "500 MiB" in last.error_message


def test_the_command_that_a_burst_task_runs_develops_and_exits_with_0(farm: Farm, make_dng: MakeDng) -> None:
    job = farm.job([make_dng().path])
    done = subprocess.run(
        [sys.executable, "-m", "service", "worker", "--until-empty"],
        cwd=ROOT,
        env={**os.environ, **farm.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert job.row().status == "completed"


def test_a_second_worker_in_the_same_scratch_folder_is_refused_and_harms_nothing(farm: Farm) -> None:
    job = farm.scripts("sleep 3")
    first = farm.worker(function=FAKE)
    wait_until(lambda: job.statuses() == ["processing"])
    second = farm.worker(function=FAKE, environment={"RAWMILL_SCRATCH": str(first.scratch)})
    assert second.process.wait(60) == 2
    assert "in use by another worker" in second.log.read_text()
    wait_until(lambda: job.statuses() == ["completed"])


def test_a_logo_that_the_recipe_carries_is_stamped_and_a_path_is_refused(farm: Farm, make_dng: MakeDng) -> None:
    logo = io.BytesIO()
    Image.new("RGBA", (64, 32), (255, 0, 0, 255)).save(logo, "PNG")
    address = "data:image/png;base64," + base64.b64encode(logo.getvalue()).decode()
    mark = {"logo": address, "opacity": 1.0, "position": "top-left", "scale": 0.5, "margin": 0.0}
    original = make_dng().path
    marked = farm.job([original], recipe={**RECIPE, "watermark": mark})
    sneaky = farm.job([original], recipe={**RECIPE, "watermark": {**mark, "logo": "/etc/passwd"}})
    farm.drain()
    (image,) = marked.images()
    answer = farm.aws.s3.get_object(Bucket=farm.resources.results_bucket, Key=image.outputs[0]["key"])
    red, green, blue = np.asarray(Image.open(io.BytesIO(answer["Body"].read())).convert("RGB"))[4, 4]
    assert (red > 200, green < 80, blue < 80) == (True, True, True)
    assert [(row.status, row.error_code) for row in sneaky.images()] == [("failed", "filter_failed")]
    assert "data:image/" in sneaky.images()[0].error_message
