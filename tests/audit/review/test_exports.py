"""What one stack exports and another one imports can neither go nor change while both are deployed."""

from pathlib import Path
from typing import Any

from audit.assembly import Address, Assembly, load_assembly
from audit.review.compare import Review, compare
from audit.review.exports import deadlocks
from tests.audit.folders import write_assembly
from tests.audit.review.pairs import resource


def side(folder: Path, *, value: Any = None, imported: bool = True, exported: bool = True) -> Assembly:
    wanted = {"Fn::ImportValue": "queue-name"} if imported else "none"
    producer: dict[str, Any] = {"Resources": {"Queue": resource("SQS::Queue")}}
    if exported:
        value = value or {"Fn::GetAtt": ["Queue", "QueueName"]}
        producer["Outputs"] = {"Name": {"Value": value, "Export": {"Name": "queue-name"}}}
    consumer = {"Resources": {"Parameter": resource("SSM::Parameter", Type="String", Value=wanted)}}
    return load_assembly(write_assembly(folder, Producer=producer, Consumer=consumer))


def test_an_export_that_goes_while_it_is_imported_refuses_the_deployment(tmp_path: Path) -> None:
    base, head = side(tmp_path / "base"), side(tmp_path / "head", imported=False, exported=False)
    (found,) = deadlocks(base, head, set())
    assert (found.stack, found.importers, found.removed, found.changed) == ("Producer", ("Consumer",), ("Name",), ())


def test_an_export_that_nobody_imports_may_go(tmp_path: Path) -> None:
    base, head = side(tmp_path / "base", imported=False), side(tmp_path / "head", imported=False, exported=False)
    assert deadlocks(base, head, set()) == ()


def test_an_import_may_go_before_its_export(tmp_path: Path) -> None:
    assert deadlocks(side(tmp_path / "base"), side(tmp_path / "head", imported=False), set()) == ()


def test_an_imported_value_may_not_become_another(tmp_path: Path) -> None:
    (found,) = deadlocks(side(tmp_path / "base"), side(tmp_path / "head", value="literal"), set())
    assert (found.removed, found.changed) == ((), ("Name",))


def test_an_imported_name_of_what_is_made_anew_is_another_value(tmp_path: Path) -> None:
    base, head = side(tmp_path / "base"), side(tmp_path / "head")
    assert deadlocks(base, head, set()) == ()
    (found,) = deadlocks(base, head, {Address("Producer", "Queue")})
    assert found.changed == ("Name",)


def review(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> Review:
    sides = (load_assembly(write_assembly(folder / name, **it)) for name, it in (("base", before), ("head", after)))
    return compare("test", *sides)


def test_a_stack_that_is_not_in_the_app_any_more_loses_no_data(tmp_path: Path) -> None:
    """Deployment leaves it alone."""
    other = {"Resources": {"Topic": resource("SNS::Topic")}}
    found = review(
        tmp_path, {"Data": {"Resources": {"Bucket": resource("S3::Bucket")}}, "Other": other}, {"Other": other}
    )
    assert [(item.stack, item.effect, item.data) for item in found.stacks] == [("Data", "left behind", ("bucket",))]
    assert found.losses == ()


def test_a_bucket_that_moves_to_another_stack_is_empty_there(tmp_path: Path) -> None:
    bucket, topic = resource("S3::Bucket", BucketEncryption={"x": "y"}), resource("SNS::Topic")
    found = review(
        tmp_path,
        {"One": {"Resources": {"Bucket": bucket, "Topic": topic}}, "Two": {"Resources": {"Topic": topic}}},
        {"One": {"Resources": {"Topic": topic}}, "Two": {"Resources": {"Bucket": bucket, "Topic": topic}}},
    )
    (loss,) = found.losses
    assert (loss.effect.value, str(loss.former), str(loss.address)) == ("renamed", "One.Bucket", "Two.Bucket")
