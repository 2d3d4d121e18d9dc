"""POST /v1/mark."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from waarmerk.app.routes.reading import each_once, read_body
from waarmerk.app.schemas import MarkParameters, problems
from waarmerk.app.service import Marked
from waarmerk.core.media import MARKABLE

router = APIRouter(prefix="/v1", tags=["mark"], dependencies=[Depends(each_once)])

_FILE = {"schema": {"type": "string", "format": "binary"}}
_HEADERS: dict[str, Any] = {
    "Waarmerk-Mark-Id": ("The id the pixels carry, 16 hex digits.", "9f3c5a7e01b2d4c6"),
    "Waarmerk-Manifest-Id": (
        "The label of the manifest.",
        "urn:c2pa:1d0f7a0e-3c35-4c4b-9d6b-7a8f3f0f9a10",
    ),
    "Waarmerk-Layers": ("What was applied.", "metadata,watermark"),
    "Waarmerk-Timestamp": ("Time from a timestamp authority, or none.", "none"),
    "Waarmerk-Robustness": ("How well the pixels hold the mark: strong, normal or weak.", "strong"),
    "Waarmerk-Warnings": (
        "Codes of what its owner should know; left out where there is nothing.",
        "file_grew",
    ),
}


@router.post(
    "/mark",
    summary="Mark a picture",
    response_class=Response,
    responses={
        200: {
            "description": "The marked file, of the same kind as the one sent.",
            "content": {kind.value: _FILE for kind in MARKABLE},
            "headers": {
                name: {"description": text, "schema": {"type": "string"}, "example": example}
                for name, (text, example) in _HEADERS.items()
            },
        },
        **problems(400, 408, 413, 415, 422, 503),
    },
    openapi_extra={"requestBody": {"required": True, "content": {kind.value: _FILE for kind in MARKABLE}}},
)
async def mark(request: Request, parameters: Annotated[MarkParameters, Query()]) -> Response:
    """Send the file's bytes as the body and say how it came to be.

        curl --data-binary @in.png "http://127.0.0.1:8000/v1/mark?origin=generated" -o out.png

    The answer is the same picture with a mark in its pixels and a signed manifest in its metadata, already
    recorded. A file that could not be given both, and checked, is not returned.
    """
    state = request.app.state
    with state.budget.share() as take:
        data = await read_body(request, state.settings, take)
        marked = await state.workers.run(state.service.mark, data, parameters.request())
    state.metrics.mark(marked.robustness)
    return Response(marked.data, media_type=marked.media_type.value, headers=_headers(marked))


def _headers(marked: Marked) -> dict[str, str]:
    headers = {
        "Waarmerk-Mark-Id": marked.mark_id,
        "Waarmerk-Manifest-Id": marked.manifest_id,
        "Waarmerk-Layers": ",".join(marked.layers),
        "Waarmerk-Timestamp": marked.timestamp,
        "Waarmerk-Robustness": marked.robustness,
    }
    if marked.warnings:
        headers["Waarmerk-Warnings"] = ",".join(warning.code for warning in marked.warnings)
    return headers
