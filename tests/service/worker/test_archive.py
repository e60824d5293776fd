"""The archive of a job: what is in it, what its names look like, and that it is written once or not at all."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from service.jobs.messages import ArchiveWanted, body_of
from service.worker.archive.names import EntryNames
from tests.processor.conftest import MakeDng
from tests.service.worker.conftest import FAKE, Farm, TestJob
from tests.waiting import wait_until


def archive_of(farm: Farm, job: TestJob) -> zipfile.ZipFile:
    """The archive as a customer gets it."""
    answer = farm.aws.s3.get_object(Bucket=farm.resources.results_bucket, Key=job.row().s3_key)
    return zipfile.ZipFile(io.BytesIO(answer["Body"].read()))


def test_an_archive_holds_every_rendition_under_its_customers_name_with_manifest_and_report(
    farm: Farm, make_dng: MakeDng
) -> None:
    good = make_dng().path
    names = ["day 1/DSC_1.NEF", "day 2/DSC_1.NEF", "../../etc/passwd", "Straße 夕焼け 🌅.ARW"]
    job = farm.job([good, make_dng(seed=2).path, b"no photo at all", good], names=names)
    farm.drain()
    row = job.row()
    assert (row.status, row.images_completed, row.images_failed) == ("completed", 3, 1)
    archive = archive_of(farm, job)
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == sorted(
        [
            "manifest.json",
            "report.json",
            "report.html",
            "contact_sheet.html",
            *(
                f"renditions/{stem}.{rendition}.jpg"
                for stem in ("day 1/DSC_1", "day 2/DSC_1", "Straße 夕焼け 🌅")
                for rendition in ("small", "thumb")
            ),
        ]
    )
    assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    first = job.images()[0].outputs[0]
    stored = farm.aws.s3.get_object(Bucket=farm.resources.results_bucket, Key=first["key"])["Body"].read()
    assert archive.read("renditions/day 1/DSC_1.small.jpg") == stored
    head = farm.aws.s3.head_object(Bucket=farm.resources.results_bucket, Key=row.s3_key)
    assert (head["ContentType"], head["ContentLength"]) == ("application/zip", row.archive_bytes)

    manifest = json.loads(archive.read("manifest.json"))
    assert [image["name"] for image in manifest["images"]] == names
    (failed,) = [image for image in manifest["images"] if image["status"] == "failed"]
    assert (failed["name"], failed["error_code"], failed["renditions"]) == ("../../etc/passwd", "not_an_image", [])
    listed = {rendition["path"] for image in manifest["images"] for rendition in image["renditions"]}
    assert listed == {name for name in archive.namelist() if name.startswith("renditions/")}
    report = json.loads(archive.read("report.json"))
    assert report["counts"] == {"total": 4, "completed": 3, "failed": 1, "suspect": 0}
    page = archive.read("report.html").decode()
    assert "not_an_image" in page
    assert "Straße 夕焼け 🌅.ARW" in page
    assert "renditions/day%201/DSC_1.small.jpg" in page


def test_a_second_archive_message_is_a_no_op(farm: Farm) -> None:
    job = farm.scripts("ok")
    farm.drain(function=FAKE)
    before = job.row()
    farm.send(body_of(ArchiveWanted(job.job_id)))
    worker = farm.drain(function=FAKE)
    after = job.row()
    assert (after.completed_at, after.archive_attempts) == (before.completed_at, before.archive_attempts)
    assert [line["reason"] for line in worker.events("message_refused")] == ["settled"]
    assert farm.waiting() == 0


def test_an_archive_that_cannot_be_written_fails_the_job_with_a_reason_and_leaves_no_parts(farm: Farm) -> None:
    farm.environment["RAWMILL_MAX_RECEIVES"] = "1"
    job = farm.scripts("ok", "sleep 1.5", names=["a.dng", "b.dng"])
    worker = farm.worker(function=FAKE)
    wait_until(lambda: "completed" in job.statuses(), what="the first image")
    # Its renditions vanish before the archive is written.
    for output in job.images()[0].outputs:
        farm.aws.s3.delete_object(Bucket=farm.resources.results_bucket, Key=output["key"])
    wait_until(lambda: job.ended, what="the job")
    assert worker.stop() == 0
    row = job.row()
    assert (row.status, row.error_code, row.s3_key) == ("failed", "archive_failed", None)
    assert "NoSuchKey" in row.error_message
    uploads = farm.aws.s3.list_multipart_uploads(Bucket=farm.resources.results_bucket)
    assert uploads.get("Uploads", []) == []
    assert [attributes["reason_code"] for _, attributes in farm.dead_letters()] == ["archive_failed"]


def test_a_job_without_any_success_has_no_archive(farm: Farm) -> None:
    job = farm.scripts("image_error damaged", "image_error truncated")
    farm.drain(function=FAKE)
    row = job.row()
    assert (row.status, row.s3_key) == ("failed", None)
    assert farm.keys(farm.resources.results_bucket) == []


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("IMG_1.CR3", "IMG_1"),
        ("../../etc/passwd", "etc/passwd"),
        ("/absolute/x.nef", "absolute/x"),
        ("C:\\Users\\me\\x.nef", "C_/Users/me/x"),
        ("..", "image"),
        ("", "image"),
        ("a\x00b\n.nef", "a_b_"),
        ("evil\u202egpj.nef", "evil_gpj"),
        ("con.nef", "_con"),
        ("dir./file. .nef", "dir/file"),
        ("what?*<>|.nef", "what_____"),
        ("e\u0301t\u00e9.arw", "\u00e9t\u00e9"),
        (".hidden", ".hidden"),
        ("x" * 255 + ".nef", "x" * 96),
        ("/".join("abcdefghijkl") + "/f.nef", "f/g/h/i/j/k/l/f"),
    ],
)
def test_names_are_made_safe_for_every_system(name: str, stem: str) -> None:
    assert EntryNames().stem(name) == stem


def test_names_that_look_alike_are_numbered() -> None:
    names = EntryNames()
    assert [names.stem(name) for name in ("a.nef", "A.NEF", "a.jpg", "b/a.nef", "a (2).nef")] == [
        "a",
        "A (2)",
        "a (3)",
        "b/a",
        "a (2) (2)",
    ]


def test_a_large_archive_is_written_in_parts_with_little_memory(farm: Farm, tmp_path: Path) -> None:
    """200 MB of renditions: more than twice the memory that is used."""
    from service.aws.clients import Clients
    from service.aws.storage import Bucket
    from service.worker.archive.rows import write_rows
    from service.worker.archive.write import write_archive
    from service.worker.tasks import ArchiveTask

    job = farm.scripts("ok", "ok")
    farm.drain(function=FAKE)
    data = bytes(range(256)) * (25 << 12)  # 26 MB
    results = Bucket(Clients(region=farm.aws.address.region).s3, farm.resources.results_bucket)
    from service.jobs.models import Image

    for image in job.images():
        outputs = []
        for number in range(4):
            key = f"results/acme/{job.job_id}/{image.image_id}/big.{number}.jpg"
            results.put(key, data, content_type="image/jpeg")
            outputs.append({**image.outputs[0], "rendition": f"r{number}", "key": key, "size_bytes": len(data)})
        Image.objects.filter(pk=image.pk).update(outputs=outputs)
    write_rows(str(job.job_id), tmp_path)
    import tracemalloc

    tracemalloc.start()
    made = write_archive(
        results, ArchiveTask(token=1, job_id=job.job_id, tenant="acme", folder="", grant_bytes=0), tmp_path
    )
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.size_bytes > 8 * len(data)
    assert peak_bytes < 100 << 20
    head = farm.aws.s3.head_object(Bucket=results.name, Key=made.key)
    assert head["ContentLength"] == made.size_bytes
    assert "-" in head["ETag"]
