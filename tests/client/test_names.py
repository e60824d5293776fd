"""Names of downloaded files: they mirror the customer's and lead nowhere else."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.names import OutputNames, rendition_path


def test_outputs_stand_in_folders_like_those_of_the_originals() -> None:
    stem = OutputNames().stem("day 1/IMG_0001.NEF", 0)
    assert rendition_path(stem, "4k", "x.jpg") == PurePosixPath("day 1/IMG_0001.4k.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\boot.ini",
        "a/../../b.nef",
        "C:\\Windows\\x.nef",
        "...",
        "",
        "//",
        ".ssh/id",
    ],
)
def test_no_name_leads_out_of_the_folder_or_to_a_hidden_file(name: str) -> None:
    path = rendition_path(OutputNames().stem(name, 0), "4k", "x.jpg")
    assert not path.is_absolute()
    assert all(part not in {".", ".."} and not part.startswith(".") for part in path.parts)


@given(st.text(), st.text(), st.text())
def test_whatever_a_name_holds_its_outputs_can_be_written_below_the_folder(
    name: str, rendition: str, file_name: str
) -> None:
    path = rendition_path(OutputNames().stem(name, 7), rendition, file_name)
    root = Path("/out")
    assert (root / path).resolve().is_relative_to(root)
    assert all(0 < len(part.encode()) <= 3 * 180 for part in path.parts)
    assert path.name.isprintable() or all(not 0 <= ord(c) < 32 for c in path.name)


def test_images_whose_names_differ_in_extension_or_case_alone_get_names_of_their_own() -> None:
    names = OutputNames()
    stems = [names.stem(name, position) for position, name in enumerate(["a/X.NEF", "a/X.DNG", "a/x.nef", "b/X.NEF"])]
    assert len({str(stem).casefold() for stem in stems}) == 4
    assert stems[0] == PurePosixPath("a/X")
    assert stems[3] == PurePosixPath("b/X")


def test_a_name_that_hides_its_ending_from_the_eye_is_shown_as_it_is() -> None:
    assert "\u202e" not in str(OutputNames().stem("photo\u202efen.exe", 0))
