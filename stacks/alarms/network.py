"""Alarms of the ways out."""

from collections.abc import Iterator, Mapping

from stacks.alarms.model import Alarm, Metric, Missing, Unit


def nat_metric(gateway: str, name: str, *, unit: Unit, period_s: int = 60) -> Metric:
    """A metric of one NAT gateway."""
    return Metric(
        namespace="AWS/NATGateway",
        name=name,
        dimensions={"NatGatewayId": gateway},
        statistic="Sum",
        unit=unit,
        period_s=period_s,
    )


def network_alarms(gateways: Mapping[str, str]) -> Iterator[Alarm]:
    """One for each NAT gateway, by the letter of its zone."""
    for letter, gateway in gateways.items():
        yield Alarm(
            name=f"nat-ports-{letter}",
            hurts=f"Calls to AWS and to external services fail in zone {letter}: its NAT gateway has no ports left.",
            runbook="nat-ports",
            metrics={"errors": nat_metric(gateway, "ErrorPortAllocation", unit=Unit.COUNT)},
            unit=Unit.COUNT,
            threshold=1,
            periods=3,
            breaches=2,
            missing=Missing.FINE,
        )
