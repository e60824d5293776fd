"""The named configurations that are synthesized in tests, beside the environments themselves."""

from typing import Any

from stacks.settings import Settings, environment_names, load_settings

STACKS = ("Network", "Data", "Messaging", "Web", "Workers", "Observability")
"""The stacks of every environment, in the order of their dependencies."""

SMALL: dict[str, Any] = {
    "name": "small",
    "region": "eu-west-1",
    "high_availability": False,
    "termination_protection": False,
    "network": {"nat": "single"},
    "web": {"instance_type": "t3.small", "min_instances": 1, "max_instances": 1},
    "workers": {"instance_type": "c7i.large", "max_instances": 1},
    "database": {"instance_class": "db.t4g.micro", "multi_az": False},
    "session_store": {"node_type": "cache.t4g.micro", "replicas": 0},
    "budget": {"monthly_usd": 1000, "worker_instance_usd_per_hour": 0.0958},
}
"""The least that is accepted."""

THREE_ZONES: dict[str, Any] = {
    **SMALL,
    "name": "three-zones",
    "high_availability": True,
    "network": {
        "interface_endpoints": ["kms", "sts", "ssm"],
        "zones": {
            f"eu-west-1{letter}": {
                "public": f"10.0.{number}.0/24",
                "private_app": f"10.0.{number + 10}.0/24",
                "private_db": f"10.0.{number + 20}.0/24",
            }
            for number, letter in enumerate("abc", start=1)
        },
    },
    "jobs": {"time_limit_s": 1200, "lifetime_days": 3, "max_file_mib": 128, "max_megapixels": 60},
    "identity": {"github_repository": "example/photos"},
    "messaging": {
        "visibility_timeout_s": 1800,
        "max_receive_count": 5,
        "retention_days": 2,
        "dead_letter_retention_days": 7,
    },
    "web": {
        "instance_type": "t4g.medium",
        "min_instances": 3,
        "max_instances": 6,
        "cpu_target_percent": 50,
        "requests_per_target": 600,
        "rate_limit_per_5_minutes": 1000,
    },
    "workers": {
        "strategy": "hybrid",
        "instance_type": "c7g.xlarge",
        "alternative_instance_types": ["c8g.xlarge", "m7g.xlarge"],
        "min_instances": 1,
        "max_instances": 5,
        "spot_share_percent": 80,
        "max_burst_tasks": 8,
        "burst_vcpus": 8,
        "backlog_per_worker": 20,
        "stop_timeout_s": 60,
        "licences": {"filter_license": 4, "watermark_license": 2},
    },
    "machine_image": {"release": "2023.0.20251108"},
    "container_image": {"base": f"public.ecr.aws/docker/library/python:3.12-slim@sha256:{'0a' * 32}"},
    "database": {"instance_class": "db.t4g.micro"},
    "session_store": {"node_type": "cache.t4g.micro", "replicas": 2},
}

ELSEWHERE: dict[str, Any] = {
    **SMALL,
    "name": "elsewhere",
    "region": "us-west-2",
    "account": "111122223333",
    "tags": {"CostCentre": "4711"},
    "identity": {
        "permissions_boundary": "developer-boundary",
        "github_repository": "example/photos",
        "github_environment": "production",
        "github_provider_exists": True,
    },
    "storage": {
        "uploads_retention_days": 14,
        "vault_archive_after_days": 30,
        "link_lifetime_s": 900,
        "console_origins": ["http://localhost:8000"],
    },
    "budget": {**SMALL["budget"], "burst_task_usd_per_hour": 0.1},
    "machine_image": {"x86_64": "ami-0123456789abcdef0", "arm64": "ami-0fedcba9876543210"},
    "network": {
        "cidr": "172.20.0.0/20",
        "zones": {
            "us-west-2b": {
                "public": "172.20.0.0/27",
                "private_app": "172.20.4.0/22",
                "private_db": "172.20.1.0/28",
            },
            "us-west-2d": {
                "public": "172.20.0.32/27",
                "private_app": "172.20.8.0/22",
                "private_db": "172.20.1.16/28",
            },
        },
    },
}
"""Another region and account, zones that are not the first ones, and the smallest subnets."""


def configurations() -> dict[str, Settings]:
    """Every configuration by name."""
    named = {name: load_settings(name) for name in environment_names()}
    return named | {str(tree["name"]): Settings.model_validate(tree) for tree in (SMALL, THREE_ZONES, ELSEWHERE)}
