"""Takes every rule out of a VPC's default security group, which CloudFormation can neither delete nor empty.

A custom resource with the properties `GroupId` and `Account`. Deployed inline, so it stays within 4096 characters and
the standard library plus boto3. Deleting the resource leaves the group closed: it goes with its VPC.
"""

import json
import urllib.request
from typing import Any

import boto3
from botocore.exceptions import ClientError


def handler(event: dict[str, Any], _context: object) -> None:
    """Answer CloudFormation's request; a failure is an answer too, else the stack would wait for an hour."""
    answer = {"Status": "SUCCESS"}
    try:
        if event["RequestType"] != "Delete":
            close(boto3.client("ec2"), **{key: event["ResourceProperties"][key] for key in ("GroupId", "Account")})
    except Exception as error:
        print(repr(error))
        answer = {"Status": "FAILED", "Reason": f"The default security group stays open: {error}"}
    send(event, answer)


def close(ec2: Any, GroupId: str, Account: str) -> None:
    """Revoke the two rules that every default group is born with; rules already gone are no error."""
    inside = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": GroupId, "UserId": Account}]}
    outside = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    for revoke, rule in (
        (ec2.revoke_security_group_ingress, inside),
        (ec2.revoke_security_group_egress, outside),
    ):
        try:
            revoke(GroupId=GroupId, IpPermissions=[rule])
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidPermission.NotFound":
                raise


def send(event: dict[str, Any], answer: dict[str, str]) -> None:
    """Put the answer where CloudFormation looks for it."""
    body = {
        **answer,
        "PhysicalResourceId": event["ResourceProperties"]["GroupId"],
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    request = urllib.request.Request(event["ResponseURL"], data=json.dumps(body).encode(), method="PUT")
    # The address is signed for exactly this header.
    request.add_header("Content-Type", "")
    with urllib.request.urlopen(request, timeout=30) as response:
        print(response.status, body["Status"])
