"""What an operator may set: environment variables, read once.

What changes the bits of a mark is no setting: it is a constant of a format version.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from waarmerk.core.records import DEFAULT_TENANT

MIB = 1 << 20


class Mode(StrEnum):
    """Development makes its own keys and certificates; production refuses those."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class LogLevel(StrEnum):
    """What is worth a line; see `waarmerk.app.log`."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @classmethod
    def _missing_(cls, value: object) -> LogLevel | None:
        """In any case."""
        lower = value.lower() if isinstance(value, str) else None
        return next((level for level in cls if level.value == lower), None)


def _default_data_dir() -> Path:
    """Where the XDG base directory specification puts a user's data."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "waarmerk"


class Settings(BaseSettings):
    """Each field is the environment variable ``WAARMERK_`` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="WAARMERK_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    mode: Mode = Field(
        default=Mode.DEVELOPMENT,
        description="development makes keys and certificates where there are none; production refuses them.",
    )
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Folder of keys, certificates and the SQLite registry; made when missing.",
    )

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; only this machine until you say otherwise."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 picks a free one.")

    database_url: SecretStr | None = Field(
        default=None,
        description="postgresql://user:password@host/database; SQLite in the data folder when unset.",
    )

    keys_file: Path | None = Field(
        default=None,
        description="Key store with the master secrets; keys.json in the data folder when unset.",
    )
    master_secret: SecretStr | None = Field(
        default=None,
        description="32 random bytes, base64 or hex, in place of a key store: one epoch, number 1.",
    )
    signing_chain_file: Path | None = Field(
        default=None,
        description="PEM: the signing certificate, then its intermediates; with signing_key_file.",
    )
    signing_key_file: Path | None = Field(
        default=None, description="PEM: the signing certificate's private key."
    )
    trust_file: Path | None = Field(
        default=None,
        description="PEM: authorities whose signatures and timestamps are believed: the C2PA trust list.",
    )
    timestamp_url: str | None = Field(
        default=None, description="RFC 3161 timestamp authority; without one a reply says timestamp: none."
    )
    timestamp_timeout_s: float = Field(
        default=10.0,
        gt=0,
        description="Seconds to wait for the timestamp authority before a mark is refused (503).",
    )
    soft_binding_registered: bool = Field(
        default=False,
        description="The soft binding's algorithm name is on the public list: write c2pa.watermarked.bound.",
    )

    tenant: str = Field(default=DEFAULT_TENANT, description="On whose behalf marks are made.")
    system: str = Field(default="", description="Name of the generating system where a request names none.")
    system_version: str = Field(default="", description="Its version where a request names none.")
    model: str = Field(default="", description="Name of the model where a request names none.")
    provider: str = Field(default="", description="Who provides the system where a request names none.")

    max_bytes: int = Field(
        default=32 * MIB, ge=1, description="Bytes of one file; a 24-megapixel PNG photo has about 30 MiB."
    )
    max_pixels: int = Field(
        default=64_000_000, ge=1, description="Pixels of one picture; 64 million decode to 192 MB of RGB."
    )
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="Files worked on at the same time: one a core, since the work is arithmetic.",
    )
    queue: int = Field(
        default=8, ge=0, description="Files waiting for a thread; one more is told to come back (503)."
    )
    max_body_memory: int = Field(
        default=256 * MIB,
        ge=1,
        description="Bytes of bodies held at the same time, uploads under way included.",
    )
    body_timeout_s: float = Field(
        default=60.0, gt=0, description="Seconds for a body to arrive; 32 MiB in 60 s is 4.5 Mbit/s."
    )
    ready_interval_s: float = Field(
        default=10.0,
        ge=0,
        description="Seconds a readiness check's result is kept, so that asking cannot load the service.",
    )
    log_level: LogLevel = Field(default=LogLevel.INFO, description="debug, info, warning or error.")
    metrics: bool = Field(default=True, description="Serve /metrics for Prometheus.")
