"""Settings of web, workers and their machines: what does not fit, or costs more than is wanted, is refused."""

from pathlib import Path

import pytest

from stacks.settings import Settings, SettingsError, load_settings, notices
from tests.stacks.configurations import SMALL, THREE_ZONES
from tests.stacks.test_settings import Edit, swap

KNOWN = (
    "a type of the families t3, t3a, t4g or c, m, r of the generations 6i, 6a, 6g, 7i, 7a, 7g, 8i, 8g, "
    "such as 'c7i.2xlarge' or 'c7g.2xlarge' (Graviton)"
)
WORKERS = 'strategy = "hybrid"\n'

REFUSED: dict[str, tuple[Edit, str]] = {
    "a machine whose memory nobody knows": (
        swap('"c7i.2xlarge"', '"p5.48xlarge"'),
        f"workers.instance_type: value 'p5.48xlarge': allowed {KNOWN}",
    ),
    "a web machine that is none": (
        swap('"m7i.large"', '"m7i.huge"'),
        f"web.instance_type: value 'm7i.huge': allowed {KNOWN}",
    ),
    "worker memory below one process's need": (
        swap('"c7i.2xlarge"', '"t3.small"'),
        "workers.instance_type: value 't3.small': allowed an instance with more memory, or a smaller "
        "jobs.max_megapixels: a worker with one process for 110 megapixels needs 1894 MiB, "
        "and the task on this instance has 1669",
    ),
    "a web instance too small for its task": (
        swap('"m7i.large"', '"t3.micro"'),
        "web.instance_type: value 't3.micro': allowed an instance with at least 2048 MiB for its task",
    ),
    "an alternative of another instruction set": (
        swap(WORKERS, WORKERS + 'alternative_instance_types = ["c7a.2xlarge", "c7g.2xlarge"]\n'),
        "workers.alternative_instance_types[1]: value 'c7g.2xlarge': allowed a type of X86_64 with at least 8 vCPUs "
        "and 16384 MiB, like c7i.2xlarge: the same task has to fit",
    ),
    "an alternative that is smaller": (
        swap(WORKERS, WORKERS + 'alternative_instance_types = ["c7i.xlarge"]\n'),
        "workers.alternative_instance_types[0]: value 'c7i.xlarge': allowed a type of X86_64 with at least 8 vCPUs "
        "and 16384 MiB, like c7i.2xlarge: the same task has to fit",
    ),
    "more Spot than all": (
        swap(WORKERS, WORKERS + "spot_share_percent = 101\n"),
        "workers.spot_share_percent: value 101: allowed at most 100",
    ),
    "less Spot than none": (
        swap(WORKERS, WORKERS + "spot_share_percent = -1\n"),
        "workers.spot_share_percent: value -1: allowed at least 0",
    ),
    "a stop that Fargate does not wait for": (
        swap(WORKERS, WORKERS + "stop_timeout_s = 121\n"),
        "workers.stop_timeout_s: value 121: allowed at most 120",
    ),
    "a burst task that Fargate does not have": (
        swap(WORKERS, WORKERS + "burst_vcpus = 3\n"),
        "workers.burst_vcpus: value 3: allowed 1, 2, 4, 8 or 16",
    ),
    "a licence that no recipe can name": (
        swap(WORKERS, WORKERS + 'licences = { "Filter License" = 4 }\n'),
        "workers.licences.Filter License: value 'Filter License': "
        "allowed small letters, digits and _, such as 'filter_license'",
    ),
    "a licence without a seat": (
        swap(WORKERS, WORKERS + "licences = { filter_license = 0 }\n"),
        "workers.licences.filter_license: value 0: allowed at least 1",
    ),
    "no room for a deployment where high availability is claimed": (
        swap("min_instances = 2\nmax_instances = 10", "min_instances = 2\nmax_instances = 2"),
        "web.max_instances: value 2: allowed more than web.min_instances, 2, because high_availability = true: "
        "a deployment starts new tasks before it stops old ones",
    ),
    "a domain without a hosted zone": (
        swap('hosted_zone_id = "Z0123456789ABCDEFGHIJ"\n', ""),
        "web.hosted_zone_id: missing: allowed the Route 53 zone that the records of web.domain, "
        "'photos.example.com', are written to",
    ),
    "production without a domain": (
        swap('domain = "photos.example.com"\nhosted_zone_id = "Z0123456789ABCDEFGHIJ"\n', ""),
        "web.domain: missing: allowed a domain in prod: without one there is no TLS",
    ),
    "more workers than the budget pays for": (
        swap("monthly_usd = 3500", "monthly_usd = 1000"),
        "budget.monthly_usd: value 1000: allowed at least 2153, or fewer workers: 40 instances and 60 burst tasks for "
        "60 hours, and 2 instances for the rest of the month, cost that much",
    ),
    "an image that is whichever is the latest": (
        swap("[web]\n", '[machine_image]\nrelease = "latest"\n\n[web]\n'),
        "machine_image.release: value 'latest': allowed a release of the ECS-optimized Amazon Linux 2023, "
        "such as '2023.0.20260414', never 'latest'",
    ),
    "a base image that a registry may move": (
        swap("[web]\n", '[container_image]\nbase = "public.ecr.aws/docker/library/python:3.12-slim"\n\n[web]\n'),
        "container_image.base: value 'public.ecr.aws/docker/library/python:3.12-slim': allowed a Python image by its "
        "digest, such as 'public.ecr.aws/docker/library/python:3.12-slim@sha256:…' with 64 hexadecimal digits, or no "
        "key at all",
    ),
    "an image id that is none": (
        swap("[web]\n", '[machine_image]\narm64 = "ami-latest"\n\n[web]\n'),
        "machine_image.arm64: value 'ami-latest': allowed an image id, such as 'ami-0123456789abcdef0'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(prod_file: Path, case: str) -> None:
    edit, line = REFUSED[case]
    prod_file.write_text(edit(prod_file.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        load_settings("prod", prod_file.parent)
    assert str(refusal.value) == f"environments/prod.toml: {line}"


def test_a_hosted_zone_without_a_domain_is_refused(prod_file: Path) -> None:
    text = prod_file.read_text(encoding="utf-8").replace('domain = "photos.example.com"\n', "")
    prod_file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        load_settings("prod", prod_file.parent)
    assert "web.domain: missing: allowed a domain in web.hosted_zone_id, or neither" in str(refusal.value)


def test_spot_without_instances_is_refused() -> None:
    fargate = {**SMALL["workers"], "strategy": "fargate", "max_instances": 0, "max_burst_tasks": 1}
    assert Settings.model_validate({**SMALL, "workers": fargate}).workers.spot_share_percent == 0
    with pytest.raises(ValueError, match="1 rules are broken"):
        Settings.model_validate({**SMALL, "workers": {**fargate, "spot_share_percent": 10}})


def test_memory_of_the_instance_is_no_matter_where_workers_run_on_fargate_alone() -> None:
    """The type says what the image is built for; no instance of it is ever started."""
    fargate = {"strategy": "fargate", "instance_type": "t4g.nano", "max_instances": 0, "max_burst_tasks": 1}
    assert Settings.model_validate({**SMALL, "workers": fargate}).workers.instance_type == "t4g.nano"


def test_the_budget_counts_idle_hours_at_the_least_number_of_workers() -> None:
    """5 × 0.0958 + 8 × 0.2 for 60 hours, 0.0958 for 670."""
    peak, rest = 60 * (5 * 0.0958 + 8 * 0.2), 670 * 0.0958
    budget = {**SMALL["budget"], "monthly_usd": peak + rest + 0.01}
    assert Settings.model_validate({**THREE_ZONES, "budget": budget}).budget.monthly_usd > 0
    with pytest.raises(ValueError, match="1 rules are broken"):
        Settings.model_validate({**THREE_ZONES, "budget": {**budget, "monthly_usd": peak + rest - 0.01}})


def test_an_environment_without_a_domain_says_that_it_serves_plain_http() -> None:
    assert list(notices(load_settings("prod"))) == []
    assert list(notices(load_settings("dev"))) == [
        "environments/dev.toml: web.domain: not set: dev serves plain HTTP, which anyone on the way can read; "
        "prod would be refused"
    ]
