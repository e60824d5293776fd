"""Processes of the platform have the permissions of their task's role, and no others."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.credentials import TaskCredentials
from local.rehearsal.refusals import Refusals
from local.tasks import Part, Task, deployed_tasks
from tests.local.conftest import Deployed

_S3 = Config(s3={"addressing_style": "path"}, signature_version="s3v4")


@pytest.fixture(scope="module")
def tasks(deployed: Deployed) -> dict[Part, Task]:
    """The deployed tasks."""
    return deployed_tasks(deployed.clients.ecs)


@pytest.fixture(scope="module")
def credentials(deployed: Deployed, tasks: dict[Part, Task]) -> Iterator[TaskCredentials]:
    """The address where processes ask for their credentials."""
    roles = {part.value: task.role_arn for part, task in tasks.items()}
    with TaskCredentials(deployed.clients.client("sts"), roles) as served:
        yield served


@pytest.fixture
def client_of(
    deployed: Deployed, credentials: TaskCredentials, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Part, str], Any]:
    """`client_of(part, service)`: a client as the process of that part makes it, credentials from its environment."""

    def make(part: Part, service: str) -> Any:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        told = {**deployed.endpoints.address.endpoint_environment(), **credentials.environment(part.value)}
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        session = boto3.Session(region_name="eu-west-1")
        return session.client(service, config=_S3 if service == "s3" else None)  # type: ignore[call-overload]

    return make


def test_a_worker_keeps_originals_in_the_vault_and_puts_nothing_into_uploads(
    client_of: Callable[[Part, str], Any], tasks: dict[Part, Task]
) -> None:
    told, s3 = tasks[Part.WORKER].environment, client_of(Part.WORKER, "s3")
    s3.put_object(Bucket=told["RAWMILL_VAULT_BUCKET"], Key="originals/a", Body=b"raw")
    assert s3.get_object(Bucket=told["RAWMILL_VAULT_BUCKET"], Key="originals/a")["Body"].read() == b"raw"
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=told["RAWMILL_UPLOADS_BUCKET"], Key="uploads/a", Body=b"raw")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=told["RAWMILL_VAULT_BUCKET"], Key="elsewhere/a", Body=b"raw")


def test_the_vault_gives_nothing_through_a_link(client_of: Callable[[Part, str], Any], tasks: dict[Part, Task]) -> None:
    bucket, s3 = tasks[Part.WORKER].environment["RAWMILL_VAULT_BUCKET"], client_of(Part.WORKER, "s3")
    s3.put_object(Bucket=bucket, Key="originals/linked", Body=b"raw")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "originals/linked"})
    assert httpx.get(link).status_code == 403


def test_a_worker_takes_messages_of_jobs_and_only_adds_to_the_dead_letters(
    client_of: Callable[[Part, str], Any], tasks: dict[Part, Task]
) -> None:
    told, sqs = tasks[Part.WORKER].environment, client_of(Part.WORKER, "sqs")
    sqs.receive_message(QueueUrl=told["RAWMILL_QUEUE_URL"], WaitTimeSeconds=0)
    sqs.send_message(QueueUrl=told["RAWMILL_DEAD_LETTER_QUEUE_URL"], MessageBody="{}")
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.receive_message(QueueUrl=told["RAWMILL_DEAD_LETTER_QUEUE_URL"])


def test_a_batch_needs_the_permission_of_its_single_call(
    client_of: Callable[[Part, str], Any], tasks: dict[Part, Task]
) -> None:
    told = tasks[Part.WEB].environment
    entries = [{"Id": "0", "MessageBody": "{}"}]
    sent = client_of(Part.WEB, "sqs").send_message_batch(QueueUrl=told["RAWMILL_QUEUE_URL"], Entries=entries)
    assert len(sent["Successful"]) == 1
    with pytest.raises(ClientError, match="AccessDenied"):
        client_of(Part.WEB, "sqs").send_message_batch(QueueUrl=told["RAWMILL_DEAD_LETTER_QUEUE_URL"], Entries=entries)


def test_only_web_reads_the_secrets_of_the_web(client_of: Callable[[Part, str], Any], tasks: dict[Part, Task]) -> None:
    arn = tasks[Part.WEB].environment["RAWMILL_DJANGO_SECRET_ARN"]
    assert client_of(Part.WEB, "secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    for part in (Part.WORKER, Part.SWEEP):
        with pytest.raises(ClientError, match="AccessDenied"):
            client_of(part, "secretsmanager").get_secret_value(SecretId=arn)


def test_links_are_signed_by_roles_that_web_alone_may_take_on(
    deployed: Deployed, client_of: Callable[[Part, str], Any], tasks: dict[Part, Task]
) -> None:
    told = tasks[Part.WEB].environment
    signer = told["RAWMILL_UPLOAD_SIGNER_ROLE_ARN"]
    with pytest.raises(ClientError, match="AccessDenied"):
        client_of(Part.WORKER, "sts").assume_role(RoleArn=signer, RoleSessionName="worker")
    taken = client_of(Part.WEB, "sts").assume_role(RoleArn=signer, RoleSessionName="web")["Credentials"]
    s3 = boto3.client(
        "s3",
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
        endpoint_url=deployed.clients.endpoint,
        region_name="eu-west-1",
        config=_S3,
    )

    def put(bucket: str, key: str) -> int:
        link = s3.generate_presigned_url("put_object", Params={"Bucket": told[bucket], "Key": key}, ExpiresIn=60)
        return httpx.put(link, content=b"raw").status_code

    assert put("RAWMILL_UPLOADS_BUCKET", "uploads/a") == 200
    assert put("RAWMILL_UPLOADS_BUCKET", "elsewhere/a") == 403
    assert put("RAWMILL_RESULTS_BUCKET", "results/a") == 403


def test_credentials_are_given_to_nobody_without_the_token(credentials: TaskCredentials) -> None:
    told = credentials.environment("web")
    url = told["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    assert httpx.get(url).status_code == 403
    assert httpx.get(url, headers={"Authorization": "guess"}).status_code == 403
    token = {"Authorization": told["AWS_CONTAINER_AUTHORIZATION_TOKEN"]}
    given = httpx.get(url, headers=token)
    assert given.json()["RoleArn"].startswith("arn:aws:iam::")
    assert (
        httpx.get(f"{url}er", headers={"Authorization": told["AWS_CONTAINER_AUTHORIZATION_TOKEN"]}).status_code == 404
    )


@pytest.fixture
def burst(deployed: Deployed) -> tuple[Any, dict[str, str]]:
    """An ECS client with the role of the burst function, and what the function is told."""
    functions = deployed.clients.client("lambda")
    configurations = [
        functions.get_function_configuration(FunctionName=name)
        for name in deployed.resources("AWS::Lambda::Function").values()
    ]
    [configuration] = [each for each in configurations if "CLUSTER" in each.get("Environment", {}).get("Variables", {})]
    taken = deployed.clients.client("sts").assume_role(RoleArn=configuration["Role"], RoleSessionName="burst")
    session = boto3.Session(
        aws_access_key_id=taken["Credentials"]["AccessKeyId"],
        aws_secret_access_key=taken["Credentials"]["SecretAccessKey"],
        aws_session_token=taken["Credentials"]["SessionToken"],
        region_name="eu-west-1",
    )
    return session.client("ecs", endpoint_url=deployed.clients.endpoint), configuration["Environment"]["Variables"]


def test_the_burst_function_counts_and_starts_its_own_tasks_in_its_own_cluster_alone(
    burst: tuple[Any, dict[str, str]], tasks: dict[Part, Task]
) -> None:
    ecs, told = burst
    assert ecs.list_tasks(cluster=told["CLUSTER"])["taskArns"] == []
    with pytest.raises(ClientError, match="AccessDenied"):
        ecs.list_tasks(cluster="elsewhere")
    with pytest.raises(ClientError, match="AccessDenied"):
        ecs.run_task(cluster=told["CLUSTER"], taskDefinition=tasks[Part.WEB].arn, count=1)
    with pytest.raises(ClientError, match="AccessDenied"):
        ecs.run_task(cluster="elsewhere", taskDefinition=told["TASK_DEFINITION"], count=1)
    [task] = ecs.run_task(cluster=told["CLUSTER"], taskDefinition=told["TASK_DEFINITION"], count=1)["tasks"]
    assert ecs.list_tasks(cluster=told["CLUSTER"])["taskArns"] == [task["taskArn"]]


def test_a_refusal_is_in_the_log_even_when_the_caller_keeps_it_to_itself(
    deployed: Deployed, client_of: Callable[[Part, str], Any], tasks: dict[Part, Task]
) -> None:
    refusals = Refusals(deployed.endpoints.process.program.log)
    with pytest.raises(ClientError):
        client_of(Part.WORKER, "s3").put_object(
            Bucket=tasks[Part.WORKER].environment["RAWMILL_UPLOADS_BUCKET"], Key="x"
        )
    [refusal] = refusals.seen()
    assert refusal.action == "s3:PutObject"
    assert tasks[Part.WORKER].role_arn.endswith(f"/{refusal.role}")
