"""Permissions are compared by what they allow: another way to write them is no change, and a wider one is."""

from pathlib import Path
from typing import Any

from audit.iam.model import read_policies
from audit.review.permissions import About, PermissionChange, Turn, permission_changes
from tests.audit.review.pairs import assemblies, resource

ARN = "arn:aws:s3:::photos/*"


def allow(*actions: str, resource: Any = ARN, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def role(*statements: dict[str, Any], service: str = "ecs-tasks.amazonaws.com", **more: Any) -> dict[str, Any]:
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}]}
    policy = {"PolicyName": "p", "PolicyDocument": {"Statement": list(statements)}}
    return resource("IAM::Role", AssumeRolePolicyDocument=trust, Policies=[policy], **more)


def compared(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> list[PermissionChange]:
    base, head = assemblies(folder, {"Resources": before}, {"Resources": after})
    return list(permission_changes(read_policies(base), read_policies(head)))


def told(found: list[PermissionChange]) -> list[tuple[str, str, str]]:
    return [(item.turn.value, grant.action, grant.resource) for item in found for grant in item.grants]


def test_statements_that_are_cut_differently_allow_the_same(tmp_path: Path) -> None:
    before = role(allow("s3:GetObject", "s3:PutObject"))
    after = role(allow("s3:PutObject"), allow("s3:getobject"))
    assert compared(tmp_path, {"R": before}, {"R": after}) == []


def test_a_new_action_is_gained_and_a_missing_one_is_lost(tmp_path: Path) -> None:
    found = compared(tmp_path, {"R": role(allow("s3:GetObject"))}, {"R": role(allow("s3:DeleteObject"))})
    assert told(found) == [("gained", "s3:deleteobject", ARN), ("lost", "s3:getobject", ARN)]


def test_what_a_wider_grant_covered_already_is_not_gained(tmp_path: Path) -> None:
    found = compared(tmp_path, {"R": role(allow("s3:*", resource="*"))}, {"R": role(allow("s3:GetObject"))})
    assert told(found) == [("lost", "s3:*", "*")]


def test_a_wildcard_in_place_of_a_resource_is_gained(tmp_path: Path) -> None:
    found = compared(tmp_path, {"R": role(allow("s3:GetObject"))}, {"R": role(allow("s3:GetObject", resource="*"))})
    assert told(found) == [("gained", "s3:getobject", "*")]


def test_a_condition_that_goes_gives_more_and_one_that_comes_takes(tmp_path: Path) -> None:
    bound = allow("s3:GetObject", Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})
    free = allow("s3:GetObject")
    assert told(compared(tmp_path / "1", {"R": role(bound)}, {"R": role(free)})) == [("gained", "s3:getobject", ARN)]
    assert told(compared(tmp_path / "2", {"R": role(free)}, {"R": role(bound)})) == [("lost", "s3:getobject", ARN)]


def test_one_more_value_of_a_condition_gives_more_and_takes_nothing(tmp_path: Path) -> None:
    one, both = (
        allow("s3:GetObject", Condition={"StringEquals": {"aws:SourceVpce": values}})
        for values in (["vpce-1"], ["vpce-1", "vpce-2"])
    )
    assert told(compared(tmp_path, {"R": role(one)}, {"R": role(both)})) == [("gained", "s3:getobject", ARN)]


def test_a_prohibition_that_goes_gives_more(tmp_path: Path) -> None:
    deny = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": ARN}
    (found,) = compared(tmp_path, {"R": role(allow("s3:*"), deny)}, {"R": role(allow("s3:*"))})
    assert (found.turn, [grant.allow for grant in found.grants]) == (Turn.GAINED, [False])


def test_a_grant_that_something_else_refuses_is_told_as_idle(tmp_path: Path) -> None:
    deny = {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}
    before, after = role(allow("s3:GetObject"), deny), role(allow("s3:GetObject", "s3:DeleteObject"), deny)
    (found,) = compared(tmp_path, {"R": before}, {"R": after})
    assert found.idle == found.grants


def test_who_may_take_a_role_is_told_apart(tmp_path: Path) -> None:
    found = compared(tmp_path, {"R": role(allow("s3:*"))}, {"R": role(allow("s3:*"), service="ec2.amazonaws.com")})
    assert [(item.about, item.turn, item.grants[0].who) for item in found] == [
        (About.TRUST, Turn.GAINED, "ec2.amazonaws.com"),
        (About.TRUST, Turn.LOST, "ecs-tasks.amazonaws.com"),
    ]


def test_a_boundary_that_goes_lifts_what_a_role_may_do_at_most(tmp_path: Path) -> None:
    before = role(allow("s3:*"), PermissionsBoundary="arn:aws:iam::111122223333:policy/limit")
    found = compared(tmp_path, {"R": before}, {"R": role(allow("s3:*"))})
    assert (Turn.GAINED, "*") in {(item.turn, item.grants[0].action) for item in found if item.about is About.BOUNDARY}


def test_the_policy_of_a_bucket_is_compared_by_who_may_do_what(tmp_path: Path) -> None:
    def bucket(principal: Any) -> dict[str, Any]:
        statement = allow("s3:GetObject", Principal=principal)
        document = {"Statement": [statement]}
        policy = resource("S3::BucketPolicy", Bucket={"Ref": "B"}, PolicyDocument=document)
        return {"B": resource("S3::Bucket"), "P": policy}

    (found,) = compared(tmp_path, bucket({"Service": "logs.amazonaws.com"}), bucket("*"))[:1]
    assert (found.about, found.turn, found.grants[0].who) == (About.RESOURCE, Turn.GAINED, "AWS *")
