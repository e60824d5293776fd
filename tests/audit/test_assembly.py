"""Assemblies are resolved exactly, and what cannot be resolved is reported instead of guessed."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit.assembly import Address, Assembly, Reference, Text, Unknown, Value, load_assembly
from audit.errors import AuditError
from tests.audit.folders import write_assembly, write_templates

TOPIC = Reference(Address("One", "Topic"))


def load(tmp_path: Path, value: Any, **sections: Any) -> Assembly:
    """An assembly whose resource `Thing` has `value` as its property `Value`."""
    template = {
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Thing": {"Type": "Test::Thing", "Properties": {"Value": value}},
        },
        **sections,
    }
    return load_assembly(write_assembly(tmp_path / "cdk.out", One=template))


def resolve(tmp_path: Path, value: Any, **sections: Any) -> Value:
    return load(tmp_path, value, **sections).resources[Address("One", "Thing")].properties.get("Value")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"Ref": "Topic"}, TOPIC),
        ({"Fn::GetAtt": ["Topic", "TopicName"]}, Reference(TOPIC.address, "TopicName")),
        ({"Fn::GetAtt": "Topic.TopicName"}, Reference(TOPIC.address, "TopicName")),
        ({"Fn::GetAtt": ["Topic", "TopicArn"]}, TOPIC),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::StackName"}, "app-one"),
        ({"Fn::Join": [":", ["a", {"Ref": "AWS::Region"}, 7]]}, "a:eu-west-1:7"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Topic"}]]}, Text(("a/", TOPIC))),
        ({"Fn::Join": ["", [{"Ref": "Topic"}]]}, TOPIC),
        ({"Fn::Sub": "${AWS::Region}-${!kept}-${Topic}"}, Text(("eu-west-1-${kept}-", TOPIC))),
        ({"Fn::Sub": ["${X}${Topic.TopicName}", {"X": "x"}]}, Text(("x", Reference(TOPIC.address, "TopicName")))),
        ({"Fn::Select": [1, ["a", "b"]]}, "b"),
        ({"Fn::Select": ["0", {"Fn::Split": [":", "a:b"]}]}, "a"),
        ({"Fn::Split": [":", {"Fn::Join": ["", ["a:", {"Ref": "Topic"}, ":b"]]}]}, ["a", TOPIC, "b"]),
        ({"Fn::Cidr": ["10.0.0.0/22", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::Base64": "text"}, "text"),
        ({"Fn::ToJsonString": {"a": [1]}}, '{"a":[1]}'),
        ({"Nested": [{"Ref": "AWS::NoValue"}, {"Ref": "AWS::Partition"}]}, {"Nested": ["aws"]}),
        ({"Ref": "AWS::NoValue"}, None),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ),
    ],
)
def test_intrinsic_functions_resolve_to_values_and_references(tmp_path: Path, written: Any, expected: Value) -> None:
    assert resolve(tmp_path, written) == expected


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"Fn::Magic": "x"}, "Fn::Magic is not modelled"),
        ({"Ref": "Nobody"}, "names neither a parameter nor a resource"),
        ({"Fn::GetAtt": ["Nobody", "Arn"]}, "which is not a resource"),
        ({"Fn::ImportValue": "nowhere"}, "export 'nowhere' is of no stack in this assembly"),
        ({"Fn::Select": [5, ["a"]]}, "entry 5 of 1"),
        ({"Fn::Split": [":", {"Ref": "Topic"}]}, "only known when deployed"),
        ({"Fn::Cidr": ["10.0.0.0/24", 9, 7]}, "does not hold 9 blocks"),
        ({"Fn::FindInMap": ["Sizes", "small", "cpu"]}, "no entry Sizes.small.cpu"),
        ({"Fn::If": ["Missing", 1, 2]}, "condition 'Missing' is not defined"),
        ({"Fn::Join": ["", [{"Fn::Magic": "x"}, "a"]]}, "Fn::Magic is not modelled"),
    ],
)
def test_what_cannot_be_resolved_is_reported_with_its_place(tmp_path: Path, written: Any, says: str) -> None:
    assembly = load(tmp_path, {"Deep": [written]})
    assert isinstance(assembly.resources[Address("One", "Thing")].properties["Value"]["Deep"][0], Unknown)  # type: ignore[index,call-overload]
    (problem,) = assembly.problems
    assert problem.where == "One.Thing (Test::Thing): Value.Deep[0]"
    assert says in problem.why


def test_parameters_take_their_default_or_what_is_given(tmp_path: Path) -> None:
    parameters = {
        "Size": {"Type": "Number", "Default": 3},
        "Image": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/ami"},
    }
    value = [{"Ref": "Size"}, {"Ref": "Image"}]
    assert resolve(tmp_path, value, Parameters=parameters) == [3, "{{resolve:ssm:/ami}}"]
    folder = tmp_path / "cdk.out"
    given = load_assembly(folder, parameters={"Size": "9"})
    assert given.resources[Address("One", "Thing")].properties["Value"] == ["9", "{{resolve:ssm:/ami}}"]
    assert (
        load(tmp_path, {"Ref": "Open"}, Parameters={"Open": {"Type": "String"}}).problems[0].why
        == "parameter 'Open' has no default"
    )


def test_a_condition_that_is_false_takes_its_resource_away(tmp_path: Path) -> None:
    conditions = {
        "Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]},
        "There": {"Fn::Not": [{"Condition": "Here"}]},
        "Never": {"Fn::And": [{"Condition": "Here"}, {"Condition": "There"}]},
    }
    template = {
        "Conditions": conditions,
        "Resources": {
            name: {"Type": "Test::Thing", "Condition": name, "Properties": {"Value": {"Fn::If": ["There", 1, 2]}}}
            for name in conditions
        },
    }
    assembly = load_assembly(write_assembly(tmp_path, One=template))
    assert [str(address) for address in assembly.resources] == ["One.Here"]
    assert assembly.resources[Address("One", "Here")].properties == {"Value": 2}


def test_a_condition_that_depends_on_itself_is_reported(tmp_path: Path) -> None:
    template = {
        "Conditions": {"A": {"Condition": "B"}, "B": {"Condition": "A"}},
        "Resources": {"Thing": {"Type": "Test::Thing", "Condition": "A"}},
    }
    assert "circle" in load_assembly(write_assembly(tmp_path, One=template)).problems[0].why


def test_imports_lead_to_the_resource_of_the_other_stack(tmp_path: Path) -> None:
    one = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"Out": {"Value": {"Ref": "Topic"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}:topic"}}}},
    }
    two = {
        "Resources": {
            "Thing": {"Type": "Test::Thing", "Properties": {"Value": {"Fn::ImportValue": "app-one:topic"}}},
            "Other": {
                "Type": "Test::Thing",
                "Properties": {"Value": {"Fn::GetStackOutput": {"StackName": "app-one", "OutputName": "Out"}}},
            },
        }
    }
    assembly = load_assembly(write_assembly(tmp_path, One=one, Two=two))
    assert not assembly.problems
    for name in ("Thing", "Other"):
        resource = assembly.resources[Address("Two", name)]
        assert resource.properties["Value"] == TOPIC
        assert resource.targets == {TOPIC.address}
    assert assembly.outputs["One"] == {"Out": TOPIC}


def test_attributes_that_repeat_a_property_are_known(tmp_path: Path) -> None:
    template = {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}},
            "Thing": {
                "Type": "Test::Thing",
                "Properties": {
                    "Value": {"Fn::Select": [0, {"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 2, 8]}]}
                },
            },
        }
    }
    assembly = load_assembly(write_assembly(tmp_path, One=template))
    assert assembly.resources[Address("One", "Thing")].properties["Value"] == "10.1.0.0/24"


def test_zones_that_are_not_named_are_different_from_each_other(tmp_path: Path) -> None:
    first, second = ({"Fn::Select": [index, {"Fn::GetAZs": ""}]} for index in (0, 1))
    values = resolve(tmp_path, [first, second, first])
    assert isinstance(values, list)
    assert values[0] == values[2] != values[1]


def test_templates_without_a_manifest_are_read(tmp_path: Path) -> None:
    folder = write_templates(tmp_path, One={"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    (folder / "other.json").write_text("{}")
    assert list(load_assembly(folder).stacks) == ["One"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"Resources": {}}', "has no Resources"),
        ('{"Resources": {"A": {}}}', "is not a resource with a Type"),
        ('{"Resources": {"A": {"Type": "T"}}, "provider": {}}', "unknown section 'provider'"),
        ('{"Resources": {"A": {"Type": "T"}}, "Transform": "X"}', "Transform"),
    ],
)
def test_files_that_are_no_templates_are_refused(tmp_path: Path, content: str, says: str) -> None:
    folder = write_assembly(tmp_path, One={"Resources": {"A": {"Type": "T"}}})
    (folder / "One.template.json").write_text(content)
    with pytest.raises(AuditError, match=says):
        load_assembly(folder)


def test_a_folder_that_is_no_assembly_says_where_one_is(tmp_path: Path) -> None:
    write_assembly(tmp_path / "prod", One={"Resources": {"A": {"Type": "T"}}})
    with pytest.raises(AuditError, match=r"holds no CloudFormation template; did you mean .*prod"):
        load_assembly(tmp_path)
    with pytest.raises(AuditError, match="does not exist"):
        load_assembly(tmp_path / "nowhere")


def test_a_missing_template_of_the_manifest_is_named(tmp_path: Path) -> None:
    folder = write_assembly(tmp_path, One={"Resources": {"A": {"Type": "T"}}})
    (folder / "One.template.json").unlink()
    with pytest.raises(AuditError, match=r"One\.template\.json: cannot be read"):
        load_assembly(folder)


def test_stages_are_read_with_their_stacks(tmp_path: Path) -> None:
    write_assembly(tmp_path / "assembly-Stage", Inner={"Resources": {"A": {"Type": "T"}}})
    artifacts = {"assembly-Stage": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Stage"}}}
    (tmp_path / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": artifacts}))
    assert list(load_assembly(tmp_path).stacks) == ["Inner"]
