"""Pattern key -> pilots, phases and dealing: everything about a mark's shape that depends on the key alone.

Random choices are read from SHAKE-256(pattern key || label || numbers), numbers as big-endian u16. A phase is a u16
v, theta = 2 pi v / 2^16.

    pilots     112 cells of 14 log-spaced rings x 8 sectors; in each, the harmonic with the least u32 draw
    sync       every 8th of the remaining harmonics by radius: symbol +1
    payload    the rest: symbol +1 for a coded 0, -1 for a coded 1
    phase      theta(pattern, tile i, tile j, harmonic), i and j modulo 8; pilots: theta(harmonic), every tile alike

Reference:
    FIPS 202 (SHAKE-256 as an extendable-output PRF, key as prefix).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import layout
from .arrays import Complex, Index, Real
from .codec import RATE_INVERSE
from .keys import PatternKey
from .layout import Harmonics
from .payload import PAYLOAD_BITS

CODED_BITS = RATE_INVERSE * PAYLOAD_BITS
CACHED_KEYS = (
    16  # about 20 MB each once searched with; a ring of more epochs makes them anew for every picture
)


def _stream(key: PatternKey, label: str, numbers: tuple[int, ...], n_bytes: int) -> bytes:
    seed = key.reveal() + label.encode() + b"".join(n.to_bytes(2, "big") for n in numbers)
    return hashlib.shake_256(seed).digest(n_bytes)


@lru_cache(maxsize=1)
def _circle() -> Complex:
    """(65536,) complex64, exp(2 pi i v / 65536)."""
    circle: Complex = np.exp(2j * np.pi * np.arange(1 << 16) / (1 << 16)).astype(np.complex64)
    return circle


def _phasors(key: PatternKey, label: str, numbers: tuple[int, ...], shape: tuple[int, ...]) -> Complex:
    raw = _stream(key, label, numbers, 2 * math.prod(shape))
    phasors: Complex = _circle()[np.frombuffer(raw, dtype=">u2").reshape(shape)]
    return phasors


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Harmonics of one role.

    Attributes:
        k: (K, 2) int64 rows (ky, kx).
    """

    k: Harmonics

    @property
    def radius(self) -> Real:
        """(K,) float32, cycles a tile."""
        return np.hypot(self.k[:, 0], self.k[:, 1]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Chips:
    """A pattern key's fixed part, read-only.

    Attributes:
        key: whose.
        pilot, sync, payload: the three roles.
        pilot_phasor: (K_pilot,) complex64 of modulus 1.
        coded_bit: (8, 8, K_payload) intp, which coded bit a payload harmonic carries in each tile.
    """

    key: PatternKey
    pilot: Band
    sync: Band
    payload: Band
    pilot_phasor: Complex
    coded_bit: Index

    def sync_phasors(self, pattern: int) -> Complex:
        """(8, 8, K_sync) complex64 of modulus 1 for tile rows, tile columns, harmonics."""
        return _phasors(self.key, "sync", (pattern,), (layout.SUPER, layout.SUPER, len(self.sync.k)))

    def payload_phasors(self, pattern: int) -> Complex:
        """(8, 8, K_payload) complex64, as `sync_phasors`."""
        return _phasors(self.key, "payload", (pattern,), (layout.SUPER, layout.SUPER, len(self.payload.k)))


def _pilot_rows(key: PatternKey) -> list[int]:
    """Rows of `layout.harmonics()` that are pilots, in cell order."""
    k = layout.harmonics().tolist()
    draws = np.frombuffer(_stream(key, "pilot cells", (), 4 * len(k)), dtype=">u4")
    span = math.log(layout.PILOT_RADIUS_MAX / layout.PILOT_RADIUS_MIN)
    cells: dict[tuple[int, int], list[int]] = {}
    for row, (ky, kx) in enumerate(k):
        ring = math.floor(layout.PILOT_RINGS * math.log(math.hypot(ky, kx) / layout.PILOT_RADIUS_MIN) / span)
        # The block grid's lines are left to the payload, whose phases change from tile to tile.
        if 0 <= ring < layout.PILOT_RINGS and ky % layout.JPEG_GRID and kx % layout.JPEG_GRID:
            sector = math.floor(layout.PILOT_SECTORS * (math.atan2(ky, kx) / math.pi + 0.5))
            cells.setdefault((ring, sector), []).append(row)
    chosen: list[int] = []
    for cell in sorted(cells):
        for row in sorted(cells[cell], key=lambda r: int(draws[r])):
            if all(math.dist(k[row], k[other]) >= layout.PILOT_SPACING for other in chosen):
                chosen.append(row)
                break
    return chosen


@lru_cache(maxsize=CACHED_KEYS)
def chips_of(key: PatternKey) -> Chips:
    """Build a key's chips; about 10 ms, kept for the latest `CACHED_KEYS`."""
    k = layout.harmonics()
    pilot_rows = np.asarray(_pilot_rows(key))
    rest = np.setdiff1d(np.arange(len(k)), pilot_rows)
    sync_rows = rest[:: layout.SYNC_EVERY]
    payload_rows = np.setdiff1d(rest, sync_rows)
    return Chips(
        key=key,
        pilot=Band(k[pilot_rows]),
        sync=Band(k[sync_rows]),
        payload=Band(k[payload_rows]),
        pilot_phasor=_phasors(key, "pilot", (), (len(pilot_rows),)),
        coded_bit=_dealt(len(payload_rows)),
    )


@lru_cache(maxsize=1)
def _dealt(n_payload: int) -> Index:
    """(8, 8, K_payload) intp: the coded bits of `layout.coded_bit_of`."""
    first = [layout.coded_bit_of(n, 0, 0, CODED_BITS) for n in range(n_payload)]
    steps = [
        [layout.coded_bit_of(n, row, column, CODED_BITS) for n in range(CODED_BITS)]
        for row, column in np.ndindex(layout.SUPER, layout.SUPER)
    ]
    # What a tile adds does not depend on the round, so the first round's places tell all of them.
    at = np.argsort([layout.coded_bit_of(n, 0, 0, CODED_BITS) for n in range(CODED_BITS)])
    return np.asarray(steps, dtype=np.intp)[:, at[first]].reshape(layout.SUPER, layout.SUPER, n_payload)
