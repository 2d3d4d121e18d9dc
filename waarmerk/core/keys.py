"""Keys: one master secret, many purposes, any number of epochs.

    pattern key  HKDF-SHA256(secret, info = "waarmerk/pattern" || u32 epoch)
    tag key      HKDF-SHA256(secret, info = "waarmerk/tag" || u32 epoch || tenant in UTF-8)

Every subkey is 32 bytes. A pattern key says where the mark's energy lies; it belongs to the deployment and its
epoch. A tag key authenticates a mark id; each tenant has its own. Big-endian throughout.

Reference:
    RFC 5869 (HKDF), salt empty.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import ConfigurationError

SECRET_BYTES = 32
MAX_ACTIVE_EPOCHS = 3  # each active pattern key costs one more search of every unmarked picture
TAG_BYTES = 4


class Purpose(StrEnum):
    """What a derived key is for; a value is never reused."""

    PATTERN = "waarmerk/pattern"
    TAG = "waarmerk/tag"


class EpochState(StrEnum):
    """Active epochs may mark; retired ones are only read."""

    ACTIVE = "active"
    RETIRED = "retired"


class _Secret:
    """32 secret bytes that no log, traceback or pickle shows."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != SECRET_BYTES:
            raise ConfigurationError(f"a secret is {SECRET_BYTES} bytes long; this one has another length")
        self._raw = bytes(raw)

    def reveal(self) -> bytes:
        """The raw bytes, for a PRF or the key store only."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and hmac.compare_digest(self._raw, other._raw)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._raw))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> str:
        raise TypeError("secrets are not pickled")


class MasterSecret(_Secret):
    """What all keys of an epoch derive from."""

    __slots__ = ()


class PatternKey(_Secret):
    """Where the mark's energy lies (pilots, phases)."""

    __slots__ = ()


class TagKey(_Secret):
    """Authenticates the mark ids of one tenant in one epoch."""

    __slots__ = ()

    def tag(self, message: bytes) -> int:
        """Keyed BLAKE2s of `message`, 4 bytes, as a big-endian integer.

        Reference:
            RFC 7693, keyed mode, digest length 4, person ``waarmerk``.
        """
        digest = hashlib.blake2s(message, key=self._raw, digest_size=TAG_BYTES, person=b"waarmerk").digest()
        return int.from_bytes(digest, "big")


def _derive(secret: MasterSecret, purpose: Purpose, epoch: int, context: bytes = b"") -> bytes:
    info = purpose.value.encode() + epoch.to_bytes(4, "big") + context
    return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(secret.reveal())


def pattern_key(secret: MasterSecret, epoch: int) -> PatternKey:
    """The pattern key of an epoch."""
    return PatternKey(_derive(secret, Purpose.PATTERN, epoch))


def tag_key(secret: MasterSecret, epoch: int, tenant: str) -> TagKey:
    """A tenant's tag key in an epoch."""
    return TagKey(_derive(secret, Purpose.TAG, epoch, tenant.encode()))


@dataclass(frozen=True, slots=True)
class EpochSecret:
    """One line of the key store: an epoch (0 .. 2^32 - 1), the secret it derives from, and its state."""

    epoch: int
    secret: MasterSecret
    state: EpochState


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """An epoch's derived keys. `tags` maps a tenant to its tag key."""

    epoch: int
    state: EpochState
    pattern: PatternKey
    tags: dict[str, TagKey] = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key the deployment marks or reads with, newest active epoch first, retired ones last."""

    epochs: tuple[EpochKeys, ...]

    @classmethod
    def build(cls, secrets: Sequence[EpochSecret], tenants: Sequence[str]) -> KeyRing:
        """Derive all keys.

        Raises:
            ConfigurationError: no active epoch, more than `MAX_ACTIVE_EPOCHS`, an epoch named twice, no tenant.
        """
        active = [s for s in secrets if s.state is EpochState.ACTIVE]
        if not 1 <= len(active) <= MAX_ACTIVE_EPOCHS:
            raise ConfigurationError(
                f"the key store holds {len(active)} active epochs; it needs 1 to {MAX_ACTIVE_EPOCHS}: "
                "retire the oldest or make a new one"
            )
        if len({s.epoch for s in secrets}) != len(secrets):
            raise ConfigurationError("the key store names an epoch twice; give every epoch its own number")
        if not tenants:
            raise ConfigurationError("the key ring needs at least one tenant")
        ordered = sorted(secrets, key=lambda s: (s.state is EpochState.RETIRED, -s.epoch))
        return cls(
            tuple(
                EpochKeys(
                    epoch=s.epoch,
                    state=s.state,
                    pattern=pattern_key(s.secret, s.epoch),
                    tags={tenant: tag_key(s.secret, s.epoch, tenant) for tenant in tenants},
                )
                for s in ordered
            )
        )

    @property
    def current(self) -> EpochKeys:
        """The epoch new marks are made with."""
        return self.epochs[0]
