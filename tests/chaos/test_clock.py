"""The clock that can be set: processes that live by it are told its time of day; nothing else changes for them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from chaos.clock import Clock, compiler

WATCH = """
import datetime, sys, time
print(flush=True)
for _ in sys.stdin:
    began = time.monotonic()
    time.sleep(0.05)
    print(time.time(), datetime.datetime.now().timestamp(), time.monotonic() - began, flush=True)
"""


@pytest.mark.skipif(compiler() is None, reason="needs a C compiler")
def test_a_running_process_sees_the_time_of_day_jump_while_its_pauses_stay_as_long_as_they_are(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", WATCH],
        env=clock.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        for ahead_s in (0, 3600, -3600, 0):
            clock.set(ahead_s)
            process.stdin.write("\n")
            process.stdin.flush()
            told, date, pause_s = map(float, process.stdout.readline().split())
            assert told == pytest.approx(time.time() + ahead_s, abs=30)
            assert date == pytest.approx(told, abs=1)
            assert 0.05 <= pause_s < 30
        process.stdin.close()
