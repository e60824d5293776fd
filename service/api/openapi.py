"""The OpenAPI document: what the framework derives from the types, and every problem that a call can answer with."""

from collections.abc import Mapping
from typing import Any

from service.api.problems import CATALOGUE, MEDIA_TYPE, Code
from service.api.wire import RECIPE_PLACE, ProblemTold, recipe_schema

_CODES = "x-problem-codes"
EVERYWHERE = (
    Code.BAD_REQUEST,
    Code.UNAUTHENTICATED,
    Code.CROSS_SITE_REQUEST,
    Code.NOT_FOUND,
    Code.REQUEST_TIMEOUT,
    Code.LENGTH_REQUIRED,
    Code.BODY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.TOO_MANY_REQUESTS,
    Code.INTERNAL_ERROR,
    Code.DATABASE_UNAVAILABLE,
)
_OPEN = frozenset({Code.UNAUTHENTICATED, Code.CROSS_SITE_REQUEST, Code.TOO_MANY_REQUESTS})
"""Problems of calls that need a key."""


def problems(*codes: Code, answers: Mapping[int, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """What an operation declares: the problems of its own, and answers that the types do not tell."""
    extra: dict[str, Any] = {_CODES: [code.value for code in codes]}
    if answers:
        extra["responses"] = {status: dict(answer) for status, answer in answers.items()}
    return extra


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document with problems, examples, health checks and the schema of recipes."""
    schemas = document["components"]["schemas"]
    problem = ProblemTold.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    recipe = recipe_schema()
    schemas.update(_moved(recipe.pop("$defs", {})))
    schemas["JobGiven"] = _recipe_referred_to(schemas["JobGiven"])
    schemas["Recipe"] = _moved(recipe)
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _complete_operation(method, operation)
    document["paths"].update(_health())
    document["components"]["securitySchemes"] = {
        "ApiKeyAuth": {"type": "http", "scheme": "bearer", "description": "`rawmill_<prefix>_<secret>`"}
    }
    return document


def _complete_operation(method: str, operation: dict[str, Any]) -> None:
    codes = [Code(code) for code in operation.pop(_CODES, ())]
    secured = bool(operation.get("security"))
    codes += [code for code in EVERYWHERE if code not in codes and (secured or code not in _OPEN)]
    if method == "post" and Code.MALFORMED_JSON not in codes:
        codes.append(Code.MALFORMED_JSON)
    answers = operation["responses"]
    by_status: dict[int, list[Code]] = {}
    for code in codes:
        by_status.setdefault(CATALOGUE[code].status.value, []).append(code)
    for status, those in by_status.items():
        answers[status] = _answer(status, those)
    operation["responses"] = {str(status): answers[status] for status in sorted(answers, key=int)}
    for status, answer in operation["responses"].items():
        answer.setdefault("headers", {})["X-Request-Id"] = {
            "description": "the id of this request in the logs",
            "schema": {"type": "string"},
            "required": True,
        }
        if status == "401":
            answer["headers"]["WWW-Authenticate"] = {"schema": {"type": "string"}}
        if status == "429":
            answer["headers"]["Retry-After"] = {"schema": {"type": "integer", "minimum": 1}}


def _answer(status: int, codes: list[Code]) -> dict[str, Any]:
    return {
        "description": "; ".join(f"`{code}`: {CATALOGUE[code].title}" for code in codes),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    code.value: {
                        "summary": CATALOGUE[code].title,
                        "value": {
                            "type": f"https://rawmill.example.com/v1/problems/{code}",
                            "title": CATALOGUE[code].title,
                            "status": status,
                            "detail": CATALOGUE[code].remedy,
                            "code": code.value,
                            "request_id": "5f0c3c1e8f4c4b4f9a6b1f7a2a3d4e5f",
                        },
                    }
                    for code in codes
                },
            }
        },
    }


def _health() -> dict[str, Any]:
    def entry(operation_id: str, summary: str, more: list[Code]) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "operationId": operation_id,
            "summary": summary,
            "tags": ["health"],
            "responses": {
                200: {
                    "description": "OK",
                    "content": {"application/json": {"schema": {"type": "object", "required": ["status"]}}},
                }
            },
            _CODES: [Code.NOT_READY.value, *(code.value for code in more)],
        }
        _complete_operation("get", operation)
        return operation

    deep = entry("get_deep_health", "What this task depends on; for callers inside, or with an API key", [])
    deep["responses"]["503"] = {
        "description": "a dependency does not answer",
        "content": {"application/json": {"schema": {"type": "object", "required": ["status", "dependencies"]}}},
    }
    return {
        "/health/": {"get": entry("get_health", "Whether this task can serve now", [])},
        "/health/deep/": {"get": deep},
    }


def _moved(schema: Any) -> Any:
    """References of a schema of its own, made references into the document."""
    if isinstance(schema, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(value)
            for key, value in schema.items()
        }
    return [_moved(entry) for entry in schema] if isinstance(schema, list) else schema


def _recipe_referred_to(schema: Any) -> Any:
    if schema == RECIPE_PLACE:
        return {"$ref": "#/components/schemas/Recipe"}
    if isinstance(schema, dict):
        return {key: _recipe_referred_to(value) for key, value in schema.items()}
    return [_recipe_referred_to(entry) for entry in schema] if isinstance(schema, list) else schema
