"""The OpenAPI document as a page that people read: every call, what it takes, what it answers, what it refuses."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

HEAD = """# API reference

Made from the OpenAPI document by `make service-docs`; a test holds it to the code. Every installation serves the
document itself, which client generators read, at `/v1/openapi.json`. [api.md](api.md) shows the way through, and what
holds for every call.
"""
_LEFT_OUT = frozenset({"Problem"})
"""What `ProblemTold` says already."""
Node = Mapping[str, Any]


def page(document: Node) -> str:
    """The whole page as Markdown."""
    calls = [
        (operation["tags"][0], f"{method.upper()} {path}", operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    everywhere = _refused_by_all([operation for _, _, operation in calls])
    parts = [HEAD, "Any call may answer " + ", ".join(f"`{code}`" for code in everywhere) + "."]
    for tag in dict.fromkeys(tag for tag, _, _ in calls):
        parts.append(f"## {tag.capitalize()}")
        parts += [_call(name, operation, everywhere) for of, name, operation in calls if of == tag]
    parts.append("## Bodies and answers")
    schemas = document["components"]["schemas"]
    parts += [_schema(name, schema) for name, schema in sorted(schemas.items()) if name not in _LEFT_OUT]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _call(name: str, operation: Node, everywhere: Sequence[str]) -> str:
    parts = [f"### `{name}`", operation.get("description") or f"{operation['summary']}."]
    if operation.get("security") == [] or not operation.get("security"):
        parts.append("Needs no key.")
    parameters = [
        (f"`{each['name']}`", each["in"], _type(each["schema"]), each.get("description", ""))
        for each in operation.get("parameters", [])
    ]
    if parameters:
        parts.append(_table(("parameter", "in", "type", "what"), parameters))
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        parts.append("Takes " + ", ".join(f"{_type(of['schema'])} as `{kind}`" for kind, of in body.items()) + ".")
    good = [
        f"`{status}` {', '.join(_type(of['schema']) for of in answer['content'].values() if of.get('schema'))}".strip()
        if answer.get("content")
        else f"`{status}`"
        for status, answer in operation["responses"].items()
        if int(status) < 400
    ]
    refused = [code for code in _refusals(operation) if code not in everywhere]
    parts.append(
        f"Answers {', '.join(good)}." + (f" Refuses: {', '.join(f'`{c}`' for c in refused)}." if refused else "")
    )
    return "\n\n".join(parts)


def _refusals(operation: Node) -> list[str]:
    return [
        code
        for answer in operation["responses"].values()
        for code in answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    ]


def _refused_by_all(operations: Sequence[Node]) -> list[str]:
    first, *others = [_refusals(operation) for operation in operations]
    return [code for code in first if all(code in other for other in others)]


def _schema(name: str, schema: Node) -> str:
    parts = [f"### {name}", schema.get("description", "")]
    if "enum" in schema:
        parts.append("One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".")
    required = set(schema.get("required", ()))
    must = "required" if schema.get("additionalProperties") is False else "always there"
    rows = [
        (f"`{field}`", _type(of), must if field in required else _default(of), of.get("description", ""))
        for field, of in schema.get("properties", {}).items()
    ]
    if rows:
        parts.append(_table(("field", "type", "when left out", "what"), rows))
    return "\n\n".join(part for part in parts if part)


def _default(schema: Node) -> str:
    default = schema.get("default")
    return "–" if default is None else f"`{json.dumps(default)}`"


def _type(schema: Node) -> str:
    """What may stand there, in a few words; a link where it has a table of its own."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    union = schema.get("anyOf") or schema.get("oneOf")
    if union:
        return " or ".join(dict.fromkeys(_type(each) for each in union))
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return " or ".join(f"`{value}`" for value in values) or _plain(schema)


def _plain(schema: Node) -> str:
    kind = str(schema.get("format") or schema.get("type", "any"))
    if kind == "array":
        kind = f"list of {_type(schema.get('items', {}))}"
        return _bounded(kind, schema.get("minItems"), schema.get("maxItems"))
    low, high = schema.get("minimum", schema.get("minLength")), schema.get("maximum", schema.get("maxLength"))
    return _bounded(kind, low, high)


def _bounded(kind: str, low: float | None, high: float | None) -> str:
    match low, high:
        case None, None:
            return kind
        case None, _:
            return f"{kind}, at most {high:,}"
        case _, None:
            return f"{kind}, at least {low:,}"
        case _:
            return f"{kind}, {low:,} to {high:,}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
