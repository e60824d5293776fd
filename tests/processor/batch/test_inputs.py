"""Files, folders and patterns become a stable list of originals; what cannot be read is listed with its reason."""

import os
from pathlib import Path

import pytest

from processor.batch.inputs import expand
from processor.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shoot"
    for name in ("b.NEF", "a.cr2", "day2/c.Dng", "notes.txt", "picture.jpg", ".hidden.nef", ".cache/d.nef"):
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return made


def names(folder: Path, *named: Path | str, out: Path | None = None) -> list[tuple[str, str]]:
    found = expand(named or [folder], out or folder.parent / "out")
    return [(os.path.relpath(item.source, folder), item.stem) for item in found]


def test_a_folder_is_searched_for_raw_files_by_extension_whatever_its_case(folder: Path) -> None:
    assert names(folder) == [("a.cr2", "a"), ("b.NEF", "b"), ("day2/c.Dng", "day2/c")]


def test_a_file_that_is_named_is_taken_whatever_it_is_called(folder: Path) -> None:
    assert names(folder, folder / "notes.txt") == [("notes.txt", "notes")]


def test_a_pattern_is_expanded_in_a_stable_order(folder: Path) -> None:
    assert names(folder, str(folder / "**" / "*.[nNdD]*")) == [("b.NEF", "b"), ("day2/c.Dng", "c")]


def test_a_name_with_brackets_that_exists_is_a_file_and_not_a_pattern(folder: Path) -> None:
    (folder / "x[1].dng").touch()
    assert names(folder, folder / "x[1].dng") == [("x[1].dng", "x[1]")]


def test_several_folders_keep_their_names_in_the_outputs(folder: Path) -> None:
    other = folder.parent / "other"
    other.mkdir()
    (other / "a.cr2").touch()
    assert names(folder, folder / "day2", other) == [("day2/c.Dng", "day2/c"), ("../other/a.cr2", "other/a")]


def test_a_file_reached_twice_is_listed_once(folder: Path) -> None:
    (folder / "again.nef").symlink_to(folder / "b.NEF")
    assert [source for source, _ in names(folder, folder / "b.NEF", folder, folder / "a.cr2")] == [
        "b.NEF",
        "a.cr2",
        "day2/c.Dng",
    ]


def test_the_output_folder_and_hidden_files_are_passed_over(folder: Path) -> None:
    out = folder / "out"
    out.mkdir()
    (out / "old.dng").touch()
    assert "out/old.dng" not in dict(names(folder, folder, out=out))


def test_originals_beside_the_outputs_are_found(folder: Path) -> None:
    assert len(names(folder, folder, out=folder)) == 3


def test_folders_that_link_in_a_circle_are_searched_once(folder: Path) -> None:
    (folder / "day2" / "up").symlink_to(folder)
    assert len(names(folder)) == 3


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _path: None, "no such file"),
        (lambda path: path.symlink_to("nowhere"), "points to 'nowhere'"),
        (lambda path: path.symlink_to(path.name), "cannot be opened"),
        (lambda path: path.mkdir(), "folder that is named like a file"),
        (os.mkfifo, "not a regular file"),
    ],
)
def test_what_cannot_be_read_is_listed_with_its_reason(make: object, problem: str, folder: Path) -> None:
    path = folder / "odd.nef"
    assert callable(make)
    make(path)
    found = expand([path] if problem == "no such file" else [folder], folder.parent / "out")
    (odd,) = (item for item in found if item.source == str(path))
    assert problem in (odd.problem or "")


def test_a_folder_named_like_a_file_is_searched(folder: Path) -> None:
    (folder / "box.dng").mkdir()
    (folder / "box.dng" / "e.dng").touch()
    assert ("box.dng/e.dng", "box.dng/e") in names(folder)


def test_names_that_are_not_unicode_are_kept_byte_for_byte(folder: Path) -> None:
    name = os.fsdecode(b"gr\xfc\xdfe.nef")
    (folder / name).touch()
    (folder / "写真.nef").touch()
    found = dict(names(folder))
    assert found[name] == os.fsdecode(b"gr\xfc\xdfe")
    assert found["写真.nef"] == "写真"


@pytest.mark.parametrize("named", [[], ["nothing/*.nef"]])
def test_nothing_to_do_is_a_usage_error(named: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no input"):
        expand(named, tmp_path)


def test_an_empty_folder_is_a_usage_error_that_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"searched for files ending in: .* nef"):
        expand([tmp_path], tmp_path / "out")
