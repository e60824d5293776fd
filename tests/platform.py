"""Real parts for the tests of the service: PostgreSQL, a session store and AWS endpoints, one set per test process.

The servers start once per test process and end with it. What a test changes is its own: a database copied from a
migrated template, a queue with its dead-letter queue, buckets, secrets and signer roles. `service_environment` is the
environment that a task definition would give the service, over all of these.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import psycopg
import pytest
from botocore.config import Config
from psycopg import sql

from local.aws.endpoints import ACCOUNT, ROOT, AwsAddress, AwsEndpoints
from local.postgres import Postgres, PostgresAddress
from local.session_store import SessionStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

VISIBILITY_TIMEOUT_S = 30
MAX_RECEIVES = 3


@dataclass(frozen=True)
class Aws:
    """The endpoints as tests use them."""

    address: AwsAddress

    @property
    def endpoint(self) -> str:
        """URL of every service."""
        return self.address.url

    @cached_property
    def session(self) -> boto3.Session:
        """Root credentials of the local account."""
        return boto3.Session(
            aws_access_key_id=self.address.access_key,
            aws_secret_access_key=self.address.secret_key,
            region_name=self.address.region,
        )

    @cached_property
    def s3(self) -> "S3Client":
        """Object storage, as its root user."""
        config = Config(s3={"addressing_style": "path"})
        return self.session.client("s3", endpoint_url=self.endpoint, config=config)

    @cached_property
    def sqs(self) -> "SQSClient":
        """Queues, as their root user."""
        return self.session.client("sqs", endpoint_url=self.endpoint)

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """Secrets, as their root user."""
        return self.session.client("secretsmanager", endpoint_url=self.endpoint)

    @cached_property
    def iam(self) -> Any:
        """Roles, as the root user."""
        return self.session.client("iam", endpoint_url=self.endpoint)


@dataclass(frozen=True, kw_only=True)
class Database:
    """One test's database and the secret that opens it."""

    address: PostgresAddress
    name: str
    user: str
    password: str
    secret_arn: str

    @property
    def url(self) -> str:
        """As psycopg takes it, for the user of the service."""
        return f"postgresql://{self.user}:{self.password}@{self.address.host}:{self.address.port}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What the stacks would have made: one queue pair, three buckets, secrets and signer roles, for one test alone."""

    queue_url: str
    dead_letter_queue_url: str
    uploads_bucket: str
    vault_bucket: str
    results_bucket: str
    django_secret_arn: str
    session_store_secret_arn: str
    upload_signer_role_arn: str
    download_signer_role_arn: str


@pytest.fixture(scope="session")
def platform_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data and logs of this test process's servers."""
    return tmp_path_factory.mktemp("platform")


@pytest.fixture(scope="session")
def postgres(platform_folder: Path) -> Iterator[Postgres]:
    """A server that gives up surviving a power cut for speed."""
    with Postgres(platform_folder / "postgres", log=platform_folder / "postgres.log", durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def session_store(platform_folder: Path) -> Iterator[SessionStore]:
    """A server that asks for a password."""
    folder, log = platform_folder / "session-store", platform_folder / "session-store.log"
    with SessionStore(folder, log=log, password=secrets.token_urlsafe(16)) as server:
        yield server


@pytest.fixture(scope="session")
def aws(platform_folder: Path) -> Iterator[Aws]:
    """AWS endpoints in memory."""
    with AwsEndpoints(platform_folder / "aws", log=platform_folder / "aws.log", persistent=False) as endpoints:
        yield Aws(endpoints.address)


@pytest.fixture(scope="session")
def new_database(postgres: Postgres, aws: Aws) -> Callable[..., Database]:
    """Makes a database with a user and a secret of its own: `new_database(template="…")`."""

    def make(template: str = "template1") -> Database:
        name = f"test_{uuid4().hex}"
        user, password = f"service_{uuid4().hex[:12]}", secrets.token_urlsafe(16)
        with psycopg.connect(postgres.address.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(user), sql.Literal(password))
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(template), sql.Identifier(user)
                )
            )
        if template != "template1":
            _hand_over(postgres.address, database=name, user=user)
        secret = aws.secrets.create_secret(
            Name=f"database-{name}", SecretString=json.dumps({"username": user, "password": password})
        )
        return Database(address=postgres.address, name=name, user=user, password=password, secret_arn=secret["ARN"])

    return make


@pytest.fixture(scope="session")
def migrated_template(
    new_database: Callable[..., Database], new_resources: Callable[[], Resources], session_store: SessionStore, aws: Aws
) -> str:
    """Name of a database that has all migrations; copying it is faster than migrating."""
    database = new_database()
    environment = environment_of(aws=aws, database=database, resources=new_resources(), session_store=session_store)
    subprocess.run(
        [sys.executable, "-m", "service", "manage", "migrate", "--verbosity", "0"],
        check=True,
        env={**os.environ, **environment},
        cwd=ROOT,
    )
    return database.name


@pytest.fixture
def empty_database(new_database: Callable[..., Database], postgres: Postgres) -> Iterator[Database]:
    """A database without any table, dropped after the test."""
    database = new_database()
    yield database
    _drop(postgres.address, database)


@pytest.fixture
def database(new_database: Callable[..., Database], migrated_template: str, postgres: Postgres) -> Iterator[Database]:
    """A fresh database with all migrations, dropped after the test."""
    database = new_database(template=migrated_template)
    yield database
    _drop(postgres.address, database)


@pytest.fixture(scope="session")
def new_resources(aws: Aws, session_store: SessionStore) -> Callable[[], Resources]:
    """Makes a set of queues, buckets, secrets and roles."""

    def make() -> Resources:
        name = f"test-{uuid4().hex}"
        dead_letters = aws.sqs.create_queue(QueueName=f"{name}-dead", Attributes={"MessageRetentionPeriod": "1209600"})[
            "QueueUrl"
        ]
        arn = aws.sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        queue = aws.sqs.create_queue(
            QueueName=name,
            Attributes={
                "VisibilityTimeout": str(VISIBILITY_TIMEOUT_S),
                "MessageRetentionPeriod": "345600",
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES}),
            },
        )["QueueUrl"]
        buckets = {part: f"{name}-{part}" for part in ("uploads", "vault", "results")}
        for bucket in buckets.values():
            aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        django = aws.secrets.create_secret(Name=f"{name}-django", SecretString=secrets.token_urlsafe(48))["ARN"]
        store = aws.secrets.create_secret(Name=f"{name}-store", SecretString=session_store.password)["ARN"]
        signers = {
            which: _signer(aws, f"{name[:40]}-{which}", actions, f"arn:aws:s3:::{buckets[bucket]}/{prefix}/*")
            for which, actions, bucket, prefix in (
                (
                    "upload",
                    ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
                    "uploads",
                    "uploads",
                ),
                ("download", ["s3:GetObject"], "results", "results"),
            )
        }
        return Resources(
            queue_url=queue,
            dead_letter_queue_url=dead_letters,
            uploads_bucket=buckets["uploads"],
            vault_bucket=buckets["vault"],
            results_bucket=buckets["results"],
            django_secret_arn=django,
            session_store_secret_arn=store,
            upload_signer_role_arn=signers["upload"],
            download_signer_role_arn=signers["download"],
        )

    return make


@pytest.fixture
def resources(new_resources: Callable[[], Resources]) -> Resources:
    """This test's queues, buckets, secrets and roles."""
    return new_resources()


@pytest.fixture
def service_environment(
    aws: Aws, database: Database, resources: Resources, session_store: SessionStore, tmp_path: Path
) -> dict[str, str]:
    """Every variable that web, worker and maintenance read, over this test's own parts."""
    return environment_of(
        aws=aws, database=database, resources=resources, session_store=session_store, scratch=tmp_path / "scratch"
    )


def environment_of(
    *,
    aws: Aws,
    database: Database,
    resources: Resources,
    session_store: SessionStore,
    scratch: Path = Path("/scratch"),
) -> dict[str, str]:
    """What the task definitions give, all roles in one, and what makes AWS SDKs talk to the local endpoints."""
    return {
        **aws.address.environment(),
        "RAWMILL_ENVIRONMENT": "test",
        "RAWMILL_LOG_FORMAT": "json",
        "RAWMILL_METRICS_NAMESPACE": "Rawmill/test",
        "RAWMILL_DATABASE_HOST": database.address.host,
        "RAWMILL_DATABASE_PORT": str(database.address.port),
        "RAWMILL_DATABASE_NAME": database.name,
        "RAWMILL_DATABASE_SECRET_ARN": database.secret_arn,
        "RAWMILL_DATABASE_SSLMODE": "disable",
        "RAWMILL_UPLOADS_BUCKET": resources.uploads_bucket,
        "RAWMILL_VAULT_BUCKET": resources.vault_bucket,
        "RAWMILL_RESULTS_BUCKET": resources.results_bucket,
        "RAWMILL_QUEUE_URL": resources.queue_url,
        "RAWMILL_DEAD_LETTER_QUEUE_URL": resources.dead_letter_queue_url,
        "RAWMILL_VISIBILITY_TIMEOUT_S": str(VISIBILITY_TIMEOUT_S),
        "RAWMILL_MAX_RECEIVES": str(MAX_RECEIVES),
        "RAWMILL_JOB_TIME_LIMIT_S": "25",
        "RAWMILL_JOB_LIFETIME_DAYS": "7",
        "RAWMILL_MESSAGE_RETENTION_DAYS": "4",
        "RAWMILL_PORT": "8000",
        "RAWMILL_PUBLIC_URL": "http://127.0.0.1:8000",
        "RAWMILL_ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
        "RAWMILL_DJANGO_SECRET_ARN": resources.django_secret_arn,
        "RAWMILL_SESSION_STORE_HOST": session_store.host,
        "RAWMILL_SESSION_STORE_PORT": str(session_store.port),
        "RAWMILL_SESSION_STORE_TLS": "0",
        "RAWMILL_SESSION_STORE_SECRET_ARN": resources.session_store_secret_arn,
        "RAWMILL_UPLOAD_SIGNER_ROLE_ARN": resources.upload_signer_role_arn,
        "RAWMILL_DOWNLOAD_SIGNER_ROLE_ARN": resources.download_signer_role_arn,
        "RAWMILL_LINK_LIFETIME_S": "3600",
        "RAWMILL_MAX_FILE_BYTES": str(256 * 1024**2),
        "RAWMILL_PROCESSES": "1",
        "RAWMILL_MEMORY_BYTES": str(2 * 1024**3),
        "RAWMILL_STOP_TIMEOUT_S": "10",
        "RAWMILL_SCRATCH": str(scratch),
        "RAWMILL_LICENCES": "{}",
    }


def _signer(aws: Aws, name: str, actions: list[str], resource: str) -> str:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    policy = {"Effect": "Allow", "Action": actions, "Resource": resource}
    role = aws.iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    aws.iam.put_role_policy(
        RoleName=name,
        PolicyName="links",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [policy]}),
    )
    return str(role["Role"]["Arn"])


def _hand_over(address: PostgresAddress, *, database: str, user: str) -> None:
    """Make `user` the owner of everything in a copied database."""
    with psycopg.connect(address.url(database), autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(user)))
        owned = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        ).fetchall()
        for (table,) in owned:
            # Sequences of identity columns follow their table.
            connection.execute(
                sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(table), sql.Identifier(user))
            )


def _drop(address: PostgresAddress, database: Database) -> None:
    with psycopg.connect(address.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(database.user)))
