"""What happens to resources: replaced by their schemas, renamed in the source, and what becomes of their data."""

from pathlib import Path
from typing import Any

import pytest

from audit.review.fate import Fate
from audit.review.resources import Change, Effect
from audit.review.values import Difference
from tests.audit.review.pairs import changes, resource

DATABASE = {"Engine": "postgres", "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": "20", "StorageType": "gp3"}


def database(**given: Any) -> dict[str, Any]:
    return resource("RDS::DBInstance", **{**DATABASE, **given})


def only(found: tuple[Change, ...]) -> Change:
    assert len(found) == 1, found
    return found[0]


def test_nothing_happens_to_what_is_written_in_another_order(tmp_path: Path) -> None:
    before = {"A": resource("SQS::Queue", DelaySeconds=1, VisibilityTimeout=2), "B": resource("SNS::Topic")}
    after = {"B": resource("SNS::Topic"), "A": resource("SQS::Queue", VisibilityTimeout=2, DelaySeconds=1)}
    assert changes(tmp_path, before, after) == ()


def test_a_changed_property_is_told_with_what_it_was(tmp_path: Path) -> None:
    change = only(changes(tmp_path, {"Db": database()}, {"Db": database(DBInstanceClass="db.m7g.large")}))
    assert (change.effect, change.loss) == (Effect.CHANGED, None)
    assert change.differences == (Difference(path="DBInstanceClass", before="db.t4g.micro", after="db.m7g.large"),)


@pytest.mark.parametrize("key", ["DBName", "MasterUsername", "KmsKeyId", "DBInstanceIdentifier"])
def test_a_database_is_replaced_when_a_property_changes_that_only_a_new_one_can_be_given(
    tmp_path: Path, key: str
) -> None:
    change = only(changes(tmp_path, {"Db": database(**{key: "one"})}, {"Db": database(**{key: "other"})}))
    assert change.effect is Effect.REPLACED
    assert [reason.key for reason in change.because] == [key]
    assert change.loss is not None
    assert (change.loss.word, change.loss.fate) == ("database", Fate.LOST)


def test_a_property_of_which_some_changes_replace_is_told_as_such(tmp_path: Path) -> None:
    change = only(changes(tmp_path, {"Db": database(Engine="postgres")}, {"Db": database(Engine="mysql")}))
    assert (change.effect, change.perhaps) == (Effect.CHANGED, ("Engine",))


def test_what_refers_to_a_replaced_resource_in_such_a_property_is_replaced_too(tmp_path: Path) -> None:
    def resources(cidr: str) -> dict[str, Any]:
        return {
            "Vpc": resource("EC2::VPC", CidrBlock=cidr),
            "Subnet": resource("EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.1.0/24"),
            "Nat": resource("EC2::NatGateway", SubnetId={"Ref": "Subnet"}),
            "Group": resource("RDS::DBSubnetGroup", SubnetIds=[{"Ref": "Subnet"}], DBSubnetGroupDescription="d"),
        }

    found = {
        item.address.logical_id: item for item in changes(tmp_path, resources("10.0.0.0/16"), resources("10.1.0.0/16"))
    }
    assert {name: item.effect for name, item in found.items()} == dict.fromkeys(
        ("Nat", "Subnet", "Vpc"), Effect.REPLACED
    )
    assert [reason.source for reason in found["Nat"].because] == ["One.Subnet"]


@pytest.mark.parametrize(
    ("policies", "fate"),
    [
        ({"_DeletionPolicy": "Retain"}, Fate.ORPHANED),
        ({"_DeletionPolicy": "Snapshot"}, Fate.SNAPSHOT),
        ({"_DeletionPolicy": "Delete"}, Fate.LOST),
        ({"_UpdateReplacePolicy": "Retain"}, Fate.SNAPSHOT),  # databases without a deletion policy leave a snapshot
    ],
)
def test_the_deletion_policy_says_what_is_left_of_a_deleted_database(
    tmp_path: Path, policies: dict[str, str], fate: Fate
) -> None:
    keep = {"Keep": resource("SNS::Topic")}
    change = only(changes(tmp_path, {**keep, "Db": database(**policies)}, keep))
    assert change.effect is Effect.DELETED
    assert change.loss is not None
    assert change.loss.fate is fate


@pytest.mark.parametrize("kind", ["S3::Bucket", "Neptune::DBCluster", "DocDB::DBCluster"])
def test_what_rds_does_not_keep_is_lost_without_a_deletion_policy(tmp_path: Path, kind: str) -> None:
    keep = {"Keep": resource("SNS::Topic")}
    change = only(changes(tmp_path, {**keep, "Store": resource(kind)}, keep))
    assert change.loss is not None
    assert change.loss.fate is Fate.LOST


def test_a_replacement_is_held_to_the_worse_of_two_policies(tmp_path: Path) -> None:
    before = {"Db": database(DBName="one", _UpdateReplacePolicy="Retain")}
    change = only(changes(tmp_path, before, {"Db": database(DBName="other", _UpdateReplacePolicy="Delete")}))
    assert change.loss is not None
    assert change.loss.fate is Fate.LOST


def test_deletion_protection_is_told(tmp_path: Path) -> None:
    before = {"Db": database(DBName="one", DeletionProtection=True)}
    change = only(changes(tmp_path, before, {"Db": database(DBName="other", DeletionProtection=True)}))
    assert change.loss is not None
    assert change.loss.protected


def test_another_logical_id_is_a_rename_and_what_refers_to_it_does_not_change(tmp_path: Path) -> None:
    def resources(name: str) -> dict[str, Any]:
        url = {"Fn::GetAtt": [name, "Endpoint.Address"]}
        return {
            name: database(_DeletionPolicy="Delete"),
            "Parameter": resource("SSM::Parameter", Type="String", Value=url),
        }

    change = only(changes(tmp_path, resources("Db"), resources("PhotosDb")))
    assert (change.effect, str(change.former), str(change.address)) == (Effect.RENAMED, "One.Db", "One.PhotosDb")
    assert change.loss is not None
    assert change.loss.fate is Fate.LOST


def test_a_rename_is_seen_although_a_property_changes_with_it(tmp_path: Path) -> None:
    change = only(changes(tmp_path, {"Db": database()}, {"PhotosDb": database(AllocatedStorage="50")}))
    assert change.effect is Effect.RENAMED
    assert [item.path for item in change.differences] == ["AllocatedStorage"]


def test_two_different_things_that_come_and_go_are_no_rename(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        {"Old": resource("SQS::Queue", VisibilityTimeout=1, DelaySeconds=1)},
        {"New": resource("SQS::Queue", VisibilityTimeout=2, KmsMasterKeyId="k")},
    )
    assert {item.address.logical_id: item.effect for item in found} == {"Old": Effect.DELETED, "New": Effect.ADDED}


def test_a_renamed_resource_with_a_name_of_its_own_cannot_be_made_while_the_old_one_has_it(tmp_path: Path) -> None:
    named, nameless = database(DBInstanceIdentifier="photos"), database()
    assert only(changes(tmp_path / "1", {"Db": named}, {"PhotosDb": named})).taken == "photos"
    assert only(changes(tmp_path / "2", {"Db": nameless}, {"PhotosDb": nameless})).taken == ""


def test_a_new_revision_of_a_task_is_a_change_and_no_replacement(tmp_path: Path) -> None:
    before, after = ({"Task": resource("ECS::TaskDefinition", Family="f", Cpu=cpu)} for cpu in ("256", "512"))
    assert only(changes(tmp_path, before, after)).effect is Effect.CHANGED


def test_another_type_under_the_same_name_is_a_deletion_and_an_addition(tmp_path: Path) -> None:
    found = changes(tmp_path, {"X": resource("S3::Bucket")}, {"X": resource("SQS::Queue")})
    assert [item.effect for item in found] == [Effect.DELETED, Effect.ADDED]


def test_lists_are_compared_by_the_names_of_their_entries(tmp_path: Path) -> None:
    def topic(**tags: str) -> dict[str, Any]:
        return {"T": resource("SNS::Topic", Tags=[{"Key": key, "Value": value} for key, value in tags.items()])}

    change = only(changes(tmp_path, topic(b="1", c="2"), topic(a="0", b="1", c="3")))
    assert [(item.path, item.before, item.after) for item in change.differences] == [
        ("Tags[a]", "", '{"Key": "a", "Value": "0"}'),
        ("Tags[c].Value", "2", "3"),
    ]


def test_a_secret_value_is_not_repeated(tmp_path: Path) -> None:
    before, after = ({"Db": database(MasterUserPassword=word)} for word in ("hunter2", "hunter3"))
    change = only(changes(tmp_path, before, after))
    assert [(item.before, item.after) for item in change.differences] == [("(hidden)", "(hidden)")]


def test_long_texts_are_shown_where_they_differ(tmp_path: Path) -> None:
    before, after = ({"T": resource("SNS::Topic", DisplayName="word " * 40 + end)} for end in ("left", "right"))
    (item,) = only(changes(tmp_path, before, after)).differences
    assert item.before.endswith("left")
    assert item.after.endswith("right")
