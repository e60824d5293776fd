"""What ministack's CloudFormation engine wants for a resource type, and shorthands to make it."""

import uuid
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region

Properties = dict[str, Any]
Result = tuple[str, dict[str, Any]]  # physical id (what Ref gives), attributes (what Fn::GetAtt gives)
Create = Callable[[str, Properties, str], Result]  # logical id, properties, stack name
Update = Callable[[str, Properties, Properties, str], Result]  # physical id, old and new properties, stack name
Delete = Callable[[str, Properties], None]
Handler = dict[str, Callable[..., Any]]
Identify = Callable[[Properties, str], str]  # properties and a unique name; what Ref gives


class UnsupportedPropertyError(ValueError):
    """A template asks for something that would be dropped in silence here."""


def handler(*, create: Create, update: Update | None = None, delete: Delete) -> Handler:
    """The engine's form of one type; without `update` a change makes the resource anew, then deletes the old one."""
    return {"create": create, "update": update or _replacing(create, delete), "delete": delete}


def recorded(physical_id: Identify, **attributes: Callable[[str, Properties], Any]) -> Handler:
    """A type whose resources exist in their stack alone: nothing on this machine would act on them.

    Args:
        physical_id: what Ref gives, from the properties and a name that is unique to the resource.
        attributes: what Fn::GetAtt gives, from the physical id and the properties; dots are written as two underscores.
    """

    def values(identity: str, properties: Properties) -> dict[str, Any]:
        return {name.replace("__", "."): value(identity, properties) for name, value in attributes.items()}

    def create(logical_id: str, properties: Properties, stack: str) -> Result:
        identity = physical_id(properties, unique_name(stack, logical_id))
        return identity, values(identity, properties)

    def update(identity: str, _old: Properties, new: Properties, _stack: str) -> Result:
        return identity, values(identity, new)

    return {"create": create, "update": update, "delete": _nothing_to_delete}


def extended(stock: Handler, after: Callable[[str, Properties, dict[str, Any]], dict[str, Any]]) -> Handler:
    """`stock`, with `after(physical id, properties, attributes)` giving the attributes once it created or updated."""

    def create(logical_id: str, properties: Properties, stack: str) -> Result:
        identity, attributes = stock["create"](logical_id, properties, stack)
        try:
            return identity, after(identity, properties, attributes)
        except Exception:
            # The engine deletes what it was told of, and it is told of nothing.
            stock["delete"](identity, properties)
            raise

    def update(identity: str, old: Properties, new: Properties, *rest: Any) -> Result:
        updated, attributes = stock["update"](identity, old, new, *rest)
        return updated, after(updated, new, attributes)

    return {**stock, "create": create, "update": update}


def rewritten(stock: Handler, rewrite: Callable[[Properties], Properties]) -> Handler:
    """`stock`, told other properties: what it would overlook, in the words that it understands."""

    def create(logical_id: str, properties: Properties, stack: str) -> Result:
        result: Result = stock["create"](logical_id, rewrite(properties), stack)
        return result

    def update(identity: str, old: Properties, new: Properties, *rest: Any) -> Result:
        result: Result = stock["update"](identity, rewrite(old), rewrite(new), *rest)
        return result

    return {**stock, "create": create, "update": update}


def unique_name(stack: str, logical_id: str) -> str:
    """A name as CloudFormation generates them."""
    return f"{stack}-{logical_id}-{uuid.uuid4().hex[:12].upper()}"


def arn_of(service: str, rest: str) -> str:
    """The ARN of a resource of the account and region that are being deployed to."""
    region = "" if service == "iam" else get_region()
    return f"arn:aws:{service}:{region}:{get_account_id()}:{rest}"


def _replacing(create: Create, delete: Delete) -> Update:
    def update(identity: str, old: Properties, new: Properties, stack: str) -> Result:
        delete(identity, old)
        return create(identity, new, stack)

    return update


def _nothing_to_delete(_identity: str, _properties: Properties) -> None:
    return
