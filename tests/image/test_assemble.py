"""Putting the image together: what is left out, what is made of a library that nobody calls."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from image import assemble
from image.assemble import MACHINES, AssemblyError, copy_with_links, empty_library, keep_aws_models, leave_out, strip

ROOT = Path(__file__).resolve().parents[2]
RULES = tomllib.loads((ROOT / "image" / "unneeded.toml").read_text(encoding="utf-8"))
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the image is put together on Linux")


def test_every_rule_says_why() -> None:
    assert all(rule["why"] and (rule.get("paths") or rule["names"]) for rule in RULES["left_out"] + RULES["uncalled"])


def test_models_of_aws_stay_for_exactly_the_services_that_the_service_calls() -> None:
    clients = (ROOT / "service" / "aws" / "clients.py").read_text(encoding="utf-8")
    called = set(re.findall(r"\.client\(\"(\w+)\"", clients))
    assert called == set(RULES["aws"]["keep"])


def test_what_is_left_out_is_gone_and_the_rest_stays(tmp_path: Path) -> None:
    for name in ("one/tests/test_a.py", "one/code.py", "two/deep/tests/test_b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    leave_out(tmp_path, [{"why": "tests", "paths": ["**/tests"]}])
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")] == ["one/code.py"]


def test_a_rule_that_matches_nothing_any_more_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"numba/cuda \(graphics\) matches nothing"):
        leave_out(tmp_path, [{"why": "graphics", "paths": ["numba/cuda"]}])


def test_a_service_of_aws_without_a_model_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "data" / "s3").mkdir(parents=True)
    (tmp_path / "data" / "ec2").mkdir()
    (tmp_path / "data" / "endpoints.json").touch()
    with pytest.raises(AssemblyError, match="'sqs'"):
        keep_aws_models(tmp_path, {"folders": ["data"], "keep": ["s3", "sqs"]})
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["endpoints.json", "s3"]


@LINUX
def test_the_empty_library_loads_and_has_nothing_in_it(tmp_path: Path) -> None:
    path = tmp_path / "libnothing.so"
    path.write_bytes(empty_library(MACHINES[os.uname().machine]))
    library = ctypes.CDLL(str(path))
    with pytest.raises(AttributeError):
        library.anything  # noqa: B018


@LINUX
def test_a_stripped_library_is_smaller_and_still_works(tmp_path: Path) -> None:
    spec = find_spec("llvmlite")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "binding" / "libllvmlite.so"
    # Nothing of it runs here: the loader alone has to take it.
    copy = tmp_path / source.name
    shutil.copy(source, copy)
    strip(copy)
    assert copy.stat().st_size < source.stat().st_size
    done = subprocess.run(
        [sys.executable, "-c", f"import ctypes; print(ctypes.CDLL({str(copy)!r}).LLVMPY_GetVersionInfo is not None)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "True", done.stderr


@LINUX
def test_opencv_loads_and_works_without_the_libraries_that_are_never_called(tmp_path: Path) -> None:
    import cv2

    packages = Path(cv2.__file__).parents[1]
    for name in ("cv2", "opencv_python_headless.libs"):
        shutil.copytree(packages / name, tmp_path / name)
    before = sum(path.stat().st_size for path in tmp_path.rglob("*") if not path.is_symlink())
    for rule in RULES["uncalled"]:
        assemble.empty(tmp_path, rule)
    assemble.remove_unreferenced(tmp_path / "opencv_python_headless.libs", tmp_path / "cv2" / "cv2.abi3.so")
    after = sum(path.stat().st_size for path in tmp_path.rglob("*") if not path.is_symlink())
    assert before - after > 60_000_000
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import cv2, numpy as np; "
        f"assert cv2.__file__.startswith({str(tmp_path)!r}); a = np.full((64, 64, 3), 9, np.uint8); "
        "print(cv2.imdecode(cv2.imencode('.jpg', cv2.GaussianBlur(a, (0, 0), 2))[1], 1).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(64, 64, 3)", done.stderr


def test_a_library_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    shutil.copy(sys.executable, tmp_path / "module.so")
    rule = {"why": "video", "module": "module.so", "folder": "libs", "names": ["libavcodec-*"]}
    with pytest.raises(AssemblyError, match=r"libavcodec-\* \(video\) matches nothing"):
        assemble.empty(tmp_path, rule)


def test_a_file_is_copied_with_the_links_that_lead_to_it(tmp_path: Path) -> None:
    real = tmp_path / "usr" / "lib" / "libx.so.1.2"
    real.parent.mkdir(parents=True)
    real.write_text("x")
    (tmp_path / "lib").symlink_to("usr/lib")
    (real.parent / "libx.so.1").symlink_to("libx.so.1.2")
    root = tmp_path / "root"
    root.mkdir()
    copy_with_links(tmp_path / "lib" / "libx.so.1", root)
    inside = root / tmp_path.relative_to("/")
    assert (inside / "lib").readlink() == Path("usr/lib")
    assert (inside / "usr/lib/libx.so.1").readlink() == Path("libx.so.1.2")
    assert (inside / "lib/libx.so.1").read_text() == "x"
    with pytest.raises(AssemblyError, match="the base image has no"):
        copy_with_links(tmp_path / "lib" / "libz.so", root)
