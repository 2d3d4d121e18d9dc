"""GET /healthz, /readyz and /metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from waarmerk.app.metrics import CONTENT_TYPE
from waarmerk.app.schemas import Health, Ready, problems

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Does the process answer?")
async def healthz() -> Health:
    """Always ok while the process answers; it looks at nothing else."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Can it mark and detect?", responses=problems(503))
async def readyz(request: Request) -> Ready:
    """Signs and verifies a small picture from end to end, and asks the registry; kept for a few seconds."""
    await request.app.state.readiness.confirm()
    return Ready()


@metrics_router.get(
    "/metrics",
    summary="Counts for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """How much, how long, with what outcome; nothing about whose or what."""
    state = request.app.state
    state.metrics.body_bytes.set(state.budget.held)
    return Response(state.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
