"""The function that empties the default security group, against a recorded EC2 and a CloudFormation of our own."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

INDEX = Path(__file__).resolve().parents[2] / "lambda" / "close_default_security_group" / "index.py"


class ClientError(Exception):
    """As botocore raises it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


class Ec2:
    """Records what is revoked; refuses with an error code when told to."""

    def __init__(self) -> None:
        self.revoked: list[tuple[str, str, list[dict[str, Any]]]] = []
        self.refuse: str | None = None

    def _revoke(self, direction: str, group: str, rules: list[dict[str, Any]]) -> None:
        if self.refuse:
            raise ClientError(self.refuse)
        self.revoked.append((direction, group, rules))

    def revoke_security_group_ingress(self, *, GroupId: str, IpPermissions: list[dict[str, Any]]) -> None:  # noqa: N803
        self._revoke("ingress", GroupId, IpPermissions)

    def revoke_security_group_egress(self, *, GroupId: str, IpPermissions: list[dict[str, Any]]) -> None:  # noqa: N803
        self._revoke("egress", GroupId, IpPermissions)


@pytest.fixture
def ec2() -> Ec2:
    return Ec2()


@pytest.fixture
def function(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function's module, with the AWS client replaced."""
    monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=lambda _: ec2))
    monkeypatch.setitem(sys.modules, "botocore", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "botocore.exceptions", SimpleNamespace(ClientError=ClientError))
    spec = importlib.util.spec_from_file_location("close_default_security_group", INDEX)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cloudformation() -> Iterator[SimpleNamespace]:
    """Where answers are put: `url`, and the `answers` so far."""
    answers: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/answer", answers=answers)
    server.shutdown()
    thread.join()
    server.server_close()


def _event(url: str, kind: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Closed",
        "ResourceProperties": {"GroupId": "sg-1", "Account": "111122223333", "ServiceToken": "arn"},
    }


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_both_rules_of_a_new_default_group_are_revoked(
    function: ModuleType, ec2: Ec2, cloudformation: SimpleNamespace, kind: str
) -> None:
    function.handler(_event(cloudformation.url, kind), None)
    inside = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "111122223333"}]}
    outside = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    assert ec2.revoked == [("ingress", "sg-1", [inside]), ("egress", "sg-1", [outside])]
    assert cloudformation.answers == [
        {
            "Status": "SUCCESS",
            "PhysicalResourceId": "sg-1",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Closed",
        }
    ]


def test_a_group_that_is_closed_already_is_a_success(
    function: ModuleType, ec2: Ec2, cloudformation: SimpleNamespace
) -> None:
    ec2.refuse = "InvalidPermission.NotFound"
    function.handler(_event(cloudformation.url, "Create"), None)
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"]


def test_a_refusal_of_ec2_fails_the_deployment_and_says_so(
    function: ModuleType, ec2: Ec2, cloudformation: SimpleNamespace
) -> None:
    ec2.refuse = "UnauthorizedOperation"
    function.handler(_event(cloudformation.url, "Create"), None)
    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == "The default security group stays open: UnauthorizedOperation"


def test_deleting_the_resource_leaves_the_group_closed(
    function: ModuleType, ec2: Ec2, cloudformation: SimpleNamespace
) -> None:
    function.handler(_event(cloudformation.url, "Delete"), None)
    assert ec2.revoked == []
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"]
