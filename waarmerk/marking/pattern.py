"""Chips and coded bits -> the pattern plane that a mask scales and a picture takes.

A payload or sync tile is x(h, w) = sum_k 2 a_k s_k cos(2 pi (ky h + kx w) / 128 + theta_ij(k)); tiles meet in a
cross-fade of constant power. Pilots are one periodic tile under all of it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import scipy.fft

from waarmerk.core.arrays import Bits, Complex, Index, Real
from waarmerk.core.chips import CACHED_KEYS, Chips
from waarmerk.core.layout import RADIUS_MAX, SUPER, TILE

_FADE = 6  # canonical pixels on either side of a seam
PATTERN_ONE = 16  # fixed-point unit of the pattern plane
_PEAK = 7 * PATTERN_ONE
_COLUMNS = int(RADIUS_MAX) + 1  # of a half spectrum that can hold anything


@lru_cache(maxsize=CACHED_KEYS)
def _places(chips: Chips) -> tuple[Index, Index]:
    """Where each bin of a (128, 39) quarter spectrum finds its harmonic: of payload then sync, and of pilots.

    A number behind the last harmonic means none. Gathering by bin is cheaper than scattering by harmonic, and
    columns beyond 38 hold nothing, so their transforms are never done.
    """
    found = []
    for bands in ((chips.payload, chips.sync), (chips.pilot,)):
        k = np.concatenate([band.k for band in bands])
        at = np.full((TILE, _COLUMNS), len(k), dtype=np.intp)
        at[k[:, 0] % TILE, k[:, 1]] = np.arange(len(k))
        found.append(at.ravel())
    return found[0], found[1]


def _tiles(spectrum: Complex, places: Index) -> Real:
    """(N, K) harmonics -> (N, 128, 128) float32 tiles, 2 Re sum_k spectrum_k exp(2 pi i k x / 128)."""
    padded = np.concatenate([spectrum, np.zeros((len(spectrum), 1), dtype=np.complex64)], axis=1)
    quarter = padded.take(places, axis=1).reshape(-1, TILE, _COLUMNS)
    columns = scipy.fft.ifft(quarter, axis=1, norm="forward", overwrite_x=True)
    tiles = scipy.fft.irfft(columns, n=TILE, axis=2, norm="forward", overwrite_x=True)
    return tiles.astype(np.float32, copy=False)


@lru_cache(maxsize=1)
def _fade_weights() -> tuple[Real, Real]:
    """(own, neighbour) weights of the first `_FADE` pixels behind a seam; squares sum to 1."""
    angle = np.pi / 4 * (1 + (np.arange(_FADE) + 0.5) / _FADE)
    return np.sin(angle).astype(np.float32), np.cos(angle).astype(np.float32)


def _cross_fade(tiles: Real, grid_axis: int, pixel_axis: int) -> None:
    """Blend neighbours of (rows, columns, 128, 128) tiles in place along one axis.

    Tiles are periodic, so a neighbour's continuation into this tile is its own pixels at the same place.
    """
    t = np.moveaxis(tiles, (grid_axis, pixel_axis), (0, 3))
    own, other = _fade_weights()
    head, tail = t[..., :_FADE].copy(), t[..., -_FADE:].copy()
    t[1:, ..., :_FADE] = own * head[1:] + other * head[:-1]
    t[:-1, ..., -_FADE:] = own[::-1] * tail[:-1] + other[::-1] * tail[1:]


def _amplitudes(chips: Chips, slope: float, share: float) -> tuple[Real, Real, Real]:
    """(pilot, sync, payload) amplitudes ~ |k|^slope with the pilots' share of the energy, rms 1 in all."""
    pilot, sync, payload = (band.radius**slope for band in (chips.pilot, chips.sync, chips.payload))
    pilot *= math.sqrt(share / (2 * float(np.sum(pilot**2))))
    rest = math.sqrt((1 - share) / (2 * float(np.sum(sync**2) + np.sum(payload**2))))
    return pilot, sync * np.float32(rest), payload * np.float32(rest)


def pattern_plane(
    chips: Chips,
    coded: Bits,
    *,
    pattern: int,
    offset: tuple[int, int],
    height: int,
    width: int,
    slope: float,
    pilot_share: float,
) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """The mark before any mask.

    Args:
        chips: the pattern key's.
        coded: (800,) coded bits.
        pattern: 0..63, which family of phases.
        offset: super-tile coordinates (row, column), 0..1023, of the plane's first pixel.
        height, width: canonical pixels.
        slope: amplitude ~ |k|^slope.
        pilot_share: of the energy. Neither is part of the format: a detector learns the payload's gains from the
            sync and needs no more of the pilots than that they stand out.

    Returns:
        (height, width) int16, rms about `PATTERN_ONE`.
    """
    first = (offset[0] // TILE, offset[1] // TILE)
    count = ((offset[0] % TILE + height - 1) // TILE + 1, (offset[1] % TILE + width - 1) // TILE + 1)
    rows = (first[0] + np.arange(min(count[0], SUPER))) % SUPER
    columns = (first[1] + np.arange(min(count[1], SUPER))) % SUPER
    pilot, sync, payload = (PATTERN_ONE * a for a in _amplitudes(chips, slope, pilot_share))
    symbol = (1.0 - 2.0 * coded[chips.coded_bit]).astype(np.float32)
    here = np.ix_(rows, columns)
    spectrum = np.concatenate(
        [
            chips.payload_phasors(pattern)[here] * (symbol * payload),
            chips.sync_phasors(pattern)[here] * sync,
        ],
        axis=-1,
    )
    at_rest, at_pilots = _places(chips)
    tiles = _tiles(spectrum.reshape(-1, spectrum.shape[-1]), at_rest)
    tiles = tiles.reshape(len(rows), len(columns), TILE, TILE)
    if count[0] > SUPER or count[1] > SUPER:
        tiles = tiles[np.ix_(np.arange(count[0]) % SUPER, np.arange(count[1]) % SUPER)]
    _cross_fade(tiles, 0, 2)
    _cross_fade(tiles, 1, 3)
    tiles += _tiles((pilot * chips.pilot_phasor)[None], at_pilots)
    plane = np.empty((count[0], TILE, count[1], TILE), dtype=np.int16)
    # Clipped so that no product with the mask leaves 16 bits: at 7 deviations, once in 10^12 pixels.
    np.clip(tiles, -_PEAK, _PEAK, out=tiles)
    np.rint(tiles, out=plane.swapaxes(1, 2), casting="unsafe")
    top, left = offset[0] % TILE, offset[1] % TILE
    return plane.reshape(count[0] * TILE, count[1] * TILE)[top : top + height, left : left + width]
