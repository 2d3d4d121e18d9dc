"""Shift and turn of a picture whose pilots are gone, from the sync harmonics alone.

The sync's phases differ from tile to tile, so folding cannot take them out. They repeat every 1024 pixels: the
residual, folded to a super-tile and cut to a quarter of its bandwidth, is correlated at every shift and in all
eight ways a square can lie with the sync of eight patterns at a time. Only unrotated, unscaled pictures are found.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Complex, Real
from waarmerk.core.chips import Chips
from waarmerk.core.layout import PATTERNS, SUPER, SUPER_TILE, TILE

from .alignment import DIHEDRALS, Alignment, turn

PEAK = 5.9  # over the deviation; the best of 2^22 places of an unmarked picture is 5 to 5.9
_REDUCTION = 4
_SMALL = SUPER_TILE // _REDUCTION
_SMALL_TILE = TILE // _REDUCTION
_GROUP = 8
_SMOOTHING = 33  # bins of 1 / 1024 cycle: as wide as the tiles' own 9 x 9 would be, near enough
_FINE = np.arange(-2, 2.01, 0.5)
PLACES = DIHEDRALS * _SMALL**2 * len(_FINE) ** 2  # that a search may end at, for the presence bound


@lru_cache(maxsize=4)
def _templates(chips: Chips) -> Complex:
    """(8 groups, 256, 129) complex64: conjugate spectra of the summed, band-limited sync of eight patterns each."""
    k = chips.sync.k
    low = np.abs(k).max(axis=1) < _SMALL_TILE // 2
    half = np.zeros((PATTERNS // _GROUP, SUPER, SUPER, _SMALL_TILE, _SMALL_TILE // 2 + 1), dtype=np.complex64)
    for pattern in range(PATTERNS):
        half[pattern // _GROUP][..., k[low, 0] % _SMALL_TILE, k[low, 1]] += chips.sync_phasors(pattern)[
            ..., low
        ]
    tiles: Real = scipy.fft.irfft2(half, s=(_SMALL_TILE, _SMALL_TILE))
    planes = tiles.swapaxes(2, 3).reshape(-1, _SMALL, _SMALL)
    return np.conj(scipy.fft.rfft2(planes)).astype(np.complex64)


def _reduced(residual: Real) -> Real:
    """(H, W) -> (256, 256): folded modulo 1024, whitened, lowest quarter of the band."""
    h, w = residual.shape
    padded = np.pad(residual, ((0, -h % SUPER_TILE), (0, -w % SUPER_TILE)))
    folded = padded.reshape(-1, SUPER_TILE, padded.shape[1] // SUPER_TILE, SUPER_TILE).sum(axis=(0, 2))
    spectrum: Complex = scipy.fft.rfft2(folded)
    half = _SMALL // 2
    low = np.concatenate([spectrum[:half, : half + 1], spectrum[-half:, : half + 1]])
    power = np.square(low.real) + np.square(low.imag)
    local = scipy.ndimage.uniform_filter(power, _SMOOTHING, mode=("wrap", "mirror"))
    low = low / np.sqrt(local + np.float32(1e-6) * local.max() + np.float32(1e-30))
    low[half] = 0  # the Nyquist lines have no partner
    low[:, half] = 0
    out: Real = scipy.fft.irfft2(low, s=(_SMALL, _SMALL))
    return out


def _fine_shift(product: Complex, row: int, column: int) -> tuple[float, float]:
    """The correlation's top around a coarse peak, by evaluating its spectrum at half-pixel steps."""
    fy = scipy.fft.fftfreq(_SMALL) / _REDUCTION
    fx = scipy.fft.rfftfreq(_SMALL) / _REDUCTION
    rows, columns = row * _REDUCTION + _FINE, column * _REDUCTION + _FINE
    surface = (
        np.exp(2j * np.pi * np.outer(rows, fy)) @ product @ np.exp(2j * np.pi * np.outer(fx, columns))
    ).real
    i, j = np.unravel_index(int(np.argmax(np.abs(surface))), surface.shape)
    return float(rows[i]), float(columns[j])


def align_pilotless(residual: Real, chips: Chips) -> Alignment | None:
    """The strongest sync peak, if it stands out; `peak` is signed, `shift` modulo 128.

    Args:
        residual: (H, W) float32, H and W whole tiles.
    """
    small = _reduced(residual)
    best: tuple[float, int, int, int, Complex] | None = None
    for dihedral in range(DIHEDRALS):
        products = scipy.fft.rfft2(turn(small, dihedral)) * _templates(chips)
        planes: Real = scipy.fft.irfft2(products, s=(_SMALL, _SMALL))
        at = int(np.argmax(np.abs(planes)))
        group, row, column = (int(n) for n in np.unravel_index(at, planes.shape))
        peak = float(planes[group, row, column]) / (float(planes.std()) or 1.0)
        if best is None or abs(peak) > abs(best[0]):
            best = (peak, dihedral, row, column, products[group])
    if best is None or abs(best[0]) < PEAK:
        return None
    peak, dihedral, row, column, product = best
    fine = _fine_shift(product, row, column)
    return Alignment(dihedral, (fine[0] % TILE, fine[1] % TILE), peak)
