"""Storing: whole or not at all, and receipts that are believed only when everything that they name is there."""

import errno
import os
import threading
from pathlib import Path

import pytest

from processor.errors import ImageError, ReasonCode, Stage
from processor.result import ImageResult, Output, Status
from processor.store import OutputFolder, SourceFile, content_digest, output_key
from processor.types import DecodePath, Verdict


@pytest.fixture
def folder(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "out")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.dng"
    path.write_bytes(b"raw")
    return path


def developed(folder: OutputFolder, source: Path, key: str = "k" * 12) -> ImageResult:
    """Stores one rendition and its receipt."""
    folder.write(f"a.{key}.4k.jpg", b"jpeg")
    output = Output(rendition="4k", path=f"a.{key}.4k.jpg", width_px=2, height_px=1, size_bytes=4)
    result = ImageResult(
        source=str(source),
        status=Status.OK,
        verdict=Verdict.SUSPECT,
        evidence=("half of it is grey",),
        decode_path=DecodePath.HALF,
        outputs=(output,),
        timings={"read": 0.5},
    )
    folder.record(SourceFile.of(source), "a", key=key, recipe="r", result=result)
    return result


def test_a_receipt_reads_back_as_it_was_written(folder: OutputFolder, source: Path) -> None:
    result = developed(folder, source)
    assert folder.finished(SourceFile.of(source), "a", "r") == result


@pytest.mark.parametrize("loss", ["output gone", "output cut", "receipt cut", "receipt garbage"])
def test_an_image_with_anything_missing_counts_as_not_done(folder: OutputFolder, source: Path, loss: str) -> None:
    developed(folder, source)
    receipt = next((folder.state / "receipts").iterdir())
    match loss:
        case "output gone":
            next(folder.path.glob("*.jpg")).unlink()
        case "output cut":
            next(folder.path.glob("*.jpg")).write_bytes(b"jp")
        case "receipt cut":
            receipt.write_bytes(receipt.read_bytes()[:-20])
        case "receipt garbage":
            receipt.write_bytes(b'{"status": "perhaps"}')
    assert folder.finished(SourceFile.of(source), "a", "r") is None


def test_another_recipe_a_changed_file_and_another_stem_count_as_not_done(folder: OutputFolder, source: Path) -> None:
    developed(folder, source)
    assert folder.finished(SourceFile.of(source), "a", "other") is None
    assert folder.finished(SourceFile.of(source), "b", "r") is None
    source.write_bytes(b"another raw")
    assert folder.finished(SourceFile.of(source), "a", "r") is None


def test_a_file_of_the_same_bytes_under_another_time_is_found_by_its_key(folder: OutputFolder, source: Path) -> None:
    result = developed(folder, source)
    os.utime(source, (1, 1))
    assert folder.finished(SourceFile.of(source), "a", "r") is None
    assert folder.finished_key("a", "k" * 12) == result


def test_a_reader_never_sees_half_a_file(folder: OutputFolder) -> None:
    sizes: set[int] = set()
    content = bytes(4_000_000)
    folder.write("a.jpg", content)
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            sizes.add((folder.path / "a.jpg").stat().st_size)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        folder.write("a.jpg", content)
    stop.set()
    reader.join()
    assert sizes == {len(content)}


def test_what_cannot_be_stored_is_an_error_of_the_image_and_leaves_nothing(
    folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ImageError, match=r"a\.jpg: cannot be stored: No space left on device") as error:
        folder.write("a.jpg", b"content")
    assert (error.value.reason, error.value.stage) == (ReasonCode.STORE_FAILED, Stage.STORE)
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []


def test_files_that_belong_together_appear_all_or_none(folder: OutputFolder) -> None:
    (folder.path / "b.jpg").mkdir(parents=True)  # a folder stands where the second file would go
    with pytest.raises(ImageError, match=r"b\.jpg: cannot be stored"), folder.together() as files:
        files.add("a.jpg", b"first")
        files.add("b.jpg", b"second")
        assert not (folder.path / "a.jpg").exists()
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []


def test_nothing_appears_when_the_work_between_two_files_fails(folder: OutputFolder) -> None:
    with pytest.raises(ZeroDivisionError), folder.together() as files:
        files.add("a.jpg", b"first")
        raise ZeroDivisionError
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []


def test_an_output_folder_that_can_be_no_folder_is_an_error_of_the_image(source: Path) -> None:
    with pytest.raises(ImageError, match="cannot be stored: Not a directory"):
        OutputFolder(source / "out").write("a.jpg", b"content")


def test_stored_files_have_the_permissions_that_the_umask_gives(folder: OutputFolder) -> None:
    before = os.umask(0o027)
    try:
        folder.write("a.jpg", b"content")
    finally:
        os.umask(before)
    assert (folder.path / "a.jpg").stat().st_mode & 0o777 == 0o640


def test_the_key_depends_on_content_and_recipe_alone(tmp_path: Path, source: Path) -> None:
    copy = tmp_path / "renamed.nef"
    copy.write_bytes(source.read_bytes())
    assert content_digest(copy) == content_digest(source)
    assert output_key("a", "b") != output_key("b", "a")
    assert len(output_key("a", "b")) == 12


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.dng: No such file") as error:
        content_digest(tmp_path / "none.dng")
    assert error.value.reason is ReasonCode.UNREADABLE
