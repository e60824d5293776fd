"""Settings of what runs in the network: jobs, queue, web, workers, database, sessions."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from stacks.settings.types import (
    CacheNodeType,
    Count,
    DatabaseClass,
    Domain,
    HostedZoneId,
    InstanceType,
    LicenceName,
    Strict,
)

Seats = Annotated[int, Field(ge=1, le=10_000)]


class Strategy(StrEnum):
    """Where workers run: on instances, on Fargate, or on instances with Fargate for the peak."""

    EC2 = "ec2"
    FARGATE = "fargate"
    HYBRID = "hybrid"


class JobSettings(Strict):
    """What one image may take, and how long a job may.

    Attributes:
        time_limit_s: one image; a longer one is stopped.
        lifetime_days: a job that has not finished by then has failed.
        max_file_mib: larger files are refused before they are uploaded.
        max_megapixels: larger pictures are refused before they are decoded, and memory is reckoned for it.
    """

    time_limit_s: Annotated[int, Field(ge=10, le=36_000)] = 600
    lifetime_days: Annotated[int, Field(ge=1, le=365)] = 7
    max_file_mib: Annotated[int, Field(ge=1, le=5120)] = 256
    max_megapixels: Annotated[int, Field(ge=1, le=500)] = 110


class MessagingSettings(Strict):
    """The job queue and its dead-letter queue.

    Attributes:
        visibility_timeout_s: how long a message is hidden from other workers once one has taken it. A worker that is
            still busy prolongs it; when a worker dies, others see its images after this time.
        max_receive_count: how often an image is tried before it is given up.
        retention_days: older messages are deleted by SQS; the sweeper sends what was never done again.
        dead_letter_retention_days: how long somebody has to look at what was given up.
    """

    visibility_timeout_s: Annotated[int, Field(ge=30, le=43_200)] = 900
    max_receive_count: Annotated[int, Field(ge=1, le=10)] = 3
    retention_days: Annotated[int, Field(ge=1, le=14)] = 4
    dead_letter_retention_days: Annotated[int, Field(ge=1, le=14)] = 14


class WebSettings(Strict):
    """The web cluster: instances that serve the API and the console.

    Attributes:
        domain: where the platform is found, over TLS; without one it serves plain HTTP at the load balancer's address.
        hosted_zone_id: the Route 53 zone that the domain's records are written to.
        instance_type: of the instances; each holds one task.
        min_instances, max_instances: each has one task. One of the most is kept for deployments, which start new tasks
            before they stop old ones.
        cpu_target_percent, requests_per_target: tasks are added above either. Requests are per task and minute.
        rate_limit_per_5_minutes: requests of one address; more are turned away for a while.
    """

    domain: Domain | None = None
    hosted_zone_id: HostedZoneId | None = None
    instance_type: InstanceType
    min_instances: Annotated[int, Field(ge=1, le=100)]
    max_instances: Annotated[int, Field(ge=1, le=100)]
    cpu_target_percent: Annotated[int, Field(ge=10, le=90)] = 60
    requests_per_target: Annotated[int, Field(ge=10, le=100_000)] = 1200
    rate_limit_per_5_minutes: Annotated[int, Field(ge=100, le=1_000_000)] = 3000


class WorkerSettings(Strict):
    """The worker cluster.

    Attributes:
        strategy: where workers run: on instances, on Fargate, or on instances with Fargate for the peak.
        instance_type: its processors and memory say how many images one worker develops at a time.
        min_instances, max_instances: each has one worker; between the two the backlog decides.
        alternative_instance_types: taken when the first is not to be had, or is dearer as Spot; of no smaller size.
        spot_share_percent: of the instances above `min_instances`, which are always on demand.
        max_burst_tasks: bounds what Fargate adds.
        burst_vcpus: processors of one burst task, which has the instruction set of `instance_type`.
        backlog_per_worker: outstanding images per worker that the number of workers is kept at.
        stop_timeout_s: what a worker has to finish or return its images when it is stopped. Fargate grants two minutes.
        licences: seats of each licence that filters may hold, across the fleet.
    """

    strategy: Annotated[Strategy, Field(strict=False)] = Strategy.EC2
    instance_type: InstanceType
    min_instances: Count = 0
    max_instances: Count
    alternative_instance_types: Annotated[tuple[InstanceType, ...], Field(strict=False, max_length=20)] = ()
    spot_share_percent: Annotated[int, Field(ge=0, le=100)] = 0
    max_burst_tasks: Count = 0
    burst_vcpus: Literal[1, 2, 4, 8, 16] = 4
    backlog_per_worker: Annotated[int, Field(ge=1, le=10_000)] = 10
    stop_timeout_s: Annotated[int, Field(ge=30, le=120)] = 120
    licences: Annotated[dict[LicenceName, Seats], Field(max_length=20)] = Field(default_factory=dict)


class DatabaseSettings(Strict):
    """PostgreSQL.

    Attributes:
        instance_class: its size.
        multi_az: a standby in another zone takes over when the first one is lost.
        backup_retention_days: it can be restored to any second of these.
        storage_gib: what storage begins with.
        max_storage_gib: what it grows to by itself.
    """

    instance_class: DatabaseClass
    multi_az: bool = True
    backup_retention_days: Annotated[int, Field(ge=1, le=35)] = 14
    storage_gib: Annotated[int, Field(ge=20, le=16_384)] = 50
    max_storage_gib: Annotated[int, Field(ge=20, le=65_536)] = 500


class SessionStoreSettings(Strict):
    """Redis: sessions and rate limits, nothing that cannot be lost.

    Attributes:
        node_type: its size.
        replicas: one of them takes over when the primary is lost.
    """

    node_type: CacheNodeType
    replicas: Annotated[int, Field(ge=0, le=5)] = 1
