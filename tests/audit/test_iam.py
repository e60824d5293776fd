"""Requests are decided in AWS's order, and roles are held against their calls in both directions."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.assembly import Assembly, load_assembly
from audit.cli.main import main
from audit.errors import AuditError
from audit.iam.calls import Calls, read_calls
from audit.iam.conditions import ABSENT
from audit.iam.contract import role_reports
from audit.iam.evaluate import Decision, Outcome, Request, decide, who_can
from audit.iam.forbidden import forbidden
from audit.iam.guards import guard_reports
from audit.iam.model import Policies, read_policies
from audit.iam.scan import code_findings, scan
from tests.audit.folders import write_assembly

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "${Bucket.Arn}/in/*"}}
DENY_HTTP = {
    "Effect": "Deny",
    "Principal": {"AWS": "*"},
    "Action": "s3:*",
    "Resource": [{"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"}],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
ROOT_MAY = {
    "Effect": "Allow",
    "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
    "Action": "kms:*",
    "Resource": "*",
}
TASKS = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
BUCKET = "arn:aws:s3:::<One.Bucket>"

Build = Callable[..., Assembly]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """An assembly with a bucket, a key, and a role that has the given statements."""

    def make(
        *statements: Any,
        bucket: tuple[Any, ...] = (DENY_HTTP,),
        key: tuple[Any, ...] = (ROOT_MAY,),
        trust: tuple[Any, ...] = (TASKS,),
        **extra: Any,
    ) -> Assembly:
        resources = {
            "Bucket": {"Type": "AWS::S3::Bucket"},
            "BucketPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": list(bucket)}},
            },
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Statement": list(key)}}},
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {"Statement": list(trust)},
                    "Policies": [{"PolicyName": "Own", "PolicyDocument": {"Statement": list(statements)}}],
                    **extra.pop("role", {}),
                },
            },
            **extra,
        }
        return load_assembly(write_assembly(tmp_path / "cdk.out", One={"Resources": resources}))

    return make


def ask(assembly: Assembly, action: str, resource: str, **context: object) -> Decision:
    policies = read_policies(assembly)
    principal = next(item for item in policies.principals if item.name == "One.Role")
    given = {key.replace("__", ":"): value for key, value in context.items()}
    return decide(policies, principal, Request(action=action, resource=resource, context=given))


def test_what_a_policy_allows_is_allowed_and_nothing_else(build: Build) -> None:
    assembly = build(READ)
    assert ask(assembly, "s3:GetObject", f"{BUCKET}/in/a").outcome is Outcome.ALLOWED
    assert ask(assembly, "S3:getobject", f"{BUCKET}/in/*").outcome is Outcome.ALLOWED
    assert ask(assembly, "s3:PutObject", f"{BUCKET}/in/a").outcome is Outcome.DENIED
    assert ask(assembly, "s3:GetObject", f"{BUCKET}/out/a").outcome is Outcome.DENIED


def test_a_pattern_of_which_a_part_is_allowed_is_not_allowed_as_a_whole(build: Build) -> None:
    decision = ask(build(READ), "s3:GetObject", f"{BUCKET}/*")
    assert (decision.outcome, decision.partly) == (Outcome.DEPENDS, True)


def test_an_explicit_denial_of_the_bucket_wins_over_the_role(build: Build) -> None:
    decision = ask(build(READ), "s3:GetObject", f"{BUCKET}/in/a", aws__securetransport="false")
    assert decision.outcome is Outcome.DENIED
    assert decision.by == ("One.BucketPolicy statement 0",)


def test_a_request_that_leaves_a_denials_condition_open_depends_on_it(build: Build) -> None:
    lock = {**DENY_HTTP, "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}}
    assembly = build(READ, bucket=(lock,))
    decision = ask(assembly, "s3:GetObject", f"{BUCKET}/in/a")
    assert (decision.outcome, decision.open_keys) == (Outcome.DEPENDS, frozenset({"aws:sourcevpce"}))
    assert ask(assembly, "s3:GetObject", f"{BUCKET}/in/a", aws__sourcevpce=ABSENT).outcome is Outcome.DENIED
    assert ask(assembly, "s3:GetObject", f"{BUCKET}/in/a", aws__sourcevpce="vpce-1").outcome is Outcome.ALLOWED


def test_a_key_opens_to_nobody_without_its_own_policys_consent(build: Build) -> None:
    use = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": {"Fn::GetAtt": ["Key", "Arn"]}}
    key = "arn:aws:kms:eu-west-1:<account>:key/<One.Key>"
    assert ask(build(use), "kms:Decrypt", key).outcome is Outcome.ALLOWED
    somebody = {**ROOT_MAY, "Principal": {"Service": "logs.amazonaws.com"}}
    assert ask(build(use, key=(somebody,)), "kms:Decrypt", key).outcome is Outcome.DENIED


def test_a_boundary_limits_what_policies_allow(build: Build) -> None:
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    boundary = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"PolicyDocument": {"Statement": [READ]}},
    }
    assembly = build(everything, Boundary=boundary, role={"PermissionsBoundary": {"Ref": "Boundary"}})
    assert ask(assembly, "s3:GetObject", f"{BUCKET}/in/a").outcome is Outcome.ALLOWED
    assert ask(assembly, "s3:PutObject", f"{BUCKET}/in/a").outcome is Outcome.DENIED


def test_a_boundary_limits_what_a_bucket_policy_grants_to_the_role_and_not_what_it_grants_to_everybody(
    build: Build,
) -> None:
    boundary = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"PolicyDocument": {"Statement": [{**READ, "Action": "s3:ListBucket"}]}},
    }

    def decided(principal: Any) -> Outcome:
        bounded = {"PermissionsBoundary": {"Ref": "Boundary"}}
        assembly = build(bucket=({**READ, "Principal": principal},), Boundary=boundary, role=bounded)
        return ask(assembly, "s3:GetObject", f"{BUCKET}/in/a").outcome

    assert decided({"AWS": {"Fn::GetAtt": ["Role", "Arn"]}}) is Outcome.DENIED
    assert decided("*") is Outcome.ALLOWED


def test_of_a_key_that_is_not_there_no_value_differs_from_any(build: Build) -> None:
    """AWS: `ForAnyValue` is false without values, also of an operator that is true of a key that is not there."""
    for operator, outcome in (
        ("StringNotEquals", Outcome.ALLOWED),
        ("ForAllValues:StringNotEquals", Outcome.ALLOWED),
        ("ForAnyValue:StringNotEquals", Outcome.DENIED),
    ):
        assembly = build({**READ, "Condition": {operator: {"aws:TagKeys": "secret"}}})
        assert ask(assembly, "s3:GetObject", f"{BUCKET}/in/a", aws__tagkeys=ABSENT).outcome is outcome


def test_a_bucket_policy_alone_can_let_a_role_in(build: Build) -> None:
    grant = {**READ, "Principal": {"AWS": {"Fn::GetAtt": ["Role", "Arn"]}}}
    assert ask(build(bucket=(grant,)), "s3:GetObject", f"{BUCKET}/in/a").outcome is Outcome.ALLOWED


def test_who_can_names_every_role_that_is_not_refused(build: Build) -> None:
    policies = read_policies(build(READ))
    request = Request(action="s3:GetObject", resource=f"{BUCKET}/in/a", context={})
    assert [(principal.name, decision.outcome) for principal, decision in who_can(policies, request)] == [
        ("One.Role", Outcome.ALLOWED)
    ]


def test_a_policy_from_outside_the_templates_is_refused_instead_of_guessed(build: Build) -> None:
    assembly = build(READ, role={"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]})
    with pytest.raises(AuditError, match="AdministratorAccess: what it allows is not in these templates"):
        read_policies(assembly)


CALLS: dict[str, Any] = {
    "roles": [
        {
            "paths": ["One.Role"],
            "trusts": "ecs-tasks.amazonaws.com",
            "calls": [
                {"actions": ["s3:GetObject"], "on": "One.Bucket", "below": "/in/*", "why": "to read", "code": "service"}
            ],
        }
    ],
    "denials": [
        {
            "actions": ["s3:GetObject"],
            "on": ["One.Bucket"],
            "below": "/any",
            "given": {"aws:SecureTransport": "false"},
            "why": "objects travel encrypted",
        }
    ],
}


def findings(assembly: Assembly, calls: dict[str, Any] = CALLS) -> list[str]:
    policies: Policies = read_policies(assembly)
    file = Calls.model_validate(calls)
    reports = [*role_reports(assembly, policies, file), *guard_reports(assembly, policies, file)]
    return [str(finding) for report in reports for finding in report.findings] + [
        str(finding) for finding in forbidden(policies)
    ]


def test_a_role_with_exactly_its_calls_has_no_findings(build: Build) -> None:
    assert findings(build(READ)) == []


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ({**READ, "Action": "s3:GetObjectVersion"}, "insufficient: One.Role: s3:GetObject on"),
        ({**READ, "Resource": {"Fn::Sub": "${Bucket.Arn}/in/a/*"}}, "allowed for some of it only"),
        ({**READ, "Action": ["s3:GetObject", "s3:PutObject"]}, "allows s3:putobject on"),
        ({**READ, "Action": "s3:Get*"}, "allows s3:get* on"),
        ({**READ, "Resource": {"Fn::Sub": "${Bucket.Arn}/*"}}, "no call needs exactly that"),
        ({**READ, "Action": "s3:*", "Resource": "*"}, "forbidden: One.Role"),
        ({**READ, "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}, "dependent on aws:sourcevpce"),
    ],
)
def test_more_or_less_than_the_calls_is_found(build: Build, statement: dict[str, Any], says: str) -> None:
    assert any(says in finding for finding in findings(build(statement)))


@pytest.mark.parametrize(
    ("trust", "says"),
    [
        ({**TASKS, "Principal": {"Service": "ec2.amazonaws.com"}}, "ec2.amazonaws.com may assume it"),
        ({**TASKS, "Principal": {"AWS": "*"}}, "* may assume it"),
        ({**TASKS, "Action": "sts:*"}, "allows sts:* on *"),
        ({**TASKS, "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}, "may not assume it"),
    ],
)
def test_a_trust_other_than_the_listed_one_is_found(build: Build, trust: dict[str, Any], says: str) -> None:
    assert any(says in finding for finding in findings(build(READ, trust=(trust,))))


def test_a_condition_that_a_trust_must_insist_on_is_missed(build: Build) -> None:
    bound = {**CALLS["roles"][0], "given": {"aws:SourceAccount": "{account}"}, "bound": ["aws:SourceAccount"]}
    calls = {**CALLS, "roles": [bound]}
    assert any("without a condition on aws:sourceaccount" in item for item in findings(build(READ), calls))
    narrowed = {**TASKS, "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}}
    assert findings(build(READ, trust=(narrowed,)), calls) == []


GITHUB = "token.actions.githubusercontent.com"


@pytest.mark.parametrize(
    ("operator", "subjects", "says"),
    [
        ("StringLike", ["repo:acme/photos:environment:prod"], None),
        ("StringLike", ["repo:acme/*"], "may be repo:acme/*, and no call has that"),
        ("StringLike", ["repo:acme/photos:environment:prod", "repo:x/y:environment:z"], "may be repo:x/y"),
        ("StringNotEquals", ["repo:acme/photos:environment:prod"], "may be repo:acme/photos"),
        ("StringEqualsIfExists", ["repo:acme/photos:environment:prod"], "may be repo:acme/photos"),
        ("StringLike", [], f"without a condition on {GITHUB}:sub"),
    ],
)
@pytest.mark.parametrize("made_here", [True, False])
def test_a_deploy_role_trusts_one_subject_that_the_settings_name(
    build: Build, operator: str, subjects: list[str], says: str | None, made_here: bool
) -> None:
    provider = {"Type": "AWS::IAM::OIDCProvider", "Properties": {"Url": f"https://{GITHUB}"}}
    elsewhere = {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:oidc-provider/{GITHUB}"}
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": {"Fn::GetAtt": ["Provider", "Arn"]} if made_here else elsewhere},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
            **({operator: {f"{GITHUB}:sub": subjects}} if subjects else {}),
        },
    }
    listed = {
        **CALLS["roles"][0],
        "trusts": f"arn:aws:iam::{{account}}:oidc-provider/{GITHUB}",
        "assumed_by": "sts:AssumeRoleWithWebIdentity",
        "given": {f"{GITHUB}:aud": "sts.amazonaws.com"},
        "bound": [f"{GITHUB}:aud", f"{GITHUB}:sub"],
    }
    found = findings(build(READ, trust=(trust,), Provider=provider), {**CALLS, "roles": [listed]})
    assert found == [] if says is None else any(says in item for item in found)


def test_a_denial_that_was_taken_away_is_found(build: Build) -> None:
    narrow = {**DENY_HTTP, "Resource": {"Fn::GetAtt": ["Bucket", "Arn"]}}
    for bucket in ((narrow,), ({**DENY_HTTP, "Principal": {"AWS": {"Fn::GetAtt": ["Role", "Arn"]}}},)):
        found = findings(build(READ, bucket=bucket))
        assert any("open: One.Bucket: s3:GetObject is not refused to everybody" in item for item in found)


def test_a_bucket_that_lost_its_whole_policy_is_found(tmp_path: Path, build: Build) -> None:
    assembly = build(READ)
    resources = {address: item for address, item in assembly.resources.items() if item.kind != "AWS::S3::BucketPolicy"}
    found = findings(replace(assembly, resources=resources))
    assert any("open: One.Bucket: has no policy of its own" in item for item in found)


def test_a_service_in_a_resource_policy_has_to_be_listed_and_allowed(build: Build) -> None:
    grant = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": {"Fn::Sub": "${Bucket.Arn}/logs/*"},
    }
    listed = {"services": ["logging.s3.amazonaws.com"], "actions": ["s3:PutObject"], "on": "One.Bucket"}
    calls = {**CALLS, "services": [{**listed, "below": "/logs/*", "why": "logs"}]}
    assert any(
        "logging.s3.amazonaws.com: One.BucketPolicy" in item
        for item in findings(build(READ, bucket=(DENY_HTTP, grant)))
    )
    assert findings(build(READ, bucket=(DENY_HTTP, grant)), calls) == []
    assert any("logging.s3.amazonaws.com may not s3:PutObject" in item for item in findings(build(READ), calls))


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}, "which is no role of these templates"),
        ({"Effect": "Allow", "Action": "iam:PassRole", "Resource": {"Fn::GetAtt": ["Role", "Arn"]}}, "PassedToService"),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "everything but what it names"),
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, "allows every action"),
        ({"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": "arn:aws:iam::1:role/x"}, "writes any policy"),
        ({"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": "*"}, "on every resource"),
    ],
)
def test_what_nobody_may_is_forbidden_also_where_it_is_listed(
    build: Build, statement: dict[str, Any], says: str
) -> None:
    assert any(says in str(item) for item in forbidden(read_policies(build(statement))))


def test_a_public_bucket_is_forbidden(build: Build) -> None:
    public = {**READ, "Principal": "*"}
    assert any("allows *" in str(item) for item in forbidden(read_policies(build(bucket=(public,)))))


def test_the_scan_finds_calls_however_they_are_spelt(tmp_path: Path) -> None:
    package = tmp_path / "service"
    package.mkdir()
    (package / "module.py").write_text(
        "def work(client, queue):\n"
        "    client.head_object(Bucket='b', Key='k')\n"
        "    client.generate_presigned_url('put_object', Params={})\n"
        "    for call in (queue.delete_message_batch,):\n"
        "        call()\n"
        "    queue.append(1)\n"
    )
    assert sorted((call.action, call.line) for call in scan(tmp_path, "service")) == [
        ("s3:GetObject", 2),
        ("s3:PutObject", 3),
        ("sqs:DeleteMessage", 4),
    ]
    found = [str(item) for item in code_findings(tmp_path, Calls.model_validate(CALLS))]
    assert any("service/module.py:3 needs s3:PutObject, which no role is listed for" in item for item in found)
    (package / "module.py").write_text("")
    found = [str(item) for item in code_findings(tmp_path, Calls.model_validate(CALLS))]
    assert found == ["unused: service: s3:GetObject is listed, and nothing in service calls it"]


def test_a_file_of_calls_that_is_wrong_is_refused_by_key(tmp_path: Path) -> None:
    path = tmp_path / "calls.toml"
    path.write_text('[[roles]]\npaths = ["x"]\ntrusts = "y"\ncalls = []\ncolour = "red"\n')
    with pytest.raises(AuditError, match=r"roles\.0\.colour: Extra inputs"):
        read_calls(path)


def test_the_command_answers_who_can(build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(READ)
    folder = str(tmp_path / "cdk.out")
    assert main(["who-can", folder, "s3:GetObject", "One.Bucket/in/a"]) == 0
    assert "One.Role: allowed" in capsys.readouterr().out
    assert main(["who-can", folder, "s3:GetObject", "One.Bucket/in/a", "--context", "aws:SecureTransport=false"]) == 0
    assert "nobody" in capsys.readouterr().out
    assert main(["who-can", folder, "s3:GetObject", "Nothing/here"]) == 2
    assert "is no ARN and no construct path" in capsys.readouterr().err


def test_the_command_claims_nothing_about_code_that_it_was_not_shown(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(READ)
    (tmp_path / "service").mkdir()
    calls = tmp_path / "calls.toml"
    calls.write_text('[[roles]]\npaths = ["One.Role"]\ntrusts = "ecs-tasks.amazonaws.com"\ncalls = []\n')
    asked = ["iam", str(tmp_path / "cdk.out"), "--calls", str(calls)]
    main(asked)
    assert "the code was not scanned (--code)" in capsys.readouterr().out
    main([*asked, "--code", str(tmp_path)])
    assert "the code makes the listed calls and no others" in capsys.readouterr().out
