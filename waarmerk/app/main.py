"""The HTTP door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from waarmerk.app import errors
from waarmerk.app.metrics import Metrics
from waarmerk.app.middleware import Around
from waarmerk.app.readiness import Readiness
from waarmerk.app.routes import detect, health, mark
from waarmerk.app.schemas import Problem
from waarmerk.app.service import Service
from waarmerk.app.settings import Settings
from waarmerk.app.version import VERSION
from waarmerk.app.workers import Budget, Workers
from waarmerk.core.errors import WaarmerkError

DESCRIPTION = """Marks what generative AI makes, and tells anyone who asks whether a file carries such a mark.

Files are sent as they are, in the body; what kind they are is read from their bytes. Errors are
`application/problem+json` (RFC 9457): `code` is stable, `detail` says what to do."""


def create_app(settings: Settings, service: Service) -> FastAPI:
    """The application around an open service, which it closes when it ends."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            app.state.workers.close()
            service.close()

    app = FastAPI(
        title="Waarmerk",
        version=VERSION,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=life,
        docs_url=None,  # its page loads scripts from elsewhere; /openapi.json is served from here
        redoc_url=None,
        redirect_slashes=False,  # curl without -L would show nothing at all for /v1/mark/
    )
    app.state.settings = settings
    app.state.service = service
    app.state.metrics = Metrics()
    app.state.workers = Workers(settings.threads, settings.queue)
    app.state.readiness = Readiness(service.self_test, settings.ready_interval_s)
    app.state.budget = Budget(settings.max_body_memory)
    for router in (mark.router, detect.router, health.router):
        app.include_router(router)
    if settings.metrics:
        app.include_router(health.metrics_router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    _handle_errors(app)
    app.add_middleware(Around, metrics=app.state.metrics)
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: FastAPI's own, with our problems in place of its validation errors."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            license_info=app.license_info,
            routes=app.routes,
        )
        schemas = document["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for item in document["paths"].values():
            for operation in item.values():
                if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                    del operation["responses"]["422"]
        app.openapi_schema = document
    return app.openapi_schema


def _handle_errors(app: FastAPI) -> None:
    known = [
        f"{method} {path}" for path, item in app.openapi()["paths"].items() for method in map(str.upper, item)
    ]

    async def refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, WaarmerkError)  # noqa: S101 - what it is registered for, said to mypy
        return errors.of_refusal(error, _id(request))

    async def parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return errors.of_refusal(errors.of_parameters(error), _id(request))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        return errors.of_http(error, _id(request), known)

    handlers: tuple[tuple[type[Exception], Any], ...] = (
        (WaarmerkError, refusal),
        (RequestValidationError, parameters),
        (HTTPException, http),
    )
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def _id(request: Request) -> str:
    return str(request.state.request_id)
