"""Whether a bucket's policy turns a request away, as S3 would decide. Shares no code with what made the policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Context = Mapping[str, str | float]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A call to S3.

    Attributes:
        action: such as `s3:GetObject`.
        key: of the object; None when the call is about the bucket.
        context: condition keys that the call brings with it; what it does not bring is missing, not empty.
    """

    action: str
    key: str | None = None
    context: Context = field(default_factory=dict)


def denying(statements: list[dict[str, Any]], request: Request) -> list[str]:
    """The condition keys of the statements that deny a request; none when it goes on to be allowed by a role."""
    return [
        key
        for statement in statements
        if statement["Effect"] == "Deny" and _about(statement, request) and _conditions_hold(statement, request.context)
        for condition in statement["Condition"].values()
        for key in condition
    ]


def _about(statement: dict[str, Any], request: Request) -> bool:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    wanted = "bucket" if request.key is None else f"bucket/{request.key}"
    return any(fnmatchcase(request.action, action) for action in actions) and any(
        fnmatchcase(wanted, _name(resource)) for resource in resources
    )


def _name(resource: dict[str, Any]) -> str:
    """`bucket` for the bucket's ARN, `bucket/*` for its objects'."""
    return "bucket" if "Fn::GetAtt" in resource else "bucket" + "".join(resource["Fn::Join"][1][1:])


def _conditions_hold(statement: dict[str, Any], context: Context) -> bool:
    return all(
        _holds(operator, context.get(key), expected)
        for operator, condition in statement["Condition"].items()
        for key, expected in condition.items()
    )


def _holds(operator: str, found: str | float | None, expected: Any) -> bool:
    match operator:
        case "StringNotEquals":
            # A key that is missing is not equal either.
            return found is None or found != expected
        case "Bool":
            return found is not None and str(found).lower() == expected
        case "NumericLessThan":
            return found is not None and float(found) < float(expected)
        case "NumericGreaterThan":
            return found is not None and float(found) > float(expected)
    raise AssertionError(f"{operator}: an operator that these tests do not know")
