"""A whole service in a folder of its own, and the HTTP application around it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from waarmerk.app import log
from waarmerk.app.main import create_app
from waarmerk.app.service import Service
from waarmerk.app.settings import Settings
from waarmerk.app.specimen import specimen


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Small limits, so that going over them costs nothing."""
    return Settings(
        data_dir=tmp_path_factory.mktemp("waarmerk"),
        max_bytes=4 << 20,
        max_pixels=4_000_000,
        threads=2,
        system="Default Painter",
        system_version="1.0",
        provider="Default Ltd",
    )


@pytest.fixture(scope="session")
def service(settings: Settings) -> Iterator[Service]:
    with Service.open(settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def client(settings: Settings, service: Service) -> Iterator[TestClient]:
    log.configure("error")
    app = create_app(settings, service)
    with TestClient(app, raise_server_exceptions=False) as started:
        yield started


@pytest.fixture(scope="session")
def png() -> bytes:
    """An unmarked picture that holds a mark well."""
    return specimen()
