"""Shift and turn of a picture whose pilots are gone, from the sync harmonics alone.

The sync's phases differ from tile to tile, so folding cannot take them out. They repeat every 1024 pixels: the
residual, folded to a super-tile and cut to the lower part of its bandwidth, is correlated at every shift and in all
eight ways a square can lie with the sync of several patterns at a time. Only unrotated, unscaled pictures are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Complex, Real
from waarmerk.core.chips import CACHED_KEYS, Chips
from waarmerk.core.layout import PATTERNS, SUPER, SUPER_TILE, TILE

from .alignment import DIHEDRALS, Alignment, turn

PEAK = 5.9  # over the deviation; the best of 2^22 places of an unmarked picture is 5 to 5.9
_SMOOTHING = 33  # bins of 1 / 1024 cycle: as wide as the tiles' own 9 x 9 would be, near enough


@dataclass(frozen=True, slots=True)
class Effort:
    """How finely to look.

    Attributes:
        reduction: share of the bandwidth is one over this.
        group: patterns summed into one template; each doubling costs 1.5 dB.
    """

    reduction: int
    group: int

    @property
    def size(self) -> int:
        return SUPER_TILE // self.reduction

    @property
    def fine(self) -> npt.NDArray[np.float64]:
        """Shifts in pixels around a coarse peak."""
        return np.arange(-self.reduction / 2, self.reduction / 2 + 0.01, 0.5)

    @property
    def places(self) -> int:
        """That a search may end at, for the presence bound; `DIHEDRALS` however few were tried."""
        return DIHEDRALS * self.size**2 * len(self.fine) ** 2


QUICK = Effort(reduction=4, group=8)
THOROUGH = Effort(reduction=2, group=4)


@lru_cache(maxsize=CACHED_KEYS)
def _templates(chips: Chips, effort: Effort) -> Complex:
    """(G, n, n / 2 + 1) complex64: conjugate spectra of the summed, band-limited sync of each group of patterns."""
    k = chips.sync.k
    tile = TILE // effort.reduction
    low = np.abs(k).max(axis=1) < tile // 2
    half = np.zeros((PATTERNS // effort.group, SUPER, SUPER, tile, tile // 2 + 1), dtype=np.complex64)
    for pattern in range(PATTERNS):
        half[pattern // effort.group][..., k[low, 0] % tile, k[low, 1]] += chips.sync_phasors(pattern)[
            ..., low
        ]
    tiles: Real = scipy.fft.irfft2(half, s=(tile, tile))
    planes = tiles.swapaxes(2, 3).reshape(-1, effort.size, effort.size)
    return np.conj(scipy.fft.rfft2(planes)).astype(np.complex64)


def _reduced(residual: Real, size: int) -> Real:
    """(H, W) -> (n, n): folded modulo 1024, whitened, the lowest n / 1024 of the band."""
    h, w = residual.shape
    padded = np.pad(residual, ((0, -h % SUPER_TILE), (0, -w % SUPER_TILE)))
    folded = padded.reshape(-1, SUPER_TILE, padded.shape[1] // SUPER_TILE, SUPER_TILE).sum(axis=(0, 2))
    spectrum: Complex = scipy.fft.rfft2(folded)
    half = size // 2
    low = np.concatenate([spectrum[:half, : half + 1], spectrum[-half:, : half + 1]])
    power = np.square(low.real) + np.square(low.imag)
    local = scipy.ndimage.uniform_filter(power, _SMOOTHING, mode=("wrap", "mirror"))
    low = low / np.sqrt(local + np.float32(1e-6) * local.max() + np.float32(1e-30))
    low[half] = 0  # the Nyquist lines have no partner
    low[:, half] = 0
    out: Real = scipy.fft.irfft2(low, s=(size, size))
    return out


def _fine_shift(product: Complex, row: int, column: int, effort: Effort) -> tuple[float, float]:
    """The correlation's top around a coarse peak, by evaluating its spectrum at half-pixel steps."""
    fy = scipy.fft.fftfreq(effort.size) / effort.reduction
    fx = scipy.fft.rfftfreq(effort.size) / effort.reduction
    rows, columns = row * effort.reduction + effort.fine, column * effort.reduction + effort.fine
    surface = (
        np.exp(2j * np.pi * np.outer(rows, fy)) @ product @ np.exp(2j * np.pi * np.outer(fx, columns))
    ).real
    i, j = np.unravel_index(int(np.argmax(np.abs(surface))), surface.shape)
    return float(rows[i]), float(columns[j])


def align_pilotless(
    residual: Real,
    chips: Chips,
    effort: Effort = QUICK,
    *,
    dihedrals: tuple[int, ...] = tuple(range(DIHEDRALS)),
) -> Alignment | None:
    """The strongest sync peak, if it stands out; `peak` is signed, `shift` modulo 128.

    Args:
        residual: (H, W) float32, H and W whole tiles.
    """
    small = _reduced(residual, effort.size)
    best: tuple[float, int, int, int, Complex] | None = None
    for dihedral in dihedrals:
        products = scipy.fft.rfft2(turn(small, dihedral)) * _templates(chips, effort)
        planes: Real = scipy.fft.irfft2(products, s=small.shape)
        at = int(np.argmax(np.abs(planes)))
        group, row, column = (int(n) for n in np.unravel_index(at, planes.shape))
        peak = float(planes[group, row, column]) / (float(planes.std()) or 1.0)
        if best is None or abs(peak) > abs(best[0]):
            best = (peak, dihedral, row, column, products[group])
    if best is None or abs(best[0]) < PEAK:
        return None
    peak, dihedral, row, column, product = best
    fine = _fine_shift(product, row, column, effort)
    return Alignment(dihedral, (fine[0] % TILE, fine[1] % TILE), peak)
