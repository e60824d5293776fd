"""Which files a submission takes, and what the service is told of them."""

import os
from pathlib import Path, PurePosixPath

import pytest

from client.errors import ChangedFileError, UsageError
from client.files import MAX_FILES, MAX_NAME_CHARACTERS, RAW_EXTENSIONS, select, service_name
from processor.batch import inputs


def _touch(path: Path, content: bytes = b"raw") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_folder_is_searched_for_the_extensions_that_the_processor_takes() -> None:
    assert RAW_EXTENSIONS == inputs.RAW_EXTENSIONS


def test_a_folder_gives_its_raw_files_in_order_and_passes_over_the_rest(tmp_path: Path) -> None:
    for name in ("b/2.NEF", "a/1.dng", "b/1.nef", "notes.txt", ".hidden/3.nef", "a/.4.nef"):
        _touch(tmp_path / name)
    assert [file.name for file in select([tmp_path]).files] == ["a/1.dng", "b/1.nef", "b/2.NEF"]


def test_two_folders_with_equal_names_inside_stay_apart(tmp_path: Path) -> None:
    _touch(tmp_path / "day1" / "1.nef")
    _touch(tmp_path / "day2" / "1.nef")
    names = [file.name for file in select([tmp_path / "day1", tmp_path / "day2"]).files]
    assert names == ["day1/1.nef", "day2/1.nef"]


def test_a_named_file_is_taken_whatever_it_is_called_and_once(tmp_path: Path) -> None:
    file = _touch(tmp_path / "scan.bin")
    (tmp_path / "same.bin").symlink_to(file)
    assert [each.name for each in select([file, file, tmp_path / "same.bin"]).files] == ["scan.bin"]


def test_an_empty_file_is_refused_by_itself_and_the_others_go(tmp_path: Path) -> None:
    _touch(tmp_path / "good.nef")
    _touch(tmp_path / "empty.nef", b"")
    selection = select([tmp_path])
    assert [file.name for file in selection.files] == ["good.nef"]
    assert [(each.path.name, each.reason) for each in selection.refused] == [("empty.nef", "empty")]


@pytest.mark.parametrize("make", ["missing", "nothing", "only empty"])
def test_nothing_to_submit_is_an_error_that_says_what_was_looked_for(tmp_path: Path, make: str) -> None:
    if make == "only empty":
        _touch(tmp_path / "x.nef", b"")
    named = [tmp_path / "nowhere"] if make == "missing" else [tmp_path]
    with pytest.raises(UsageError, match=r"no such file|no RAW files|empty"):
        select(named)


def test_more_files_than_a_job_takes_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        (tmp_path / f"{number}.nef").write_bytes(b"1")
    with pytest.raises(UsageError, match=str(MAX_FILES)):
        select([tmp_path])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Ame\u0301lie.nef", "Am\u00e9lie.nef"),
        ("two\nlines\x7f.nef", "two_lines_.nef"),
        ("🦊/שלום.nef", "🦊/שלום.nef"),
        (os.fsdecode(b"latin-\xe9.nef"), "latin-?.nef"),
    ],
)
def test_the_service_is_told_names_that_it_accepts(name: str, told: str) -> None:
    assert service_name(PurePosixPath(name)) == told


def test_of_a_name_that_is_too_long_the_end_is_kept() -> None:
    assert service_name(PurePosixPath("f" * 200, "g" * 100, "IMG_1.nef")) == "IMG_1.nef"
    long = service_name(PurePosixPath("x" * 400 + "_0042.nef"))
    assert len(long) == MAX_NAME_CHARACTERS
    assert long.endswith("_0042.nef")


def test_a_file_that_changed_since_it_was_listed_is_noticed(tmp_path: Path) -> None:
    path = _touch(tmp_path / "x.nef")
    (file,) = select([path]).files
    file.check_unchanged()
    path.write_bytes(b"other bytes")
    with pytest.raises(ChangedFileError, match="changed since"):
        file.check_unchanged()
