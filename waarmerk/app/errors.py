"""Exceptions -> HTTP answers: one table, and RFC 9457 problem details as the only form.

    {"type": "urn:waarmerk:error:too_many_pixels", "title": "Too large", "status": 413,
     "detail": "<one sentence that says what to do>", "code": "too_many_pixels", "request_id": "..."}

Only ``code`` is for programs; ``detail`` may be reworded at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from waarmerk.app.schemas import PROBLEM_TYPE
from waarmerk.core.errors import (
    BadParameter,
    Busy,
    CannotHoldMark,
    ConfigurationError,
    InputError,
    MalformedMedia,
    MediaTooLarge,
    SelfCheckFailed,
    Unavailable,
    UnsupportedMedia,
    WaarmerkError,
)

RETRY_AFTER_S = 5  # about the time a full queue needs to empty

# The first row whose class fits decides.
STATUSES: tuple[tuple[type[WaarmerkError], HTTPStatus, str], ...] = (
    (BadParameter, HTTPStatus.BAD_REQUEST, "Bad parameter"),
    (MediaTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large"),
    (UnsupportedMedia, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Kind of file not taken"),
    (MalformedMedia, HTTPStatus.UNPROCESSABLE_ENTITY, "Damaged file"),
    (CannotHoldMark, HTTPStatus.UNPROCESSABLE_ENTITY, "Cannot hold a mark"),
    (InputError, HTTPStatus.BAD_REQUEST, "Bad input"),
    (SelfCheckFailed, HTTPStatus.UNPROCESSABLE_ENTITY, "The marked file did not verify"),
    (Busy, HTTPStatus.SERVICE_UNAVAILABLE, "Busy"),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable"),
    (ConfigurationError, HTTPStatus.SERVICE_UNAVAILABLE, "Not set up for this"),
    (WaarmerkError, HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error"),
)

# Finer codes whose status is not their class's.
CODE_STATUSES = {
    "body_timeout": (HTTPStatus.REQUEST_TIMEOUT, "Too slow"),
    "xmp_too_large": (HTTPStatus.UNPROCESSABLE_ENTITY, "Metadata too large"),
}

_INTERNAL = "Something went wrong on our side and was logged; quote the request_id when you report it."


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    request_id: str,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem+json answer."""
    content = {
        "type": f"urn:waarmerk:error:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    return JSONResponse(content, status_code=status, headers=headers, media_type=PROBLEM_TYPE)


def status_of(error: WaarmerkError) -> tuple[HTTPStatus, str]:
    """Status and title of an error."""
    if error.code in CODE_STATUSES:
        return CODE_STATUSES[error.code]
    return next((status, title) for kind, status, title in STATUSES if isinstance(error, kind))


def of_refusal(error: WaarmerkError, request_id: str) -> JSONResponse:
    """The answer to something Waarmerk refuses."""
    status, title = status_of(error)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    detail = error.sentence if type(error) is not WaarmerkError else _INTERNAL
    return problem(status, error.code, title, _sentence(detail), request_id, headers)


def of_http(error: HTTPException, request_id: str, known: Sequence[str]) -> JSONResponse:
    """The answer to a path or method that does not exist.

    Args:
        known: the routes there are, e.g. ``POST /v1/mark``.
    """
    code, detail = {
        404: ("not_found", f"There is nothing here; the routes are {', '.join(known)}."),
        405: (
            "method_not_allowed",
            f"This path does not take that method; the routes are {', '.join(known)}.",
        ),
    }.get(error.status_code, ("http_error", str(error.detail)))
    title = HTTPStatus(error.status_code).phrase
    return problem(error.status_code, code, title, detail, request_id, error.headers)


def of_internal(request_id: str) -> JSONResponse:
    """The answer to a fault of ours; what went wrong is in the log."""
    return problem(500, "internal", "Internal error", _INTERNAL, request_id)


def of_parameters(error: RequestValidationError) -> BadParameter:
    """Say what is wrong with the query string."""
    first: dict[str, Any] = error.errors()[0]
    name = str(first["loc"][-1])
    context = first.get("ctx", {})
    sentence = {
        "missing": f"The parameter {name} is missing; add ?{name}= to the address.",
        "extra_forbidden": f"There is no parameter {_shown(name)}; /openapi.json tells those there are.",
        "enum": f"The parameter {name} must be {context.get('expected')}.",
        "string_too_long": f"The parameter {name} may have {context.get('max_length')} characters at most.",
        "string_pattern_mismatch": f"The parameter {name} may not hold control characters.",
    }.get(first["type"], f"The parameter {name} has no such value.")
    if name == "origin" and first["type"] != "extra_forbidden":
        sentence = (
            "Say how the content came to be: add ?origin=generated for content made by AI, "
            "or ?origin=manipulated for content altered by it."
        )
    return BadParameter(sentence)


def _shown(text: str) -> str:
    """A stranger's word in a sentence: printable and short."""
    return repr("".join(c if c.isprintable() else "?" for c in text[:40]))


def _sentence(text: str) -> str:
    """A whole sentence: capital first, full stop last."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
