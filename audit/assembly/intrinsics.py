"""CloudFormation's intrinsic functions over values: pure, and open about what they cannot tell."""

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence

from audit.assembly.values import Reference, Text, Unknown, Value, join, references

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


def joined(delimiter: Value, items: Value) -> Value:
    """`Fn::Join`."""
    if not isinstance(delimiter, str) or not isinstance(items, list):
        return _first_unknown((delimiter, items), "Fn::Join needs a delimiter and a list")
    pieces: list[str | Reference | Text] = []
    for index, item in enumerate(items):
        piece = _as_text(item)
        if piece is None:
            return _first_unknown((item,), "Fn::Join of something that is not a string")
        pieces += [delimiter, piece] if index else [piece]
    return join(pieces)


def substituted(template: str, values: Mapping[str, Value]) -> Value:
    """`Fn::Sub`, with the values of its placeholders looked up before."""
    pieces: list[str | Reference | Text] = []
    position = 0
    for match in _PLACEHOLDER.finditer(template):
        pieces.append(template[position : match.start()])
        position = match.end()
        name = match[1].strip()
        if name.startswith("!"):
            pieces.append(f"${{{name[1:]}}}")
            continue
        piece = _as_text(values[name])
        if piece is None:
            return _first_unknown((values[name],), f"${{{name}}} is not a string")
        pieces.append(piece)
    pieces.append(template[position:])
    return join(pieces)


def placeholders(template: str) -> set[str]:
    """The names that a `Fn::Sub` template asks for."""
    return {name for match in _PLACEHOLDER.finditer(template) if not (name := match[1].strip()).startswith("!")}


def selected(index: Value, items: Value) -> Value:
    """`Fn::Select`."""
    try:
        position = int(index) if isinstance(index, int | str) else None
    except ValueError:
        position = None
    if position is None or not isinstance(items, list):
        return _first_unknown((index, items), "Fn::Select needs an index and a list")
    if not 0 <= position < len(items):
        return Unknown(f"Fn::Select asks for entry {position} of {len(items)}")
    return items[position]


def split(delimiter: Value, text: Value) -> Value:
    """`Fn::Split`; references stay whole, as nobody knows what is in them."""
    if not isinstance(delimiter, str) or not delimiter:
        return _first_unknown((delimiter,), "Fn::Split needs a delimiter")
    if isinstance(text, str):
        return list(text.split(delimiter))
    if not isinstance(text, Text):
        return _first_unknown((text,), "Fn::Split of something that is only known when deployed")
    fields: list[list[str | Reference | Text]] = [[]]
    for part in text.parts:
        if isinstance(part, Reference):
            fields[-1].append(part)
            continue
        first, *others = part.split(delimiter)
        fields[-1].append(first)
        fields += [[other] for other in others]
    return [join(field) for field in fields]


def zones(region: Value, count: int = 6) -> Value:
    """`Fn::GetAZs`: which zones there are is not known, only that each place in the list is another one."""
    if not isinstance(region, str):
        return _first_unknown((region,), "Fn::GetAZs needs a region")
    return [f"{region or 'this-region'}#{index}" for index in range(count)]


def blocks(block: Value, count: Value, bits: Value) -> Value:
    """`Fn::Cidr`: `count` blocks with `bits` host bits each."""
    try:
        network = ipaddress.ip_network(block) if isinstance(block, str) else None
        wanted, host_bits = int(str(count)), int(str(bits))
    except ValueError:
        return Unknown("Fn::Cidr of something that is not a block and two numbers")
    if network is None:
        return _first_unknown((block,), "Fn::Cidr of a block that is only known when deployed")
    prefix = network.max_prefixlen - host_bits
    if not network.prefixlen <= prefix <= network.max_prefixlen or wanted > 2 ** (prefix - network.prefixlen):
        return Unknown(f"Fn::Cidr: {network} does not hold {wanted} blocks of /{prefix}")
    subnets = network.subnets(new_prefix=prefix)
    return [str(next(subnets)) for _ in range(wanted)]


def equal(first: Value, second: Value) -> "bool | Unknown":
    """`Fn::Equals`: decided where both sides are known, or are the same reference."""
    for side in (first, second):
        if isinstance(side, Unknown):
            return side
    if first == second:
        return True
    if references(first) or references(second):
        return Unknown("Fn::Equals of values that are only known when deployed")
    return str(first) == str(second)


def opposite(truth: "bool | Unknown") -> "bool | Unknown":
    """`Fn::Not`."""
    return truth if isinstance(truth, Unknown) else not truth


def combined(truths: "Sequence[bool | Unknown]", *, decisive: bool) -> "bool | Unknown":
    """`Fn::Or` when true decides, `Fn::And` when false does: one that decides is enough, whatever is unknown."""
    if any(truth is decisive for truth in truths):
        return decisive
    return next((truth for truth in truths if isinstance(truth, Unknown)), not decisive)


def json_text(value: Value) -> Value:
    """`Fn::ToJsonString`."""
    if references(value):
        return Unknown("Fn::ToJsonString of values that are only known when deployed")
    return json.dumps(value, separators=(",", ":"))


def _as_text(value: Value) -> "str | Reference | Text | None":
    match value:
        case str() | Reference() | Text():
            return value
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case _:
            return None


def _first_unknown(values: Sequence[Value], why: str) -> Unknown:
    return next((value for value in values if isinstance(value, Unknown)), Unknown(why))
