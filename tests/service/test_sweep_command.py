"""`python -m service sweep` as the schedule and the local platform run it."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg

from local.aws.endpoints import ROOT
from tests.platform import Aws, Database


def test_one_pass_sends_what_was_forgotten_says_so_and_exits_with_0(
    service_environment: dict[str, str], database: Database, aws: Aws
) -> None:
    _forgotten_image(database)
    done = subprocess.run(
        [sys.executable, "-m", "service", "sweep"],
        env={"PATH": "/usr/bin", **service_environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    summary = lines[-1]
    assert (summary["message"], summary["images_sent"], summary["failed"]) == ("swept_all", 1, [])
    assert [(line["Step"], line["Swept"]) for line in lines if line["message"] == "swept"] == [("images_sent", 1)]
    message = aws.sqs.receive_message(QueueUrl=service_environment["RAWMILL_QUEUE_URL"])["Messages"][0]
    assert set(json.loads(message["Body"])) == {"job_id", "image_id"}


def test_a_step_that_fails_makes_the_exit_code_1(service_environment: dict[str, str], database: Database) -> None:
    environment = {**service_environment, "RAWMILL_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:1/000000000000/dead"}
    environment["AWS_MAX_ATTEMPTS"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", "service", "sweep"],
        env={"PATH": "/usr/bin", **environment, "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["failed"] == ["dead_letters_rescued"]


def test_it_sweeps_on_until_it_is_told_to_stop(service_environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "service", "sweep", "--every", "0.1"],
        env={"PATH": "/usr/bin", **service_environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as sweeper:
        assert sweeper.stdout is not None
        passes = 0
        for line in sweeper.stdout:
            passes += json.loads(line)["message"] == "swept_all"
            if passes == 3:
                break
        sweeper.send_signal(signal.SIGTERM)
        sweeper.stdout.read()
        assert sweeper.wait(timeout=60) == 0


def _forgotten_image(database: Database) -> None:
    """An image that was uploaded an hour ago and never sent."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        run: Callable[..., Any] = connection.execute
        run("INSERT INTO tenants (slug, name) VALUES ('acme', 'Acme')")
        run(
            "INSERT INTO jobs (job_id, tenant_id, recipe, recipe_digest, images_total, expires_at)"
            " VALUES (gen_random_uuid(), 'acme', '{}', '', 1, now() + interval '1 day')"
        )
        run(
            "INSERT INTO images (image_id, job_id, position, name, size_bytes, source_key, uploaded_at)"
            " SELECT gen_random_uuid(), job_id, 0, 'a.dng', 1, 'k', now() - interval '1 hour' FROM jobs"
        )
