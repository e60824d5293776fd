"""The extension of the AWS endpoints: it fits the pinned version, and what it adds says what the templates say."""

import ast
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.aws.endpoints import ROOT
from local.clients import Clients
from local.deployment import deploy
from local.errors import LocalError
from tests.local.conftest import DATABASE_PORT, SESSION_STORE_PORT, Deployed

EMULATOR = ROOT / "local" / "aws" / "emulator"
PINNED = (ROOT / "requirements-aws.in").read_text().split("ministack==")[1].split()[0]


def _names_used_of_ministack() -> set[tuple[str, str]]:
    """Every `module.attribute` of ministack that the extension names, as (module, attribute)."""
    used: set[tuple[str, str]] = set()
    for path in EMULATOR.rglob("*.py"):
        modules: dict[str, str] = {}
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack"):
                for alias in node.names:
                    modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                    used.add((str(node.module), alias.name))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                used.add((modules[node.value.id], node.attr))
    return used


def test_every_private_name_that_the_extension_uses_exists_in_the_pinned_version() -> None:
    used = sorted(_names_used_of_ministack())
    assert ("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS") in used
    program = (
        "import importlib, importlib.metadata, json, sys\n"
        "import pkgutil\n"
        "def has(module, name):\n"
        "    try:\n"
        "        return pkgutil.resolve_name(f'{module}.{name}') is not None\n"
        "    except (ImportError, AttributeError):\n"
        "        return False\n"
        "used = json.load(sys.stdin)\n"
        "missing = [pair for pair in used if not has(*pair)]\n"
        "print(json.dumps([importlib.metadata.version('ministack'), missing]))\n"
    )
    answer = subprocess.run(
        [str(ROOT / ".venv-aws/bin/python"), "-c", program],
        input=json.dumps(used),
        capture_output=True,
        text=True,
        check=True,
    )
    version, missing = json.loads(answer.stdout)
    assert version == PINNED
    assert missing == [], "ministack renamed these: adapt the extension, or pin the version that has them"


def test_a_template_with_a_type_that_nobody_knows_is_refused_by_its_name(deployed: Deployed) -> None:
    template = {"Resources": {"Fleet": {"Type": "AWS::EC2::SpotFleet", "Properties": {}}}}
    with pytest.raises(Exception, match=r"Unrecognized resource types: \[AWS::EC2::SpotFleet\]"):
        deployed.clients.cloudformation.create_stack(StackName="unknown", TemplateBody=json.dumps(template))


def test_a_bucket_property_that_would_be_dropped_fails_the_stack(deployed: Deployed) -> None:
    template = {"Resources": {"Locked": {"Type": "AWS::S3::Bucket", "Properties": {"ObjectLockEnabled": True}}}}
    cloudformation = deployed.clients.cloudformation
    cloudformation.create_stack(StackName="dropped", TemplateBody=json.dumps(template), OnFailure="DO_NOTHING")
    cloudformation.get_waiter("stack_exists").wait(StackName="dropped")
    reasons = [event.get("ResourceStatusReason", "") for event in _events(deployed.clients, "dropped")]
    assert any("ObjectLockEnabled of AWS::S3::Bucket would be dropped" in reason for reason in reasons)


def _events(clients: Clients, stack: str) -> list[Any]:

    while clients.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"].endswith("_IN_PROGRESS"):
        time.sleep(0.05)
    return list(clients.cloudformation.describe_stack_events(StackName=stack)["StackEvents"])


def test_network_acls_carry_exactly_the_rules_of_the_template(deployed: Deployed, templates: dict[str, Any]) -> None:
    ec2 = deployed.clients.client("ec2")
    entries = {
        (acl["NetworkAclId"], entry["RuleNumber"], entry["Egress"], entry["RuleAction"], entry.get("CidrBlock"))
        for acl in ec2.describe_network_acls()["NetworkAcls"]
        if not acl["IsDefault"]
        for entry in acl["Entries"]
    }
    ids = deployed.resources("AWS::EC2::NetworkAcl")
    wanted = {
        (ids[rule["NetworkAclId"]["Ref"]], rule["RuleNumber"], rule.get("Egress", False), rule["RuleAction"],
         rule.get("CidrBlock"))
        for rule in _properties(templates, "AWS::EC2::NetworkAclEntry")
        if isinstance(rule.get("CidrBlock"), str)
    }  # fmt: skip
    assert wanted <= entries
    assert len(entries) == len(_properties(templates, "AWS::EC2::NetworkAclEntry"))


def test_every_subnet_hangs_on_the_network_acl_of_its_template(deployed: Deployed, templates: dict[str, Any]) -> None:
    ec2 = deployed.clients.client("ec2")
    held = {
        (acl["NetworkAclId"], association["SubnetId"])
        for acl in ec2.describe_network_acls()["NetworkAcls"]
        for association in acl["Associations"]
    }
    acls, subnets = deployed.resources("AWS::EC2::NetworkAcl"), deployed.resources("AWS::EC2::Subnet")
    wanted = {
        (acls[given["NetworkAclId"]["Ref"]], subnets[given["SubnetId"]["Ref"]])
        for given in _properties(templates, "AWS::EC2::SubnetNetworkAclAssociation")
    }
    assert held == wanted


def test_security_groups_have_the_rules_of_their_templates_and_no_other(
    deployed: Deployed, templates: dict[str, Any]
) -> None:
    groups = deployed.clients.client("ec2").describe_security_groups(
        GroupIds=list(deployed.resources("AWS::EC2::SecurityGroup").values())
    )["SecurityGroups"]
    for direction, found in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        inline = [
            rule
            for given in _properties(templates, "AWS::EC2::SecurityGroup")
            for rule in given.get(f"SecurityGroup{direction}", [])
        ]
        alone = _properties(templates, f"AWS::EC2::SecurityGroup{direction}")
        assert alone, "the templates have such rules"
        wanted = sorted((rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")) for rule in [*inline, *alone])
        deployed_rules = [rule for group in groups for rule in group[found]]
        assert (
            sorted((rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")) for rule in deployed_rules) == wanted
        )
        pairs = [pair["GroupId"] for rule in deployed_rules for pair in rule["UserIdGroupPairs"]]
        assert len(pairs) == len([rule for rule in alone if f"{_SIDE[direction]}SecurityGroupId" in rule])


_SIDE = {"Ingress": "Source", "Egress": "Destination"}


def test_buckets_are_encrypted_with_the_key_and_expire_as_the_template_says(
    deployed: Deployed, templates: dict[str, Any]
) -> None:
    s3 = deployed.clients.s3
    for logical_id, bucket in deployed.resources("AWS::S3::Bucket").items():
        properties = templates[logical_id]["Properties"]
        wanted = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
        [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        algorithm = rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert algorithm == wanted["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
        for given in properties["LifecycleConfiguration"]["Rules"]:
            found = rules.pop(given["Id"])
            if "ExpirationInDays" in given:
                assert found["Expiration"]["Days"] == given["ExpirationInDays"]
            if "AbortIncompleteMultipartUpload" in given:
                assert found["AbortIncompleteMultipartUpload"] == given["AbortIncompleteMultipartUpload"]
        assert rules == {}
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
        assert tags["Project"] == "rawmill"


def test_the_database_and_the_session_store_are_the_ones_of_this_machine(deployed: Deployed) -> None:
    environment = _environments(deployed)["web"]
    assert environment["RAWMILL_DATABASE_HOST"] == environment["RAWMILL_SESSION_STORE_HOST"] == "127.0.0.1"
    assert environment["RAWMILL_DATABASE_PORT"] == str(DATABASE_PORT)
    assert environment["RAWMILL_SESSION_STORE_PORT"] == str(SESSION_STORE_PORT)


def test_the_master_secret_opens_with_the_arn_that_tasks_are_told(deployed: Deployed) -> None:
    arn = _environments(deployed)["web"]["RAWMILL_DATABASE_SECRET_ARN"]
    assert arn.startswith("arn:aws:secretsmanager:")
    secret = json.loads(deployed.clients.secrets.get_secret_value(SecretId=arn)["SecretString"])
    assert secret.keys() == {"username", "password"}
    assert len(secret["password"]) >= 24


def test_a_generated_secret_leaves_out_the_characters_it_should(deployed: Deployed) -> None:
    arn = _environments(deployed)["web"]["RAWMILL_SESSION_STORE_SECRET_ARN"]
    token = deployed.clients.secrets.get_secret_value(SecretId=arn)["SecretString"]
    assert token.isalnum()


def test_deploying_the_same_templates_again_changes_nothing(deployed: Deployed) -> None:
    before = _environments(deployed)
    said: list[str] = []
    deploy(deployed.assembly, deployed.clients, said=said.append)
    assert said == []
    assert _environments(deployed) == before


def test_a_changed_template_updates_its_stack_and_keeps_what_is_stored(deployed: Deployed, tmp_path: Path) -> None:
    clients = deployed.clients
    name = "update"
    template = {
        "Resources": {
            "Kept": {
                "Type": "AWS::S3::Bucket",
                "Properties": {"Tags": [{"Key": "Project", "Value": "rawmill"}]},
            }
        }
    }
    clients.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    _events(clients, name)
    bucket = clients.cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="Kept")[
        "StackResourceDetail"
    ]["PhysicalResourceId"]
    clients.s3.put_object(Bucket=bucket, Key="kept", Body=b"kept")
    template["Resources"]["Kept"]["Properties"] = {
        "LifecycleConfiguration": {"Rules": [{"Id": "Short", "Status": "Enabled", "ExpirationInDays": 3}]}
    }
    clients.cloudformation.update_stack(StackName=name, TemplateBody=json.dumps(template))
    _events(clients, name)
    assert clients.s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"kept"
    [rule] = clients.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["Expiration"] == {"Days": 3}
    with pytest.raises(clients.s3.exceptions.ClientError, match="NoSuchTagSet"):
        clients.s3.get_bucket_tagging(Bucket=bucket)


def test_a_stack_that_cannot_be_made_says_which_resource_and_why(deployed: Deployed, tmp_path: Path) -> None:
    folder = _assembly_of(tmp_path, {"Broken": {"Type": "AWS::S3::Bucket", "Properties": {"ObjectLockEnabled": True}}})
    from local.assembly import Assembly

    with pytest.raises(LocalError, match=r"Broken \(AWS::S3::Bucket\): ObjectLockEnabled"):
        deploy(Assembly(folder, account="000000000000", region="eu-west-1"), deployed.clients)


def _assembly_of(folder: Path, resources: dict[str, Any]) -> Path:
    """A cloud assembly with one stack."""
    (folder / "One.template.json").write_text(json.dumps({"Resources": resources}))
    destination = {"bucketName": "cdk-assets-${AWS::AccountId}", "objectKey": "one.json"}
    assets = {"files": {"one": {"source": {"path": "One.template.json"}, "destinations": {"here": destination}}}}
    (folder / "One.assets.json").write_text(json.dumps(assets))
    artifacts = {
        "One.assets": {"type": "cdk:asset-manifest", "properties": {"file": "One.assets.json"}},
        "One": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "One.template.json"}},
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def _properties(templates: dict[str, Any], resource_type: str) -> list[dict[str, Any]]:
    return [given["Properties"] for given in templates.values() if given["Type"] == resource_type]


def _environments(deployed: Deployed) -> dict[str, dict[str, str]]:
    from local.tasks import deployed_tasks

    return {part.value: dict(task.environment) for part, task in deployed_tasks(deployed.clients.ecs).items()}


def test_a_link_works_until_it_expires_and_never_for_another_object(deployed: Deployed) -> None:
    s3 = deployed.clients.s3
    bucket = _environments(deployed)["web"]["RAWMILL_UPLOADS_BUCKET"]
    link = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "uploads/a"}, ExpiresIn=2)
    assert httpx.put(link, content=b"raw").status_code == 200
    assert httpx.put(link.replace("uploads/a", "uploads/b"), content=b"raw").status_code == 403
    time.sleep(3)
    assert httpx.put(link, content=b"raw").status_code == 403


def test_task_definitions_keep_all_that_their_containers_are_told(
    deployed: Deployed, templates: dict[str, Any]
) -> None:
    def camel(given: Any) -> Any:
        if isinstance(given, dict):
            return {f"{name[0].lower()}{name[1:]}": camel(value) for name, value in given.items()}
        return [camel(each) for each in given] if isinstance(given, list) else given

    ids = deployed.resources("AWS::ECS::TaskDefinition")
    assert ids
    for logical_id, arn in ids.items():
        properties = templates[logical_id]["Properties"]
        definition = deployed.clients.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        assert definition["volumes"] == camel(properties["Volumes"])
        assert definition["runtimePlatform"] == camel(properties["RuntimePlatform"])
        [container], [given] = definition["containerDefinitions"], properties["ContainerDefinitions"]
        for name in ("HealthCheck", "LinuxParameters", "SystemControls", "Ulimits"):
            key = f"{name[0].lower()}{name[1:]}"
            assert container.get(key) == (camel(given[name]) if name in given else None), name


def test_objects_that_name_no_key_get_the_one_of_the_account(deployed: Deployed) -> None:
    s3 = deployed.clients.s3
    bucket = _environments(deployed)["web"]["RAWMILL_UPLOADS_BUCKET"]
    put = s3.put_object(Bucket=bucket, Key="uploads/kms", Body=b"raw", ServerSideEncryption="aws:kms")
    assert put["SSEKMSKeyId"].endswith(":alias/aws/s3")


def test_every_bucket_is_private_and_another_acl_would_be_refused(deployed: Deployed) -> None:
    cloudformation = deployed.clients.cloudformation
    for acl, status in (("Private", "CREATE_COMPLETE"), ("PublicRead", "CREATE_FAILED")):
        template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": acl}}}}
        stack = f"acl-{acl.lower()}"
        cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template), OnFailure="DO_NOTHING")
        assert status in {event["ResourceStatus"] for event in _events(deployed.clients, stack)}


def test_an_image_counts_as_there_only_where_there_is_no_registry_to_ask(deployed: Deployed) -> None:
    ecr = deployed.clients.client("ecr")
    ecr.create_repository(repositoryName="some")
    [image] = ecr.describe_images(repositoryName="some", imageIds=[{"imageTag": "any"}])["imageDetails"]
    assert image["imageTags"] == ["any"]
