"""Key rings of known secrets, for tests only."""

from __future__ import annotations

from waarmerk.core.keys import EpochSecret, EpochState, KeyRing, MasterSecret

TENANT = "default"


def ring_of(
    secret: bytes = b"m" * 32, *, epochs: tuple[int, ...] = (1,), tenants: tuple[str, ...] = (TENANT,)
) -> KeyRing:
    """A ring of active epochs that derive from one secret."""
    return KeyRing.build([EpochSecret(e, MasterSecret(secret), EpochState.ACTIVE) for e in epochs], tenants)
