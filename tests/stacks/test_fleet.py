"""The fleet simulation over this project's own templates: what is read, what is refused, and docs/fleet.md."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.assembly import load_assembly
from audit.cli.main import main
from audit.cost import prices
from audit.errors import AuditError
from audit.fleet import page
from audit.fleet.assumptions import read_assumptions
from audit.fleet.model import Burst, Fleet, Instances, Strategy
from audit.fleet.plots import draw
from audit.fleet.read import read_fleet
from audit.fleet.report import Inputs, run_one
from audit.fleet.scenarios import read_scenarios
from audit.fleet.service_times import read_service_times
from audit.fleet.strategies import alternatives, without_burst, without_instances
from stacks.machines import known_machine
from stacks.settings import Settings, load_settings
from stacks.settings import Strategy as SettingsStrategy
from tests.stacks.configurations import configurations

DOCS = Path(__file__).resolve().parents[2] / "docs"
Spoil = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="session")
def prod_fleet(assemblies: Path) -> Fleet:
    return read_fleet(load_assembly(assemblies / "prod"))


LICENSED = {name for name, settings in configurations().items() if settings.workers.licences}


def test_seats_of_licences_are_refused(assemblies: Path) -> None:
    assert LICENSED
    for name in LICENSED:
        with pytest.raises(AuditError, match="seats of licences are not modelled"):
            read_fleet(load_assembly(assemblies / name))


@pytest.mark.parametrize("name", sorted(configurations().keys() - LICENSED))
def test_a_fleet_is_what_its_settings_say(assemblies: Path, name: str) -> None:
    settings, fleet = configurations()[name], read_fleet(load_assembly(assemblies / name))
    workers = settings.workers
    assert fleet.strategy == Strategy(workers.strategy)
    assert fleet.queue.visibility_s == settings.messaging.visibility_timeout_s
    assert fleet.queue.max_receives == settings.messaging.max_receive_count
    assert len(fleet.zones) == len(settings.network.zones)
    if fleet.instances is not None:
        _is_what_settings_say(fleet.instances, settings)
    if fleet.burst is not None:
        assert fleet.burst.most == workers.max_burst_tasks
        assert fleet.burst.task.vcpus == workers.burst_vcpus
        assert fleet.burst.base_images == workers.max_instances * workers.backlog_per_worker


def _is_what_settings_say(instances: Instances, settings: Settings) -> None:
    workers = settings.workers
    assert (instances.least, instances.most) == (workers.min_instances, workers.max_instances)
    assert instances.instance_type == workers.instance_type
    assert instances.task.vcpus == known_machine(workers.instance_type).vcpus
    assert instances.spot_share == pytest.approx(workers.spot_share_percent / 100)
    assert [policy.target for policy in instances.tracking] == [workers.backlog_per_worker]
    assert len(instances.stepping) == 1


@pytest.mark.parametrize("strategy", ["ec2", "fargate"])
def test_a_derived_fleet_is_what_synthesis_makes_of_that_strategy(
    prod_fleet: Fleet, tmp_path: Path, strategy: str
) -> None:
    """Nothing but the limits may differ from an environment whose `workers.strategy` was changed."""
    from app import wire
    from stacks.assembly import write_assembly

    settings = load_settings("prod")
    none_of = {"ec2": {"max_burst_tasks": 0}, "fargate": {"min_instances": 0, "max_instances": 0}}
    workers = settings.workers.model_copy(update={"strategy": SettingsStrategy(strategy), **none_of[strategy]})
    write_assembly(settings.model_copy(update={"workers": workers}), wire, tmp_path / "prod")
    real = read_fleet(load_assembly(tmp_path / "prod"))
    derived = without_burst(prod_fleet) if strategy == "ec2" else without_instances(prod_fleet)
    assert _without_limits(derived) == _without_limits(real)


def _without_limits(fleet: Fleet) -> Fleet:
    instances: Instances | None = fleet.instances
    burst: Burst | None = fleet.burst
    return replace(
        fleet,
        origin="",
        instances=instances and replace(instances, most=0, most_tasks=0, step_most=0),
        burst=burst and replace(burst, most=0),
    )


def test_alternatives_develop_as_many_images_at_a_time_as_the_environment(prod_fleet: Fleet) -> None:
    fleets = alternatives(prod_fleet)
    assert [fleet.strategy for fleet in fleets] == [Strategy.HYBRID, Strategy.EC2, Strategy.FARGATE]
    assert {fleet.most_processes for fleet in fleets} == {prod_fleet.most_processes}


def _queue(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]["JobQueue"]["Properties"]
    return found


def _of_kind(template: dict[str, Any], kind: str, path: str = "") -> dict[str, Any]:
    return next(
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == kind and path in resource["Metadata"]["aws:cdk:path"]
    )


def _policy(template: dict[str, Any], name: str) -> dict[str, Any]:
    return _of_kind(template, "AWS::ApplicationAutoScaling::ScalingPolicy", name)


def _tracking(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _policy(template, "Backlog")["TargetTrackingScalingPolicyConfiguration"]
    return found


def _group(template: dict[str, Any]) -> dict[str, Any]:
    return _of_kind(template, "AWS::AutoScaling::AutoScalingGroup")


def _burst(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _of_kind(template, "AWS::Lambda::Function", "Burst")["Environment"]["Variables"]
    return found


def _worker(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _of_kind(template, "AWS::ECS::TaskDefinition", "WorkerTask")["ContainerDefinitions"][0]
    return found


def _set_environment(container: dict[str, Any], name: str, value: str | None) -> None:
    others = [item for item in container["Environment"] if item["Name"] != name]
    container["Environment"] = others + ([] if value is None else [{"Name": name, "Value": value}])


_SPOILT: list[tuple[str, Spoil, str]] = [
    ("Messaging", lambda t: _queue(t).pop("RedrivePolicy"), "one SQS queue with a RedrivePolicy is needed"),
    ("Messaging", lambda t: _queue(t).update(FifoQueue=True), "FifoQueue: True is not modelled"),
    ("Messaging", lambda t: _queue(t).update(VisibilityTimeout=60), "RAWMILL_VISIBILITY_TIMEOUT_S: 900 differs"),
    ("Messaging", lambda t: _queue(t).update(VisibilityTimeout={"Ref": "DeadLetterQueue"}), "is not a number"),
    ("Workers", lambda t: _tracking(t).update(TargetValue=0), "TargetValue 0: above 0 is modelled"),
    (
        "Workers",
        lambda t: _tracking(t)["CustomizedMetricSpecification"]["Metrics"][-1].update(Expression="RATE(outstanding)"),
        "'RATE(outstanding)' calls RATE in a way that is not modelled",
    ),
    (
        "Workers",
        lambda t: _tracking(t)["CustomizedMetricSpecification"]["Metrics"][0]["MetricStat"]["Metric"].update(
            MetricName="ApproximateAgeOfOldestMessage"
        ),
        "metric AWS/SQS ApproximateAgeOfOldestMessage is not modelled",
    ),
    ("Workers", lambda t: _policy(t, "FirstWorker").update(PolicyType="PredictiveScaling"), "PredictiveScaling is not"),
    ("Workers", lambda t: _group(t).pop("MaxSize"), "MaxSize: is missing"),
    (
        "Workers",
        lambda t: _group(t).update(MixedInstancesPolicy={"LaunchTemplate": {}}),
        "its launch template is not in this assembly",
    ),
    ("Workers", lambda t: _burst(t).pop("MAX_TASKS"), "MAX_TASKS: is missing"),
    ("Workers", lambda t: _burst(t).update(IMAGES_PER_TASK="0"), "IMAGES_PER_TASK: 0: at least 1 is modelled"),
    (
        "Workers",
        lambda t: _of_kind(t, "AWS::Events::Rule", "EveryMinute").update(ScheduleExpression="cron(0 * * * ? *)"),
        "only rate(N minutes) is modelled",
    ),
    ("Workers", lambda t: _set_environment(_worker(t), "RAWMILL_PROCESSES", None), "RAWMILL_PROCESSES: is missing"),
    ("Workers", lambda t: _set_environment(_worker(t), "RAWMILL_PROCESSES", "many"), "many is not a number"),
    ("Workers", lambda t: _set_environment(_worker(t), "RAWMILL_LICENCES", '{"a":1}'), "seats of licences are not"),
    ("Workers", lambda t: _of_kind(t, "AWS::ECS::Service").pop("PlacementConstraints"), "several tasks on an instance"),
    (
        "Workers",
        lambda t: t["Resources"].update(Warm={"Type": "AWS::AutoScaling::WarmPool", "Properties": {}}),
        "warm pools are not modelled",
    ),
]


@pytest.mark.parametrize(("stack", "spoil", "why"), _SPOILT, ids=[why for _, _, why in _SPOILT])
def test_what_is_missing_or_not_modelled_is_refused_with_its_place(
    assemblies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, stack: str, spoil: Spoil, why: str
) -> None:
    folder = tmp_path / "prod"
    folder.mkdir()
    for path in [*(assemblies / "prod").glob("*.template.json"), *(assemblies / "prod").glob("manifest.json")]:
        shutil.copy(path, folder)
    path = folder / f"{stack}.template.json"
    template = json.loads(path.read_text())
    spoil(template)
    path.write_text(json.dumps(template))
    assert main(["fleet", str(folder), "--only", "one-job"]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert why in printed.err
    assert all(line.startswith("audit fleet: ") for line in printed.err.splitlines())


def test_the_command_prints_a_table_and_the_same_figures_as_json(
    assemblies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fleet", str(assemblies / "prod"), "--only", "one-job", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert main(["fleet", str(assemblies / "prod"), "--only", "one-job", "--seed", "3", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    for name, found in figures["scenarios"]["one-job"]["fleets"].items():
        assert name in printed
        assert f"{found['usd']:,.2f}" in printed
        assert found["completed"] == 10_000
        assert found["usd"] == pytest.approx(
            found["usd_instances"] + found["usd_burst"] + found["usd_requests"], abs=1e-3
        )


def test_another_assembly_takes_the_place_of_what_was_derived(
    assemblies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fleet", str(assemblies / "prod"), "--only", "one-job", "--json", "--against"]
    assert main([*command, str(assemblies / "dev")]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["fleets"]["fargate"]["origin"] == "as the templates of dev say"
    assert main([*command, str(assemblies / "prod")]) == 2
    assert "another strategy is needed to compare with" in capsys.readouterr().err


def test_images_that_a_small_fleet_cannot_do_before_the_queue_forgets_them_are_an_error(
    assemblies: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Ten million images on four small tasks take weeks, and SQS keeps messages for days."""
    scenarios = tmp_path / "scenarios.toml"
    scenarios.write_text('[flood]\ntitle = "Flood"\nwhy = "too much"\narrivals = [{ images = 5_000_000 }]\n')
    assert main(["fleet", str(assemblies / "dev"), "--scenarios", str(scenarios)]) == 1
    assert "waited longer than the queue keeps messages" in " ".join(capsys.readouterr().out.split())


def _inputs(fleet: Fleet) -> Inputs:
    return Inputs(
        fleets=alternatives(fleet),
        scenarios=read_scenarios(),
        times=read_service_times(),
        assumptions=read_assumptions(),
        prices=prices.load(fleet.region),
    )


def test_the_page_tells_of_these_templates_prices_and_assumptions(prod_fleet: Fleet) -> None:
    """The page's figures carry a digest of all that went in; two scenarios are simulated anew."""
    committed = json.loads((DOCS / page.DATA).read_text(encoding="utf-8"))
    inputs = _inputs(prod_fleet)
    assert committed["digest"] == inputs.digest(), "docs/fleet.md has fallen behind: run make fleet-docs"
    for name in ("one-job", "poison-storm"):
        for fleet in inputs.fleets:
            found = json.loads(json.dumps(run_one(inputs, name, inputs.scenarios[name], fleet)))
            told = committed["scenarios"][name]["fleets"][fleet.strategy.value]
            assert found == told, f"{name}, {fleet.strategy}: run make fleet-docs"


def test_tables_and_plots_of_the_page_are_those_of_its_figures() -> None:
    committed = json.loads((DOCS / page.DATA).read_text(encoding="utf-8"))
    text = (DOCS / page.PAGE).read_text(encoding="utf-8")
    assert page.render(text, committed, DOCS) == text, "docs/fleet.md was changed by hand: run make fleet-docs"
    for name, svg in draw(committed).items():
        assert (DOCS / page.IMAGES / name).read_text(encoding="utf-8") == svg, f"{name}: run make fleet-docs"


def test_a_marker_that_nothing_is_made_for_is_refused() -> None:
    committed = json.loads((DOCS / page.DATA).read_text(encoding="utf-8"))
    with pytest.raises(AuditError, match="weather -->: is none of fleets, results"):
        page.render("<!-- made by make fleet-docs: weather -->\n<!-- end -->", committed, DOCS)
