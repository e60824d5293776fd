"""The OpenAPI document against the API: thousands of made-up requests, no answer that the document does not have."""

import os
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from service.api import events
from service.api.problems import CATALOGUE
from tests.service.api.conftest import RAW, Caller, upload

EXAMPLES = int(os.environ.get("RAWMILL_API_EXAMPLES", "8"))
"""Requests of each call and mode; more of them: `RAWMILL_API_EXAMPLES=500`."""

NOT_ASKED = [
    # A schema cannot say which cursors and which recipes there are, and ids are exchanged for known ones below.
    checks.positive_data_acceptance,
    checks.negative_data_rejection,
]


def test_the_document_is_openapi_3_1_and_needs_no_key(nobody: Caller) -> None:
    document = nobody("GET", "/v1/openapi.json")
    assert document.status == 200
    assert document.json["openapi"].startswith("3.1")
    assert {"/v1/jobs", "/v1/jobs/{job_id}", "/v1/jobs/{job_id}/uploads", "/health/"} <= document.json["paths"].keys()


def test_every_call_declares_its_problems_with_examples(nobody: Caller) -> None:
    paths = nobody("GET", "/v1/openapi.json").json["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and path != "/health/deep/":
                    examples = answer["content"]["application/problem+json"]["examples"]
                    assert examples, f"{method} {path} {status}"
                    assert {e["value"]["status"] for e in examples.values()} == {int(status)}
            if path.startswith("/v1/jobs"):
                assert {"401", "404", "429", "500", "503"} <= operation["responses"].keys(), f"{method} {path}"


def test_every_problem_is_declared_by_some_call(nobody: Caller) -> None:
    paths = nobody("GET", "/v1/openapi.json").json["paths"]
    declared = {
        code
        for operations in paths.values()
        for operation in operations.values()
        for answer in operation["responses"].values()
        for code in answer.get("content", {}).get("application/problem+json", {}).get("examples", ())
    }
    # a method that a call does not have is no answer of that call
    assert declared == {code.value for code in CATALOGUE} - {"method_not_allowed"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_request_gets_an_answer_that_the_document_does_not_have(
    acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Valid and invalid requests for every call, with ids that exist: no 500, and every answer is as documented."""
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", WSGIHandler(), base_url="http://127.0.0.1")
    monkeypatch.setattr(events, "LONGEST_S", 0.0)
    monkeypatch.setattr(events, "LOOK_EVERY_S", 0.0)
    failures: list[str] = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        job = acme.job(len(RAW), len(RAW))
        fresh, uploaded = (image["image_id"] for image in job["first_page"]["items"])
        upload(acme, job, uploaded, RAW)
        known = {"job_id": job["job_id"], "image_id": fresh, "code": "not_found"}
        for mode in schemathesis.GenerationMode:
            try:
                _try(operation.as_strategy(generation_mode=mode), known, str(acme.token), failures)
            except Unsatisfiable:  # a call that takes nothing has no invalid request
                assert mode is schemathesis.GenerationMode.NEGATIVE
    assert not failures, "\n\n".join(failures)


def _try(cases: Any, known: dict[str, str], token: str, failures: list[str]) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, with_known_ids=st.booleans())
    def one(case: Any, with_known_ids: bool) -> None:
        if with_known_ids:
            case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        try:
            case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=NOT_ASKED)
        except FailureGroup as group:
            failures.append(f"{case.method} {case.path}: {group}")

    one()
