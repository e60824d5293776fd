"""What is kept: files, rows, sessions, messages, records, keys and secrets, and who watches over them."""

from collections.abc import Iterator

from audit.assembly import Resource
from audit.cost.meter import Amount, Meter, Reading, always, below, dictionaries
from audit.cost.model import HOURS_PER_MONTH, Driver, Level
from audit.cost.profile import Usage

_DAYS_PER_MONTH = HOURS_PER_MONTH / 24
_COMPRESSED = 0.15
"""Size of kept logs; the archive of the worked examples at https://aws.amazon.com/cloudwatch/pricing/."""


def buckets(reading: Reading, bucket: Resource) -> Iterator[Meter]:
    """A bucket: what lies in it once as much goes as comes, requests, moves to a cheaper class, downloads."""
    contents = reading.buckets.get(bucket.path.removesuffix("/Resource"))
    if contents is None or contents.holds == "records":
        return
    images = "originals" if contents.holds == "originals" else "renditions"
    days, moved_days = _lifetime(reading, bucket)

    def each_gb(usage: Usage) -> float:
        profile = usage.profile.images
        size = profile.original_mb if contents.holds == "originals" else profile.renditions_mb
        return usage.of(size) / 1000

    def kept_months(usage: Usage) -> float:
        return days / _DAYS_PER_MONTH if days is not None else usage.of(usage.profile.kept.archive_months)

    def standard_months(usage: Usage) -> float:
        months = kept_months(usage)
        return months if moved_days is None else min(months, moved_days / _DAYS_PER_MONTH)

    component = "archive of originals" if days is None else "files in work"
    yield _files(
        component,
        bucket,
        f"{images} kept",
        "s3.standard",
        lambda usage: usage.images * each_gb(usage) * standard_months(usage),
    )
    if moved_days is not None:
        yield _files(
            component,
            bucket,
            f"{images} kept, archived",
            "s3.glacier_ir",
            lambda usage: usage.images * each_gb(usage) * (kept_months(usage) - standard_months(usage)),
        )
        yield _files(
            component,
            bucket,
            "moves to the archive",
            "s3.to_glacier_ir",
            lambda usage: usage.images if kept_months(usage) > moved_days / _DAYS_PER_MONTH else 0.0,
        )
    for what, price, each in (("writes", "s3.put", contents.writes), ("reads", "s3.get", contents.reads)):
        if each:
            yield _files(component, bucket, f"{what} of {images}", price, _per_image(each))
    if contents.holds == "renditions":
        yield Meter(
            component="downloads",
            what="renditions to the internet",
            resource=bucket,
            price="egress.gb",
            amount=lambda usage: usage.images * each_gb(usage) * usage.of(usage.profile.images.downloads),
            driver=Driver.IMAGES,
        )


def _files(component: str, bucket: Resource, what: str, price: str, amount: Amount) -> Meter:
    return Meter(component=component, what=what, resource=bucket, price=price, amount=amount, driver=Driver.IMAGES)


def _per_image(each: float) -> Amount:
    return lambda usage: usage.images * each


def _lifetime(reading: Reading, bucket: Resource) -> tuple[float | None, float | None]:
    """Days until a file is gone, former versions included, and days until it moves; None for never."""
    expires: float | None = None
    former, moved = 0.0, None
    for rule in dictionaries(below(dict(bucket.properties), "LifecycleConfiguration", "Rules")):
        if rule.get("Status") != "Enabled":
            continue
        if "ExpirationInDays" in rule:
            expires = reading.number(bucket, rule["ExpirationInDays"], "ExpirationInDays")
        if "NoncurrentVersionExpiration" in rule:
            days = below(rule, "NoncurrentVersionExpiration", "NoncurrentDays")
            former = reading.number(bucket, days, "NoncurrentDays")
        for transition in dictionaries(rule.get("Transitions")):
            if transition.get("StorageClass") == "GLACIER_IR":
                moved = reading.number(bucket, transition.get("TransitionInDays"), "TransitionInDays")
    return (None if expires is None else expires + former), moved


def databases(reading: Reading, database: Resource) -> Iterator[Meter]:
    """A PostgreSQL instance, its standby, its storage and its secret."""
    engine = reading.text(database, database.properties.get("Engine"), "Engine")
    kind = reading.text(database, database.properties.get("DBInstanceClass"), "DBInstanceClass")
    place = "multi" if reading.flag(database, "MultiAZ") else "single"
    yield Meter(
        component="database",
        what="instance with standby" if place == "multi" else "instance",
        resource=database,
        price=f"rds.{engine}.{place}.{kind}",
        amount=always(HOURS_PER_MONTH),
        alone_price=f"rds.{engine}.single.{kind}",
    )
    yield Meter(
        component="database",
        what="storage",
        resource=database,
        price=f"rds.storage.{database.properties.get('StorageType', 'gp2')}.{place}",
        amount=always(reading.get(database, "AllocatedStorage")),
        alone_price=f"rds.storage.{database.properties.get('StorageType', 'gp2')}.single",
    )
    yield Meter(
        component="database",
        what="backups beyond its own size",
        resource=database,
        price="rds.backup",
        amount=lambda usage: usage.of(usage.profile.base.backup_gb),
    )
    if reading.flag(database, "ManageMasterUserPassword"):
        yield Meter(
            component="keys and secrets",
            what="password of the database",
            resource=database,
            price="secret",
            amount=always(1),
        )


def caches(reading: Reading, cache: Resource) -> Iterator[Meter]:
    """A replication group: nodes."""
    engine = reading.text(cache, cache.properties.get("Engine"), "Engine", "redis")
    kind = reading.text(cache, cache.properties.get("CacheNodeType"), "CacheNodeType")
    nodes = reading.get(cache, "NumCacheClusters", 1 + reading.get(cache, "ReplicasPerNodeGroup", 0))
    yield Meter(
        component="session store",
        what=f"{nodes:.0f} nodes" if nodes > 1 else "node",
        resource=cache,
        price=f"cache.{engine}.{kind}",
        amount=always(nodes * HOURS_PER_MONTH),
        alone=1 / nodes if nodes else 1.0,
    )


def queues(reading: Reading, queue: Resource) -> Iterator[Meter]:
    """The queue that carries images: messages, and workers that ask for some all month."""
    if "RedrivePolicy" not in queue.properties:
        return
    wait_s = max(1.0, reading.get(queue, "ReceiveMessageWaitTimeSeconds", 0))
    askers = sum(
        reading.get(group, "MinSize", 0) for group in reading.assembly.of_kind("AWS::AutoScaling::AutoScalingGroup")
    )
    yield Meter(
        component="queue",
        what="messages of images",
        resource=queue,
        price="sqs.request",
        amount=lambda usage: usage.images * usage.of(usage.profile.images.queue_requests),
        driver=Driver.IMAGES,
    )
    yield Meter(
        component="queue",
        what="asking for messages",
        resource=queue,
        price="sqs.request",
        amount=always(askers * HOURS_PER_MONTH * 3600 / wait_s),
    )


def log_groups(reading: Reading, group: Resource) -> Iterator[Meter]:
    """A log group: its share of what is taken in, and what is kept of it."""
    flows = {
        target.address
        for log in reading.assembly.of_kind("AWS::EC2::FlowLog")
        if (target := reading.behind(log, dict(log.properties), "AWS::Logs::LogGroup")) is not None
    }
    groups = list(reading.assembly.of_kind("AWS::Logs::LogGroup"))
    of_network = group.address in flows
    share = 1 / (len(flows) if of_network else len(groups) - len(flows))
    retention = group.properties.get("RetentionInDays")
    days = None if retention is None else reading.number(group, retention, "RetentionInDays")
    component = "network records" if of_network else "logs"

    def base(usage: Usage) -> float:
        return share * usage.of(usage.profile.base.flow_log_gb if of_network else usage.profile.base.log_gb)

    def of_images(usage: Usage) -> float:
        return 0.0 if of_network else share * usage.images * usage.of(usage.profile.images.log_kb) / 1e6

    for driver, taken_in in ((Driver.FIXED, base), (Driver.IMAGES, of_images)):
        if driver is Driver.IMAGES and of_network:
            continue
        yield Meter(
            component=component,
            what="taken in",
            resource=group,
            price="logs.vended" if of_network else "logs.ingest",
            amount=taken_in,
            driver=driver,
        )
        yield Meter(
            component=component,
            what="kept",
            resource=group,
            price="logs.store",
            amount=_kept(taken_in, days),
            driver=driver,
        )


def _kept(taken_in: Amount, days: float | None) -> Amount:
    def amount(usage: Usage) -> float:
        months = days / _DAYS_PER_MONTH if days is not None else usage.of(usage.profile.kept.archive_months)
        return taken_in(usage) * months * _COMPRESSED

    return amount


def keys(reading: Reading, key: Resource) -> Iterator[Meter]:
    """A key: each of its first two yearly rotations costs as much as the key."""
    most = 3.0 if reading.flag(key, "EnableKeyRotation") else 1.0
    yield Meter(
        component="keys and secrets",
        what="key",
        resource=key,
        price="kms.key",
        amount=lambda usage: most if usage.level is Level.HIGH else 1.0,
    )
    if any(reading.users(key, "AWS::S3::Bucket")):
        yield Meter(
            component="keys and secrets",
            what="requests for images",
            resource=key,
            price="kms.request",
            amount=lambda usage: usage.images * usage.of(usage.profile.images.kms_requests),
            driver=Driver.IMAGES,
        )


def secrets(_: Reading, secret: Resource) -> Iterator[Meter]:
    """A secret."""
    yield Meter(component="keys and secrets", what="secret", resource=secret, price="secret", amount=always(1))


def alarms(_: Reading, alarm: Resource) -> Iterator[Meter]:
    """An alarm, by the metrics that it watches."""
    written = alarm.properties.get("Metrics")
    metrics = sum("MetricStat" in item for item in dictionaries(written)) if written else 1
    yield Meter(component="monitoring", what="alarm", resource=alarm, price="alarm", amount=always(metrics))


def dashboards(_: Reading, dashboard: Resource) -> Iterator[Meter]:
    """A dashboard."""
    yield Meter(component="monitoring", what="dashboard", resource=dashboard, price="dashboard", amount=always(1))


def clusters(reading: Reading, cluster: Resource) -> Iterator[Meter]:
    """A cluster that is watched: its share of all metrics that are not AWS's own."""
    watched = [found for found in reading.assembly.of_kind("AWS::ECS::Cluster") if _is_watched(found)]
    if cluster in watched:
        yield Meter(
            component="monitoring",
            what="metrics of tasks and of the service",
            resource=cluster,
            price="metric",
            amount=lambda usage: usage.of(usage.profile.base.metrics) / len(watched),
        )


def _is_watched(cluster: Resource) -> bool:
    return any(
        item.get("Name") == "containerInsights" and item.get("Value") != "disabled"
        for item in dictionaries(cluster.properties.get("ClusterSettings"))
    )
