"""Prices and a month that a bill can be computed from by hand."""

from typing import Any

from audit.cost import prices
from audit.cost.prices import Price, PriceTable
from audit.cost.profile import Profile


def plain_prices(**changed: float) -> PriceTable:
    """Prices that can be multiplied by heart."""
    usd = {
        "nat.hour": 0.05,
        "nat.gb": 0.05,
        "address.hour": 0.005,
        "endpoint.hour": 0.01,
        "endpoint.gb": 0.01,
        "rds.postgres.multi.db.m7g.large": 0.4,
        "rds.postgres.single.db.m7g.large": 0.2,
        "rds.storage.gp3.multi": 0.25,
        "rds.storage.gp3.single": 0.125,
        "rds.backup": 0.1,
        "ec2.c7i.2xlarge": 0.4,
        "ec2.t3.medium": 0.04,
        "credits.t3": 0.05,
        "ebs.gp3": 0.1,
        "ebs.snapshot": 0.05,
        "fargate.vcpu": 0.04,
        "fargate.memory": 0.004,
        "fargate.storage": 0.0001,
        "lambda.request": 2e-7,
        "lambda.arm": 1e-5,
        "sqs.request": 4e-7,
        "s3.standard": 0.02,
        "s3.glacier_ir": 0.005,
        "s3.to_glacier_ir": 2e-5,
        "s3.put": 5e-6,
        "s3.get": 4e-7,
        "egress.gb": 0.1,
        "metric": 0.3,
    } | {key.replace("_", "."): value for key, value in changed.items()}
    real = prices.load("eu-west-1")
    rows = {
        key: Price.model_validate(
            {
                "key": key,
                "unit": real.rows[key].unit,
                "tiers": [{"from": 0, "usd": value}],
                "as_of": real.rows[key].as_of,
                "source": "by heart",
                "verified": False,
            }
        )
        for key, value in usd.items()
    }
    return PriceTable(region="eu-west-1", rows=rows)


def month(**changed: Any) -> Profile:
    """A month that can be computed by hand: 10,000 images in 100 hours, and nothing else. Keys are `section__key`."""
    tree: dict[str, Any] = {
        "title": "By hand",
        "images": {
            "per_month": 10_000,
            "original_mb": 50,
            "renditions": 3,
            "renditions_mb": 4,
            "vcpu_s": 360,
            "downloads": 2,
            "requests": 0,
            "queue_requests": 4,
            "kms_requests": 0,
            "log_kb": 0,
        },
        "peak": {"hours": 100, "idle": 0, "spot_price": 0.5},
        "kept": {"archive_months": 12},
        "base": {
            "requests": 0,
            "request_kb": 0,
            "log_gb": 0,
            "flow_log_gb": 0,
            "metrics": 0,
            "nat_gb": 10,
            "sweep_s": 60,
            "function_s": 2,
            "backup_gb": 0,
            "service_gb": {"sqs": 5, "sts": 1},
        },
        "outage": {
            "revenue_per_month": 100_000,
            "business_hours": 200,
            "revenue_lost": 0.5,
            "people_waiting": 4,
            "person_usd_per_hour": 50,
            "repair_usd_per_hour": 100,
            "single_server_hours": 20,
            "design_hours": 2,
        },
    }
    for name, value in changed.items():
        section, _, key = name.partition("__")
        tree[section][key] = value
    return Profile.model_validate(tree)
