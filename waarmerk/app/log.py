"""Logging: one JSON object a line on standard error, and never content, a hash of it, or a whole address."""

from __future__ import annotations

import ipaddress
import logging
import sys
from typing import Any

import structlog

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(level: str = "info") -> None:
    """Set up logging for the process, what libraries log included; unknown levels count as info."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(level.lower(), logging.INFO)),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # looked up anew for every event
    )
    root = logging.getLogger()
    if not any(isinstance(handler, _Libraries) for handler in root.handlers):
        root.addHandler(_Libraries(logging.WARNING))


class _Libraries(logging.Handler):
    """Warnings and errors of libraries in our form. Of their text only the template of the server's: what is
    put into it, and what others say, may quote a file."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.msg if isinstance(record.msg, str) and record.name.startswith("uvicorn") else ""
        event(
            "error" if record.levelno >= logging.ERROR else "warning",
            "library",
            logger=record.name,
            **({"message": text.strip()} if text and "\n" not in text.strip() else {}),
        )


def event(level: str, name: str, **facts: Any) -> None:
    """Log one event.

    Args:
        level: debug, info, warning or error.
        name: a stable name, e.g. ``request``.
        facts: JSON-ready; counts, codes and times, nothing a caller sent in.
    """
    structlog.get_logger().log(_LEVELS[level], name, **facts)


def network_of(address: str | None) -> str:
    """An address cut to its network, /24 or /48: enough to see where load is from, too little to name one"""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def places_of(error: BaseException) -> list[str]:
    """Where an unexpected error came from, as ``module:line``; without its text, which may quote a file."""
    places: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places
