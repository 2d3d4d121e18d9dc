"""The OpenAPI document tells the truth: its examples work, and what schemathesis makes of it is answered by it."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.app.pictures import encoded
from waarmerk.app.schemas import Answer

PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    return client.get("/openapi.json").json()  # type: ignore[no-any-return]


def test_every_operation_says_what_it_does_and_how_it_refuses(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == {"/v1/mark", "/v1/detect", "/healthz", "/readyz", "/metrics"}
    for path in ("/v1/mark", "/v1/detect"):
        operation = document["paths"][path]["post"]
        assert operation["description"]
        for status, response in operation["responses"].items():
            if status != "200":
                assert list(response["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_the_examples_of_the_parameters_work(client: TestClient, document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/mark"]["post"]
    query = {p["name"]: p["schema"]["examples"][0] for p in operation["parameters"]}
    assert set(query) == {"origin", "system", "system_version", "model", "provider"}
    for kind in operation["requestBody"]["content"]:
        marked = client.post("/v1/mark", params=query, content=encoded(PICTURES[kind], quality=90))
        assert marked.status_code == 200
        assert marked.headers["content-type"] in operation["responses"]["200"]["content"]
        promised = {name.lower() for name in operation["responses"]["200"]["headers"]}
        assert {name for name in marked.headers if name.startswith("waarmerk-")} <= promised


def test_the_example_of_an_answer_is_one(document: dict[str, Any]) -> None:
    Answer.model_validate(document["components"]["schemas"]["Answer"]["examples"][0])


# A positive case is a real picture; schemathesis' own idea of binary is any bytes at all.
schemathesis.openapi.media_type("image/png", st.just(encoded("PNG")))
schemathesis.openapi.media_type("image/jpeg", st.just(encoded("JPEG")))
schemathesis.openapi.media_type("image/webp", st.just(encoded("WEBP")))

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_the_contract_allows_or_not_is_answered_within_it(
    client: TestClient, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy(generation_mode=mode))
        def within(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        try:
            within()
            tried += 1
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, "only what takes nothing cannot be asked wrongly"
    assert tried >= 1
