"""Aligned tiles -> word: sync finds super-tile and pattern, its gains weigh the payload, the code is decoded.

With X[i, j, k] the tiles' spectra divided by the root of their local mean power N(k):

    Z[m, o] = sum_ijk e_k Re(X[i, j, k] conj C_m[i + o_1, j + o_2, k])     sync harmonics k; e_k expected strength
    g_k     = gain of a payload harmonic, from the sync at the best (m, o): `_gains`
    llr_c   = sum of g_k e_k Re(X[i, j, k] conj C_m[...]) over the tiles and payload harmonics that carry coded bit c

Pattern, offset, weights and signs come from pilots and sync alone, so payload phases stay uniform given them all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import scipy.fft

from waarmerk.core import codec, layout, payload, stats
from waarmerk.core.arrays import Bits, Complex, Index, Real
from waarmerk.core.chips import CACHED_KEYS, CODED_BITS, Band, Chips
from waarmerk.core.layout import PATTERNS, SUPER

from .tiles import TileSpectra, steering

_T = TypeVar("_T", bound=np.generic)

RINGS = 8
SYNC_HYPOTHESES = PATTERNS * SUPER * SUPER * RINGS
_RING_FROM = 5.0  # radius of the first ring's outer edge is one ratio further out
_CUTS = np.array([6, 9, 13, 18, 26, 40, 1e9], dtype=np.float32)  # radii; the last lets everything through
_RESYNC = ((3.0, 1.0), (0.5, 0.5))  # (reach, step) in pixels, coarse then fine
RESYNC_PLACES = 49 * 9  # shifts the search may end at


@dataclass(frozen=True, slots=True)
class Word:
    """A decoded word and what the statistic needs.

    Attributes:
        payload: as decoded.
        pattern, offset: what the sync chose; offset in tiles.
        sync_score, sync_variance: S and V of the sync, see core.stats.
        score, variance: S and V of the decoded codeword.
    """

    payload: payload.Payload
    pattern: int
    offset: tuple[int, int]
    sync_score: float
    sync_variance: float
    score: float
    variance: float


@lru_cache(maxsize=CACHED_KEYS)
def _sync_spectra(chips: Chips) -> Complex:
    """(64 offsets' frequencies, M, K_sync) complex64: conjugate 8 x 8 DFT over the tile grid of every pattern."""
    spectra = np.stack([scipy.fft.fft2(chips.sync_phasors(m), axes=(0, 1)) for m in range(PATTERNS)])
    out = np.conj(spectra).reshape(PATTERNS, SUPER * SUPER, -1).swapaxes(0, 1)
    return np.ascontiguousarray(out.astype(np.complex64))


@lru_cache(maxsize=8)
def _sync_phasors(chips: Chips, pattern: int) -> Complex:
    """A pattern's sync phases, kept for the latest eight: a fresh mark is checked and read at once."""
    return chips.sync_phasors(pattern)


@lru_cache(maxsize=8)
def payload_phasors(chips: Chips, pattern: int) -> Complex:
    """A pattern's payload phases, kept for the latest eight."""
    return chips.payload_phasors(pattern)


@lru_cache(maxsize=2 * CACHED_KEYS)
def _rings(band: Band) -> Index:
    """(K,) ring of each harmonic: equal ratios of radii, coarse to fine."""
    edges = np.geomspace(_RING_FROM, layout.RADIUS_MAX, RINGS + 1)[1:-1]
    return np.searchsorted(edges, band.radius)


def _aligned(of_tiles: npt.NDArray[_T], offset: tuple[int, int]) -> npt.NDArray[_T]:
    """C[i + o_1, j + o_2] for tile i, j."""
    return np.roll(of_tiles, (-offset[0], -offset[1]), axis=(0, 1))


def _scores(tiles: TileSpectra, chips: Chips, shifts: npt.NDArray[np.float64]) -> Real:
    """(8 x 8 x 16, D) score of every super-tile place and pattern by the sync, whatever the sign of each ring.

    A hypothesis scores the largest over r of |Z_0 + .. + Z_r| / sqrt(V_0 + .. + V_r) and of
    sqrt(sum Z_r^2 / V_r - (R - 1)): the first because codecs and shrinking take the outer rings, the second because
    somebody may have subtracted too much in some.

    Args:
        shifts: (D, 2) rows and columns in pixels, as if every tile began so much further on.
    """
    bounds = np.searchsorted(_rings(chips.sync), np.arange(RINGS + 1))
    weighted = tiles.sync * tiles.strength_sync
    variance = np.add.reduceat(_energy(weighted), bounds[:-1]) / 2 + np.float32(1e-30)
    # All shifts and places at once: a shift turns harmonics, and neither sees the other's sum.
    spectrum = scipy.fft.fft2(weighted, axes=(0, 1)).reshape(SUPER * SUPER, -1, 1)
    moved = spectrum * steering(chips.sync.k, shifts).T
    templates = _sync_spectra(chips)
    shape = (SUPER, SUPER, PATTERNS, len(shifts))
    total, scores, squares = (np.zeros(shape, dtype=np.float32) for _ in range(3))
    for r in range(RINGS):
        part = slice(bounds[r], bounds[r + 1])
        z = templates[..., part] @ moved[:, part]
        # Correlation over the tile grid: conj(C^) X^ gives lag d with X[i] ~ C[i - d]; the offset is -d.
        lags: Real = scipy.fft.ifft2(z.reshape(shape), axes=(0, 1), overwrite_x=True).real
        total += lags
        np.maximum(scores, np.abs(total) * (1 / np.sqrt(variance[: r + 1].sum())), out=scores)
        squares += np.square(lags) * (1 / variance[r])
    squares -= RINGS - 1
    np.maximum(scores, np.sqrt(np.maximum(squares, 0, out=squares), out=squares), out=scores)
    return scores.reshape(-1, len(shifts))


def find_super_tile(tiles: TileSpectra, chips: Chips, best: int = 1) -> list[tuple[int, tuple[int, int]]]:
    """The `best` likeliest (pattern, offset), best first."""
    scores = _scores(tiles, chips, np.zeros((1, 2)))[:, 0]
    order = np.argpartition(-scores, best)[:best]
    return [_place(int(n)) for n in order[np.argsort(-scores[order])]]


def resynchronised(tiles: TileSpectra, chips: Chips) -> TileSpectra:
    """Move all tiles by a few pixels to where the sync is strongest.

    Pilots that somebody has half taken out still show a peak, but not at its true place.
    """
    shift = np.zeros(2)
    for reach, step in _RESYNC:
        steps = np.arange(-reach, reach + step / 2, step)
        tried = shift + np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
        shift = tried[int(_scores(tiles, chips, tried).max(axis=0).argmax())]
    return replace(
        tiles,
        sync=tiles.sync * steering(chips.sync.k, shift),
        payload=tiles.payload * steering(chips.payload.k, shift),
    )


def _place(index: int) -> tuple[int, tuple[int, int]]:
    cell, pattern = divmod(index, PATTERNS)
    row, column = divmod(cell, SUPER)
    return pattern, (-row % SUPER, -column % SUPER)


def _gains(tiles: TileSpectra, chips: Chips, y: Real, energy: Real) -> Real:
    """(K_payload,) gain of each payload harmonic, up to a common factor, as the sync's y and |X|^2 tell it.

    One of `_CUTS` says how far out a codec or a shrinking let the mark through: exp(-(|k| / c)^2), the one whose
    |S| / sqrt(V) is largest. Rings may still differ, by sign even where somebody subtracted too much: ring r's
    least-squares gain g(r) of variance v(r) is drawn towards the mean of all by v / (v + t), t the variance between
    rings that their scatter shows.

    Reference:
        DerSimonian, Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7, 1986, for t.
    """
    radius = chips.sync.radius
    profiles = np.exp(-((radius / _CUTS[:, None]) ** 2)) * tiles.strength_sync
    heights = profiles @ y / np.sqrt(profiles**2 @ energy + 1e-30)
    best = int(np.argmax(np.abs(heights)))
    e, rings = profiles[best], _rings(chips.sync)
    weight = np.bincount(rings, e * e, RINGS) + 1e-30
    gain = np.bincount(rings, e * y, RINGS) / weight
    sure = weight**2 / (np.bincount(rings, e * e * energy, RINGS) / 2 + 1e-30)  # 1 / v
    mean = float(np.sum(sure * gain) / np.sum(sure))
    scatter = float(np.sum(sure * (gain - mean) ** 2)) - (RINGS - 1)
    between = max(0.0, scatter / float(np.sum(sure) - np.sum(sure**2) / np.sum(sure)))
    gain = mean + (gain - mean) * between / (between + 1 / sure)
    cut = np.exp(-((chips.payload.radius / _CUTS[best]) ** 2))
    gains: Real = (gain[_rings(chips.payload)] * cut * tiles.strength_payload).astype(np.float32)
    return gains


def decode_at(tiles: TileSpectra, chips: Chips, pattern: int, offset: tuple[int, int]) -> Word:
    """Gains from the sync, soft bits from the payload, one decoding."""
    y_sync = _correlated(tiles.sync, _aligned(_sync_phasors(chips, pattern), offset)).sum(axis=(0, 1))
    energy_sync = _energy(tiles.sync)
    e, rings = tiles.strength_sync, _rings(chips.sync)
    scores = np.cumsum(np.bincount(rings, e * y_sync, RINGS))
    variances = np.cumsum(np.bincount(rings, e**2 * energy_sync, RINGS)) + 1e-30
    widest = int(np.argmax(scores**2 / variances))

    weight = _gains(tiles, chips, y_sync, energy_sync)
    y = _correlated(tiles.payload, _aligned(payload_phasors(chips, pattern), offset))
    y *= weight
    dealt = _aligned(chips.coded_bit, offset)
    soft = np.bincount(dealt.ravel(), y.ravel(), CODED_BITS).astype(np.float32)
    bits: Bits = codec.decode(soft)
    symbols = 1.0 - 2.0 * codec.encode(bits)
    return Word(
        payload=payload.from_bits(bits),
        pattern=pattern,
        offset=offset,
        sync_score=float(scores[widest]),
        sync_variance=float(variances[widest]),
        score=float(symbols @ soft),
        variance=float(np.sum(weight**2 * _energy(tiles.payload))),
    )


def _correlated(values: Complex, phasors: Complex) -> Real:
    """Re(X conj C), without the imaginary part ever made."""
    out: Real = values.real * phasors.real
    out += values.imag * phasors.imag
    return out


def _energy(values: Complex) -> Real:
    """(8, 8, K) -> (K,) sum of |X|^2."""
    power = np.square(values.real)
    power += np.square(values.imag)
    energy: Real = power.sum(axis=(0, 1))
    return energy


def log10_p_of(
    tiles: TileSpectra, chips: Chips, word: payload.Payload, pattern: int, offset: tuple[int, int]
) -> float:
    """log10 of the bound for one known word at one known place: payload and sync together, no union."""
    phasors = [
        _aligned(payload_phasors(chips, pattern), offset),
        _aligned(_sync_phasors(chips, pattern), offset),
    ]
    symbols = (1 - 2 * codec.encode(payload.to_bits(word)).astype(np.float32))[
        _aligned(chips.coded_bit, offset)
    ]
    bands = (
        (tiles.payload, phasors[0], tiles.strength_payload, symbols),
        (tiles.sync, phasors[1], tiles.strength_sync, np.float32(1)),
    )
    score = variance = 0.0
    for values, phasor, strength, sign in bands:
        y = (_correlated(values, phasor) * sign).sum(axis=(0, 1))
        score += float(np.sum(strength * y))
        variance += float(np.sum(strength**2 * _energy(values)))
    return stats.log10_tail(score, variance)
