"""The key store: master secrets and their epochs in one file, and other files that are written once.

    {"format": "waarmerk-keys/1", "development": false,
     "epochs": [{"epoch": 1, "state": "retired", "secret": "<base64 of 32 bytes>"},
                {"epoch": 2, "state": "active", "secret": "..."}]}

Files are written beside their place and moved there, so a process that dies half-way leaves the old one. Two
processes that start together both try to make the first file; the one that comes second uses the winner's.
Secrets come in as arguments: nothing here draws them.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waarmerk.core.errors import ConfigurationError
from waarmerk.core.keys import MAX_ACTIVE_EPOCHS, SECRET_BYTES, EpochSecret, EpochState, MasterSecret

FORMAT = "waarmerk-keys/1"
SECRET_MODE = 0o600
FOLDER_MODE = 0o700
LEAST_DISTINCT_BYTES = 16  # 32 random bytes have 30 distinct ones; below 16 once in 10^15 draws


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """What a key store holds.

    Args:
        epochs: oldest first.
        development: made by itself on a first start; production refuses it.
    """

    epochs: tuple[EpochSecret, ...]
    development: bool


def keys_from_secret(text: str) -> StoredKeys:
    """A key store of one epoch, number 1, from a master secret in text.

    Args:
        text: 32 random bytes as base64 or as 64 hex digits.

    Raises:
        ConfigurationError: another length, or so regular that it is a placeholder.
    """
    raw = _secret_bytes(text.strip())
    if len(set(raw)) < LEAST_DISTINCT_BYTES:
        raise ConfigurationError("the master secret is a placeholder; make one with: openssl rand -base64 32")
    return StoredKeys((EpochSecret(1, MasterSecret(raw), EpochState.ACTIVE),), development=False)


def read_keys(file: Path) -> StoredKeys:
    """Read a key store.

    Raises:
        ConfigurationError: it is not there, cannot be read, or is no key store.
    """
    try:
        document = json.loads(read_text(file))
    except ValueError:
        raise ConfigurationError(f"{file} is no key store: it is not JSON") from None
    try:
        return _parse(document)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigurationError(
            f"{file} is no key store of the form {FORMAT}; make one with: waarmerk keys new-epoch"
        ) from None


def make_keys(file: Path, secret: MasterSecret, *, development: bool) -> StoredKeys:
    """Make a key store of one active epoch, unless there is one already; in any case read it."""
    if file.exists():
        return read_keys(file)  # its folder may be full, or not ours to write
    first = StoredKeys((EpochSecret(1, secret, EpochState.ACTIVE),), development)
    with suppress(FileExistsError):
        write_once(file, _document(first))
    return read_keys(file)


def add_epoch(file: Path, secret: MasterSecret) -> StoredKeys:
    """Add an active epoch to a key store; the oldest active one retires where there would be too many.

    Raises:
        ConfigurationError: see `read_keys`.
    """
    with _locked(file):
        kept = read_keys(file)
        number = 1 + max((epoch.epoch for epoch in kept.epochs), default=0)
        epochs = [*kept.epochs, EpochSecret(number, secret, EpochState.ACTIVE)]
        active = [i for i, epoch in enumerate(epochs) if epoch.state is EpochState.ACTIVE]
        for i in active[:-MAX_ACTIVE_EPOCHS]:
            epochs[i] = EpochSecret(epochs[i].epoch, epochs[i].secret, EpochState.RETIRED)
        grown = StoredKeys(tuple(epochs), kept.development)
        with _beside(file, _document(grown), file.stat().st_mode & 0o777) as written:
            written.replace(file)
        _sync(file.parent)
    return grown


def read_text(file: Path) -> str:
    """A configured file's text.

    Raises:
        ConfigurationError: it cannot be read; names the file, never what is in it.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not text") from None


def ensure_folder(folder: Path) -> Path:
    """The folder, made for its owner alone where it was missing.

    Raises:
        ConfigurationError: it cannot be made.
    """
    with _writable(folder):
        _make_folder(folder)
    return folder


def set_aside(folder: Path, suffix: str) -> None:
    """Rename a folder out of the way; nothing happens where another process did it first."""
    with _writable(folder), suppress(FileNotFoundError):
        folder.rename(folder.with_name(f"{folder.name}-{suffix}"))


def write_once(file: Path, content: bytes, *, mode: int = SECRET_MODE) -> None:
    """Write a file whole or not at all.

    Raises:
        FileExistsError: it is there already, perhaps since a moment.
        ConfigurationError: its folder cannot be written.
    """
    with _writable(file):
        _make_folder(file.parent)
        with _locked(file), _beside(file, content, mode) as written:
            if file.exists():
                raise FileExistsError(file)
            written.replace(file)
        _sync(file.parent)


def write_folder_once(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files that belong together, all or none; does nothing where the folder is there already.

    Raises:
        ConfigurationError: the folder cannot be made.
    """
    with _writable(folder):
        _make_folder(folder.parent)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as scratch:
            filled = Path(scratch) / folder.name
            filled.mkdir(mode=FOLDER_MODE)
            for name, content in files.items():
                write_once(filled / name, content)
            with suppress(FileExistsError):
                _move_folder(filled, folder)
        _sync(folder.parent)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    except FileExistsError as error:
        raise NotADirectoryError(error.errno, "a file is in the way", str(folder)) from error


def _move_folder(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if target.is_dir():
            raise FileExistsError(target) from error
        raise


def _secret_bytes(text: str) -> bytes:
    with suppress(ValueError):
        if len(text) == 2 * SECRET_BYTES:
            return bytes.fromhex(text)
    with suppress(binascii.Error, ValueError):
        raw = base64.b64decode(text, validate=True)
        if len(raw) == SECRET_BYTES:
            return raw
    raise ConfigurationError(
        f"the master secret must be {SECRET_BYTES} random bytes in base64 or hex; "
        "make one with: openssl rand -base64 32"
    )


def _parse(document: dict[str, Any]) -> StoredKeys:
    if document["format"] != FORMAT:
        raise ValueError
    epochs = [
        EpochSecret(
            _number(line["epoch"]), MasterSecret(_secret_bytes(line["secret"])), EpochState(line["state"])
        )
        for line in document["epochs"]
    ]
    return StoredKeys(tuple(sorted(epochs, key=lambda e: e.epoch)), bool(document["development"]))


def _number(epoch: int) -> int:
    if not isinstance(epoch, int) or not 0 <= epoch < 1 << 32:
        raise ValueError
    return epoch


def _document(keys: StoredKeys) -> bytes:
    lines = [
        {"epoch": e.epoch, "state": e.state.value, "secret": base64.b64encode(e.secret.reveal()).decode()}
        for e in keys.epochs
    ]
    content = {"format": FORMAT, "development": keys.development, "epochs": lines}
    return (json.dumps(content, indent=2) + "\n").encode()


@contextmanager
def _writable(place: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise ConfigurationError(
            f"{place} cannot be written: {error.strerror}; point WAARMERK_DATA_DIR at a folder that can"
        ) from error


@contextmanager
def _beside(file: Path, content: bytes, mode: int) -> Iterator[Path]:
    """A synced file with `content` in the folder of `file`, gone afterwards unless it was moved."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            os.fchmod(out.fileno(), mode)
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        yield Path(name)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One process at a time; what is locked is the file's folder, so no lock file is left behind."""
    try:
        descriptor = os.open(file.parent, os.O_RDONLY)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    """Make a rename or link outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
