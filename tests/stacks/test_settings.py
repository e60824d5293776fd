"""Settings: what is accepted, and the one line that says why something is not."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from stacks.settings import InterfaceEndpoint, SettingsError, environment_names, load_settings

Edit = Callable[[str], str]


def swap(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text, f"prod.toml holds no {old!r}"
        return text.replace(old, new, 1)

    return edit


ZONE_B = """[network.zones.eu-west-1b]
public = "10.0.2.0/24"
private_app = "10.0.12.0/24"
private_db = "10.0.22.0/24"
"""

REFUSED: dict[str, tuple[Edit, str]] = {
    "overlapping subnets": (
        swap('"10.0.2.0/24"', '"10.0.1.128/25"'),
        "network.zones.eu-west-1b.public: value '10.0.1.128/25': "
        "allowed a block that does not overlap network.zones.eu-west-1a.public, 10.0.1.0/24",
    ),
    "a subnet outside the VPC": (
        swap('"10.0.2.0/24"', '"10.9.2.0/24"'),
        "network.zones.eu-west-1b.public: value '10.9.2.0/24': allowed a block inside network.cidr, 10.0.0.0/16",
    ),
    "a /29 subnet": (
        swap('"10.0.22.0/24"', '"10.0.22.0/29"'),
        "network.zones.eu-west-1b.private_db: value '10.0.22.0/29': "
        "allowed a block from /16 to /28: AWS has no subnets smaller than /28",
    ),
    "a public subnet that no load balancer takes": (
        swap('"10.0.2.0/24"', '"10.0.2.0/28"'),
        "network.zones.eu-west-1b.public: value '10.0.2.0/28': "
        "allowed a block from /16 to /27: a load balancer refuses subnets smaller than /27",
    ),
    "a block that does not start where it says": (
        swap('"10.0.2.0/24"', '"10.0.2.1/24"'),
        "network.zones.eu-west-1b.public: value '10.0.2.1/24': allowed the first address of the block, '10.0.2.0/24'",
    ),
    "no block at all": (
        swap('"10.0.2.0/24"', '"banana"'),
        "network.zones.eu-west-1b.public: value 'banana': "
        "allowed an IPv4 block with its prefix length, such as '10.0.1.0/24'",
    ),
    "a VPC of public addresses": (
        swap('"10.0.0.0/16"', '"8.8.0.0/16"'),
        "network.cidr: value '8.8.0.0/16': allowed a private block inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16",
    ),
    "a zone without a subnet": (
        swap('public = "10.0.2.0/24"\n', ""),
        "network.zones.eu-west-1b.public: missing: "
        "allowed a block such as '10.0.1.0/24': every zone has a subnet in every tier",
    ),
    "one zone": (
        swap(ZONE_B, ""),
        "network.zones: 1 entry: "
        "allowed at least 2: load balancer and database need two zones, and three are planned for",
    ),
    "a zone of another region": (
        swap("zones.eu-west-1b]", "zones.eu-central-1b]"),
        "network.zones.eu-central-1b: value 'eu-central-1b': allowed zones of the region 'eu-west-1'",
    ),
    "a zone that is none": (
        swap("zones.eu-west-1b]", "zones.banana]"),
        "network.zones.banana: value 'banana': allowed an availability zone of the region, such as 'eu-west-1a'",
    ),
    "an unknown key": (
        swap("nat =", "natt ="),
        "network.natt: unknown key: "
        "allowed cidr, nat, interface_endpoints, flow_log_retention_days or zones; did you mean nat?",
    ),
    "a name that the file already gives": (
        swap("region =", 'name = "prod"\nregion ='),
        "name: unknown key: allowed no such key: the file's name is the environment's",
    ),
    "a single NAT gateway where high availability is claimed": (
        swap('"per-zone"', '"single"'),
        "network.nat: value 'single': allowed 'per-zone' because high_availability = true",
    ),
    "a single instance where high availability is claimed": (
        swap("min_instances = 2\nmax_instances = 10", "min_instances = 1\nmax_instances = 10"),
        "web.min_instances: value 1: allowed at least 2, one per zone, because high_availability = true",
    ),
    "a database in one zone where high availability is claimed": (
        swap("multi_az = true", "multi_az = false"),
        "database.multi_az: value false: allowed true because high_availability = true",
    ),
    "a session store without a replica where high availability is claimed": (
        swap("replicas = 1", "replicas = 0"),
        "session_store.replicas: value 0: allowed at least 1 because high_availability = true",
    ),
    "production without high availability": (
        swap("high_availability = true", "high_availability = false"),
        "high_availability: value false: allowed true in prod",
    ),
    "production without termination protection": (
        swap("termination_protection = true", "termination_protection = false"),
        "termination_protection: value false: allowed true in prod",
    ),
    "a NAT mode that is none": (
        swap('"per-zone"', '"double"'),
        "network.nat: value 'double': allowed 'per-zone' or 'single'",
    ),
    "an endpoint that is none": (
        swap('"ecr.api"', '"ecr"'),
        "network.interface_endpoints[0]: value 'ecr': allowed 'ssm', 'ssmmessages', 'ec2messages', 'ecr.api', "
        "'ecr.dkr', 'ecs', 'ecs-agent', 'ecs-telemetry', 'kms', 'logs', 'monitoring', 'secretsmanager', 'sqs' or 'sts'",
    ),
    "a string where an array belongs": (
        swap('["ecr.api", "ecr.dkr", "logs", "sqs"]', '"sqs"'),
        "network.interface_endpoints: value 'sqs': allowed an array, such as ['ssm']",
    ),
    "least above most": (
        swap("min_instances = 2\nmax_instances = 10", "min_instances = 20\nmax_instances = 10"),
        "web.min_instances: value 20: allowed at most web.max_instances, 10",
    ),
    "fewest workers above most": (
        swap("min_instances = 2\nmax_instances = 40", "min_instances = 5\nmax_instances = 4"),
        "workers.min_instances: value 5: allowed at most workers.max_instances, 4",
    ),
    "a visibility timeout below the time limit of a job": (
        swap("visibility_timeout_s = 900", "visibility_timeout_s = 599"),
        "messaging.visibility_timeout_s: value 599: "
        "allowed at least jobs.time_limit_s, 600: a message that reappears in mid-job is worked on twice",
    ),
    "dead letters that die before they are looked at": (
        swap("dead_letter_retention_days = 14", "dead_letter_retention_days = 4"),
        "messaging.dead_letter_retention_days: value 4: "
        "allowed more than messaging.retention_days, 4: a dead letter keeps the age it had in the job queue",
    ),
    "uploads that are gone before their job ends": (
        swap("uploads_retention_days = 7", "uploads_retention_days = 6"),
        "storage.uploads_retention_days: value 6: "
        "allowed at least jobs.lifetime_days, 7: an upload that is gone before its job ends cannot be developed",
    ),
    "results that are gone before their job ends": (
        swap("results_retention_days = 30", "results_retention_days = 6"),
        "storage.results_retention_days: value 6: "
        "allowed at least jobs.lifetime_days, 7: a job that ends would have lost its first renditions",
    ),
    "storage that cannot grow by a step": (
        swap("max_storage_gib = 1000", "max_storage_gib = 109"),
        "database.max_storage_gib: value 109: "
        "allowed at least 110, a tenth above database.storage_gib: RDS enlarges storage in steps of that size",
    ),
    "links that outlive the session that signs them": (
        swap("[storage]", "[storage]\nlink_lifetime_s = 3601"),
        "storage.link_lifetime_s: value 3601: allowed at most 3600",
    ),
    "a console whose origin has a path": (
        swap("[storage]", '[storage]\nconsole_origins = ["https://photos.example.com/"]'),
        "storage.console_origins[0]: value 'https://photos.example.com/': "
        "allowed a web origin in small letters without a path, such as 'https://photos.example.com'",
    ),
    "a console that is everywhere": (
        swap("[storage]", '[storage]\nconsole_origins = ["*"]'),
        "storage.console_origins[0]: value '*': "
        "allowed a web origin in small letters without a path, such as 'https://photos.example.com'",
    ),
    "a deploy role without a repository": (
        swap("[storage]", '[identity]\ngithub_environment = "production"\n\n[storage]'),
        "identity.github_repository: missing: "
        "allowed 'owner/name', or none of the keys github_…: the deploy role trusts one repository",
    ),
    "a deploy role for any repository": (
        swap("[storage]", '[identity]\ngithub_repository = "example/*"\n\n[storage]'),
        "identity.github_repository: value 'example/*': "
        "allowed a repository as 'owner/name', without the address of the site",
    ),
    "a deploy role for any environment": (
        swap("[storage]", '[identity]\ngithub_repository = "a/b"\ngithub_environment = "*"\n\n[storage]'),
        "identity.github_environment: value '*': allowed a name of letters, digits or _.-, such as 'production'",
    ),
    "a boundary that is an address": (
        swap("[storage]", '[identity]\npermissions_boundary = "arn:aws:iam::1:policy/x"\n\n[storage]'),
        "identity.permissions_boundary: value 'arn:aws:iam::1:policy/x': "
        "allowed the name of a managed policy of the account, such as 'developer-boundary'",
    ),
    "an alarm for nobody": (
        swap("oncall@example.com", "oncall"),
        "observability.alarm_emails[0]: value 'oncall': allowed an e-mail address, such as 'ops@example.com'",
    ),
    "a budget of nothing": (
        swap("monthly_usd = 3500", "monthly_usd = 0"),
        "budget.monthly_usd: value 0: allowed more than 0",
    ),
    "no budget at all": (
        swap("[budget]\nmonthly_usd = 3500\n", "[budget]\n"),
        "budget.monthly_usd: missing: allowed a value for it: it has no default",
    ),
    "more instances than addresses": (
        swap("max_instances = 10", "max_instances = 100"),
        "network.zones.eu-west-1a.private_app: value '10.0.11.0/24': allowed larger app subnets, or smaller maxima: "
        "web, workers and burst tasks may take 340 addresses, and the app subnets hold 244 with the largest one lost",
    ),
    "burst tasks without Fargate": (
        swap('"hybrid"', '"ec2"'),
        "workers.max_burst_tasks: value 60: allowed 0 with workers.strategy 'ec2'",
    ),
    "a hybrid without a burst": (
        swap("max_burst_tasks = 60", "max_burst_tasks = 0"),
        "workers.max_burst_tasks: value 0: allowed at least 1 with workers.strategy 'hybrid'",
    ),
    "instances with Fargate alone": (
        swap('"hybrid"', '"fargate"'),
        "workers.max_instances: value 40: allowed 0 with workers.strategy 'fargate'",
    ),
    "a hybrid without instances": (
        swap("min_instances = 2\nmax_instances = 40", "min_instances = 0\nmax_instances = 0"),
        "workers.max_instances: value 0: allowed at least 1 with workers.strategy 'hybrid'",
    ),
    "a region that is none": (
        swap('region = "eu-west-1"', 'region = "eu-wset-1"'),
        "region: value 'eu-wset-1': allowed the name of a region of the aws partition, such as 'eu-west-1'",
    ),
    "an account that is too short": (
        swap("region =", 'account = "1234"\nregion ='),
        "account: value '1234': allowed a string of 12 digits, such as '111122223333', or no key at all",
    ),
    "an account that is a number": (
        swap("region =", "account = 111122223333\nregion ="),
        "account: value 111122223333: allowed a string of 12 digits, such as '111122223333', or no key at all",
    ),
    "a string where a number belongs": (
        swap("visibility_timeout_s = 900", 'visibility_timeout_s = "900"'),
        "messaging.visibility_timeout_s: value '900': allowed a whole number",
    ),
    "a truth where a number belongs": (
        swap("visibility_timeout_s = 900", "visibility_timeout_s = true"),
        "messaging.visibility_timeout_s: value true: allowed a whole number",
    ),
    "a number where a truth belongs": (
        swap("multi_az = true", "multi_az = 1"),
        "database.multi_az: value 1: allowed true or false",
    ),
    "a number out of range": (
        swap("visibility_timeout_s = 900", "visibility_timeout_s = 50000"),
        "messaging.visibility_timeout_s: value 50000: allowed at most 43200",
    ),
    "a retention that CloudWatch does not have": (
        swap("flow_log_retention_days = 365", "flow_log_retention_days = 366"),
        "network.flow_log_retention_days: value 366: allowed 1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 400, 731 or 1827",
    ),
    "a reserved tag": (
        swap("region =", 'tags = { "aws:owner" = "me" }\nregion ='),
        "tags.aws:owner: value 'aws:owner': "
        "allowed a tag key of 1 to 128 letters, digits or _ .:/=+@- not after 'aws:'",
    ),
    "a value where a table belongs": (
        swap(ZONE_B, '[network.zones]\neu-west-1b = "10.0.2.0/24"\n'),
        "network.zones.eu-west-1b: value '10.0.2.0/24': allowed a table",
    ),
    "a file that is not TOML": (
        lambda _: "region = ",
        "not TOML: Invalid value (at end of document): allowed TOML 1.0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_settings_are_refused_in_one_line_with_file_key_value_and_what_is_allowed(
    prod_file: Path, case: str
) -> None:
    edit, line = REFUSED[case]
    prod_file.write_text(edit(prod_file.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        load_settings("prod", prod_file.parent)
    assert str(refusal.value) == f"environments/prod.toml: {line}"


def test_every_problem_of_a_file_is_named_at_once(prod_file: Path) -> None:
    text = (
        prod_file.read_text(encoding="utf-8").replace('"per-zone"', '"single"').replace("replicas = 1", "replicas = 0")
    )
    prod_file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        load_settings("prod", prod_file.parent)
    assert [problem.key for problem in refusal.value.problems] == ["network.nat", "session_store.replicas"]


def test_an_empty_file_is_told_everything_that_is_missing(prod_file: Path) -> None:
    prod_file.write_text("", encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        load_settings("prod", prod_file.parent)
    assert "environments/prod.toml: network: missing: allowed a table with cidr, nat," in str(refusal.value)
    assert {problem.found for problem in refusal.value.problems} == {"missing"}


@pytest.mark.parametrize("name", ["production", "", "../prod", "prod.toml", "PROD"])
def test_an_unknown_environment_is_refused_with_the_names_of_the_others(name: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(name)
    assert str(refusal.value) == f"ENV: value {name!r}: allowed dev, prod or staging, after the files in environments/"


def test_a_folder_without_environments_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=re.escape("ENV: value 'prod': allowed nothing yet, after the files in")):
        load_settings("prod", tmp_path)


def test_an_environment_whose_name_cannot_name_resources_is_refused(prod_file: Path) -> None:
    prod_file.rename(prod_file.with_name("My Prod.toml"))
    with pytest.raises(SettingsError, match="a name of 1 to 16 small letters, digits or hyphens"):
        load_settings("My Prod", prod_file.parent)


def test_a_file_that_cannot_be_read_is_no_crash(prod_file: Path) -> None:
    prod_file.unlink()
    prod_file.mkdir()
    with pytest.raises(SettingsError, match=r"environments/prod\.toml: cannot be read \(Is a directory\)"):
        load_settings("prod", prod_file.parent)


def test_a_file_that_is_not_text_is_no_crash(prod_file: Path) -> None:
    prod_file.write_bytes(b"region = \xff")
    with pytest.raises(SettingsError, match=r"environments/prod\.toml: not UTF-8 at byte 9: allowed a TOML file"):
        load_settings("prod", prod_file.parent)


def test_the_repository_s_environments_are_accepted() -> None:
    assert environment_names() == ("dev", "prod", "staging")
    dev, prod, staging = (load_settings(name) for name in environment_names())
    assert (dev.network.nat, dev.web.max_instances) == ("single", 1)
    assert prod.high_availability
    assert prod.termination_protection
    assert staging.high_availability


def test_zones_left_out_are_the_two_of_the_design() -> None:
    zones = load_settings("dev").network.zones
    assert {name: str(zone.private_app) for name, zone in zones.items()} == {
        "eu-west-1a": "10.0.11.0/24",
        "eu-west-1b": "10.0.12.0/24",
    }


def test_session_manager_s_endpoints_are_there_without_being_asked_for() -> None:
    assert load_settings("dev").network.endpoints == (
        InterfaceEndpoint.SSM,
        InterfaceEndpoint.SSM_MESSAGES,
        InterfaceEndpoint.EC2_MESSAGES,
    )


def test_settings_do_not_change_once_they_are_read() -> None:
    settings = load_settings("dev")
    with pytest.raises(ValidationError):
        settings.region = "us-east-1"  # type: ignore[misc]
