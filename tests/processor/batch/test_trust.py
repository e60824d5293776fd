"""What a worker process sends is read without running its code."""

import multiprocessing
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from processor.batch import trust
from processor.batch.environment import start_context
from processor.batch.task import Outcome
from processor.errors import ImageError, NeedsMemory, ReasonCode, Stage
from processor.result import ImageResult, Status


class Evil:
    """Runs a command when it is read."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.fspath(self._mark),)


def test_records_enumerations_and_exceptions_come_back_as_they_were() -> None:
    result = ImageResult(source="a", status=Status.FAILED, reason=ReasonCode.DAMAGED, stage=Stage.DECODE)
    outcome = Outcome(token=1, result=result, started_s=1.0, ended_s=2.0)
    assert trust.loads(pickle.dumps(outcome)) == outcome
    error = trust.loads(pickle.dumps(ImageError(ReasonCode.TRUNCATED, "cut", stage=Stage.READ)))
    assert (error.reason, str(error)) == (ReasonCode.TRUNCATED, "cut")
    assert trust.loads(pickle.dumps(NeedsMemory(5))).needed_bytes == 5
    assert str(trust.loads(pickle.dumps(ValueError("x")))) == "x"


def test_code_is_refused_and_not_run(tmp_path: Path) -> None:
    with pytest.raises(pickle.UnpicklingError, match="no record"):
        trust.loads(pickle.dumps(Evil(tmp_path / "mark")))
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("os", "system"),
        ("processor.plugins", "load_plugins"),
        ("processor.plugins", "importlib.import_module"),
        ("processor.batch.slot", "os.kill"),
        ("processor.store", "OutputFolder"),
        ("builtins", "SystemExit"),
    ],
)
def test_what_is_no_record_cannot_be_named(module: str, name: str) -> None:
    with pytest.raises(pickle.UnpicklingError):
        trust.loads(b"\x80\x04\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(name)])
                    + name.encode() + b"\x93.")  # fmt: skip


@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="spawned processes are trusted")
def test_the_pipe_of_a_slot_takes_records_alone(tmp_path: Path) -> None:
    reader, writer = start_context().Pipe(duplex=False)
    writer.send({"fine": 1})
    assert reader.recv() == {"fine": 1}
    writer.send(Evil(tmp_path / "mark"))
    with pytest.raises(pickle.UnpicklingError):
        reader.recv()
    assert not (tmp_path / "mark").exists()
