"""The client against the real service: web and worker as processes of their own, over real storage and a real queue."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from client import ClientError, Downloaded, ImageStatus, JobStatus, Phase, ProblemError, Rawmill
from local.ports import LOOPBACK, free_port
from local.process import ChildProcess, Program
from local.session_store import SessionStore
from processor.sample import make_sample
from tests.client.conftest import Heard
from tests.platform import Aws, Database, Resources, environment_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
RECIPE = {
    "name": "small",
    "renditions": [{"name": "web", "long_edge_px": 256}, {"name": "thumb", "long_edge_px": 64, "format": "webp"}],
}


@dataclass(frozen=True, kw_only=True)
class Live:
    """A running service."""

    url: str
    environment: dict[str, str]

    def new_key(self) -> str:
        """A key of a new tenant."""
        tenant = f"studio-{uuid.uuid4().hex[:8]}"
        self._manage("tenants", "create", tenant, "--name", tenant)
        return self._manage("api_keys", "create", tenant, "--name", "test")

    def _manage(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "service", "manage", *arguments]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, check=True, capture_output=True, text=True)
        return done.stdout.strip()


@pytest.fixture(scope="module")
def live(
    *,
    aws: Aws,
    session_store: SessionStore,
    new_database: Callable[..., Database],
    migrated_template: str,
    new_resources: Callable[[], Resources],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Live]:
    """Web and one worker with one child, for all tests here: each has tenants of its own."""
    folder, port = tmp_path_factory.mktemp("live"), free_port()
    url = f"http://{LOOPBACK}:{port}"
    (folder / "scratch").mkdir()
    parts = environment_of(
        aws=aws,
        database=new_database(template=migrated_template),
        resources=new_resources(),
        session_store=session_store,
        scratch=folder / "scratch",
    )
    given = {"RAWMILL_PORT": str(port), "RAWMILL_PUBLIC_URL": url, "RAWMILL_ALLOWED_HOSTS": LOOPBACK}
    environment = {**os.environ, **parts, **given}
    with ExitStack() as stack:
        for command in ("web", "worker"):
            child = ChildProcess(
                Program(
                    name=command,
                    command=[sys.executable, "-m", "service", command],
                    environment=environment,
                    log=folder / f"{command}.log",
                    folder=ROOT,
                )
            )
            stack.callback(child.stop)
            if command == "web":
                child.wait_until(lambda: _is_healthy(url), timeout_s=60)
        yield Live(url=url, environment=environment)


@pytest.fixture
def rawmill(live: Live, tmp_path: Path) -> Iterator[Rawmill]:
    """A client with a key of its own."""
    with Rawmill(live.url, live.new_key(), state=tmp_path / "state") as client:
        yield client


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """Three small RAW files and one that is above the limit for a single upload."""
    folder = tmp_path / "originals"
    (folder / "été").mkdir(parents=True)
    for seed in (1, 2):
        make_sample(folder / "été" / f"IMG_{seed}.dng", width_px=320, height_px=240, seed=seed)
    make_sample(folder / "IMG_3.dng", width_px=400, height_px=300, seed=3)
    make_sample(folder / "large.dng", width_px=7400, height_px=5000, seed=4, preview_px=None)
    assert (folder / "large.dng").stat().st_size > 64 << 20
    return folder


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/", timeout=2).is_success
    except httpx.TransportError:
        return False


def test_a_folder_goes_up_is_developed_and_comes_down_with_a_large_file_in_parts(
    rawmill: Rawmill, originals: Path, tmp_path: Path
) -> None:
    heard, out = Heard(), tmp_path / "out"
    submission = rawmill.submit([originals], recipe=RECIPE, out=out, progress=heard)
    assert submission.is_good, submission
    assert submission.job.status is JobStatus.COMPLETED
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == sorted(
        f"{stem}.{rendition}"
        for stem in ("été/IMG_1", "été/IMG_2", "IMG_3", "large")
        for rendition in ("web.jpg", "thumb.webp")
    )
    assert heard.done == heard.totals
    assert heard.totals[Phase.UPLOAD] == sum(path.stat().st_size for path in originals.rglob("*.dng"))
    job_id = submission.job.job_id
    again = rawmill.download(job_id, out)
    assert all(isinstance(file, Downloaded) and file.skipped for file in again)
    (archive,) = rawmill.download(job_id, tmp_path, archive=True)
    with zipfile.ZipFile(archive.path) as zipped:
        assert zipped.testzip() is None
        assert len([name for name in zipped.namelist() if name.endswith((".jpg", ".webp"))]) == 8
    assert [job.job_id for job in rawmill.jobs()] == [job_id]
    assert [image.position for image in rawmill.images(job_id, status=ImageStatus.COMPLETED)] == [0, 1, 2, 3]


def test_what_is_no_raw_file_is_reported_by_itself_and_another_tenant_sees_nothing(
    live: Live, rawmill: Rawmill, tmp_path: Path
) -> None:
    shoot = tmp_path / "shoot"
    shoot.mkdir()
    make_sample(shoot / "good.dng", width_px=320, height_px=240)
    (shoot / "letter.nef").write_bytes(b"%PDF-1.7\n" * 100)
    submission = rawmill.submit([shoot], recipe=RECIPE, out=tmp_path / "out")
    assert not submission.is_good
    assert [each.expected.file.name for each in submission.not_uploaded] == ["letter.nef"]
    assert "upload_mismatch" in submission.not_uploaded[0].reason
    assert submission.job.images.completed == 1
    assert len(submission.files) == 2
    with Rawmill(live.url, live.new_key(), state=tmp_path / "other") as stranger:
        assert list(stranger.jobs()) == []
        with pytest.raises(ProblemError) as refused:
            stranger.job(submission.job.job_id)
        assert refused.value.problem.status == 404
    assert rawmill.cancel(submission.job.job_id).status is JobStatus.CANCELLED


def test_bad_recipes_and_keys_are_said_with_the_services_own_words(
    live: Live, rawmill: Rawmill, tmp_path: Path
) -> None:
    raw = tmp_path / "x.dng"
    make_sample(raw, width_px=320, height_px=240)
    with pytest.raises(ProblemError, match="long_edge_px") as refused:
        rawmill.submit([raw], recipe={"renditions": [{"name": "x", "long_edge_px": 1}]})
    assert refused.value.exit_code == 2
    with (
        Rawmill(live.url, "rawmill_aaaaaaaa_wrong", state=tmp_path / "other") as wrong,
        pytest.raises(ClientError) as no,
    ):
        next(wrong.jobs())
    assert no.value.exit_code == 2
    assert "wrong" not in str(no.value)


def test_a_client_that_is_killed_in_an_upload_goes_on_with_the_parts_that_are_missing(
    live: Live, originals: Path, tmp_path: Path
) -> None:
    environment = live.environment | {
        "RAWMILL_URL": live.url,
        "RAWMILL_API_KEY": live.new_key(),
        "XDG_STATE_HOME": str(tmp_path / "xdg"),
    }
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(RECIPE))
    command = [sys.executable, "-m", "client", "submit", str(originals), "--recipe", str(recipe)]
    with subprocess.Popen([*command, "--parallel", "1"], env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as first:
        wait_until(lambda: any((tmp_path / "xdg").rglob("*.json")), what="the state of the run")
        time.sleep(0.5)
        first.send_signal(signal.SIGKILL)
    out = tmp_path / "out"
    ended = subprocess.run(
        [*command, "--out", str(out), "--json"], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert (answer["status"], answer["images"]["completed"]) == ("completed", 4)
    assert len([path for path in out.rglob("*") if path.is_file()]) == 8
