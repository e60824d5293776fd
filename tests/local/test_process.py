"""Child processes: awaited, stopped whole, and never left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.aws.endpoints import ROOT
from local.errors import LocalError, LocalReason
from local.process import ChildProcess, Program
from tests.waiting import wait_until


def _child(tmp_path: Path, program: str, *, grace_s: float = 10) -> ChildProcess:
    return ChildProcess(
        Program(
            name="child",
            command=[sys.executable, "-u", "-c", program],
            environment=dict(os.environ),
            log=tmp_path / "child.log",
            folder=tmp_path,
            grace_s=grace_s,
        )
    )


def test_a_process_that_ends_before_it_is_ready_is_reported_with_its_own_words(tmp_path: Path) -> None:
    child = _child(tmp_path, "print('the port is taken'); raise SystemExit(3)")
    with pytest.raises(
        LocalError, match=r"child ended with exit code 3; its log .* ends with\nthe port is taken"
    ) as told:
        child.wait_until(lambda: False, timeout_s=60)
    assert told.value.reason is LocalReason.PROCESS_ENDED


def test_a_process_that_is_never_ready_is_reported_and_not_waited_for_forever(tmp_path: Path) -> None:
    child = _child(tmp_path, "import time; time.sleep(600)")
    with pytest.raises(LocalError, match=r"is not ready after 0\.2 s"):
        child.wait_until(lambda: False, timeout_s=0.2)
    child.stop()


def test_only_what_this_run_wrote_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "child.log").write_text("of yesterday\n")
    child = _child(tmp_path, "print('of today')")
    with pytest.raises(LocalError) as told:
        child.wait_until(lambda: False, timeout_s=60)
    assert "of today" in str(told.value)
    assert "of yesterday" not in str(told.value)


def test_stopping_kills_what_ignores_the_request_and_what_it_started(tmp_path: Path) -> None:
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('started', other.pid)\n"
        "time.sleep(600)\n"
    )
    child = _child(tmp_path, program, grace_s=0.2)
    child.wait_until(lambda: "started" in child.last_lines(), timeout_s=60)
    other = int(child.last_lines().split()[1])
    child.stop()
    assert child.exit_code == -signal.SIGKILL
    assert not _runs(other)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's end")
def test_a_child_ends_with_a_parent_that_is_killed_hard(tmp_path: Path) -> None:
    program = f"""
import os, sys, time
from collections.abc import Callable
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from local.process import ChildProcess, Program
command = [sys.executable, "-c", "import time; time.sleep(600)"]
here = Path.cwd()
program = Program(name="c", command=command, environment=dict(os.environ), log=here / "log", folder=here)
child = ChildProcess(program)
print(child.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        # Once it has become the program, the kernel knows.
        wait_until(lambda: "time.sleep" in " ".join(psutil.Process(child).cmdline()[-1:]))
        parent.kill()
    wait_until(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
