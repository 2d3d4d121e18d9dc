"""Chips and coded bits -> the pattern that a mask scales and a picture takes, one row of tiles at a time.

A payload or sync tile is x(h, w) = sum_k 2 a_k s_k cos(2 pi (ky h + kx w) / 128 + theta_ij(k)); tiles meet in a
cross-fade of constant power. Pilots are one periodic tile under all of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy.fft

from waarmerk.core.arrays import Bits, Complex, Index, Real
from waarmerk.core.chips import CACHED_KEYS, Chips
from waarmerk.core.layout import RADIUS_MAX, SUPER, TILE, Harmonics, hump

from .mask import Shape

_FADE = 6  # canonical pixels on either side of a seam
_COLUMNS = int(RADIUS_MAX) + 1  # of a half spectrum that can hold anything


@lru_cache(maxsize=2 * CACHED_KEYS)
def _places(chips: Chips, tiles: int) -> Index:
    """(T, K) flat places of payload and sync harmonics in a (128, T, 39) part of T half spectra."""
    k = np.concatenate([chips.payload.k, chips.sync.k])
    return np.asarray([_place(k, n, tiles) for n in range(tiles)])


def _place(k: Harmonics, tile: int, tiles: int) -> Index:
    place: Index = (k[:, 0] % TILE * tiles + tile) * _COLUMNS + k[:, 1]
    return place


@lru_cache(maxsize=1)
def _row_basis() -> Real:
    """(78, 128) float32: real and imaginary parts of columns 0..38 in turn -> a row of 128 pixels."""
    angle = 2 * np.pi / TILE * np.outer(np.arange(_COLUMNS), np.arange(TILE))
    basis = 2 * np.stack([np.cos(angle), -np.sin(angle)], axis=1)
    return basis.reshape(2 * _COLUMNS, TILE).astype(np.float32)


def _row_of_tiles(spectrum: Complex, places: Index) -> Real:
    """(T, K) harmonics at (T, K) places -> (128, T, 128) float32, 2 Re sum_k spectrum_k exp(2 pi i k x / 128).

    Columns beyond 38 hold nothing: they are never transformed, and the rows' transform is a product with the few that
    do, which costs less than a fast one over all.
    """
    part = np.zeros((TILE, len(spectrum), _COLUMNS), dtype=np.complex64)
    part.reshape(-1)[places] = spectrum
    columns: Complex = scipy.fft.ifft(part, axis=0, norm="forward", overwrite_x=True)
    rows = columns.view(np.float32).reshape(-1, 2 * _COLUMNS) @ _row_basis()
    return rows.reshape(TILE, len(spectrum), TILE)


@lru_cache(maxsize=1)
def _fade_weights() -> tuple[Real, Real]:
    """(own, neighbour) weights of the first `_FADE` pixels behind a seam; squares sum to 1."""
    angle = np.pi / 4 * (1 + (np.arange(_FADE) + 0.5) / _FADE)
    return np.sin(angle).astype(np.float32), np.cos(angle).astype(np.float32)


def _cross_fade(first: Real, second: Real, head: Real) -> None:
    """Blend neighbours along the first axis, in place: `first` ends at the seam, `second` begins there.

    Tiles are periodic, so a neighbour's continuation into a tile is its own pixels at the same place; `head` holds
    those of `first`, as they were before any seam.
    """
    own, other = (w.reshape(-1, *[1] * (first.ndim - 1)) for w in _fade_weights())
    tail = second[-_FADE:].copy()
    second[:_FADE] *= own
    second[:_FADE] += other * head
    first[-_FADE:] *= own[::-1]
    first[-_FADE:] += other[::-1] * tail


@lru_cache(maxsize=CACHED_KEYS)
def _amplitudes(chips: Chips, shape: Shape) -> tuple[Real, Real, Real]:
    """(pilot, sync, payload) amplitudes with the pilots' share of the energy, rms 1 in all."""
    pilot, sync, payload = (
        hump(band.radius, shape.centre, shape.width) for band in (chips.pilot, chips.sync, chips.payload)
    )
    pilot *= math.sqrt(shape.pilot_share / (2 * float(np.sum(pilot**2))))
    rest = math.sqrt((1 - shape.pilot_share) / (2 * float(np.sum(sync**2) + np.sum(payload**2))))
    return pilot, sync * np.float32(rest), payload * np.float32(rest)


class _Tiles:
    """A pattern's tiles by super-tile row: without pilots, faded into each other along the row."""

    def __init__(
        self, chips: Chips, coded: Bits, pattern: int, columns: Index, sync: Real, payload: Real
    ) -> None:
        self._chips = chips
        self._phasors = chips.payload_phasors(pattern), chips.sync_phasors(pattern)
        self._amplitudes = payload, sync
        self._symbols = 1 - 2 * coded.astype(np.float32)
        self._columns = columns  # of the super-tile, one a tile
        self._once = columns[:SUPER]

    def row(self, row: int) -> tuple[Real, Real]:
        """(128, T, 128) float32, and a copy of its first `_FADE` pixels for the row below."""
        payload, sync = (phasors[row, self._once] for phasors in self._phasors)
        symbols = self._symbols.take(self._chips.coded_bit[row, self._once])
        symbols *= self._amplitudes[0]
        spectrum = np.concatenate([payload * symbols, sync * self._amplitudes[1]], axis=1)
        tiles = _row_of_tiles(spectrum, _places(self._chips, len(self._once)))
        if len(self._columns) > SUPER:
            tiles = tiles[:, np.arange(len(self._columns)) % SUPER]
        across = tiles.transpose(2, 1, 0)
        _cross_fade(across[:, :-1], across[:, 1:], across[:_FADE, :-1].copy())
        return tiles, tiles[:_FADE].copy()


def pattern_strips(
    chips: Chips,
    coded: Bits,
    *,
    pattern: int,
    offset: tuple[int, int],
    height: int,
    width: int,
    shape: Shape,
) -> Iterator[Real]:
    """The mark before any mask, from the top, in strips of at most 128 rows: each stays in the cache.

    Args:
        chips: the pattern key's.
        coded: (800,) coded bits.
        pattern: 0..15, which family of phases.
        offset: super-tile coordinates (row, column), 0..1023, of the first pixel.
        height, width: canonical pixels.
        shape: not part of the format: a detector learns the payload's gains from the sync and needs no more of the
            pilots than that they stand out.

    Yields:
        (rows, width) float32, rms 1, the caller's to change; together `height` rows.
    """
    pilot, sync, payload = _amplitudes(chips, shape)
    under = _pilot_tile(chips, pilot)
    count = (offset[1] % TILE + width - 1) // TILE + 1
    tiles = _Tiles(chips, coded, pattern, (offset[1] // TILE + np.arange(count)) % SUPER, sync, payload)
    left, start, row = offset[1] % TILE, offset[0] % TILE, offset[0] // TILE
    here, head = tiles.row(row % SUPER)
    while height > 0:
        rows = min(TILE - start, height)
        height, row = height - rows, row + 1
        below, head_below = tiles.row(row % SUPER) if height > 0 else (None, head)
        if below is not None:
            _cross_fade(here, below, head)
        here += under[:, None, :]
        yield here.reshape(TILE, -1)[start : start + rows, left : left + width]
        if below is not None:
            here, head, start = below, head_below, 0


def _pilot_tile(chips: Chips, amplitudes: Real) -> Real:
    """(128, 128) float32."""
    spectrum = (amplitudes * chips.pilot_phasor)[None].astype(np.complex64)
    return _row_of_tiles(spectrum, _place(chips.pilot.k, 0, 1)[None])[:, 0]
