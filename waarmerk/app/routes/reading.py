"""Reading a request: its query, each name once; its body, whole, in memory, never more of it than allowed."""

from __future__ import annotations

import asyncio

from fastapi import Request

from waarmerk.app.settings import Settings
from waarmerk.app.workers import Budget
from waarmerk.core.errors import BadParameter, InputError, MediaTooLarge, UnsupportedMedia
from waarmerk.core.media import sniff

_FORM_HEAD = 2048  # bytes; the first part's header lines
_HOW = "send the file's bytes as they are: curl --data-binary @FILE"


async def each_once(request: Request) -> None:
    """Refuse a query that names a parameter twice: which of the two was meant, nobody can tell.

    Raises:
        BadParameter: it does.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    if len(set(names)) < len(names):
        raise BadParameter("A parameter is given more than once; give each once.")


async def read_body(request: Request, settings: Settings, take: Budget.Take) -> bytes:
    """The body, counted while it arrives.

    Args:
        take: where the bytes are accounted for, see `Budget.share`.

    Raises:
        MediaTooLarge: more than ``max_bytes``, told from the header where it says so.
        Busy: more than the budget holds.
        InputError: it did not arrive in time, or is empty.
        UnsupportedMedia: a form was sent in place of a file.
    """
    if _claimed_length(request) > settings.max_bytes:
        raise _too_large(settings)
    body = bytearray()
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for chunk in request.stream():
                if len(body) + len(chunk) > settings.max_bytes:
                    raise _too_large(settings)
                take(len(chunk))
                body += chunk
    except TimeoutError:
        raise InputError(
            f"The body did not arrive in {settings.body_timeout_s:g} seconds; try again on a faster line.",
            code="body_timeout",
        ) from None
    if not body:
        raise BadParameter(f"The body is empty; {_HOW}.", code="empty_body")
    data = bytes(body)
    _refuse_forms(data, request.headers.get("content-type", ""))
    return data


def _claimed_length(request: Request) -> int:
    """What Content-Length says, 0 where it says nothing that makes sense."""
    claimed = request.headers.get("content-length", "")
    return int(claimed) if claimed.isascii() and claimed.isdigit() else 0


def _too_large(settings: Settings) -> MediaTooLarge:
    return MediaTooLarge(
        f"The file has more than {settings.max_bytes} bytes, the limit here; send a smaller one.",
        code="too_many_bytes",
    )


def _refuse_forms(data: bytes, content_type: str) -> None:
    """Name the two ways a file gets wrapped by mistake; what is a file by its bytes is taken by any name."""
    if sniff(data) is not None:
        return
    if data.startswith(b"--") and b"form-data" in data[:_FORM_HEAD]:
        raise UnsupportedMedia(f"The body is a multipart form; {_HOW}.", code="multipart_body")
    if content_type.lower().startswith("application/x-www-form-urlencoded"):
        raise UnsupportedMedia(
            f"The body was sent as a form, which drops bytes from a file; {_HOW}.", code="form_body"
        )
