"""What happens around every request: an id, one log line, one count, and never a bare traceback."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from waarmerk.app import errors, log
from waarmerk.app.metrics import Metrics

CLIENT_GONE = 499  # nginx' number for a client that went away; it is only ever logged


class Around:
    """ASGI middleware.

    Args:
        app: what it stands around.
        metrics: where requests are counted.
        clock: seconds, monotonic.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        begun = self._clock()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception as error:
            log.event(
                "error", "fault", request_id=request_id, kind=type(error).__name__, at=log.places_of(error)
            )
            if not status:
                answer = errors.of_internal(request_id)
                await answer(scope, receive, send_with_id)
            status = 500
        finally:
            self._count(scope, request_id, status, self._clock() - begun)

    def _count(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.request(route, status, seconds)
        client = Request(scope).client
        log.event(
            "debug" if route in {"/healthz", "/readyz", "/metrics"} else "info",
            "request",
            request_id=request_id,
            method=scope["method"],
            route=route,
            status=status,
            seconds=round(seconds, 4),
            network=log.network_of(client.host if client else None),
        )
