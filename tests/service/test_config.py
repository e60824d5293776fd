"""The environment of a task: read once, validated as a whole, each fault in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.config import (
    ALL_VARIABLES,
    CONFIGS,
    ConfigError,
    MaintenanceConfig,
    Role,
    SslMode,
    WebConfig,
    WorkerConfig,
)

COMMON = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "RAWMILL_ENVIRONMENT": "dev",
    "RAWMILL_LOG_FORMAT": "json",
    "RAWMILL_METRICS_NAMESPACE": "Rawmill/dev",
    "RAWMILL_DATABASE_HOST": "db",
    "RAWMILL_DATABASE_PORT": "5432",
    "RAWMILL_DATABASE_NAME": "rawmill",
    "RAWMILL_DATABASE_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:db-AbCdEf",
    "RAWMILL_DATABASE_SSLMODE": "require",
    "RAWMILL_UPLOADS_BUCKET": "uploads",
    "RAWMILL_VAULT_BUCKET": "vault",
    "RAWMILL_RESULTS_BUCKET": "results",
    "RAWMILL_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs",
    "RAWMILL_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/dead",
    "RAWMILL_VISIBILITY_TIMEOUT_S": "900",
    "RAWMILL_MAX_RECEIVES": "3",
    "RAWMILL_JOB_TIME_LIMIT_S": "600",
    "RAWMILL_JOB_LIFETIME_DAYS": "7",
}
WEB = {
    "RAWMILL_PORT": "80",
    "RAWMILL_PUBLIC_URL": "https://rawmill.example.com",
    "RAWMILL_ALLOWED_HOSTS": "rawmill.example.com, api.example.com",
    "RAWMILL_DJANGO_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:django-AbCdEf",
    "RAWMILL_SESSION_STORE_HOST": "redis",
    "RAWMILL_SESSION_STORE_PORT": "6379",
    "RAWMILL_SESSION_STORE_TLS": "1",
    "RAWMILL_SESSION_STORE_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:redis-AbCdEf",
    "RAWMILL_UPLOAD_SIGNER_ROLE_ARN": "arn:aws:iam::111122223333:role/upload",
    "RAWMILL_DOWNLOAD_SIGNER_ROLE_ARN": "arn:aws:iam::111122223333:role/download",
    "RAWMILL_LINK_LIFETIME_S": "3600",
    "RAWMILL_MAX_FILE_BYTES": "268435456",
}
MAINTENANCE = {"RAWMILL_MESSAGE_RETENTION_DAYS": "4"}
WORKER = {
    "RAWMILL_PROCESSES": "4",
    "RAWMILL_MEMORY_BYTES": "8589934592",
    "RAWMILL_STOP_TIMEOUT_S": "120",
    "RAWMILL_SCRATCH": "/scratch",
    "RAWMILL_LICENCES": '{"filter_license": 4, "watermark_license": 2}',
}


def test_each_role_reads_exactly_the_variables_that_its_task_is_given() -> None:
    assert WebConfig.variable_names() == {*COMMON, *WEB}
    assert WorkerConfig.variable_names() == {*COMMON, *WORKER}
    assert MaintenanceConfig.variable_names() == {*COMMON, *MAINTENANCE}
    assert {*COMMON, *WEB, *WORKER, *MAINTENANCE} == ALL_VARIABLES
    assert set(CONFIGS) == set(Role)


def test_values_come_typed_and_cannot_be_changed() -> None:
    web = WebConfig.from_environment({**COMMON, **WEB})
    assert (web.database_port, web.database_sslmode) == (5432, SslMode.REQUIRE)
    assert web.allowed_hosts == ("rawmill.example.com", "api.example.com")
    assert web.session_store_tls is True
    worker = WorkerConfig.from_environment({**COMMON, **WORKER})
    assert worker.licences == {"filter_license": 4, "watermark_license": 2}
    with pytest.raises(ValueError, match="frozen"):
        worker.processes = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RAWMILL_PORT", "eighty", "RAWMILL_PORT = 'eighty': should be a valid integer"),
        ("RAWMILL_PORT", "70000", "RAWMILL_PORT = '70000': should be less than or equal to 65535"),
        ("RAWMILL_PUBLIC_URL", "rawmill.example.com", "an origin like https://rawmill.example.com"),
        ("RAWMILL_PUBLIC_URL", "https://x/y", "without a path"),
        ("RAWMILL_ALLOWED_HOSTS", " , ", "at least 1 item"),
        ("RAWMILL_SESSION_STORE_TLS", "yes", "RAWMILL_SESSION_STORE_TLS = 'yes': 1 or 0"),
        ("RAWMILL_DATABASE_SSLMODE", "on", "'disable', 'prefer', 'require', 'verify-ca' or 'verify-full'"),
        ("RAWMILL_LOG_FORMAT", "xml", "should be 'json' or 'console'"),
        ("RAWMILL_DATABASE_SECRET_ARN", "db", "RAWMILL_DATABASE_SECRET_ARN = 'db': "),
        ("RAWMILL_QUEUE_URL", "jobs", "a URL that starts with https:// or http://"),
        ("RAWMILL_LINK_LIFETIME_S", "7200", "less than or equal to 3600"),
        ("RAWMILL_UPLOADS_BUCKET", "", "RAWMILL_UPLOADS_BUCKET = ''"),
        ("RAWMILL_ENVIRONMENT", "", "at least 1 character"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_is_allowed(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebConfig.from_environment({**COMMON, **WEB, name: value})
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_licence_without_a_seat_and_broken_json_are_named() -> None:
    with pytest.raises(ConfigError, match=r"RAWMILL_LICENCES = .*filter_license.*greater than or equal to 1"):
        WorkerConfig.from_environment({**COMMON, **WORKER, "RAWMILL_LICENCES": '{"filter_license": 0}'})
    with pytest.raises(ConfigError, match=r"RAWMILL_LICENCES = '\{': [Ii]nvalid JSON"):
        WorkerConfig.from_environment({**COMMON, **WORKER, "RAWMILL_LICENCES": "{"})


def test_all_faults_are_told_at_once_and_a_misspelt_variable_is_matched_with_the_missing_one() -> None:
    environment = {
        **COMMON,
        **MAINTENANCE,
        "RAWMILL_DATABASE_PORT": "0",
        "RAWMILL_QUEUE_ULR": COMMON["RAWMILL_QUEUE_URL"],
    }
    del environment["RAWMILL_QUEUE_URL"], environment["RAWMILL_ENVIRONMENT"]
    with pytest.raises(ConfigError) as caught:
        MaintenanceConfig.from_environment(environment)
    assert str(caught.value).splitlines() == [
        "RAWMILL_ENVIRONMENT: missing; it is required",
        "RAWMILL_DATABASE_PORT = '0': should be greater than or equal to 1",
        "RAWMILL_QUEUE_URL: missing; it is required (RAWMILL_QUEUE_ULR is set: misspelt?)",
    ]


@pytest.mark.parametrize(
    "command", [["web"], ["worker"], ["worker", "--until-empty"], ["sweep"], ["manage", "tenants"]]
)
def test_a_task_without_its_environment_exits_with_2_and_a_line_a_fault(command: list[str]) -> None:
    done = start(command, {"RAWMILL_DATABASE_PORT": "x"})
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert "RAWMILL_QUEUE_URL: missing; it is required" in lines
    assert any(line.startswith("RAWMILL_DATABASE_PORT = 'x': ") for line in lines)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", [[], ["serve"], ["web", "--port", "80"], ["sweep", "--every", "0"], ["sweep", "--every", "x"]]
)
def test_a_wrong_call_exits_with_2_and_the_usage(command: list[str]) -> None:
    done = start(command, COMMON)
    assert done.returncode == 2
    assert "usage: python -m service" in done.stderr


def test_a_database_that_is_not_there_is_told_in_one_line(service_environment: dict[str, str]) -> None:
    done = start(["manage", "tenants", "list"], {**service_environment, "RAWMILL_DATABASE_PORT": "1"})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "refused" in done.stderr


def test_a_secret_that_is_not_there_is_told_in_one_line(service_environment: dict[str, str]) -> None:
    arn = service_environment["RAWMILL_DATABASE_SECRET_ARN"].replace("database-", "nothing-")
    done = start(["manage", "tenants", "list"], {**service_environment, "RAWMILL_DATABASE_SECRET_ARN": arn})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "ResourceNotFoundException" in done.stderr


def start(command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """`python -m service …` with this environment and no other."""
    return subprocess.run(
        [sys.executable, "-m", "service", *command],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
