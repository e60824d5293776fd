"""What is in the built image, and what is not."""

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.bill import MB, Bill, add_up
from image.engine import docker, files_of, inspect
from image.page import PAGE, stated_mb
from tests.image.conftest import Measured
from tests.secret_shapes import found_in


@pytest.fixture(scope="module")
def archive(image: str) -> Iterator[tarfile.TarFile]:
    """All files of the image."""
    with files_of(image) as files:
        yield files


@pytest.fixture(scope="module")
def bill(image: str, archive: tarfile.TarFile, measured: Measured) -> Bill:
    """The parts of the image."""
    bill = add_up(archive, image=image, architecture=inspect(image)["Architecture"])
    measured.note("image: size", f"{bill.size_bytes / MB:.0f} MB")
    measured.note("image: packed, as it is pulled", f"{bill.packed_bytes / MB:.0f} MB")
    return bill


@pytest.fixture(scope="module")
def files(archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Every file of the image by its path: its mode and owner."""
    return {f"/{member.name}": member for member in archive}


def python(image: str, code: str, *arguments: str) -> str:
    return docker("run", "--rm", "--network=none", "--read-only", "--entrypoint=python", image, "-c", code, *arguments)


def test_the_page_states_the_size_that_the_image_has(bill: Bill) -> None:
    size_mb, packed_mb = stated_mb(PAGE.read_text(encoding="utf-8"))
    # Another base brings other libraries: a twentieth.
    assert bill.size_bytes / MB == pytest.approx(size_mb, rel=0.05), "run `make image-docs`"
    assert bill.packed_bytes / MB == pytest.approx(packed_mb, rel=0.05), "run `make image-docs`"


def test_no_shell_no_package_manager_and_no_program_with_privileges_is_in_the_image(
    files: dict[str, tarfile.TarInfo],
) -> None:
    programs = {Path(path).name for path, member in files.items() if re.search(r"/s?bin/[^/]+$", path)}
    assert {re.sub(r"3(\.\d+)?$", "", name) for name in programs} == {"python"}
    assert not [path for path, member in files.items() if member.mode & 0o6000], "set-user-id"
    assert not [path for path in files if re.search(r"/(pip|setuptools|ensurepip|apt|perl)(/|$|-)", path)]


def test_only_the_two_volumes_belong_to_the_user_of_the_tasks_and_nothing_else_can_be_written(
    files: dict[str, tarfile.TarInfo],
) -> None:
    assert {path for path, member in files.items() if member.uid != 0} == {"/tmp", "/scratch"}
    open_to_all = {path for path, member in files.items() if member.mode & 0o002 and not member.issym()}
    assert open_to_all == {"/tmp"}


def test_code_and_packages_come_with_their_bytecode(files: dict[str, tarfile.TarInfo]) -> None:
    sources = [path for path in files if path.startswith("/app/") and path.endswith(".py")]
    compiled = {re.sub(r"/__pycache__/([^/]+)\.cpython-\d+\.pyc$", r"/\1.py", path) for path in files}
    assert sources
    assert not set(sources) - compiled


def test_no_secret_is_in_our_code_in_the_image_in_its_settings_or_in_the_steps_that_built_it(
    image: str, archive: tarfile.TarFile
) -> None:
    said = {"settings": json.dumps(inspect(image)), "steps": docker("history", "--no-trunc", image)}
    assert not {what: found_in(text.encode()) for what, text in said.items() if found_in(text.encode())}
    ours = [member for member in archive if member.isfile() and member.name.startswith("app/")]
    assert ours
    holding = {member.name: found_in(archive.extractfile(member).read()) for member in ours}  # type: ignore[union-attr]
    assert not {name: kinds for name, kinds in holding.items() if kinds}


def test_peoples_tools_are_not_in_the_image(image: str) -> None:
    code = "import importlib.util as u, json, sys; json.dump([n for n in sys.argv[1:] if u.find_spec(n)], sys.stdout)"
    absent = ("matplotlib", "imagecodecs", "tifffile", "rich", "pip", "pytest", "processor.cli", "processor.sample")
    assert json.loads(python(image, code, *absent)) == []


def test_no_kernel_is_compiled_at_run_time_on_any_instruction_set_of_its_platform(image: str, bill: Bill) -> None:
    code = "from processor.demosaic import warm_up; warm_up(); from processor import jit; print(jit.compiled_here())"
    assert python(image, code) == "0"
    if bill.architecture == "amd64":
        # Below the level of this machine, as on an older instance.
        for level in ("x86-64-v2", "x86-64-v3"):
            older = f"import os; os.environ |= {{'NUMBA_CPU_NAME': '{level}', 'NUMBA_CPU_FEATURES': '+sse2'}}; {code}"
            assert python(image, older) == "0", level


def test_libraries_load_without_what_was_left_out_of_them(image: str) -> None:
    code = """
import boto3, gunicorn.workers.gthread, httpx, limits, psycopg_pool, redis, PIL.Image, PIL.ImageCms, rawpy
import django.contrib.postgres.fields, django.db.backends.postgresql.base, django.core.management.commands.migrate
for service in ("s3", "sqs", "sts", "secretsmanager"):
    boto3.client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
PIL.Image.init()
from processor.encode import EXTENSION
print(sorted({format.value.upper() for format in EXTENSION} - PIL.Image.SAVE.keys()))
"""
    assert python(image, code) == "[]"


def test_opencv_does_all_that_the_processor_asks_of_it_without_the_libraries_it_never_calls(image: str) -> None:
    code = r"""
import cv2, numpy as np
a = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)
for how in (cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_NEAREST):
    cv2.resize(a, (100, 80), interpolation=how)
blurred = cv2.GaussianBlur(a, (0, 0), 2.5, borderType=cv2.BORDER_REPLICATE)
cv2.GaussianBlur(a.astype(np.float32), (0, 0), 9)
flat = cv2.compare(cv2.absdiff(a, blurred), 3, cv2.CMP_LE)
cv2.copyTo(a, flat, cv2.addWeighted(a, 1.5, blurred, -0.5, 0))
cv2.flip(cv2.rotate(cv2.transpose(a), cv2.ROTATE_180), 1)
cv2.cvtColor(a, cv2.COLOR_RGB2GRAY)
for kind in (".jpg", ".png", ".webp", ".tif"):
    coded = cv2.imencode(kind, a)[1]
    assert cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION).shape == a.shape, kind
    cv2.imdecode(coded, cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION)
for rubbish in (b"", b"....ftypavif" * 9, b"RIFF....AVI LIST" * 9, b"\x1aE\xdf\xa3" * 9, bytes(4096)):
    try:
        cv2.imdecode(np.frombuffer(rubbish, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        pass
print("done")
"""
    assert python(image, code) == "done"
