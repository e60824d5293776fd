"""Finds the AWS calls that code makes, by reading it: method names of boto3's clients become the actions they need."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

from audit.iam.calls import Calls
from audit.iam.findings import Finding

SERVICES = ("cloudwatch", "ec2", "ecs", "events", "kms", "s3", "secretsmanager", "sns", "sqs", "ssm", "sts")

_NAMED_BY_TEXT = frozenset({"generate_presigned_url", "get_paginator", "get_waiter"})
"""Methods whose first argument names the operation."""

_ACTIONS: dict[str, tuple[str, ...]] = {
    "change_message_visibility_batch": ("sqs:ChangeMessageVisibility",),
    "complete_multipart_upload": ("s3:PutObject",),
    "copy_object": ("s3:GetObject", "s3:PutObject"),
    "create_multipart_upload": ("s3:PutObject",),
    "delete_message_batch": ("sqs:DeleteMessage",),
    "download_file": ("s3:GetObject",),
    "download_fileobj": ("s3:GetObject",),
    "head_object": ("s3:GetObject",),
    "list_parts": ("s3:ListMultipartUploadParts",),
    "send_message_batch": ("sqs:SendMessage",),
    "upload_file": ("s3:PutObject", "s3:AbortMultipartUpload"),
    "upload_fileobj": ("s3:PutObject", "s3:AbortMultipartUpload"),
    "upload_part": ("s3:PutObject",),
}
"""Operations whose permission has another name (service authorization reference)."""


@dataclass(frozen=True, slots=True, order=True)
class CodeCall:
    """One call in the code."""

    action: str
    file: str
    line: int


def scan(root: Path, package: str) -> Iterator[CodeCall]:
    """The calls of every module below a package, such as `service` or `lambda.burst`."""
    folder = root.joinpath(*package.split("."))
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for node in ast.walk(tree):
            for operation, line in _operation_names(node):
                for action in _actions(operation):
                    yield CodeCall(action=action, file=str(path.relative_to(root)), line=line)


def code_findings(root: Path, calls: Calls) -> Iterator[Finding]:
    """Calls in the code that no role is listed for, and listed calls that the code does not make."""
    listed: dict[str, set[str]] = {}
    for role in calls.roles:
        for call in role.calls:
            if call.code is not None:
                listed.setdefault(call.code, set()).update(call.actions)
    for package, actions in sorted(listed.items()):
        found = list(scan(root, package))
        for code_call in found:
            if code_call.action not in actions:
                what = f"{code_call.file}:{code_call.line} needs {code_call.action}, which no role is listed for"
                yield Finding(kind="insufficient", subject=package, what=what)
        for action in sorted(actions - {code_call.action for code_call in found}):
            what = f"{action} is listed, and nothing in {package} calls it"
            yield Finding(kind="unused", subject=package, what=what)


def _operation_names(node: ast.AST) -> Iterator[tuple[str, int]]:
    """What a piece of code names that could be an operation: a method, called here or handed on, or a text for one."""
    if isinstance(node, ast.Attribute):
        yield node.attr, node.lineno
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _NAMED_BY_TEXT:
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant):
            yield str(first.value), node.lineno


def _actions(operation: str) -> tuple[str, ...]:
    if operation in _ACTIONS:
        return _ACTIONS[operation]
    action = _operations().get(operation)
    return (action,) if action else ()


@cache
def _operations() -> dict[str, str]:
    """The action of every method of the clients that we know; of a name that several have, the first one's."""
    session = botocore.session.get_session()
    found: dict[str, str] = {}
    for service in SERVICES:
        model = session.get_service_model(service)
        for operation in model.operation_names:
            found.setdefault(xform_name(operation), f"{service}:{operation}")
    return found
