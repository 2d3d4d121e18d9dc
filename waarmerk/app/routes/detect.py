"""POST /v1/detect."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from waarmerk.app.routes.reading import each_once, read_body
from waarmerk.app.schemas import Answer, NoParameters, answer_of, problems
from waarmerk.core.media import DECODABLE

router = APIRouter(prefix="/v1", tags=["detect"], dependencies=[Depends(each_once)])

_FILE = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "/detect",
    summary="Does this file carry a mark?",
    response_model=Answer,
    responses=problems(400, 408, 413, 415, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": dict.fromkeys(
                [*(kind.value for kind in DECODABLE), "application/octet-stream"], _FILE
            ),
        }
    },
)
async def detect(request: Request, _: Annotated[NoParameters, Query()]) -> Response:
    """Send the file's bytes as the body.

        curl --data-binary @file.png http://127.0.0.1:8000/v1/detect

    `no_mark_found` does not mean that a file is not AI-generated: only that nothing here says so. Nothing of
    the file is kept.
    """
    state = request.app.state
    with state.budget.share() as take:
        data = await read_body(request, state.settings, take)
        detection = await state.workers.run(state.service.detect, data)
    state.metrics.verdict(detection.verdict)
    return JSONResponse(answer_of(detection))
