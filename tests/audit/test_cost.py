"""The bill of a month: computed by hand for a small template, and what must hold for any."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.assembly import load_assembly
from audit.cost import prices, profile
from audit.cost.buckets import Bucket
from audit.cost.estimate import estimate
from audit.cost.investment import invest
from audit.cost.limits import limits
from audit.cost.model import Driver, Estimate, Range
from audit.cost.prices import PriceTable
from audit.cost.profile import Profile
from audit.cost.report import report
from audit.errors import AuditError
from tests.audit.by_hand import month, plain_prices
from tests.audit.folders import write_assembly
from tests.audit.platform_template import template

BUCKETS = {
    "One.Vault": Bucket(holds="originals", writes=1, reads=0),
    "One.Results": Bucket(holds="renditions", writes=3, reads=0, copies=2),
}

Bill = Callable[..., Estimate]

NAT = {"Type": "AWS::EC2::NatGateway", "Properties": {}}


@pytest.fixture
def bill(tmp_path: Path) -> Bill:
    def run(
        content: dict[str, Any] | None = None, used: Profile | None = None, table: PriceTable | None = None
    ) -> Estimate:
        assembly = load_assembly(write_assembly(tmp_path / "cdk.out", One=content or template()))
        return estimate(assembly, used or month(), table or plain_prices(), buckets=BUCKETS)

    return run


def cost_of(found: Estimate, component: str, what: str) -> float:
    (line,) = [line for line in found.lines if line.component == component and line.what == what]
    assert line.cost.certain
    return line.cost.expected


def test_a_small_template_costs_what_its_bill_says_by_hand(bill: Bill) -> None:
    found = bill()
    expected = {
        ("NAT gateways", "gateway"): 730 * 0.05,
        ("NAT gateways", "public address"): 730 * 0.005,
        # SQS has an endpoint; STS and the rest of the world do not.
        ("NAT gateways", "data of services without an endpoint, and of the rest of the world"): 11 * 0.05,
        ("interface endpoints", "sqs in 2 zones"): 2 * 730 * 0.01,
        ("interface endpoints", "data to sqs"): 5 * 0.01,
        ("database", "instance with standby"): 730 * 0.4,
        ("database", "storage"): 100 * 0.25,
        # 10,000 images of 0.1 vCPU-hours: 1,000. One instance masters 8 vCPUs x 100 h, the rest takes 25 hours more.
        ("workers", "instances always there"): 730 * 0.4,
        ("workers", "volumes of instances always there"): 40 * 0.1,
        ("workers", "instances added for the work"): 25 * 0.4,
        ("workers", "volumes of instances added for the work"): 25 / 730 * 40 * 0.1,
        # The function is called every minute of the peak; no burst worker is needed.
        ("burst workers", "calls of the function that starts them"): 6000 * 2e-7,
        ("burst workers", "time of the function that starts them"): 6000 * 2 * 0.25 * 1e-5,
        ("queue", "messages of images"): 40_000 * 4e-7,
        ("queue", "asking for messages"): 730 * 180 * 4e-7,
        # 500 GB a month; 73 days are 2.4 months in Standard, the other 9.6 of twelve are archived.
        ("archive of originals", "originals kept"): 500 * 2.4 * 0.02,
        ("archive of originals", "originals kept, archived"): 500 * 9.6 * 0.005,
        ("archive of originals", "moves to the archive"): 10_000 * 2e-5,
        ("archive of originals", "writes of originals"): 10_000 * 5e-6,
        # Two copies of 40 GB, kept for 73 days and as former versions for half of that again.
        ("files in work", "renditions kept"): 2 * 40 * 3.6 * 0.02,
        ("files in work", "writes of renditions"): 30_000 * 5e-6,
        ("downloads", "renditions to the internet"): 80 * 0.1,
    }
    assert {(line.component, line.what) for line in found.lines} == set(expected)
    for (component, what), usd in expected.items():
        assert cost_of(found, component, what) == pytest.approx(usd), f"{component}: {what}"
    assert found.total.expected == pytest.approx(sum(expected.values()))
    assert not found.missing


def test_what_one_zone_would_cost_is_computed_by_hand_as_well(bill: Bill, tmp_path: Path) -> None:
    found = bill()
    spare = {line.what: line.cost.expected - line.alone.expected for line in found.lines if line.cost != line.alone}
    assert spare == pytest.approx(
        {"sqs in 2 zones": 730 * 0.01, "instance with standby": 730 * 0.2, "storage": 100 * 0.125}
    )


def test_identical_templates_cost_the_same(bill: Bill) -> None:
    assert bill() == bill()


def test_a_second_nat_gateway_costs_its_hours_and_halves_the_data(bill: Bill) -> None:
    before, after = bill(), bill(template(Nat2=NAT))
    assert after.total.expected - before.total.expected == pytest.approx(730 * 0.05)
    second = [line for line in after.lines if line.resource.logical_id == "Nat2" and line.what == "gateway"]
    assert [line.alone.expected for line in second] == [0.0]


def test_files_pass_nat_when_s3_has_no_gateway_endpoint(bill: Bill) -> None:
    found = bill(template(S3Endpoint=None))
    assert cost_of(
        found, "NAT gateways", "files between workers and S3, which has no gateway endpoint"
    ) == pytest.approx(10_000 * 0.054 * 0.05)


def test_burst_workers_take_what_the_greatest_group_does_not_master(bill: Bill) -> None:
    found = bill(used=month(images__per_month=34_000))
    # 3,400 vCPU-hours; three instances master 24 vCPUs x 100 h, four vCPUs on Fargate take the rest in 250 hours.
    assert cost_of(found, "workers", "instances added for the work") == pytest.approx(200 * 0.4)
    assert cost_of(found, "burst workers", "vCPUs of tasks") == pytest.approx(250 * 4 * 0.04)
    assert cost_of(found, "burst workers", "memory of tasks") == pytest.approx(250 * 8 * 0.004)
    assert cost_of(found, "burst workers", "storage of tasks") == pytest.approx(250 * 5 * 0.0001)


def test_without_burst_workers_the_group_works_longer(bill: Bill) -> None:
    found = bill(template(Burst=None), month(images__per_month=34_000))
    assert cost_of(found, "workers", "instances added for the work") == pytest.approx((3400 - 800) / 8 * 0.4)


def test_spot_instances_cost_what_the_profile_says_of_them(bill: Bill) -> None:
    group = template()["Resources"]["Group"]
    group["Properties"] = {
        "MinSize": "1",
        "MaxSize": "3",
        "MixedInstancesPolicy": {
            "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 25},
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": {"Ref": "Template"}},
                "Overrides": [{"InstanceType": "c7i.2xlarge"}, {"InstanceType": "c7i.4xlarge"}],
            },
        },
    }
    found = bill(template(Group=group))
    assert cost_of(found, "workers", "instances always there") == pytest.approx(730 * 0.25 * 0.4)
    assert cost_of(found, "workers", "Spot instances always there") == pytest.approx(730 * 0.75 * 0.4 * 0.5)


def test_a_month_without_images_costs_the_fixed_part(bill: Bill) -> None:
    busy, idle = bill(), bill(used=month(images__per_month=0))
    assert idle.total.expected == pytest.approx(busy.of_driver(Driver.FIXED).expected)
    assert idle.of_driver(Driver.IMAGES) == Range()


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    section_key=st.sampled_from(
        [
            "images__per_month",
            "images__original_mb",
            "images__renditions_mb",
            "images__vcpu_s",
            "images__downloads",
            "images__queue_requests",
            "peak__idle",
            "kept__archive_months",
            "base__nat_gb",
            "base__backup_gb",
        ]
    ),
    amounts=st.lists(st.floats(0, 50_000), min_size=2, max_size=2).map(sorted),
)
def test_more_of_anything_never_costs_less(bill: Bill, section_key: str, amounts: list[float]) -> None:
    less, more = (bill(used=month(**{section_key: amount})).total.expected for amount in amounts)
    assert less <= more + 1e-6


def test_low_expected_and_high_stay_in_this_order(bill: Bill) -> None:
    for name in profile.shipped():
        for line in bill(used=profile.load(name), table=prices.load("eu-west-1")).lines:
            assert line.cost.low <= line.cost.expected <= line.cost.high, line


def test_a_missing_price_is_said_and_not_in_the_sum(bill: Bill) -> None:
    table = plain_prices()
    rows = {key: price for key, price in table.rows.items() if key != "ec2.c7i.2xlarge"}
    found = bill(table=replace(table, rows=rows))
    assert {(item.price, item.path) for item in found.missing} == {("ec2.c7i.2xlarge", "One.Group")}
    assert found.total.expected == pytest.approx(bill().total.expected - 755 * 0.4)


def test_a_standby_without_the_price_of_one_zone_is_a_missing_price(bill: Bill) -> None:
    table = plain_prices()
    rows = {key: price for key, price in table.rows.items() if key != "rds.postgres.single.db.m7g.large"}
    assert [item.price for item in bill(table=replace(table, rows=rows)).missing] == [
        "rds.postgres.single.db.m7g.large"
    ]


def test_a_type_that_nobody_has_judged_is_refused(bill: Bill) -> None:
    with pytest.raises(
        AuditError, match=r"One.Broker \(AWS::AmazonMQ::Broker\): nobody has judged what this type costs"
    ):
        bill(template(Broker={"Type": "AWS::AmazonMQ::Broker"}))


def test_a_number_that_only_a_deployment_knows_is_refused(bill: Bill) -> None:
    content = template()
    content["Parameters"] = {"Least": {"Type": "Number"}}
    content["Resources"]["Group"]["Properties"]["MinSize"] = {"Ref": "Least"}
    with pytest.raises(AuditError, match=r"One.Group \(AWS::AutoScaling::AutoScalingGroup\): MinSize"):
        bill(content)


def test_work_that_two_groups_share_is_refused(bill: Bill) -> None:
    made = template()["Resources"]
    provider = {"AutoScalingGroupProvider": {"AutoScalingGroupArn": {"Ref": "Group2"}}}
    service = made["Service"]["Properties"] | {"CapacityProviderStrategy": [{"CapacityProvider": {"Ref": "Provider2"}}]}
    more = {
        "Group2": made["Group"],
        "Provider2": {"Type": "AWS::ECS::CapacityProvider", "Properties": provider},
        "Service2": {"Type": "AWS::ECS::Service", "Properties": service},
    }
    with pytest.raises(AuditError, match=r"One\.Group2 .*: works beside One\.Group;"):
        bill(template(**more))


def test_every_resource_is_counted_or_listed_with_a_reason(bill: Bill) -> None:
    found = bill()
    counted = {line.resource.logical_id for line in found.lines}
    listed = {item.resource.logical_id: item.why for item in found.not_priced}
    assert counted | set(listed) == set(template()["Resources"])
    assert not counted & set(listed)
    assert all(listed.values())


def test_scaling_costs_between_its_least_and_its_most_all_month(tmp_path: Path) -> None:
    assembly = load_assembly(write_assembly(tmp_path, One=template()))
    found = {item.what: (item.least_usd, item.most_usd) for item in limits(assembly, plain_prices())}
    assert found["instances c7i.2xlarge"] == pytest.approx((730 * 0.4, 3 * 730 * 0.4))
    each = 4 * 0.04 + 8 * 0.004 + 5 * 0.0001
    assert found["burst workers with 4 vCPUs on Fargate"] == pytest.approx((0, 10 * 730 * each))


def test_an_endpoint_pays_from_where_both_ways_cost_the_same(tmp_path: Path) -> None:
    assembly = load_assembly(write_assembly(tmp_path, One=template()))
    found = report("one", assembly, month(), plain_prices())
    ways = {way.service: way for way in found.ways}
    sqs = ways["sqs"]
    assert sqs.break_even_gb == pytest.approx(2 * 730 * 0.01 / (0.05 - 0.01))
    assert sqs.cheaper == "NAT"
    assert ways["s3"].cheaper == "endpoint"
    assert ways["s3"].by_nat.expected == pytest.approx(540 * 0.05)
    assert not ways["sts"].endpoint


def test_one_server_is_priced_for_the_same_files(tmp_path: Path) -> None:
    assembly = load_assembly(write_assembly(tmp_path, One=template()))
    found = report("one", assembly, month(), plain_prices())
    parts = {part.what: part.cost.expected for part in found.single.parts}
    assert parts["one t3.medium"] == pytest.approx(730 * 0.04)
    assert parts["disk"] == pytest.approx(130 * 0.1)
    # 1,000 vCPU-hours, of which 0.4 x 730 are part of the price.
    assert parts["processor time beyond its baseline"] == pytest.approx((1000 - 292) * 0.05)
    assert found.single.can_do_it
    assert not report("one", assembly, month(images__per_month=20_000), plain_prices()).single.can_do_it


def test_the_break_even_is_where_avoided_hours_are_worth_the_difference() -> None:
    found = invest(month(), design=Range(1000, 1000, 1000), server=Range(100, 100, 100))
    hour = 100_000 / 200 * 0.5 + 4 * 50 + 100
    assert found.hour_usd == Range(hour, hour, hour)
    assert found.break_even_hours.expected == pytest.approx(900 * 12 / hour)
    assert found.avoided_hours.expected == 18
    assert not found.pays
    assert invest(month(outage__people_waiting=10), Range(1000, 1000, 1000), Range(100, 100, 100)).pays


def test_a_design_that_is_cheaper_than_one_server_breaks_even_at_once() -> None:
    found = invest(month(), design=Range(50, 50, 50), server=Range(100, 100, 100))
    assert found.break_even_hours == Range()
    assert found.pays


def test_the_services_around_it_cost_what_their_bill_says_by_hand(bill: Bill) -> None:
    def resource(kind: str, **properties: Any) -> dict[str, Any]:
        return {"Type": f"AWS::{kind}", "Properties": properties}

    stat = {"MetricStat": {"Metric": {"MetricName": "Any"}}}
    content = {
        "Resources": {
            "Balancer": resource("ElasticLoadBalancingV2::LoadBalancer", Subnets=["subnet-a", "subnet-b"]),
            "Firewall": resource("WAFv2::WebACL", Rules=[{"Name": "One"}, {"Name": "Two"}]),
            "Flows": resource("Logs::LogGroup", RetentionInDays=73),
            "FlowLog": resource("EC2::FlowLog", LogGroupName={"Ref": "Flows"}),
            "Records": resource("Logs::LogGroup", RetentionInDays=365),
            "OtherRecords": resource("Logs::LogGroup"),
            "Key": resource("KMS::Key", EnableKeyRotation=True),
            "Secret": resource("SecretsManager::Secret"),
            "Alarm": resource("CloudWatch::Alarm", MetricName="Any"),
            "SumAlarm": resource("CloudWatch::Alarm", Metrics=[stat, stat, {"Expression": "a + b"}]),
            "Dashboard": resource("CloudWatch::Dashboard"),
            "Watched": resource("ECS::Cluster", ClusterSettings=[{"Name": "containerInsights", "Value": "enabled"}]),
            "Unwatched": resource("ECS::Cluster"),
            "Sessions": resource(
                "ElastiCache::ReplicationGroup", Engine="redis", CacheNodeType="cache.m7g.large", NumCacheClusters=2
            ),
            "Task": resource("ECS::TaskDefinition", Cpu="256", Memory="1024"),
            "Sweep": resource(
                "Scheduler::Schedule",
                ScheduleExpression="rate(5 minutes)",
                Target={"EcsParameters": {"TaskDefinitionArn": {"Ref": "Task"}}},
            ),
        }
    }
    used = month(
        images__requests=9,
        images__log_kb=100,
        base__requests=10_000,
        base__request_kb=1000,
        base__log_gb=4,
        base__flow_log_gb=10,
        base__metrics=50,
    )
    table = plain_prices(
        alb_hour=0.025,
        alb_lcu=0.008,
        waf_acl=5,
        waf_rule=1,
        waf_request=6e-7,
        logs_ingest=0.5,
        logs_vended=0.6,
        logs_store=0.03,
        kms_key=1,
        secret=0.4,
        alarm=0.1,
        dashboard=3,
        schedule=1e-6,
        cache_redis_cache_m7g_large=0.2,
    )
    # The images' 90,000 calls and 10,000 others are 100 GB; two groups share 4 GB of logs and 1 GB about images.
    runs = 730 * 12
    expected = {
        "load balancer": 730 * 0.025 + 2 * 730 * 0.005 + 100 * 0.008 + 100 * 0.1,
        "firewall": 5 + 2 + 100_000 * 6e-7,
        "network records": 10 * 0.6 + 10 * 2.4 * 0.15 * 0.03,
        "logs": 5 * 0.5 + 2.5 * 12 * 0.15 * 0.03 * 2,
        "keys and secrets": 1 + 0.4,
        "monitoring": 3 * 0.1 + 3 + 50 * 0.3,
        "session store": 2 * 730 * 0.2,
        "maintenance": runs * 1e-6 + runs / 60 * (0.25 * 0.04 + 1 * 0.004),
    }
    found = bill(content, used, table)
    assert {name: cost.expected for name, cost in found.by_component().items()} == pytest.approx(expected)
    assert not found.missing
