"""Alarms over metric math, which ministack refuses: kept in their stack and never evaluated; all others are its own."""

from local.aws.emulator.resources.handler import Handler, Properties, Result, arn_of, recorded

_MATH = "Metrics"


def handlers(stock: dict[str, Handler]) -> dict[str, Handler]:
    """The alarm types, by name."""
    plain = stock["AWS::CloudWatch::Alarm"]
    over_math = recorded(
        lambda properties, name: str(properties.get("AlarmName", name)),
        Arn=lambda identity, _: arn_of("cloudwatch", f"alarm:{identity}"),
    )

    def create(logical_id: str, properties: Properties, stack: str) -> Result:
        chosen = over_math if _MATH in properties else plain
        identity, attributes = chosen["create"](logical_id, properties, stack)
        return identity, attributes

    def update(identity: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Result:
        if _MATH in new:
            if _MATH not in old:
                plain["delete"](identity, old)
            updated, attributes = over_math["update"](identity, old, new, stack)
        elif _MATH in old:
            updated, attributes = plain["create"](logical_id, new, stack)
        else:
            updated, attributes = plain["update"](identity, old, new, stack, logical_id)
        return updated, attributes

    def delete(identity: str, properties: Properties) -> None:
        if _MATH not in properties:
            plain["delete"](identity, properties)

    return {"AWS::CloudWatch::Alarm": {**plain, "create": create, "update": update, "delete": delete}}
