"""The web task: healthy, confined, and gone in time."""

import json

from tests.image.conftest import Customer, Measured
from tests.image.containers import Container, MemoryWatch, changes_outside_of_volumes, wait_until

_CONFINEMENT = """
import json, os, pathlib
status = dict(line.split(":\\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
refused = []
for folder in ("/", "/app", "/etc", "/opt/rawmill", "/usr/local/lib", "/var"):
    try:
        pathlib.Path(folder, "new").write_text("x")
    except OSError as error:
        refused.append(f"{folder} {error.strerror}")
for folder in ("/tmp", "/scratch"):
    pathlib.Path(folder, "new").write_text("x")
    pathlib.Path(folder, "new").unlink()
print(json.dumps({"ids": [os.getuid(), os.getgid(), os.getgroups()], "capabilities": status["CapEff"], "bounding":
    status["CapBnd"], "no_new_privileges": status["NoNewPrivs"], "refused": refused}))
"""


def test_a_task_has_no_rights_but_to_write_its_two_volumes(web: Container) -> None:
    found = json.loads(web.python(_CONFINEMENT))
    assert found["ids"] == [10001, 10001, [10001]] or found["ids"] == [10001, 10001, []]
    assert int(found["capabilities"], 16) == int(found["bounding"], 16) == 0
    assert found["no_new_privileges"] == "1"
    folders = ("/", "/app", "/etc", "/opt/rawmill", "/usr/local/lib", "/var")
    assert found["refused"] == [f"{folder} Read-only file system" for folder in folders]


def test_every_process_of_the_task_is_the_user(web: Container) -> None:
    code = (
        "import os, pathlib; "
        "print(sorted({pathlib.Path('/proc', n).stat().st_uid for n in os.listdir('/proc') if n.isdigit()}))"
    )
    assert web.python(code) == "[10001]"


def test_the_engine_finds_the_task_healthy_by_the_images_own_check(web: Container) -> None:
    wait_until(lambda: web.state["Health"]["Status"] == "healthy", web, what="the state healthy", at_most_s=150)
    assert web.healthy, "the template's check says the same"


def test_the_limits_that_the_template_names_are_those_that_the_task_has(web: Container) -> None:
    host = web.inspect()["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == web.definition.memory_mib * 1024**2
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["Privileged"] is False
    # The interpreter starts gunicorn's processes and threads within them.
    assert 0 < host["PidsLimit"] <= 512


def test_requests_are_answered_within_the_memory_of_the_task(
    web: Container, customer: Customer, measured: Measured
) -> None:
    with MemoryWatch(web) as memory:
        for _ in range(100):
            customer.rawmill.cancel(customer.announce(50))
        wait_until(lambda: memory.peak_bytes > 0, web, what="a sample of memory")
    measured.note("web: peak memory", f"{memory.peak_mib:.0f} MiB")
    assert memory.peak_mib < web.definition.memory_mib * 0.8
    assert web.state["OOMKilled"] is False
    assert not changes_outside_of_volumes(web)


def test_a_web_task_that_is_stopped_ends_with_0_in_time(other_web: Container, measured: Measured) -> None:
    took_s = other_web.stop()
    measured.note("web: from the signal to the end", f"{took_s:.1f} s")
    assert other_web.state["ExitCode"] == 0, other_web.log[-4000:]
    assert took_s < other_web.definition.stop_timeout_s
    assert not changes_outside_of_volumes(other_web)
