"""The Data stack: what is kept, how it is locked, and that nothing replaces it by accident."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import Settings
from stacks.traffic import Party, listening_port
from tests.stacks.bucket_policy import Context, Request, denying
from tests.stacks.configurations import configurations
from tests.stacks.template import Resource, Template, ref

Templates = Callable[[str, str], Template]

STATEFUL = {
    "DataKey": "AWS::KMS::Key",
    "UploadsBucket": "AWS::S3::Bucket",
    "VaultBucket": "AWS::S3::Bucket",
    "ResultsBucket": "AWS::S3::Bucket",
    "LogsBucket": "AWS::S3::Bucket",
    "Database": "AWS::RDS::DBInstance",
    "SessionStore": "AWS::ElastiCache::ReplicationGroup",
    "SessionStoreToken": "AWS::SecretsManager::Secret",
    "DjangoSecret": "AWS::SecretsManager::Secret",
}
"""Never change a line of this: CloudFormation would make an empty resource in the place of the one with the data."""

OF_CUSTOMERS = ("UploadsBucket", "VaultBucket", "ResultsBucket")
BUCKETS = (*OF_CUSTOMERS, "LogsBucket")


@pytest.fixture(params=sorted(configurations()))
def configuration(request: pytest.FixtureRequest) -> Settings:
    """One configuration after the other."""
    return configurations()[request.param]


@pytest.fixture
def data(configuration: Settings, template_of: Templates) -> Template:
    """The Data template of one configuration after the other."""
    return template_of("Data", configuration.name)


@pytest.fixture
def prod(template_of: Templates) -> Template:
    """The Data template of production."""
    return template_of("Data", "prod")


def _properties(template: Template, logical_id: str) -> Resource:
    properties: Resource = template.content["Resources"][logical_id]["Properties"]
    return properties


def _policy(template: Template, bucket: str) -> list[dict[str, Any]]:
    policies = template.all("AWS::S3::BucketPolicy").values()
    statements = [policy["PolicyDocument"]["Statement"] for policy in policies if ref(policy["Bucket"]) == bucket]
    assert len(statements) == 1
    found: list[dict[str, Any]] = deepcopy(statements[0])
    return found


def _statement(template: Template, bucket: str, sid: str) -> dict[str, Any]:
    return next(statement for statement in _policy(template, bucket) if statement.get("Sid") == sid)


def _rules(template: Template, bucket: str) -> dict[str, dict[str, Any]]:
    rules = _properties(template, bucket)["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    return {rule["Id"]: rule for rule in rules}


def _objects_of(bucket: str) -> dict[str, Any]:
    return {"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, "/*"]]}


def test_what_holds_data_keeps_its_logical_id(data: Template) -> None:
    kinds = set(STATEFUL.values())
    resources = data.content["Resources"].items()
    made = {logical_id: resource["Type"] for logical_id, resource in resources if resource["Type"] in kinds}
    assert made == STATEFUL


def test_a_protected_environment_keeps_what_holds_data_when_its_stack_goes(
    data: Template, configuration: Settings
) -> None:
    kept, snapshotted = ("Retain", "Snapshot") if configuration.termination_protection else ("Delete", "Delete")
    # The session store holds nothing that would be missed.
    expected = dict.fromkeys(STATEFUL, kept) | {"Database": snapshotted, "SessionStore": "Delete"}
    resources = data.content["Resources"]
    for logical_id, policy in expected.items():
        assert (resources[logical_id]["DeletionPolicy"], resources[logical_id]["UpdateReplacePolicy"]) == (policy,) * 2
    database = _properties(data, "Database")
    assert database["DeletionProtection"] is configuration.termination_protection
    assert database["DeleteAutomatedBackups"] is not configuration.termination_protection


def test_a_bucket_that_is_kept_keeps_its_policy(prod: Template) -> None:
    resources = prod.content["Resources"].values()
    policies = [resource for resource in resources if resource["Type"] == "AWS::S3::BucketPolicy"]
    assert len(policies) == len(BUCKETS)
    assert {policy["DeletionPolicy"] for policy in policies} == {"Retain"}


def test_every_stack_of_a_protected_environment_refuses_to_be_deleted(assemblies: Path) -> None:
    for name, settings in configurations().items():
        manifest = json.loads((assemblies / name / "manifest.json").read_text(encoding="utf-8"))
        stacks = [item for item in manifest["artifacts"].values() if item["type"] == "aws:cloudformation:stack"]
        protected = {stack["properties"].get("terminationProtection", False) for stack in stacks}
        assert protected == {settings.termination_protection}


def test_buckets_have_no_names_of_ours(data: Template) -> None:
    assert not [name for name, bucket in data.all("AWS::S3::Bucket").items() if "BucketName" in bucket]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_private_and_versioned(data: Template, bucket: str) -> None:
    properties = _properties(data, bucket)
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_answers_over_tls_1_2_and_later_only(data: Template, bucket: str) -> None:
    everything = [{"Fn::GetAtt": [bucket, "Arn"]}, _objects_of(bucket)]
    denials = [
        statement["Condition"]
        for statement in _policy(data, bucket)
        if statement["Effect"] == "Deny"
        and statement["Action"] == "s3:*"
        and statement["Principal"] in ("*", {"AWS": "*"})
        and statement["Resource"] == everything
    ]
    assert {"Bool": {"aws:SecureTransport": "false"}} in denials
    assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in denials


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_policy_lets_in_nobody_but_the_services_that_log(data: Template, bucket: str) -> None:
    allowed = [statement for statement in _policy(data, bucket) if statement["Effect"] == "Allow"]
    if bucket in OF_CUSTOMERS:
        assert not allowed
        return
    principals = sorted(statement["Principal"]["Service"] for statement in allowed)
    assert principals == ["logdelivery.elasticloadbalancing.amazonaws.com", *["logging.s3.amazonaws.com"] * 3]
    assert {statement["Action"] for statement in allowed} == {"s3:PutObject"}
    for statement in allowed:
        place = statement["Resource"]["Fn::Join"][1][1]
        assert place.startswith(("/s3/", "/load-balancer/AWSLogs/")), "a service may write to its own prefix only"


@pytest.mark.parametrize("bucket", OF_CUSTOMERS)
def test_customers_pictures_are_encrypted_with_the_data_key_and_one_data_key_for_many(
    data: Template, bucket: str
) -> None:
    (rule,) = _properties(data, bucket)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": {"Fn::GetAtt": ["DataKey", "Arn"]},
        },
    }


def test_the_logs_bucket_has_s3_s_own_key_because_load_balancers_write_to_no_other(data: Template) -> None:
    (rule,) = _properties(data, "LogsBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@pytest.mark.parametrize("bucket", OF_CUSTOMERS)
def test_access_to_customers_pictures_is_logged_each_in_its_own_place(data: Template, bucket: str) -> None:
    name = bucket.removesuffix("Bucket").lower()
    logging = {"DestinationBucketName": {"Ref": "LogsBucket"}, "LogFilePrefix": f"s3/{name}/"}
    assert _properties(data, bucket)["LoggingConfiguration"] == logging
    sources = [
        statement["Resource"]["Fn::Join"][1][-1]
        for statement in _policy(data, "LogsBucket")
        if statement.get("Condition", {}).get("ArnLike") == {"aws:SourceArn": {"Fn::GetAtt": [bucket, "Arn"]}}
    ]
    assert sources == [f"/s3/{name}/*"]


def test_nothing_is_logged_about_the_logs_bucket_itself(data: Template) -> None:
    """Every record of an access would be an access to be recorded."""
    assert "LoggingConfiguration" not in _properties(data, "LogsBucket")


@pytest.mark.parametrize("bucket", BUCKETS)
def test_incomplete_uploads_go_after_a_day_and_former_versions_go(data: Template, bucket: str) -> None:
    rules = _rules(data, bucket)
    assert rules["IncompleteUploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    days = 90 if bucket == "VaultBucket" else 7
    assert rules["FormerVersions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": days}
    assert rules["FormerVersions"]["ExpiredObjectDeleteMarker"] is True


def test_objects_live_as_long_as_the_settings_say(data: Template, configuration: Settings) -> None:
    storage = configuration.storage
    days = {
        "UploadsBucket": storage.uploads_retention_days,
        "ResultsBucket": storage.results_retention_days,
        "LogsBucket": storage.access_log_retention_days,
    }
    assert {bucket: _rules(data, bucket)["Retention"]["ExpirationInDays"] for bucket in days} == days


def test_originals_are_archived_and_never_expire(data: Template, configuration: Settings) -> None:
    rules = _rules(data, "VaultBucket")
    days = configuration.storage.vault_archive_after_days
    assert rules["Archive"]["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": days}]
    assert not [rule for rule in rules.values() if "ExpirationInDays" in rule]


def test_pages_of_the_console_and_no_others_may_upload_and_download(prod: Template, template_of: Templates) -> None:
    for bucket, methods in (("UploadsBucket", {"PUT"}), ("ResultsBucket", {"GET", "HEAD"})):
        (rule,) = _properties(prod, bucket)["CorsConfiguration"]["CorsRules"]
        assert rule["AllowedOrigins"] == ["https://photos.example.com"]
        assert set(rule["AllowedMethods"]) == methods
    (named,) = _properties(template_of("Data", "elsewhere"), "UploadsBucket")["CorsConfiguration"]["CorsRules"]
    assert named["AllowedOrigins"] == ["http://localhost:8000"]
    for bucket in ("VaultBucket", "LogsBucket"):
        assert "CorsConfiguration" not in _properties(prod, bucket)
    assert not any(
        "CorsConfiguration" in bucket for bucket in template_of("Data", "dev").all("AWS::S3::Bucket").values()
    )


def test_originals_are_reached_through_the_endpoint_of_the_vpc_only(data: Template, template_of: Templates) -> None:
    lock = _statement(data, "VaultBucket", "ObjectsThroughTheEndpointOnly")
    assert (lock["Effect"], lock["Principal"], lock["Action"]) == ("Deny", {"AWS": "*"}, "s3:*")
    # Objects only: whoever administers the bucket keeps to it from outside.
    assert lock["Resource"] == _objects_of("VaultBucket")
    assert list(lock["Condition"]) == ["StringNotEquals"]
    assert list(lock["Condition"]["StringNotEquals"]) == ["aws:SourceVpce"]


def test_the_lock_names_the_gateway_endpoint_of_s3(template_of: Templates) -> None:
    lock = _statement(template_of("Data", "prod"), "VaultBucket", "ObjectsThroughTheEndpointOnly")
    export = lock["Condition"]["StringNotEquals"]["aws:SourceVpce"]["Fn::ImportValue"]
    network = template_of("Network", "prod")
    outputs = [output for output in network.content["Outputs"].values() if output["Export"]["Name"] == export]
    endpoint = network.all("AWS::EC2::VPCEndpoint")[ref(outputs[0]["Value"])]
    assert (endpoint["ServiceName"], endpoint["VpcEndpointType"]) == ("com.amazonaws.eu-west-1.s3", "Gateway")


@pytest.mark.parametrize("bucket", ["UploadsBucket", "ResultsBucket"])
def test_a_link_that_is_older_than_links_live_is_refused(data: Template, configuration: Settings, bucket: str) -> None:
    bound = _statement(data, bucket, "NoSignatureOlderThanALink")
    assert (bound["Effect"], bound["Principal"], bound["Action"]) == ("Deny", {"AWS": "*"}, "s3:*")
    assert bound["Resource"] == _objects_of(bucket)
    milliseconds = configuration.storage.link_lifetime_s * 1000
    assert bound["Condition"] == {"NumericGreaterThan": {"s3:signatureAge": milliseconds}}


@pytest.mark.parametrize("bucket", ["UploadsBucket", "ResultsBucket"])
def test_links_from_the_internet_are_not_locked_out(data: Template, bucket: str) -> None:
    assert "aws:SourceVpce" not in json.dumps(_policy(data, bucket))


TLS: Context = {"aws:SecureTransport": "true", "s3:TlsVersion": 1.3}
THROUGH_THE_ENDPOINT: Context = {**TLS, "aws:SourceVpce": "vpce-0ours"}
MINUTE_MS = 60_000

JUDGED: dict[str, tuple[str, Request, list[str]]] = {
    "a worker reads an original": (
        "VaultBucket",
        Request(action="s3:GetObject", key="originals/t/j/i", context=THROUGH_THE_ENDPOINT),
        [],
    ),
    "stolen credentials of a worker, used elsewhere": (
        "VaultBucket",
        Request(action="s3:GetObject", key="originals/t/j/i", context=TLS),
        ["aws:SourceVpce"],
    ),
    "a link to an original": (
        "VaultBucket",
        Request(action="s3:GetObject", key="originals/t/j/i", context={**TLS, "s3:signatureAge": MINUTE_MS}),
        ["aws:SourceVpce"],
    ),
    "another endpoint, in somebody else's network": (
        "VaultBucket",
        Request(action="s3:PutObject", key="originals/t/j/i", context={**TLS, "aws:SourceVpce": "vpce-0other"}),
        ["aws:SourceVpce"],
    ),
    "an administrator deletes an original from a desk": (
        "VaultBucket",
        Request(action="s3:DeleteObject", key="originals/t/j/i", context=TLS),
        ["aws:SourceVpce"],
    ),
    "cloudformation changes the vault's lifecycle": (
        "VaultBucket",
        Request(action="s3:PutLifecycleConfiguration", context=TLS),
        [],
    ),
    "an administrator mends the vault's policy from a desk": (
        "VaultBucket",
        Request(action="s3:PutBucketPolicy", context=TLS),
        [],
    ),
    "a customer uploads with a fresh link": (
        "UploadsBucket",
        Request(action="s3:PutObject", key="uploads/t/j/i", context={**TLS, "s3:signatureAge": 59 * MINUTE_MS}),
        [],
    ),
    "a customer uploads with yesterday's link": (
        "UploadsBucket",
        Request(action="s3:PutObject", key="uploads/t/j/i", context={**TLS, "s3:signatureAge": 61 * MINUTE_MS}),
        ["s3:signatureAge"],
    ),
    "a customer downloads with a fresh link": (
        "ResultsBucket",
        Request(action="s3:GetObject", key="results/t/j/i/4k.jpg", context={**TLS, "s3:signatureAge": 5 * MINUTE_MS}),
        [],
    ),
    "a link that was passed on": (
        "ResultsBucket",
        Request(action="s3:GetObject", key="results/t/j/i/4k.jpg", context={**TLS, "s3:signatureAge": 90 * MINUTE_MS}),
        ["s3:signatureAge"],
    ),
    "a worker stores a rendition": (
        "ResultsBucket",
        Request(action="s3:PutObject", key="results/t/j/i/4k.jpg", context={**TLS, "s3:signatureAge": 900}),
        [],
    ),
    "a download without TLS": (
        "ResultsBucket",
        Request(action="s3:GetObject", key="results/t/j/i/4k.jpg", context={"aws:SecureTransport": "false"}),
        ["aws:SecureTransport"],
    ),
    "an upload with the TLS of 2006": (
        "UploadsBucket",
        Request(
            action="s3:PutObject", key="uploads/t/j/i", context={"aws:SecureTransport": "true", "s3:TlsVersion": 1.1}
        ),
        ["s3:TlsVersion"],
    ),
}


@pytest.mark.parametrize("case", JUDGED)
def test_a_bucket_s_policy_turns_away_what_it_should_and_nothing_else(template_of: Templates, case: str) -> None:
    bucket, request, reasons = JUDGED[case]
    statements = _policy(template_of("Data", "prod"), bucket)
    for statement in statements:
        for condition in statement.get("Condition", {}).values():
            if "aws:SourceVpce" in condition:
                # Which endpoint it is, is the test's above.
                condition["aws:SourceVpce"] = "vpce-0ours"
    assert denying(statements, request) == reasons


def test_the_key_rotates_and_trusts_the_account_and_four_services(data: Template) -> None:
    key = data.only("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    account, *services = key["KeyPolicy"]["Statement"]
    assert list(account["Principal"]) == ["AWS"]
    assert ":root" in json.dumps(account["Principal"]["AWS"])
    named = [statement["Principal"]["Service"] for statement in services]
    assert named[1:] == [["budgets.amazonaws.com", "cloudwatch.amazonaws.com"], "events.amazonaws.com"]
    assert named[0].startswith("logs.")
    assert all(statement["Condition"] for statement in services), "a service without a condition serves every account"


def test_events_reach_the_encrypted_topic_because_their_key_statement_asks_for_no_account(prod: Template) -> None:
    """KMS is told of no source account when EventBridge publishes; with the condition its events would be lost."""
    *_, events = prod.only("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    assert events["Principal"] == {"Service": "events.amazonaws.com"}
    assert list(events["Condition"]) == ["ArnLike"]
    assert list(events["Condition"]["ArnLike"]) == ["kms:EncryptionContext:aws:sns:topicArn"]


def test_whatever_can_take_a_key_takes_the_data_key(data: Template) -> None:
    key = {"Fn::GetAtt": ["DataKey", "Arn"]}
    groups, secrets = data.all("AWS::Logs::LogGroup"), data.all("AWS::SecretsManager::Secret")
    assert (len(groups), len(secrets)) == (3, 2)
    assert all(resource["KmsKeyId"] == key for resource in [*groups.values(), *secrets.values()])
    database, store = _properties(data, "Database"), _properties(data, "SessionStore")
    assert (database["KmsKeyId"], database["StorageEncrypted"]) == (key, True)
    assert (database["MasterUserSecret"], database["PerformanceInsightsKMSKeyId"]) == ({"KmsKeyId": key}, key)
    assert (store["KmsKeyId"], store["AtRestEncryptionEnabled"]) == (key, True)


def test_the_database_has_a_standby_where_the_settings_say(data: Template, configuration: Settings) -> None:
    database = _properties(data, "Database")
    assert database["MultiAZ"] is configuration.database.multi_az
    assert database["BackupRetentionPeriod"] == configuration.database.backup_retention_days
    assert database["AllocatedStorage"] == str(configuration.database.storage_gib)
    assert database["MaxAllocatedStorage"] == configuration.database.max_storage_gib


def test_production_s_database_survives_a_zone_and_a_slip_of_the_hand(prod: Template) -> None:
    database = _properties(prod, "Database")
    assert database["MultiAZ"] is True
    assert database["DeletionProtection"] is True
    assert database["BackupRetentionPeriod"] >= 7


def test_the_database_turns_away_who_asks_for_no_tls(data: Template) -> None:
    parameters = data.only("AWS::RDS::DBParameterGroup")
    assert parameters["Parameters"]["rds.force_ssl"] == "1"
    (logical_id,) = data.all("AWS::RDS::DBParameterGroup")
    assert _properties(data, "Database")["DBParameterGroupName"] == {"Ref": logical_id}
    version = _properties(data, "Database")["EngineVersion"]
    assert parameters["Family"] == f"postgres{version}"


def test_minor_versions_come_by_themselves_and_major_ones_do_not(data: Template) -> None:
    database = _properties(data, "Database")
    assert database["AutoMinorVersionUpgrade"] is True
    assert database["AllowMajorVersionUpgrade"] is False
    assert "." not in database["EngineVersion"], "a minor version would be gone back to with every deployment"


def test_rds_itself_makes_and_rotates_the_database_s_password(data: Template) -> None:
    database = _properties(data, "Database")
    assert database["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in database


def test_the_database_is_watched(data: Template) -> None:
    database = _properties(data, "Database")
    assert database["EnablePerformanceInsights"] is True
    assert database["MonitoringInterval"] == 60
    trust = _properties(data, ref(database["MonitoringRoleArn"]))["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "monitoring.rds.amazonaws.com"}
    assert set(trust["Condition"]["StringEquals"]) == {"aws:SourceAccount", "aws:SourceArn"}


def test_logs_of_the_database_have_a_key_and_an_end_because_they_are_there_before_it(
    data: Template, configuration: Settings
) -> None:
    database = _properties(data, "Database")
    groups = data.all("AWS::Logs::LogGroup")
    for log in database["EnableCloudwatchLogsExports"]:
        name = f"/aws/rds/instance/{database['DBInstanceIdentifier']}/{log}"
        (logical_id,) = (key for key, group in groups.items() if group.get("LogGroupName") == name)
        assert groups[logical_id]["RetentionInDays"] == configuration.observability.log_retention_days
        assert logical_id in data.content["Resources"]["Database"]["DependsOn"]


@pytest.mark.parametrize(("logical_id", "party"), [("Database", Party.DATABASE), ("SessionStore", Party.SESSION_STORE)])
def test_what_listens_listens_where_the_traffic_matrix_says(data: Template, logical_id: str, party: Party) -> None:
    assert int(_properties(data, logical_id)["Port"]) == listening_port(party)


@pytest.mark.parametrize(("configuration_name", "zones"), [("prod", 2), ("three-zones", 3)])
def test_the_database_is_in_the_database_tier_of_every_zone(
    template_of: Templates, configuration_name: str, zones: int
) -> None:
    data = template_of("Data", configuration_name)
    group = _properties(data, ref(_properties(data, "Database")["DBSubnetGroupName"]))
    imported = [subnet["Fn::ImportValue"] for subnet in group["SubnetIds"]]
    assert len(imported) == zones
    assert all("PrivateDb" in name for name in imported)
    assert _properties(data, "Database")["PubliclyAccessible"] is False


def test_the_session_store_fails_over_as_soon_as_it_has_a_replica(data: Template, configuration: Settings) -> None:
    store, replicas = _properties(data, "SessionStore"), configuration.session_store.replicas
    assert store["NumCacheClusters"] == 1 + replicas
    assert store["AutomaticFailoverEnabled"] is (replicas > 0)
    assert store["MultiAZEnabled"] is (replicas > 0)


def test_the_session_store_asks_for_tls_and_for_a_token_that_the_template_does_not_know(data: Template) -> None:
    store = _properties(data, "SessionStore")
    assert store["TransitEncryptionEnabled"] is True
    assert store["AuthToken"] == {
        "Fn::Join": ["", ["{{resolve:secretsmanager:", {"Ref": "SessionStoreToken"}, ":SecretString:::}}"]]
    }


@pytest.mark.parametrize("secret", ["SessionStoreToken", "DjangoSecret"])
def test_a_secret_is_made_up_where_it_is_kept(data: Template, secret: str) -> None:
    properties = _properties(data, secret)
    assert properties["GenerateSecretString"] == {"PasswordLength": 64, "ExcludePunctuation": True}
    assert "SecretString" not in properties


def test_the_page_about_data_names_settings_and_resources_that_there_are() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    groups = {name: field.annotation for name, field in Settings.model_fields.items()}
    named = [
        (group, key) for group, key in re.findall(r"`([a-z_]+)\.([a-z_]+)`", text) if not key.endswith(("md", "py"))
    ]
    assert len(named) > 5
    assert not [(group, key) for group, key in named if key not in getattr(groups.get(group), "model_fields", {})]
    secrets = re.findall(r"\$\(secret (\w+)\)", text)
    assert len(secrets) == 2
    assert {STATEFUL[secret] for secret in secrets} == {"AWS::SecretsManager::Secret"}
