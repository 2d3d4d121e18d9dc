"""Aligned tiles -> word: sync finds super-tile and pattern, its gains weigh the payload, the code is decoded.

With X[i, j, k] the tiles' spectra divided by the root of their local mean power N(k):

    Z[m, o] = sum_ijk e_k Re(X[i, j, k] conj C_m[i + o_1, j + o_2, k])     sync harmonics k; e_k expected strength
    G(r)    = the same per ring of radii at the best (m, o): signed, shrunk by half a standard error
    llr_k   = G(r_k) e_k Re(sum_ij X[i, j, k] conj C_m[...])                payload harmonics

Pattern, offset, weights and signs come from pilots and sync alone, so payload phases stay uniform given them all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.ndimage

from ..core import codec, layout, payload
from ..core.arrays import Bits, Complex, Real
from ..core.chips import CODED_BITS, Band, Chips
from ..core.layout import PATTERNS, SUPER, TILE
from .residual import SPACING, to_tiles

RINGS = 6
SYNC_HYPOTHESES = PATTERNS * SUPER * SUPER
_SMOOTHING = 9
_SHRINK = 0.5  # standard errors


@dataclass(frozen=True, slots=True)
class TileSpectra:
    """Normalised spectra of a picture's tiles, folded modulo the super-tile.

    Attributes:
        sync: (8, 8, K_sync) complex64.
        payload: (8, 8, K_payload) complex64.
        strength_sync, strength_payload: (K,) float32, expected strength e_k, any common unit.
    """

    sync: Complex
    payload: Complex
    strength_sync: Real
    strength_payload: Real


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


@lru_cache(maxsize=4)
def _sync_spectra(chips: Chips) -> Complex:
    """(64 offsets' frequencies, M, K_sync) complex64: conjugate 8 x 8 DFT over the tile grid of every pattern."""
    spectra = np.stack([scipy.fft.fft2(chips.sync_phasors(m), axes=(0, 1)) for m in range(PATTERNS)])
    out = np.conj(spectra).reshape(PATTERNS, SUPER * SUPER, -1).swapaxes(0, 1)
    return np.ascontiguousarray(out.astype(np.complex64))


@lru_cache(maxsize=8)
def payload_phasors(chips: Chips, pattern: int) -> Complex:
    """A pattern's payload phases, kept for the latest eight."""
    return chips.payload_phasors(pattern)


def _response(band: Band, spacing: int) -> Real:
    """What the residual filter makes of a harmonic's amplitude; spacing 0: a flat filter."""
    if spacing == 0:
        return band.amplitude
    angle = 2 * np.pi * spacing / TILE * band.k
    gain = 4 - 2 * np.cos(angle[:, 0]) - 2 * np.cos(angle[:, 1])
    return (band.amplitude * gain).astype(np.float32)


def _fold_super(values: Complex) -> Complex:
    """(rows, columns, K) -> (8, 8, K): tiles a super-tile apart say the same and are added."""
    rows, columns, k = values.shape
    padded = np.zeros((-(-rows // SUPER) * SUPER, -(-columns // SUPER) * SUPER, k), dtype=np.complex64)
    padded[:rows, :columns] = values
    return padded.reshape(-1, SUPER, padded.shape[1] // SUPER, SUPER, k).sum(axis=(0, 2))


def tile_spectra(residual: Real, chips: Chips, shift: tuple[float, float], *, spacing: int = SPACING) -> TileSpectra:
    """Cut an upright residual into tiles beginning at `shift` and take their spectra.

    Args:
        residual: (H, W) float32, upright, of one canonical pixel a pixel.
        shift: (row, column) of a tile's first pixel, fractions allowed.
        spacing: of the Laplacian that made the residual, 0 when it was whitened.
    """
    whole = [math.floor(s + 0.5) for s in shift]
    tiles = to_tiles(residual, -whole[0] % TILE, -whole[1] % TILE)
    spectra: Complex = scipy.fft.rfft2(tiles, axes=(2, 3))
    power = np.sum(np.square(spectra.real) + np.square(spectra.imag), axis=(0, 1))
    local = scipy.ndimage.uniform_filter(power, _SMOOTHING, mode=("wrap", "nearest"))
    local += np.float32(1e-9) * local.max() + np.float32(1e-30)
    flat = spectra.reshape(*spectra.shape[:2], -1)

    def take(band: Band) -> tuple[Complex, Real]:
        at = (band.k[:, 0] % TILE) * (TILE // 2 + 1) + band.k[:, 1]
        norm = np.sqrt(local.ravel()[at])
        steer = np.exp(2j * np.pi / TILE * (band.k @ np.subtract(shift, whole))) / norm
        folded = _fold_super(flat[..., at]) * steer.astype(np.complex64)
        return folded, _response(band, spacing) / norm

    sync, strength_sync = take(chips.sync)
    payload_, strength_payload = take(chips.payload)
    scale = np.float32(1 / max(float(strength_sync.mean()), 1e-30))
    return TileSpectra(sync, payload_, strength_sync * scale, strength_payload * scale)


def _rings(band: Band) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """(K,) ring of each harmonic: equal numbers of radii, coarse to fine."""
    edges = np.linspace(layout.RADIUS_MIN**2, layout.RADIUS_MAX**2, RINGS + 1)[1:-1]
    return np.searchsorted(edges, band.radius.astype(np.float64) ** 2)


def _aligned(phasors: Complex, offset: tuple[int, int]) -> Complex:
    """C[i + o_1, j + o_2] for tile i, j."""
    return np.roll(phasors, (-offset[0], -offset[1]), axis=(0, 1))


def find_super_tile(tiles: TileSpectra, chips: Chips) -> tuple[int, tuple[int, int]]:
    """(pattern, offset) of the best sync, whatever the sign of each ring.

    The score of a hypothesis is the larger of |sum_r Z_r| / sqrt(sum V_r) and sqrt(sum_r Z_r^2 / V_r - (R - 1)):
    the first is best when all rings have one sign, the second when somebody subtracted too much in some.
    """
    rings = _rings(chips.sync)
    weighted = tiles.sync * tiles.strength_sync
    spectrum = scipy.fft.fft2(weighted, axes=(0, 1)).reshape(SUPER * SUPER, 1, -1)
    templates = _sync_spectra(chips)
    bounds = np.searchsorted(rings, np.arange(RINGS + 1))
    z = np.empty((RINGS, SUPER * SUPER, PATTERNS), dtype=np.complex64)
    for r in range(RINGS):
        part = slice(bounds[r], bounds[r + 1])
        z[r] = np.matmul(templates[..., part], spectrum[..., part].swapaxes(1, 2))[..., 0]
    # Correlation over the tile grid: conj(C^) X^ gives lag d with X[i] ~ C[i - d]; the offset is -d.
    lags: Real = scipy.fft.ifft2(z.reshape(RINGS, SUPER, SUPER, PATTERNS), axes=(1, 2)).real
    power = np.square(weighted.real) + np.square(weighted.imag)
    variance = np.array([power[..., bounds[r] : bounds[r + 1]].sum() for r in range(RINGS)]) / 2 + 1e-30
    one_sign = np.abs(lags.sum(axis=0)) / math.sqrt(variance.sum())
    any_sign = np.sqrt(np.maximum(np.sum(lags**2 / variance[:, None, None, None], axis=0) - (RINGS - 1), 0))
    best = np.unravel_index(int(np.argmax(np.maximum(one_sign, any_sign))), one_sign.shape)
    return int(best[2]), (-int(best[0]) % SUPER, -int(best[1]) % SUPER)


def decode_at(tiles: TileSpectra, chips: Chips, pattern: int, offset: tuple[int, int]) -> Word:
    """Gains from the sync, soft bits from the payload, one decoding."""
    y_sync = np.sum(tiles.sync * np.conj(_aligned(chips.sync_phasors(pattern), offset)), axis=(0, 1)).real
    energy_sync = np.sum(np.square(tiles.sync.real) + np.square(tiles.sync.imag), axis=(0, 1))
    e = tiles.strength_sync
    rings = _rings(chips.sync)
    gain = np.empty(RINGS)
    for r in range(RINGS):
        of = rings == r
        total = float(np.sum(e[of] ** 2)) + 1e-30
        estimate = float(np.sum(e[of] * y_sync[of])) / total
        error = math.sqrt(float(np.sum(e[of] ** 2 * energy_sync[of])) / 2) / total
        gain[r] = math.copysign(max(abs(estimate) - _SHRINK * error, 0.0), estimate)
    sign = np.sign(gain)[rings]
    sync_score = float(np.sum(sign * e * y_sync))
    sync_variance = float(np.sum(e**2 * energy_sync))

    phasors = _aligned(payload_phasors(chips, pattern), offset)
    y = np.sum(tiles.payload * np.conj(phasors), axis=(0, 1)).real
    energy = np.sum(np.square(tiles.payload.real) + np.square(tiles.payload.imag), axis=(0, 1))
    weight = (gain[_rings(chips.payload)] * tiles.strength_payload).astype(np.float32)
    soft = np.bincount(chips.coded_bit, weight * y, CODED_BITS).astype(np.float32)
    bits: Bits = codec.decode(soft)
    symbol = 1.0 - 2.0 * codec.encode(bits)[chips.coded_bit]
    return Word(
        payload=payload.from_bits(bits),
        pattern=pattern,
        offset=offset,
        sync_score=sync_score,
        sync_variance=sync_variance,
        score=float(np.sum(weight * symbol * y)),
        variance=float(np.sum(weight**2 * energy)),
    )
