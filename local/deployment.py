"""Deploys our own synthesized templates into the local AWS endpoints, the way `cdk deploy` would, without its command.

Buckets, queues, secrets, roles and task definitions are made by CloudFormation from the same templates as on AWS.
"""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from local.assembly import Assembly, FileAsset, Stack
from local.clients import Clients
from local.errors import LocalError, LocalReason

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import CapabilityType

# What `cdk bootstrap` leaves behind; the templates check the version.
_BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
_BOOTSTRAP_VERSION = "30"
_POLL_S = 0.1
_TIMEOUT_S = 180
_CAPABILITIES: "Sequence[CapabilityType]" = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")


def deploy(assembly: Assembly, clients: Clients, *, said: Callable[[str], None] = lambda _: None) -> None:
    """Bring every stack to its template; `said` is told of each stack that changes.

    Raises `LocalError` with what CloudFormation says when a stack does not get there.
    """
    files = assembly.files()
    _bootstrap(clients, {asset.bucket for asset in files})
    _publish(clients, files)
    for stack in assembly.stacks():
        outcome = _deploy_stack(clients, stack, _template_url(clients, files, stack))
        if outcome is not None:
            said(f"{stack.name} {outcome}")


def _bootstrap(clients: Clients, buckets: Iterable[str]) -> None:
    have = {bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]}
    for bucket in sorted(set(buckets) - have):
        clients.s3.create_bucket(
            Bucket=bucket,
            CreateBucketConfiguration={"LocationConstraint": clients.region},  # type: ignore[typeddict-item]
        )
    clients.ssm.put_parameter(Name=_BOOTSTRAP_PARAMETER, Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True)


def _publish(clients: Clients, files: Iterable[FileAsset]) -> None:
    """Upload what is not there yet: keys are digests of the content."""
    for asset in files:
        try:
            clients.s3.head_object(Bucket=asset.bucket, Key=asset.key)
        except ClientError:
            body = _zipped(asset.source) if asset.zipped else asset.source.read_bytes()
            clients.s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=body)


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes())
    return buffer.getvalue()


def _template_url(clients: Clients, files: Iterable[FileAsset], stack: Stack) -> str:
    """Where the template lies as an asset; its size as an argument of a call is limited, here is not."""
    for asset in files:
        if asset.source == stack.template:
            return f"{clients.endpoint}/{asset.bucket}/{asset.key}"
    raise LocalError(LocalReason.DEPLOYMENT_FAILED, f"the assembly does not publish {stack.template.name}")


def _deploy_stack(clients: Clients, stack: Stack, url: str) -> str | None:
    """What happened: "created", "updated", or None when nothing had to change."""
    cloudformation = clients.cloudformation
    status = _status(cloudformation, stack.name)
    if status in ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"):
        # What a failed first deployment leaves can only be deleted, as on AWS.
        cloudformation.delete_stack(StackName=stack.name)
        _settled(cloudformation, stack.name)
        status = None
    try:
        if status is None:
            cloudformation.create_stack(
                StackName=stack.name, TemplateURL=url, Capabilities=_CAPABILITIES, OnFailure="DO_NOTHING"
            )
        elif _same_template(cloudformation, stack):
            return None
        else:
            cloudformation.update_stack(StackName=stack.name, TemplateURL=url, Capabilities=_CAPABILITIES)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "No updates are to be performed" in message:
            return None
        raise LocalError(LocalReason.TEMPLATE_REFUSED, f"the template of {stack.name} is refused: {message}") from error
    reached = _settled(cloudformation, stack.name)
    if reached not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise LocalError(
            LocalReason.DEPLOYMENT_FAILED,
            f"{stack.name} ended as {reached}: {failed_events(cloudformation, stack.name) or 'it does not say why'}",
        )
    return "created" if status is None else "updated"


def _same_template(cloudformation: "CloudFormationClient", stack: Stack) -> bool:
    deployed: object = cloudformation.get_template(StackName=stack.name)["TemplateBody"]
    wanted: object = json.loads(stack.template.read_text())
    # boto3 parses a template that is valid JSON by itself.
    return (json.loads(deployed) if isinstance(deployed, str) else deployed) == wanted


def _settled(cloudformation: "CloudFormationClient", name: str) -> str | None:
    deadline = time.monotonic() + _TIMEOUT_S
    while (status := _status(cloudformation, name)) is not None and status.endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise LocalError(LocalReason.DEPLOYMENT_FAILED, f"{name} is still {status} after {_TIMEOUT_S} s")
        time.sleep(_POLL_S)
    return status


def _status(cloudformation: "CloudFormationClient", name: str) -> str | None:
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def failed_events(cloudformation: "CloudFormationClient", name: str) -> str:
    """What failed in a stack and why, the first failure first; "" when nothing did, or there is no such stack."""
    if _status(cloudformation, name) is None:
        return ""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [
        f"{event.get('LogicalResourceId')} ({event.get('ResourceType')}): {event.get('ResourceStatusReason')}"
        for event in reversed(events)
        if event.get("ResourceStatus", "").endswith("_FAILED")
    ]
    return "; ".join(failed)
