"""`python -m client` as scripts and people use it: what it prints where, and what it ends with."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.client.conftest import RECIPE
from tests.client.crooked import KEY, Crooked

NOBODYS = "00000000-0000-4000-8000-000000000000"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    """A recipe file."""
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(RECIPE))
    return str(path)


def _run(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "client", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def test_submit_shows_the_phases_and_where_the_results_are(
    command_environment: dict[str, str], crooked: Crooked, shoot: Path, recipe: str, tmp_path: Path
) -> None:
    done = _run(command_environment, "submit", shoot, "--recipe", recipe, "--watch", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    (job_id,) = crooked.jobs
    assert f"{job_id}  completed   5 of 5 images" in done.stdout
    assert f"10 files downloaded: {tmp_path / 'out'}" in done.stdout
    for line in (f"job {job_id}", "upload: 1.6 MB of 1.6 MB", "develop: 5 of 5 images", "download: "):
        assert line in done.stderr
    assert not any((tmp_path / "xdg-state").rglob("*.json"))


def test_scripts_get_one_json_document_and_nothing_else(
    command_environment: dict[str, str], crooked: Crooked, shoot: Path, recipe: str, tmp_path: Path
) -> None:
    (shoot / "broken.nef").write_bytes(b"bad bytes")
    done = _run(command_environment, "submit", shoot, "--recipe", recipe, "--out", tmp_path / "out", "--json")
    assert done.returncode == 1
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["images"]["completed"], answer["uploaded"]) == ("completed", 5, 6)
    assert answer["failures"] == [{"name": "broken.nef", "code": "damaged", "message": "a test's damage"}]
    assert len(answer["files"]) == 10
    assert "signature" not in done.stdout, "links are secrets while they live"


def test_other_commands_work_on_the_job(
    command_environment: dict[str, str], crooked: Crooked, shoot: Path, recipe: str, tmp_path: Path
) -> None:
    (shoot / "broken.nef").write_bytes(b"bad bytes")
    crooked.held.set()
    assert _run(command_environment, "submit", shoot, "--recipe", recipe, "--quiet").returncode == 0
    ((job_id, job),) = crooked.jobs.items()
    listed = json.loads(_run(command_environment, "list", "--json").stdout)
    assert [each["job_id"] for each in listed] == [job_id]
    for image in job.images:
        crooked.develop(job, image)
    status = _run(command_environment, "status", job_id)
    assert status.returncode == 1
    assert "failed: broken.nef: damaged: a test's damage" in status.stdout
    assert _run(command_environment, "watch", job_id, "--quiet").stdout.count("\n") == 1
    archive = _run(command_environment, "download", job_id, "--out", tmp_path / "out", "--archive")
    assert archive.returncode == 0
    assert (tmp_path / "out" / f"{job_id}.zip").read_bytes() == crooked.archive(job)
    cancelled = _run(command_environment, "cancel", job_id, "--json")
    assert json.loads(cancelled.stdout)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["submit", "/no/where", "--recipe", "{recipe}"], 2, "client: no such file or folder: /no/where"),
        (["submit", "{shoot}", "--recipe", "x.yaml"], 2, "client: recipe x.yaml: a .toml or .json file is needed, or"),
        (["status", "nothing"], 2, "client: 'nothing' is no job's id; `list` shows yours"),
        (["status", NOBODYS], 2, f"client: there is no job {NOBODYS} (job_not_found, request req-1)"),
        (["resume", "nothing"], 2, "client: nothing: no unfinished submission"),
        (["list", "--url", "http://example.com"], 2, "http would send the API key in the clear"),
        (["list", "--url", "http://127.0.0.1:9", "--patience", "0"], 3, "client: http://127.0.0.1:9: cannot connect"),
        (["submit", "{shoot}", "--recipe", "{recipe}", "--parallel", "0"], 2, "parallel = 0: 1 to 64"),
        (["submit"], 2, "required: PATH"),
        (["submit", "{shoot}", "--archive"], 2, "--archive needs --out"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_with_an_exit_code(
    arguments: list[str], *, code: int, said: str, command_environment: dict[str, str], shoot: Path, recipe: str
) -> None:
    done = _run(command_environment, *(each.format(shoot=shoot, recipe=recipe) for each in arguments))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "usage:" in done.stderr or done.stderr.count("\n") == 1


def test_a_key_that_the_server_refuses_is_not_shown(command_environment: dict[str, str], shoot: Path) -> None:
    wrong = "rawmill_test_wr0ngwr0ng"
    done = _run(command_environment | {"RAWMILL_API_KEY": wrong}, "list")
    assert done.returncode == 2
    assert done.stderr == "client: the API key is not known (unauthenticated, request req-1)\n"
    everything = _run(command_environment, "list").stdout + done.stdout + done.stderr
    assert KEY not in everything
    assert wrong not in everything


def test_names_are_shown_and_not_obeyed_by_the_terminal(command_environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "\x1b[2Jgone.nef").touch()
    done = _run(command_environment, "submit", tmp_path / "evil")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert "[2Jgone.nef: empty" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_what_is_done_and_says_the_command_that_goes_on(
    number: signal.Signals, command_environment: dict[str, str], crooked: Crooked, shoot: Path, recipe: str
) -> None:
    crooked.lay("PUT", "part=6", times=10**9, status=503, headers={"Retry-After": "50"})
    running = subprocess.Popen(
        [sys.executable, "-m", "client", "submit", str(shoot), "--recipe", recipe, "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=command_environment,
        cwd=ROOT,
    )
    deadline = time.monotonic() + 30
    while not (crooked.count("PUT", "part=6") and _stored(crooked, 5)) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(number)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert said.endswith(f"client: interrupted\ngo on with: python -m client resume {shoot}\n")
    assert "Traceback" not in said
    crooked.faults.clear()
    again = _run(command_environment, "resume", shoot)
    assert again.returncode == 0, again.stderr
    assert "completed   5 of 5 images" in again.stdout
    assert crooked.count("PUT", "part=5") == 1


def _stored(crooked: Crooked, part: int) -> bool:
    """Whether storage has this part of some file: one that was still on its way is rightly sent again."""
    return any(part in image.parts for job in list(crooked.jobs.values()) for image in job.images)


def test_a_killed_client_goes_on_too(
    command_environment: dict[str, str], crooked: Crooked, shoot: Path, recipe: str
) -> None:
    crooked.lay("PUT", "part=6", times=10**9, status=503, headers={"Retry-After": "50"})
    with subprocess.Popen(
        [sys.executable, "-m", "client", "submit", str(shoot), "--recipe", recipe],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=command_environment,
        cwd=ROOT,
    ) as running:
        deadline = time.monotonic() + 30
        while crooked.count("PUT", "part=6") == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        running.kill()
    crooked.faults.clear()
    again = _run(command_environment, "submit", shoot, "--recipe", recipe, "--watch")
    assert again.returncode == 0, again.stderr
    assert len(crooked.jobs) == 1
    assert "goes on" in again.stderr
