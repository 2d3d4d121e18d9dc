"""The HTTP door: what comes in wrong gets an answer that says what to do, and never a 500."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from tests.app.pictures import decoded, encoded
from waarmerk.app import log
from waarmerk.app.main import create_app
from waarmerk.app.schemas import Answer, Problem
from waarmerk.app.service import Service
from waarmerk.app.settings import Settings
from waarmerk.core.errors import RegistryUnavailable

MARK = "/v1/mark?origin=generated"


def problem(response: Any, status: int, code: str) -> str:
    """Check the form of a refusal; returns its sentence."""
    assert response.status_code == status, response.content[:300]
    assert response.headers["content-type"] == "application/problem+json"
    said = Problem.model_validate(response.json())
    assert said.code == code
    assert said.status == status
    assert said.type == f"urn:waarmerk:error:{code}"
    assert said.request_id == response.headers["x-request-id"]
    assert said.detail[0].isupper()
    assert said.detail.endswith(".")
    return said.detail


def test_a_marked_picture_comes_back_with_its_headers_and_is_detected(client: TestClient, png: bytes) -> None:
    marked = client.post(MARK + "&system=Painter&model=painter-xl", content=png)
    assert marked.status_code == 200
    assert marked.headers["content-type"] == "image/png"
    assert marked.headers["waarmerk-layers"] == "metadata,watermark"
    assert marked.headers["waarmerk-timestamp"] == "none"
    assert marked.headers["waarmerk-robustness"] == "strong"
    assert marked.headers["waarmerk-manifest-id"].startswith("urn:c2pa:")
    assert "waarmerk-warnings" not in marked.headers

    answer = client.post("/v1/detect", content=marked.content)
    assert answer.status_code == 200
    said = answer.json()
    assert list(said) == ["verdict", "sentence", "evidence", "media", "detector", "time"]
    assert said["verdict"] == "ai_generated"
    assert "Painter" in said["sentence"]
    marks = [item for item in said["evidence"] if item["basis"] == "watermark"]
    assert marks[0]["mark_id"] == marked.headers["waarmerk-mark-id"]
    assert marks[0]["system"] == "Painter"
    assert said["media"] == {"type": "image/png", "bytes": len(marked.content), "width": 320, "height": 320}
    Answer.model_validate(said)


def test_the_public_answer_gives_the_false_alarm_as_a_class_and_no_score(
    client: TestClient, png: bytes
) -> None:
    marked = client.post(MARK, content=png).content
    text = client.post("/v1/detect", content=marked).text
    assert "below_1e-12" in text
    assert "private" not in text
    assert "log10_p" not in text
    assert "geometry" not in text


def test_warnings_are_told_by_their_codes(client: TestClient) -> None:
    flat = encoded("PNG", Image.new("RGB", (400, 400), (90, 140, 200)))
    response = client.post(MARK, content=flat)
    assert response.headers["waarmerk-warnings"] == "file_grew"


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("PNG", "image/jpeg"),
        ("PNG", "IMAGE/PNG"),
        ("PNG", "image/png; charset=x"),
        ("PNG", "application/x-www-form-urlencoded"),
        ("PNG", "multipart/form-data"),
        ("PNG", "application/json"),
        ("PNG", "complete nonsense"),
        ("JPEG", "image/png"),
        ("JPEG", "image/jpg"),
        ("WEBP", "image/png"),
        ("WEBP", "image/x-webp"),
    ],
)
def test_the_bytes_say_what_a_file_is_and_no_header_does(
    client: TestClient, kind: str, content_type: str
) -> None:
    response = client.post(MARK, content=encoded(kind, quality=90), headers={"content-type": content_type})
    assert response.status_code == 200
    assert response.headers["content-type"] == f"image/{kind.lower()}"
    assert decoded(response.content).format == kind


@pytest.mark.parametrize("path", [MARK, "/v1/detect"])
def test_an_empty_body_is_refused_with_the_way_to_send_one(client: TestClient, path: str) -> None:
    assert "--data-binary" in problem(client.post(path), 400, "empty_body")


@pytest.mark.parametrize("path", [MARK, "/v1/detect"])
def test_a_multipart_form_is_refused_with_the_way_to_send_a_file(
    client: TestClient, path: str, png: bytes
) -> None:
    response = client.post(path, files={"file": ("a.png", png, "image/png")})
    assert "--data-binary" in problem(response, 415, "multipart_body")


@pytest.mark.parametrize("path", [MARK, "/v1/detect"])
def test_curls_plain_d_is_named_as_what_lost_bytes(client: TestClient, path: str, png: bytes) -> None:
    body = png.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert "--data-binary" in problem(client.post(path, content=body, headers=headers), 415, "form_body")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "?origin=generated"),
        ("?origin=human", "?origin=manipulated"),
        ("?origin=", "?origin=generated"),
        ("?origin=generated&colour=red", "colour"),
        ("?origin=generated&system=" + "x" * 257, "256 characters"),
        ("?origin=generated&model=a%0Ab", "control characters"),
        ("?origin=generated&provider=a%C2%9Bb", "control characters"),
        ("?origin=generated&origin=manipulated", "more than once"),
    ],
)
def test_a_wrong_query_is_refused_and_says_what_to_write(
    client: TestClient, png: bytes, query: str, says: str
) -> None:
    detail = problem(client.post("/v1/mark" + query, content=png), 400, "bad_parameter")
    assert says in detail


def test_detect_takes_no_parameters(client: TestClient, png: bytes) -> None:
    assert "trust" in problem(client.post("/v1/detect?trust=all", content=png), 400, "bad_parameter")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/mark", 405, "method_not_allowed"),
        ("PUT", "/v1/detect", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/", 404, "not_found"),
        ("POST", "/v1/text", 404, "not_found"),
        ("GET", "/v1/%00", 404, "not_found"),
    ],
)
def test_a_wrong_path_or_method_names_the_routes(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    response = client.request(method, path)
    assert "POST /v1/mark" in problem(response, status, code)
    assert status != 405 or response.headers["allow"]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"hello world", 415, "unsupported_media"),
        (b"%PDF-1.7", 415, "unsupported_media"),
        (encoded("GIF"), 415, "unsupported_media"),
        (encoded("PNG")[:900], 422, "malformed_media"),
        (encoded("PNG", Image.new("RGBA", (300, 300), (0, 0, 0, 0))), 422, "cannot_hold_mark"),
        (encoded("PNG", Image.new("1", (4000, 4000))), 413, "too_many_pixels"),
    ],
    ids=["text", "pdf", "gif", "cut", "transparent", "pixels"],
)
def test_what_cannot_be_marked_is_refused(client: TestClient, data: bytes, status: int, code: str) -> None:
    problem(client.post(MARK, content=data), status, code)


def test_an_unmarkable_file_is_told_which_kinds_can_be(client: TestClient) -> None:
    detail = problem(client.post(MARK, content=b"%PDF-1.7"), 415, "unsupported_media")
    assert "JPEG, PNG or WebP" in detail


def test_a_length_over_the_limit_is_refused_before_the_body_is_read(
    settings: Settings, service: Service
) -> None:
    sent = 0

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += 1
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    status, body = asyncio.run(
        _call(create_app(settings, service), receive, [(b"content-length", b"99999999999")])
    )
    assert (status, body["code"]) == (413, "too_many_bytes")
    assert sent == 0


def test_a_body_without_length_is_read_up_to_the_limit_and_not_further(
    settings: Settings, service: Service
) -> None:
    sent = 0

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += 1
        return {"type": "http.request", "body": bytes(1 << 20), "more_body": True}

    status, body = asyncio.run(_call(create_app(settings, service), receive, []))
    assert (status, body["code"]) == (413, "too_many_bytes")
    assert sent == settings.max_bytes // (1 << 20) + 1


def test_a_body_that_does_not_arrive_is_given_up(settings: Settings, service: Service) -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60)
        raise AssertionError

    quick = settings.model_copy(update={"body_timeout_s": 0.05})
    status, body = asyncio.run(_call(create_app(quick, service), receive, []))
    assert (status, body["code"]) == (408, "body_timeout")


def test_a_client_that_leaves_takes_nothing_down_and_gives_its_bytes_back(
    settings: Settings, service: Service
) -> None:
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> dict[str, Any]:
        return next(messages)

    app = create_app(settings, service)
    status, _ = asyncio.run(_call(app, receive, []))
    assert status == 0
    assert app.state.budget.held == 0


async def _call(app: FastAPI, receive: Any, headers: list[tuple[bytes, bytes]]) -> tuple[int, Any]:
    """One POST /v1/detect, spoken to the application directly."""
    status, body = 0, b""

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/detect",
        "raw_path": b"/v1/detect",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
    return status, json.loads(body or b"null")


def test_a_full_queue_answers_503_with_the_time_to_come_back(
    settings: Settings, service: Service, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, entered = threading.Event(), threading.Event()

    def slow(data: bytes) -> None:
        entered.set()
        gate.wait(20)
        raise RegistryUnavailable("the registry does not answer")

    monkeypatch.setattr(service, "detect", slow)
    small = settings.model_copy(update={"threads": 1, "queue": 0})
    with TestClient(create_app(small, service)) as client:
        first = threading.Thread(target=client.post, args=("/v1/detect",), kwargs={"content": png})
        first.start()
        assert entered.wait(10)
        refused = client.post("/v1/detect", content=png)
        assert client.get("/healthz").json() == {"status": "ok"}
        gate.set()
        first.join()
    assert "try again" in problem(refused, 503, "busy")
    assert int(refused.headers["retry-after"]) > 0


def test_bodies_share_a_budget_of_memory(settings: Settings, service: Service, png: bytes) -> None:
    small = settings.model_copy(update={"max_body_memory": len(png) - 1})
    with TestClient(create_app(small, service)) as client:
        problem(client.post("/v1/detect", content=png), 503, "busy")


def test_a_registry_that_is_down_answers_503(
    client: TestClient, service: Service, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise RegistryUnavailable("the registry does not answer; try again in a moment")

    monkeypatch.setattr(service._registry, "add", down)
    response = client.post(MARK, content=png)
    problem(response, 503, "registry_unavailable")
    assert "retry-after" in response.headers


def test_a_fault_of_ours_is_a_problem_too_and_its_text_stays_in_the_house(
    client: TestClient, service: Service, png: bytes, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def broken(_: bytes) -> None:
        raise ValueError("bytes of a file of somebody")

    monkeypatch.setattr(service, "detect", broken)
    log.configure("error")
    response = client.post("/v1/detect", content=png)
    problem(response, 500, "internal")
    assert "somebody" not in response.text
    logged = capsys.readouterr().err
    assert '"kind": "ValueError"' in logged
    assert response.headers["x-request-id"] in logged
    assert "somebody" not in logged


def test_ready_means_marked_and_detected_and_is_kept_for_a_while(
    settings: Settings, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0
    check = service.self_test

    def counted() -> object:
        nonlocal tries
        tries += 1
        return check()

    monkeypatch.setattr(service, "self_test", counted)
    with TestClient(create_app(settings, service)) as client:
        for _ in range(3):
            assert client.get("/readyz").json() == {"status": "ready"}
    assert tries == 1


def test_not_ready_says_why(settings: Settings, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> None:
        raise RegistryUnavailable("the registry does not answer")

    monkeypatch.setattr(service._registry, "ping", down)
    with TestClient(create_app(settings, service)) as client:
        problem(client.get("/readyz"), 503, "registry_unavailable")


def test_load_balancers_may_ask_for_the_head_of_a_health_check(client: TestClient) -> None:
    for path in ("/healthz", "/readyz"):
        response = client.head(path)
        assert (response.status_code, response.content) == (200, b"")


def test_a_slash_too_many_is_told_and_not_redirected(client: TestClient, png: bytes) -> None:
    answer = client.post("/v1/mark/?origin=generated", content=png, follow_redirects=False)
    assert "POST /v1/mark" in problem(answer, 404, "not_found")


def test_metrics_count_and_name_nobody(client: TestClient, png: bytes) -> None:
    client.post("/v1/detect", content=png)
    client.get("/secret/path/of/somebody")
    text = client.get("/metrics").text
    assert 'waarmerk_requests_total{route="/v1/detect",status="200"}' in text
    assert 'waarmerk_verdicts_total{verdict="no_mark_found"}' in text
    assert "somebody" not in text


def test_the_log_holds_no_content_hash_query_or_whole_address(
    settings: Settings, service: Service, png: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("debug")
    with TestClient(create_app(settings, service), client=("203.0.113.77", 5)) as client:
        client.post(MARK + "&system=VerySecretSystem", content=png)
    log.configure("error")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    entry = next(line for line in lines if line["event"] == "request")
    assert set(entry) == {
        "event",
        "level",
        "method",
        "network",
        "request_id",
        "route",
        "seconds",
        "status",
        "timestamp",
    }
    assert entry["network"] == "203.0.113.0/24"
    assert "VerySecretSystem" not in json.dumps(lines)


def test_health_answers_while_pictures_are_worked_on(
    settings: Settings, service: Service, png: bytes
) -> None:
    async def scene() -> float:
        app = create_app(settings, service)
        loop = asyncio.get_running_loop()
        work = [asyncio.create_task(app.state.workers.run(service.detect, png)) for _ in range(4)]
        slowest = 0.0
        while not all(task.done() for task in work):
            begun = loop.time()
            await asyncio.sleep(0)
            slowest = max(slowest, loop.time() - begun)
        await asyncio.gather(*work)
        app.state.workers.close()
        return slowest

    assert asyncio.run(scene()) < 0.5  # seconds; on the event loop it would be the whole time of all four
