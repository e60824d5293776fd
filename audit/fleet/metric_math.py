"""CloudWatch metric math, as far as scaling policies and alarms of queues need it; anything else is refused."""

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from audit.errors import NotModelledError

Number = float | None
"""A value of one minute, None where CloudWatch has no data point."""

_WORDS = {"AND": "and", "OR": "or", "&&": "and", "||": "or"}
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    # CloudWatch leaves a data point out where it would have to divide by nothing.
    ast.Div: lambda a, b: a / b if b else math.nan,
}
_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
_OVER_LISTS: dict[str, Callable[[Sequence[float]], float]] = {
    "MAX": max,
    "MIN": min,
    "SUM": math.fsum,
    "AVG": lambda values: math.fsum(values) / len(values),
}
_OF_ONE: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
KNOWN = sorted({"IF", "FILL", *_OVER_LISTS, *_OF_ONE})


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression over ids of the lines before it.

    Functions and operators mean what the CloudWatch user guide ("Using math expressions") says of them for one minute.
    """

    text: str
    tree: ast.expr = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str, ids: Sequence[str]) -> "Expression":
        """An expression that refers to nothing but these ids.

        Raises:
            NotModelledError: it is no expression, or uses what is not modelled.
        """
        written = re.sub(r"\bAND\b|\bOR\b|&&|\|\|", lambda found: f" {_WORDS[found[0]]} ", text)
        try:
            tree = ast.parse(written.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise NotModelledError(f"{text!r} is not an expression that is understood") from error
        _check(tree, text, ids)
        return cls(text, tree)

    def value(self, lines: Mapping[str, Number]) -> Number:
        """The value of one minute."""
        found = _value(self.tree, lines)
        return None if found is None or math.isnan(found) else found


def _check(node: ast.expr, text: str, ids: Sequence[str]) -> None:
    match node:
        case ast.Constant(value=int() | float()):
            return
        case ast.Name(id=name):
            if name not in ids:
                raise NotModelledError(f"{text!r} refers to {name!r}, which is no line before it")
            return
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
            parts = [left, right]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            parts = [operand]
        case ast.BoolOp(values=values):
            parts = values
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _COMPARE:
            parts = [left, right]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            parts = _arguments(name, arguments, text)
        case _:
            raise NotModelledError(f"{text!r} uses what is not modelled: {ast.unparse(node)}")
    for part in parts:
        _check(part, text, ids)


def _arguments(name: str, arguments: list[ast.expr], text: str) -> list[ast.expr]:
    match name, arguments:
        case "IF", [_, _, _]:
            return arguments
        case ("FILL", [_, _]) | ("ABS" | "CEIL" | "FLOOR", [_]):
            return arguments
        case (("MAX" | "MIN" | "SUM" | "AVG"), [ast.List(elts=parts)]) if parts:
            return parts
    raise NotModelledError(f"{text!r} calls {name} in a way that is not modelled; understood are {', '.join(KNOWN)}")


def _value(node: ast.expr, lines: Mapping[str, Number]) -> Number:
    """The value of an expression that has passed the check."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return lines[name]
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _call(name, arguments, lines)
        case _:
            return _operation(node, lines)


def _operation(node: ast.expr, lines: Mapping[str, Number]) -> Number:
    """An operation on values, none of which may be missing."""
    match node:
        case ast.BoolOp(values=parts):
            pass
        case ast.UnaryOp(operand=part):
            parts = [part]
        case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
            parts = [left, right]
        case _:
            raise AssertionError(f"{ast.dump(node)} has passed the check")
    values = [value for value in (_value(part, lines) for part in parts) if value is not None]
    if len(values) < len(parts):
        return None
    match node:
        case ast.BinOp(op=operator):
            return _BINARY[type(operator)](*values)
        case ast.Compare(ops=[comparison]):
            return float(_COMPARE[type(comparison)](*values))
        case ast.BoolOp(op=ast.And()):
            return float(all(values))
        case ast.BoolOp():
            return float(any(values))
        case _:
            return -values[0]


def _call(name: str, arguments: list[ast.expr], lines: Mapping[str, Number]) -> Number:
    if name == "IF":
        condition = _value(arguments[0], lines)
        return None if condition is None else _value(arguments[1] if condition else arguments[2], lines)
    if name == "FILL":
        value = _value(arguments[0], lines)
        return _value(arguments[1], lines) if value is None else value
    if name in _OF_ONE:
        value = _value(arguments[0], lines)
        return None if value is None else float(_OF_ONE[name](value))
    parts = arguments[0].elts if isinstance(arguments[0], ast.List) else []
    known = [value for value in (_value(part, lines) for part in parts) if value is not None]
    return float(_OVER_LISTS[name](known)) if known else None
