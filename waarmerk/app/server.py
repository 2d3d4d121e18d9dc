"""The HTTP server under the application: its socket, its settings, its end."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from waarmerk.core.errors import ConfigurationError

BACKLOG = 2048  # connections that may wait to be accepted; uvicorn's own default
SHUTDOWN_S = 30  # for requests under way when the process is told to stop


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening TCP socket.

    Bound here and not by the server, so that a port that is taken ends in one clear line, and before keys are
    made and anything is opened.

    Args:
        port: 0 picks a free one.

    Raises:
        ConfigurationError: nothing can listen there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"Nothing can listen on {host} port {port}: {(error.strerror or 'no such address').lower()}; set "
            "WAARMERK_HOST and WAARMERK_PORT, or --host and --port.",
            code="cannot_listen",
        ) from error
    return listening


def serve_until_stopped(app: Callable[..., Any], listening: socket.socket) -> None:
    """Answer requests with an ASGI application until SIGINT or SIGTERM, then finish what is under way."""
    config = uvicorn.Config(
        app,
        log_config=None,  # ours says what is needed, without addresses and query strings
        access_log=False,
        server_header=False,
        ws="none",  # there is nothing to upgrade to
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    uvicorn.Server(config).run(sockets=[listening])
