"""What is remembered of an unfinished submission, and what is not."""

import os
import stat
from pathlib import Path

from client.files import select
from client.state import FORGOTTEN_AFTER_S, Memory, Remembered, new_submission

SERVER = "https://rawmill.example"


def _submission(folder: Path, *, server: str = SERVER, long_edge_px: int = 320) -> Remembered:
    recipe = {"renditions": [{"name": "s", "long_edge_px": long_edge_px}]}
    return new_submission(
        server=server,
        recipe=recipe,
        named=[folder],
        selection=select([folder]),
        out=folder / "out",
        archive=False,
        watch=True,
    )


def _shoot(tmp_path: Path) -> Path:
    folder = tmp_path / "shoot"
    folder.mkdir()
    (folder / "1.nef").write_bytes(b"one")
    (folder / os.fsdecode(b"l\xe9.nef")).write_bytes(b"two")
    (folder / "empty.nef").write_bytes(b"")
    return folder


def test_a_submission_is_found_again_by_job_and_by_folder_with_every_file_name_there_is(tmp_path: Path) -> None:
    folder, memory = _shoot(tmp_path), Memory(tmp_path / "state")
    kept = _submission(folder).model_copy(update={"job_id": "j-1"})
    memory.keep(kept)
    assert memory.of_job(SERVER, "j-1") == kept
    assert memory.of_folder(SERVER, folder) == [kept]
    assert kept.selection() == select([folder])
    assert kept.out_folder == folder / "out"
    assert memory.of_job("https://other.example", "j-1") is None


def test_the_same_work_is_known_until_a_file_or_the_recipe_changes(tmp_path: Path) -> None:
    folder, memory = _shoot(tmp_path), Memory(tmp_path / "state")
    kept = _submission(folder)
    memory.keep(kept)
    assert memory.same_work(_submission(folder)) == kept
    assert memory.same_work(_submission(folder, long_edge_px=640)) is None
    (folder / "1.nef").write_bytes(b"changed")
    assert memory.same_work(_submission(folder)) is None


def test_what_is_finished_is_forgotten(tmp_path: Path) -> None:
    folder, memory = _shoot(tmp_path), Memory(tmp_path / "state")
    kept = _submission(folder)
    memory.keep(kept)
    memory.forget(kept)
    memory.forget(kept)
    assert memory.all(SERVER) == []


def test_the_notes_are_for_their_owner_only_and_nothing_is_written_beside_the_files(tmp_path: Path) -> None:
    folder, memory = _shoot(tmp_path), Memory(tmp_path / "state")
    before = sorted(folder.iterdir())
    memory.keep(_submission(folder))
    (note,) = (tmp_path / "state").rglob("*.json")
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert stat.S_IMODE(note.parent.stat().st_mode) == 0o700
    assert sorted(folder.iterdir()) == before


def test_notes_that_are_broken_or_past_every_lifetime_are_passed_over(tmp_path: Path) -> None:
    folder, memory = _shoot(tmp_path), Memory(tmp_path / "state")
    old, good = _submission(folder), _submission(folder)
    memory.keep(old)
    (note,) = (tmp_path / "state").rglob("*.json")
    os.utime(note, (1, note.stat().st_mtime - FORGOTTEN_AFTER_S - 60))
    memory.keep(good)
    (note.parent / "broken.json").write_text('{"server": 5}')
    assert memory.all(SERVER) == [good]
    assert not note.exists()
