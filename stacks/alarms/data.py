"""Alarms of the database and the session store."""

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.alarms.model import Alarm, Comparison, Metric, Missing, Unit
from stacks.settings import DatabaseSettings, SessionStoreSettings

_GIB = 1024**3
_FIVE_MINUTES_S = 300


@dataclass(frozen=True, kw_only=True)
class DatabaseMetrics:
    """Metrics of an RDS instance."""

    identifier: str

    def metric(self, name: str, statistic: str, unit: Unit, *, period_s: int = _FIVE_MINUTES_S) -> Metric:
        """A metric of the instance."""
        return Metric(
            namespace="AWS/RDS",
            name=name,
            dimensions={"DBInstanceIdentifier": self.identifier},
            statistic=statistic,
            unit=unit,
            period_s=period_s,
        )


@dataclass(frozen=True, kw_only=True)
class SessionStoreMetrics:
    """Metrics of the nodes of a replication group. ElastiCache numbers them: `GROUP-001`, `GROUP-002`, …"""

    group: str
    nodes: int

    def metrics(self, name: str, statistic: str, unit: Unit, *, period_s: int = _FIVE_MINUTES_S) -> dict[str, Metric]:
        """One metric of every node."""
        return {
            f"node{number}": Metric(
                namespace="AWS/ElastiCache",
                name=name,
                dimensions={"CacheClusterId": f"{self.group}-{number:03}", "CacheNodeId": "0001"},
                statistic=statistic,
                unit=unit,
                period_s=period_s,
            )
            for number in range(1, self.nodes + 1)
        }


def database_alarms(metrics: DatabaseMetrics, database: DatabaseSettings) -> Iterator[Alarm]:
    """What makes every request and every image slow, or stops them. A failover is told by a notice."""
    yield Alarm(
        name="database-cpu",
        hurts="Everything is slow: the database has no processor time left.",
        runbook="database-load",
        metrics={"cpu": metrics.metric("CPUUtilization", "Average", Unit.PERCENT)},
        unit=Unit.PERCENT,
        threshold=80,
        periods=3,
        breaches=3,
        missing=Missing.BAD,
    )
    yield Alarm(
        name="database-connections",
        hurts="Requests and images are about to fail: the database will accept no more connections.",
        runbook="database-load",
        metrics={"connections": metrics.metric("DatabaseConnections", "Maximum", Unit.COUNT, period_s=60)},
        unit=Unit.COUNT,
        threshold=int(0.8 * connections_of(database.instance_class)),
        periods=5,
        breaches=3,
        missing=Missing.BAD,
    )
    yield Alarm(
        name="database-storage",
        hurts="Everything will stop: the database is running out of storage, which has not grown by itself.",
        runbook="database-storage",
        # RDS enlarges storage below a tenth; half of that means that it did not, or cannot keep up.
        metrics={"free": metrics.metric("FreeStorageSpace", "Minimum", Unit.BYTES)},
        unit=Unit.BYTES,
        threshold=database.storage_gib * _GIB // 20,
        comparison=Comparison.BELOW,
        periods=2,
        breaches=2,
        missing=Missing.BAD,
    )


def session_store_alarms(metrics: SessionStoreMetrics, store: SessionStoreSettings) -> Iterator[Alarm]:
    """What signs people out, or makes them wait to be let in."""
    for name, metric, hurts in (
        ("cpu", "EngineCPUUtilization", "The console and the rate limits are slow: Redis has no processor time left."),
        ("memory", "DatabaseMemoryUsagePercentage", "People will be signed out: Redis is about to run out of memory."),
    ):
        nodes = metrics.metrics(metric, "Average", Unit.PERCENT)
        yield Alarm(
            name=f"session-store-{name}",
            hurts=hurts,
            runbook="session-store",
            metrics=nodes,
            expression=_most(nodes),
            unit=Unit.PERCENT,
            threshold=80,
            periods=3,
            breaches=3,
            missing=Missing.BAD,
        )
    evictions = metrics.metrics("Evictions", "Sum", Unit.COUNT)
    yield Alarm(
        name="session-store-evictions",
        hurts="People are being signed out: Redis forgets sessions to make room.",
        runbook="session-store",
        metrics=evictions,
        expression=_most(evictions),
        unit=Unit.COUNT,
        threshold=1,
        periods=3,
        breaches=3,
        missing=Missing.FINE,
    )
    if store.replicas:
        primaries = metrics.metrics("IsMaster", "Maximum", Unit.COUNT, period_s=60)
        yield Alarm(
            name="session-store-failover",
            hurts="People had to wait or sign in again: another node of Redis has become the primary.",
            runbook="session-store",
            metrics=primaries,
            expression=f"MAX([{', '.join(f'ABS(DIFF({node}))' for node in primaries)}])",
            unit=Unit.COUNT,
            threshold=1,
            periods=3,
            breaches=1,
            missing=Missing.FINE,
            # It says that something has happened, which does not become untrue.
            all_clear=False,
        )


def _most(nodes: dict[str, Metric]) -> str | None:
    """The highest value of any node."""
    return f"MAX([{', '.join(nodes)}])" if len(nodes) > 1 else None


_GIB_OF_SMALL = {"micro": 1, "small": 2, "medium": 4}
_GIB_PER_VCPU = {"t": 4, "m": 4, "r": 8, "x": 16, "z": 8}


def memory_gib(instance_class: str) -> int:
    """Memory of a database class such as `db.m7g.large`; the least that such a size has when the family is unknown."""
    _, family, size = instance_class.split(".")
    if size in _GIB_OF_SMALL:
        return _GIB_OF_SMALL[size]
    multiple = size.removesuffix("xlarge") if size.endswith("xlarge") else "0.5"
    return int(float(multiple or 1) * 4 * _GIB_PER_VCPU.get(family[0], 2))


def connections_of(instance_class: str) -> int:
    """What PostgreSQL on RDS accepts by default: LEAST(memory / 9531392, 5000), after what RDS itself needs of it."""
    return min(5000, int(memory_gib(instance_class) * _GIB * 0.9) // 9_531_392)
