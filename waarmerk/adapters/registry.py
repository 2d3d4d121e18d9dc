"""The registry: which mark was given to what, in SQLite or PostgreSQL.

One schema and one set of statements serve both; only opening them differs. SQLite runs in WAL mode with
``synchronous = FULL``, so that a row that was committed outlives a power cut: a mark whose row is lost still
verifies, but nobody can say any more how it came to be.

Migrations travel inside the package and are applied when a registry is opened. Processes that start together
take turns: a write transaction in SQLite, an advisory lock in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from waarmerk.core.errors import ConfigurationError, RegistryUnavailable
from waarmerk.core.evidence import Origin
from waarmerk.core.records import MarkRecord, Place, Tenant, mark_id_from_text, mark_id_text

BUSY_TIMEOUT_S = 5  # SQLite has one writer; 5 s is a thousand commits of the others
CONNECT_TIMEOUT_S = 5  # a database that takes longer is not there, and the caller is told to try again
STATEMENT_TIMEOUT_MS = 10_000  # every statement here finds one row by an index
POOL_SIZE = 8  # a connection is held for one short statement, by one of a few worker threads
MIGRATION_LOCK = 0x57_41_41_52_4D_45_52_4B  # "WAARMERK": the key of PostgreSQL's advisory lock

_MIGRATIONS = Path(__file__).parent / "migrations"


class _UtcDateTime(sa.TypeDecorator[datetime]):
    """A point in time: aware on the way in, UTC on the way out, on databases that know time zones or not."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_schema = sa.MetaData()

# Mark ids and digests are stored as the hex text that headers and answers show: an operator's query can use
# what is on the screen, and no database's signed 64-bit integer bends the upper half of the ids.
_tenants = sa.Table(
    "tenants",
    _schema,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("settings", sa.JSON, nullable=False),
)
_marks = sa.Table(
    "marks",
    _schema,
    sa.Column("mark_id", sa.String(16), primary_key=True),
    sa.Column("manifest_id", sa.String(255), nullable=False),
    sa.Column("signature_sha256", sa.String(64), nullable=False),
    sa.Column("manifest", sa.LargeBinary, nullable=False),
    sa.Column("tenant", sa.String(64), sa.ForeignKey("tenants.name"), nullable=False),
    sa.Column("created_at", _UtcDateTime, nullable=False),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("system", sa.Text, nullable=False),
    *(sa.Column(name, sa.Integer) for name in ("pattern", "offset_row", "offset_column", "height", "width")),
)


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite registry kept in `file`."""
    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


class Registry:
    """An open registry; safe to share between threads. `open` it, `close` it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Registry:
        """Open and migrate.

        Args:
            url: ``sqlite:///file`` or ``postgresql://user:password@host/database``.

        Raises:
            ConfigurationError: neither of the two.
            RegistryUnavailable: it does not answer, or cannot be written.
        """
        engine = _engine(url)
        try:
            with _reachable():
                _migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def ping(self) -> None:
        """Ask the database for one row.

        Raises:
            RegistryUnavailable: it does not answer.
        """
        with _reachable(), self._engine.connect() as connection:
            connection.execute(sa.select(_tenants.c.name).limit(1)).first()

    def add(self, record: MarkRecord) -> bool:
        """Write a mark; committed when this returns.

        Returns:
            False when the mark id or the manifest id is taken: nothing was written, draw another id.

        Raises:
            ConfigurationError: the registry has no such tenant.
            RegistryUnavailable: the database does not answer.
        """
        row = {
            "mark_id": mark_id_text(record.mark_id),
            "manifest_id": record.manifest_id,
            "signature_sha256": record.signature_sha256.hex(),
            "manifest": record.manifest,
            "tenant": record.tenant,
            "created_at": record.created_at,
            "origin": record.origin.value,
            "system": record.system,
            **_columns_of(record.place),
        }
        with _reachable():
            try:
                with _write(self._engine) as connection:
                    connection.execute(sa.insert(_marks).values(row))
            except IntegrityError:
                if record.tenant not in {tenant.name for tenant in self.tenants()}:
                    raise ConfigurationError(
                        f"the registry has no tenant {record.tenant!r}; add it before marking on its behalf"
                    ) from None
                return False
        return True

    def by_mark_id(self, mark_id: int) -> MarkRecord | None:
        """The mark with this id, None where it was not given here."""
        return self._one(_marks.c.mark_id == mark_id_text(mark_id))

    def by_manifest_id(self, manifest_id: str) -> MarkRecord | None:
        """The mark whose manifest has this label. Labels can be rewritten: good to find, not to trust."""
        return self._one(_marks.c.manifest_id == manifest_id)

    def by_signature_sha256(self, digest: bytes) -> MarkRecord | None:
        """The mark whose claim signature has this SHA-256 (32 bytes)."""
        return self._one(_marks.c.signature_sha256 == digest.hex())

    def tenants(self) -> tuple[Tenant, ...]:
        """Every tenant, by name."""
        with _reachable(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(_tenants).order_by(_tenants.c.name)).all()
        return tuple(Tenant(name=row.name, settings=row.settings) for row in rows)

    def put_tenant(self, tenant: Tenant) -> None:
        """Add a tenant, or replace the settings of the one with this name."""
        settings = {"settings": dict(tenant.settings)}
        with _reachable(), _write(self._engine) as connection:
            known = connection.execute(
                sa.update(_tenants).where(_tenants.c.name == tenant.name).values(settings)
            ).rowcount
            if not known:
                connection.execute(sa.insert(_tenants).values(name=tenant.name, **settings))

    def _one(self, condition: sa.ColumnElement[bool]) -> MarkRecord | None:
        with _reachable(), self._engine.connect() as connection:
            row = connection.execute(sa.select(_marks).where(condition).limit(1)).first()
        return None if row is None else _record(row)


def _record(row: sa.Row[Any]) -> MarkRecord:
    return MarkRecord(
        mark_id=mark_id_from_text(row.mark_id),
        manifest_id=row.manifest_id,
        signature_sha256=bytes.fromhex(row.signature_sha256),
        manifest=bytes(row.manifest),
        tenant=row.tenant,
        created_at=row.created_at,
        origin=Origin(row.origin),
        system=row.system,
        place=_place(row),
    )


def _columns_of(place: Place | None) -> dict[str, int]:
    if place is None:
        return {}
    row, column = place.offset
    return {
        "pattern": place.pattern,
        "offset_row": row,
        "offset_column": column,
        "height": place.height,
        "width": place.width,
    }


def _place(row: sa.Row[Any]) -> Place | None:
    if row.pattern is None:
        return None
    offset = (row.offset_row, row.offset_column)
    return Place(pattern=row.pattern, offset=offset, height=row.height, width=row.width)


@contextmanager
def _reachable() -> Iterator[None]:
    """Turn the driver's errors into ours; they may hold a URL or a row, so none of their text goes on."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        # SQLITE_FULL, SQLITE_READONLY, 57P01...: what an operator needs to know, and never a stranger's text.
        code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
        kind = code or type(cause).__name__
        raise RegistryUnavailable(f"the registry does not answer ({kind}); try again in a moment") from error


@contextmanager
def _write(engine: Engine) -> Iterator[Connection]:
    """A transaction that takes SQLite's write lock at once: one that asks later may be refused unwaited."""
    with engine.connect().execution_options(waarmerk_writes=True) as connection, connection.begin():
        yield connection


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = URL.create("none")
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() in {"postgresql", "postgres"}:
        return _postgresql(parsed)
    raise ConfigurationError(
        "the registry lives in SQLite or PostgreSQL: set WAARMERK_DATABASE_URL to "
        "postgresql://user:password@host/database, or unset it for SQLite in the data folder"
    )


def _postgresql(url: URL) -> Engine:
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=POOL_SIZE,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC",
        },
    )


def _sqlite(url: URL) -> Engine:
    engine = sa.create_engine(
        url.set(drivername="sqlite"),
        pool_size=POOL_SIZE,
        pool_timeout=BUSY_TIMEOUT_S,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver would begin transactions of its own, and late
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()
        record.info["file"] = _identity(url)

    @sa.event.listens_for(engine, "checkout")
    def _still_there(_: Any, record: Any, __: Any) -> None:
        # A file that was removed or replaced would take rows that nobody can ever read: connect anew.
        if record.info["file"] != _identity(url):
            raise sa.exc.DisconnectionError("the registry's file is another one now")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("waarmerk_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _identity(url: URL) -> tuple[int, int] | None:
    """Which file is at a SQLite URL; None where there is none, or it lives in memory."""
    try:
        found = Path(url.database or "").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _write(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
