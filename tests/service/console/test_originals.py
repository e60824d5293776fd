"""The picture that the camera embedded: found by a few reads, upright, and never trusted."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture
from PIL import ImageOps

from processor.sample import make_sample
from service.aws.storage import Bucket
from service.config import WebConfig
from service.console.originals import MOST_BYTES, embedded_picture
from service.jobs.models import Image
from tests.platform import Aws
from tests.service.console.conftest import Browser
from tests.service.console.test_pages import make_job


class Reads:
    """A file in storage that counts."""

    def __init__(self, data: bytes) -> None:
        self.data, self.calls, self.bytes = data, 0, 0

    def __call__(self, start: int, length: int) -> bytes:
        part = self.data[start : start + length]
        self.calls += 1
        self.bytes += len(part)
        return part


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sideways DNG with a preview of 400 px."""
    path = tmp_path_factory.mktemp("raw") / "a.dng"
    make_sample(path, width_px=900, height_px=600, orientation=6, preview_px=400)
    return path.read_bytes()


def test_the_largest_picture_is_found_without_reading_the_sensor(raw: bytes) -> None:
    reads = Reads(raw)
    jpeg = embedded_picture(reads, len(raw))
    assert jpeg is not None
    with Picture.open(io.BytesIO(jpeg)) as picture:
        assert max(picture.size) == 400
        assert ImageOps.exif_transpose(picture).size[1] == 400, "upright, by what it says of itself"
    assert reads.bytes < len(raw) / 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"II*\0",
        b"II*\0\x08\0\0\0",
        b"FUJIFILMCCD-RAW " + bytes(200),
        b"\xff\xd8\xff\xe0" + bytes(100),
        bytes(5000),
    ],
)
def test_what_has_none_has_none(data: bytes) -> None:
    assert embedded_picture(Reads(data), len(data)) is None


def test_an_original_that_lies_about_its_preview_gives_nothing(raw: bytes) -> None:
    place = raw.find(b"\xff\xd8\xff")
    assert embedded_picture(
        Reads(raw.replace(struct.pack("<I", place), struct.pack("<I", len(raw) - 2))), len(raw)
    ) in (
        None,
        embedded_picture(Reads(raw), len(raw)),
    )
    assert embedded_picture(Reads(raw[:place] + b"\0" * (len(raw) - place)), len(raw)) is None


def test_a_file_of_endless_directories_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 10 * MOST_BYTES
    chain = bytearray(size)
    chain[:8] = b"II*\0" + struct.pack("<I", 8)
    step = 300_000
    for place in range(8, size - step - 8, step):
        struct.pack_into("<HI", chain, place, 0, place + step)
    reads = Reads(bytes(chain))
    assert embedded_picture(reads, size) is None
    assert reads.calls <= 64


@pytest.fixture
def stored(service: WebConfig, aws: Aws, raw: bytes) -> Image:
    """An image whose original is in the upload area."""
    image = Image.objects.get(job=make_job(1))
    Image.objects.filter(pk=image.pk).update(size_bytes=len(raw))
    aws.s3.put_object(Bucket=service.uploads_bucket, Key=image.source_key, Body=raw)
    return image


def camera(browser: Browser, image: Image) -> Any:
    return browser.get(f"/jobs/{image.job_id}/images/{image.pk}/camera.jpg")


def test_it_is_served_as_a_picture_and_nothing_else(ada: Browser, stored: Image) -> None:
    answer = camera(ada, stored)
    assert answer.status_code == 200
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Cache-Control"] == "private, max-age=3600"


def test_once_the_upload_area_is_empty_there_is_none(ada: Browser, stored: Image, aws: Aws, service: WebConfig) -> None:
    aws.s3.delete_object(Bucket=service.uploads_bucket, Key=stored.source_key)
    assert camera(ada, stored).status_code == 404


def test_storage_that_does_not_answer_is_told(
    ada: Browser, stored: Image, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from service.aws.errors import AwsError

    def gone(*_: object, **__: object) -> bytes:
        raise AwsError("gone")

    monkeypatch.setattr(Bucket, "read", gone)
    assert camera(ada, stored).status_code == 503
