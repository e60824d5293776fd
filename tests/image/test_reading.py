"""What is told about an image: its bill, its bill of materials, its licences, and why there is none."""

import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from image import engine
from image.__main__ import main
from image.bill import add_up
from image.errors import ImageError, ImageReason
from image.inside import Content, Contents, _licence
from image.licences import refused, write_licences
from image.page import PAGE, fresh, stated_mb
from image.sbom import completed

SITE = "opt/rawmill/lib/python3.12/site-packages"


def archive_of(files: Mapping[str, bytes]) -> tarfile.TarFile:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return tarfile.open(fileobj=buffer)


FILES = {
    f"{SITE}/big/core.so": b"\0" * 4_000_000,
    f"{SITE}/big/__pycache__/core.cpython-312.pyc": b"\1" * 1000,
    f"{SITE}/big-1.2.dist-info/RECORD": b"".join(
        b"big%s,,\n" % name for name in (b"/core.so", b"/__pycache__/core.cpython-312.pyc", b"-1.2.dist-info/RECORD")
    ),
    "app/service/cli.py": b"x" * 10,
    "usr/local/bin/python3.12": b"y" * 20,
    "usr/lib/libz.so": b"z" * 30,
}


def test_the_bill_counts_every_file_once_and_names_whose_it_is() -> None:
    bill = add_up(archive_of(FILES), image="x", architecture="amd64")
    assert bill.size_bytes == sum(map(len, FILES.values()))
    big, *small = bill.parts
    assert (big.name, big.version, big.bytecode_bytes) == ("big", "1.2", 1000)
    assert big.packed_bytes < big.size_bytes / 100
    assert {part.name for part in small} == {
        "Rawmill itself",
        "Python and its standard library",
        "libraries of the base, certificates",
    }
    assert bill.table()[-2:] == [("3 smaller ones", "", "0.0", "0.0"), ("all", "", "4.0", "0.0")]


def test_the_page_takes_the_bills_table_and_keeps_its_own_words() -> None:
    bill = add_up(archive_of(FILES), image="x", architecture="arm64")
    page = fresh("Before.\n\n<!-- made by make image-docs -->\nold\n<!-- end -->\n\nAfter.\n", bill)
    assert page.startswith("Before.")
    assert page.endswith("After.\n")
    assert "old" not in page
    assert "Built for arm64:" in page
    assert stated_mb(page) == (4.0, 0.0)


def test_the_page_of_the_image_states_its_size() -> None:
    size_mb, packed_mb = stated_mb(PAGE.read_text(encoding="utf-8"))
    assert 0 < packed_mb < size_mb


CONTENTS = Contents(
    packages=(Content(name="big_one", version="1.2", licence="MIT"),),
    native=(Content(name="LibRaw", version="0.22.2", inside="rawpy", licence="LGPL-2.1-only OR CDDL-1.0"),),
    system=("libc6",),
)


def scanned(*components: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"component": {"bom-ref": "root", "name": "rawmill"}},
        "components": [{"type": "library", "bom-ref": each["name"], **each} for each in components],
        "dependencies": [{"ref": "libc6", "dependsOn": ["Grpc.Core", "big-one"]}, {"ref": "Grpc.Core"}],
    }


PYPI = {"name": "big-one", "purl": "pkg:pypi/big-one@1.2"}
DEB = {"name": "libc6", "purl": "pkg:deb/debian/libc6@2.36"}
FALSE = {"name": "Grpc.Core", "purl": "pkg:nuget/Grpc.Core@2.0"}


def test_the_bill_of_materials_has_what_scanners_cannot_see_and_not_what_they_misread() -> None:
    document = completed(scanned(PYPI, DEB, FALSE), CONTENTS, "sha256:ab")
    assert [each["name"] for each in document["components"]] == ["big-one", "libc6", "LibRaw"]
    assert document["components"][-1]["licenses"] == [{"expression": "LGPL-2.1-only OR CDDL-1.0"}]
    assert document["dependencies"] == [{"ref": "libc6", "dependsOn": ["big-one"]}]
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "ab"}]


@pytest.mark.parametrize(("left", "name"), [(DEB, "big_one"), (PYPI, "libc6")])
def test_a_package_that_the_scanner_overlooked_is_an_error(left: dict[str, str], name: str) -> None:
    with pytest.raises(ImageError, match=f"overlooked {name}"):
        completed(scanned(left), CONTENTS, "sha256:ab")


@pytest.mark.parametrize(
    ("expression", "text", "classifiers", "licence"),
    [
        ("MIT", "something", [], "MIT"),
        (None, "BSD-3-Clause", ["License :: OSI Approved :: BSD License"], "BSD-3-Clause"),
        (None, "A licence text\nof many lines", ["License :: OSI Approved :: MIT License"], "MIT"),
        (None, "Dual License", ["License :: OSI Approved :: BSD License"], "BSD"),
        (None, None, [], ""),
    ],
)
def test_a_licence_is_the_most_exact_that_a_package_names(
    expression: str | None, text: str | None, classifiers: list[str], licence: str
) -> None:
    assert _licence(expression, text, classifiers) == licence


@pytest.mark.parametrize(
    ("licence", "is_refused"),
    [
        ("MIT", False),
        ("LGPL-3.0-only", False),
        ("GNU Library or Lesser General Public License (LGPL)", False),
        ("GPL-2.0-only OR MIT", False),
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0-only", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("", True),
    ],
)
def test_a_strong_copyleft_licence_or_none_at_all_is_refused(licence: str, is_refused: bool, tmp_path: Path) -> None:
    contents = Contents(packages=(Content(name="p", version="1", licence=licence),), native=(), system=())
    assert bool(list(refused(contents))) is is_refused
    if is_refused:
        with pytest.raises(ImageError, match="p 1"):
            write_licences(contents, tmp_path)
        assert not list(tmp_path.iterdir())
    else:
        assert licence in write_licences(contents, tmp_path).read_text(encoding="utf-8")


def test_without_docker_every_command_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for command in (["bill", "x"], ["sbom", "x", "--syft", "syft"], ["licences", "x"], ["docs", "x"]):
        assert main(command) == 1
        said = capsys.readouterr().err
        assert re.fullmatch(r"the command `docker` is not installed: .*\(no_engine\)\n", said), said
    assert engine.why_no_engine() is not None


def test_an_image_that_is_not_there_is_named_with_what_makes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\ncase $1 in version) echo 1;; *) echo 'no such image' >&2; exit 1;; esac\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(ImageError, match="no image 'gone' here: run `make image`") as refusal:
        engine.inspect("gone")
    assert refusal.value.reason is ImageReason.NO_IMAGE
