"""The registry, on SQLite and on a real PostgreSQL server: one suite for both."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from waarmerk.adapters.registry import _MIGRATIONS, Registry, _engine, sqlite_url
from waarmerk.core.errors import ConfigurationError, RegistryUnavailable
from waarmerk.core.evidence import Origin
from waarmerk.core.records import MarkRecord, Place, Tenant

RECORD = MarkRecord(
    mark_id=0xFEDC_BA98_7654_3210,
    manifest_id="urn:c2pa:0b2c6a1e-6f8e-4b2e-9a8e-3a4b7f3c1d2e",
    signature_sha256=bytes(range(32)),
    manifest=b"\x00\x00jumb\xff" * 700,
    tenant="default",
    created_at=datetime(2026, 11, 30, 12, 0, 0, 123456, tzinfo=UTC),
    origin=Origin.MANIPULATED,
    system="Ünïcode-Model 3; DROP TABLE marks",
    place=Place(pattern=15, offset=(1023, 0), height=4000, width=3),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "registry.sqlite3")
    server = request.getfixturevalue("postgresql")
    name = "t" + uuid.uuid4().hex
    server.psql(f'CREATE DATABASE "{name}"')
    return str(server.get_uri(name))


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    opened = Registry.open(url)
    yield opened
    opened.close()


def test_a_record_comes_back_as_it_went_in_by_each_of_its_names(registry: Registry) -> None:
    assert registry.add(RECORD) is True
    assert registry.by_mark_id(RECORD.mark_id) == RECORD
    assert registry.by_manifest_id(RECORD.manifest_id) == RECORD
    assert registry.by_signature_sha256(RECORD.signature_sha256) == RECORD


def test_a_mark_whose_place_was_not_kept_has_none(registry: Registry) -> None:
    nowhere = replace(RECORD, place=None)
    assert registry.add(nowhere)
    assert registry.by_mark_id(RECORD.mark_id) == nowhere


def test_rows_of_the_first_schema_are_read_on(url: str, registry: Registry) -> None:
    assert registry.add(RECORD)
    registry.close()
    engine = sa.create_engine(_engine(url).url)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    engine.dispose()
    with closing(Registry.open(url)) as upgraded:
        assert upgraded.by_mark_id(RECORD.mark_id) == replace(RECORD, place=None)


def test_what_was_never_written_is_not_found(registry: Registry) -> None:
    registry.add(RECORD)
    assert registry.by_mark_id(RECORD.mark_id - 1) is None
    assert registry.by_manifest_id("urn:c2pa:other") is None
    assert registry.by_signature_sha256(bytes(32)) is None


@pytest.mark.parametrize("mark_id", [0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_the_whole_range_of_64_bit_ids_is_kept(registry: Registry, mark_id: int) -> None:
    assert registry.add(replace(RECORD, mark_id=mark_id))
    found = registry.by_mark_id(mark_id)
    assert found is not None
    assert found.mark_id == mark_id


def test_a_taken_mark_id_writes_nothing_and_says_so(registry: Registry) -> None:
    registry.add(RECORD)
    assert registry.add(replace(RECORD, manifest_id="urn:c2pa:second")) is False
    assert registry.by_manifest_id("urn:c2pa:second") is None
    assert registry.by_mark_id(RECORD.mark_id) == RECORD


def test_a_taken_manifest_id_writes_nothing_and_says_so(registry: Registry) -> None:
    registry.add(RECORD)
    assert registry.add(replace(RECORD, mark_id=7)) is False
    assert registry.by_mark_id(7) is None


def test_times_come_back_in_utc_whatever_zone_they_came_in(registry: Registry) -> None:
    amsterdam = datetime(2026, 7, 1, 2, 0, tzinfo=timezone(timedelta(hours=2)))
    registry.add(replace(RECORD, created_at=amsterdam))
    found = registry.by_mark_id(RECORD.mark_id)
    assert found is not None
    assert found.created_at == amsterdam
    assert found.created_at.utcoffset() == timedelta(0)


def test_marking_for_an_unknown_tenant_is_a_configuration_error(registry: Registry) -> None:
    with pytest.raises(ConfigurationError, match="no tenant 'nobody'"):
        registry.add(replace(RECORD, tenant="nobody"))


def test_the_default_tenant_is_there_and_settings_are_kept_per_tenant(registry: Registry) -> None:
    assert registry.tenants() == (Tenant(name="default", settings={}),)
    registry.put_tenant(Tenant(name="paper", settings={"system": "Ünïcode"}))
    registry.put_tenant(Tenant(name="default", settings={"fingerprint": False}))
    assert registry.tenants() == (
        Tenant(name="default", settings={"fingerprint": False}),
        Tenant(name="paper", settings={"system": "Ünïcode"}),
    )


def test_a_row_is_committed_when_add_returns(url: str, registry: Registry) -> None:
    registry.add(RECORD)
    other = Registry.open(url)
    try:
        assert other.by_mark_id(RECORD.mark_id) == RECORD
    finally:
        other.close()


def test_eight_threads_write_without_losing_a_row(registry: Registry) -> None:
    def write(number: int) -> bool:
        return registry.add(replace(RECORD, mark_id=number, manifest_id=f"urn:c2pa:{number}"))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, range(100)))
    assert all(registry.by_mark_id(number) for number in range(100))


def test_processes_that_start_together_migrate_once(url: str) -> None:
    program = (
        "import sys; from waarmerk.adapters.registry import Registry; Registry.open(sys.argv[1]).close()"
    )
    starting = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(3)]
    assert [process.wait(60) for process in starting] == [0, 0, 0]
    registry = Registry.open(url)
    assert registry.add(RECORD)
    registry.close()


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "not a url", "", "sqlite3:/x"])
def test_another_kind_of_database_is_refused_by_name_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SQLite or PostgreSQL") as caught:
        Registry.open(url)
    assert "hunter2" not in str(caught.value)


def test_a_database_that_does_not_answer_is_unavailable_and_names_no_secret() -> None:
    with pytest.raises(RegistryUnavailable) as caught:
        Registry.open("postgresql://u:hunter2@127.0.0.1:9/d")
    assert "hunter2" not in caught.value.sentence


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable):
        Registry.open(sqlite_url(tmp_path / "no" / "such" / "registry.sqlite3"))


def test_no_row_goes_into_a_file_that_was_removed(tmp_path: Path) -> None:
    """SQLite writes on into the removed file: the mark would be handed out and its row be gone."""
    file = tmp_path / "registry.sqlite3"
    registry = Registry.open(sqlite_url(file))
    registry.add(RECORD)
    for part in tmp_path.iterdir():
        part.unlink()
    with pytest.raises(RegistryUnavailable):
        registry.add(replace(RECORD, mark_id=2, manifest_id="urn:c2pa:2"))
    with pytest.raises(RegistryUnavailable):
        registry.ping()
    for part in tmp_path.iterdir():
        part.unlink()
    Registry.open(sqlite_url(file)).close()  # as restoring a backup would
    assert registry.add(replace(RECORD, mark_id=3, manifest_id="urn:c2pa:3"))
    registry.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT mark_id FROM marks").fetchall() == [(f"{3:016x}",)]


def test_a_file_that_is_no_database_is_told_by_its_code(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(RegistryUnavailable, match="SQLITE_NOTADB"):
        Registry.open(sqlite_url(tmp_path / "registry.sqlite3"))


def test_a_table_that_went_away_is_unavailable_not_a_crash(tmp_path: Path) -> None:
    registry = Registry.open(sqlite_url(tmp_path / "r.sqlite3"))
    with closing(sqlite3.connect(tmp_path / "r.sqlite3")) as other:
        other.execute("DROP TABLE marks")
    with pytest.raises(RegistryUnavailable):
        registry.add(RECORD)
    registry.close()


def test_a_connection_that_the_server_closed_is_replaced_unnoticed(postgresql: Any) -> None:
    postgresql.psql("CREATE DATABASE restarted")
    registry = Registry.open(postgresql.get_uri("restarted"))
    registry.ping()
    postgresql.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'restarted'")
    assert registry.add(RECORD)
    registry.close()


def test_a_sqlite_row_is_on_disk_before_the_reply(tmp_path: Path) -> None:
    registry = Registry.open(sqlite_url(tmp_path / "r.sqlite3"))
    with registry._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert (
            connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        )  # FULL: the log is synced on commit
    registry.close()
