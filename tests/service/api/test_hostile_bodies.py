"""Bodies that were made to break their reader, for every call that takes one: never a 5xx, never half an answer."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from service.api.problems import CATALOGUE, Code
from tests.service.api.conftest import RAW, Answer, Caller, upload

EXAMPLES = 150
"""Of each call."""
PNG = "data:image/png;base64,iVBORw0KGgo="
RECIPE = {
    "name": "hostile",
    "filters": [{"kind": "unsharp", "radius_px": 1.5, "amount_percent": 80, "threshold": 3}],
    "watermark": {"logo": PNG, "opacity": 0.5, "position": "tile", "scale": 0.2, "margin": 0.1},
    "renditions": [{"name": "a", "long_edge_px": 640, "format": "jpeg", "quality": 80, "filters": []}],
}
SEEDS: Mapping[str, list[Any]] = {
    "/v1/jobs": [
        {"recipe": RECIPE, "files": [{"name": "a.dng", "size_bytes": 5}]},
        {"recipe": "default", "files": [{"name": "a.dng", "size_bytes": 5}, {"name": "b.dng", "size_bytes": 7}]},
    ],
    "/v1/jobs/{job_id}/images/{image_id}/upload": [{"sha256": "0" * 64}, {"part_numbers": [1, 2]}],
    "/v1/jobs/{job_id}/images/{image_id}/uploaded": [{"parts": [{"number": 1, "etag": '"abc"'}]}, {}],
    "/v1/jobs/{job_id}/uploads": [{"images": [{"image_id": "?", "sha256": None, "part_numbers": [1]}]}],
    "/v1/jobs/{job_id}/uploaded": [{"images": [{"image_id": "?", "parts": [{"number": 1, "etag": "abc"}]}]}],
}
"""Bodies to start from, so that what is wrong with one is not always its first letter. "?" becomes an image's id."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, 2**31, 2**63, -(2**63), 2**64, 10**300),
    *(
        "",
        " ",
        "0",
        "\0",
        "a\0b",
        "\ud800",
        "\udfff\ud800",
        "\x1b[31m",
        "\u202e",
        "\r\nX: 1",
        "x" * 100_000,
        "🦊" * 5000,
    ),
    *("../../etc/passwd", "'; DROP TABLE jobs; --", "{{7*7}}", "%s%n", "null", "NaN", "file:///etc/passwd"),
    *([], {}, [[]], [None], {"": None}, {"__proto__": {}}, {"a\0": 1}, {"\ud800": 1}, [0] * 20_000),
)
"""In the place of any value."""
TEXTS = (
    b"",
    b" \r\n\t",
    b"\xef\xbb\xbf{}",
    b"{}{}",
    b"{},",
    b"{'a': 1}",
    b"{/* */}",
    b"\x80",
    b'{"recipe": "\xff\xfe"}',
    b'{"recipe": "\xed\xa0\x80"}',
    '{"recipe": "default"}'.encode("utf-16"),
    '{"recipe": "default"}'.encode("utf-32"),
    b'{"recipe": "\\ud800", "files": []}',
    b'{"recipe": "default", "recipe": "default", "files": [], "files": 1}',
    b'{"files": NaN}',
    b'{"files": -Infinity}',
    b'{"files": 1e999}',
    b'{"files": 1' + b"0" * 10_000 + b"}",
    b'{"files": 0.' + b"1" * 100_000 + b"}",
    b"[" * 200_000,
    b'{"a":' * 50_000,
    b"[" * 400 + b"]" * 400,
    b'{"recipe": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}",
    b'"' + b"\\" * 1001,
    b"null",
    b"\0" * 1000,
    bytes(range(256)),
)
"""In the place of a body."""
KINDS = (
    *("application/json; charset=utf-8", "application/json;charset=utf-16", "application/json; charset=utf-7"),
    *("application/jsonp", "text/json", "multipart/form-data", "multipart/form-data; boundary=\x00", "x" * 5000, ";"),
)
IDEMPOTENCY_KEYS = ("", "a", "é", "\x7f", "k" * 255, "k" * 256, "a b", '"', "\x01")


def places_of(document: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document, the document's own included."""
    yield ()
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inside:
        for place in places_of(value):
            yield (key, *place)


def changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The document with another value there."""
    if not place:
        return value
    copied = copy.deepcopy(document)
    inner = copied
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return copied


def bodies(seeds: list[Any]) -> st.SearchStrategy[bytes]:
    """Documents with one or two values exchanged, texts that are none, and truncated ones."""

    @st.composite
    def documents(draw: st.DrawFn) -> bytes:
        document = draw(st.sampled_from(seeds))
        for _ in range(draw(st.integers(1, 2))):
            place = draw(st.sampled_from(sorted(places_of(document), key=str)))
            document = changed(document, place, draw(st.sampled_from(VALUES) | st.text() | st.integers() | st.floats()))
        body = json.dumps(document).encode()
        return body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 9)) == 0 else body

    return st.sampled_from(TEXTS) | st.binary(max_size=50) | documents() | documents()


@pytest.fixture
def calls(acme: Caller) -> Mapping[str, Callable[[bytes, dict[str, str]], Answer]]:
    """Every call that takes a body, on a job that exists."""
    job = acme.job(len(RAW), len(RAW))
    fresh, uploaded = (image["image_id"] for image in job["first_page"]["items"])
    upload(acme, job, uploaded, RAW)

    def call(path: str) -> Callable[[bytes, dict[str, str]], Answer]:
        address = path.replace("{job_id}", job["job_id"]).replace("{image_id}", fresh)
        return lambda body, headers: acme(
            "POST", address, raw=body.replace(b'"?"', b'"%s"' % fresh.encode()), headers=headers
        )

    document = acme("GET", "/v1/openapi.json").json
    taking = {path for path, methods in document["paths"].items() for each in methods.values() if "requestBody" in each}
    assert taking == SEEDS.keys(), "a call that takes a body has none to start from here"
    return {path: call(path) for path in SEEDS}


@pytest.mark.parametrize("path", SEEDS)
def test_a_body_made_to_break_its_reader_is_answered_with_a_problem(
    calls: Mapping[str, Callable[[bytes, dict[str, str]], Answer]], path: str
) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(
        body=bodies(SEEDS[path]),
        kind=st.just("application/json") | st.sampled_from(KINDS),
        key=st.none() | st.sampled_from(IDEMPOTENCY_KEYS),
    )
    def one(body: bytes, kind: str, key: str | None) -> None:
        answered(calls[path](body, {"Content-Type": kind, **({} if key is None else {"Idempotency-Key": key})}))

    one()
    for text in TEXTS:
        answered(calls[path](text, {"Content-Type": "application/json"}))
    for kind in KINDS:
        answer = calls[path](b"{}", {"Content-Type": kind})
        assert answer.status == 415 or kind == KINDS[0], (kind, answer.content)
    assert statements_left_open() == 0


def answered(answer: Answer) -> None:
    """Either the call worked, or there is a whole problem with a code of the catalogue that has this status."""
    assert answer.status < 500, answer.content
    assert b"Traceback" not in answer.content
    if answer.status >= 400:
        code = Code(answer.json["code"])
        answer.problem(code, CATALOGUE[code].status.value)
        assert len(answer.content) < 64 * 1024, "a refusal does not send back what it was sent"


def statements_left_open() -> int:
    """Transactions and statements of this database that no connection is done with, but this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/%00",
        "/v1/jobs/%ff%fe",
        "/v1/jobs/" + "a" * 5000,
        "/v1/jobs?limit=1e9",
        "/v1/jobs?limit=" + "9" * 5000,
        "/v1/jobs?limit=NaN",
        "/v1/jobs?cursor=%00",
        "/v1/jobs?cursor=" + "A" * 512,
        "/v1/jobs?cursor=%ed%a0%80",
        "/v1/jobs?status=%00&status=pending",
        "/v1/jobs?" + "&".join(f"a{number}=1" for number in range(2000)),
        "/v1/problems/%00",
        "/v1/problems/%0d%0aX-Evil:%201",
    ],
)
def test_an_address_made_to_break_its_reader_is_answered_with_a_problem(acme: Caller, path: str) -> None:
    answer = acme("GET", path)
    answered(answer)
    assert "X-Evil" not in answer.headers
