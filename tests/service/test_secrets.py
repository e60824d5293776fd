"""No secret leaves: not in what is committed, not in what running tasks say."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.platform import Aws
from tests.processor.conftest import MakeDng, make_dng  # noqa: F401 - a fixture
from tests.secret_shapes import PLANTED, found_in
from tests.service.api.test_server import ROOT, Web, _manage, web  # noqa: F401 - a fixture
from tests.service.worker.conftest import Farm, farm  # noqa: F401 - a fixture

ALLOWED = {
    # Where redaction and refusal are tested, on made-up values.
    "tests/service/test_logs.py",
    "tests/service/api/test_access.py",
}


def committed() -> Iterator[Path]:
    """Every file of the repository."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a clone of the repository")
    yield from (ROOT / name for name in os.fsdecode(listed.stdout).split("\0") if name)


def test_nothing_that_is_committed_has_the_shape_of_a_secret() -> None:
    found = {
        str(path.relative_to(ROOT)): kinds
        for path in committed()
        if path.is_file() and str(path.relative_to(ROOT)) not in ALLOWED and (kinds := found_in(path.read_bytes()))
    }
    assert found == {}


@pytest.mark.parametrize("text", PLANTED, ids=lambda text: text[:6])
def test_secrets_are_known_by_their_shape(text: str) -> None:
    assert len(found_in(text.encode())) == 1


@pytest.mark.platform
def test_running_tasks_tell_none_of_their_secrets(
    web: Web,  # noqa: F811
    farm: Farm,  # noqa: F811
    make_dng: MakeDng,  # noqa: F811
    aws: Aws,
    service_environment: dict[str, str],
) -> None:
    """The values of all secrets, looked for in all that a job, refusals and failures make tasks log and answer."""
    _manage(service_environment, "tenants", "create", "acme", "--name", "Acme")
    token = _manage(service_environment, "api_keys", "create", "acme", "--name", "test").strip()
    key = {"Authorization": f"Bearer {token}"}
    original = make_dng(seed=1).path.read_bytes()
    body = {"recipe": "default", "files": [{"name": "a.dng", "size_bytes": len(original)}]}
    said = []

    def call(method: str, path: str, **options: object) -> httpx.Response:
        answer = httpx.request(method, f"{web.url}{path}", timeout=60, **options)  # type: ignore[arg-type]
        said.append(f"{answer.headers} {answer.text}")
        return answer

    job = call("POST", "/v1/jobs", json=body, headers=key).json()
    at = f"/v1/jobs/{job['job_id']}/images/{job['first_page']['items'][0]['image_id']}"
    link = call("POST", f"{at}/upload", headers=key).json()
    signature = re.search(r"X-Amz-Signature=([0-9a-f]+)", link["url"])
    assert signature is not None
    uploaded = httpx.put(link["url"], content=original, headers=link["headers"])
    assert uploaded.status_code == 200
    call("POST", f"{at}/uploaded", headers=key)
    farm.job([original, b"no picture"])
    worker = farm.drain()
    for path in ("/v1/jobs", at, f"/v1/jobs/{job['job_id']}", "/health/deep/", "/v1/openapi.json", "/nowhere"):
        call("GET", path, headers=key)
    call("GET", "/v1/jobs", headers={"Authorization": f"Bearer {token[:-1]}"})
    call("GET", f"/v1/jobs?cursor={token}", headers=key)
    call("POST", "/v1/jobs", content=b"{" + token.encode(), headers={**key, "Content-Type": "application/json"})
    assert web.stop() == 0
    logs = web.log.read_text() + worker.log.read_text()
    assert "image_completed" in logs
    everything = logs + "".join(answer for answer in said if "X-Amz-Signature" not in answer)
    values = secrets_of_the_platform(aws)
    assert len(values) >= 3
    values |= {"token of the key": token.rpartition("_")[2]}
    assert {name for name, value in values.items() if value in everything} == set()
    assert signature[1] not in logs, "a link's signature is the link"


def secrets_of_the_platform(aws: Aws) -> dict[str, str]:
    """Every value in Secrets Manager that is long enough to be told from a word."""
    found = {}
    manager = aws.secrets
    for listed in manager.list_secrets(MaxResults=100)["SecretList"]:
        text = manager.get_secret_value(SecretId=listed["ARN"])["SecretString"]
        try:
            given = json.loads(text)
        except ValueError:
            given = text
        parts = given if isinstance(given, dict) else {"": given}
        for name, value in parts.items():
            if isinstance(value, str) and len(value) >= 12 and name not in {"username", "host", "dbname", "engine"}:
                found[f"{listed['Name']} {name}"] = value
    return found
