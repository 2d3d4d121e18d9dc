"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

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
