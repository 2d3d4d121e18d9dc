"""Power of a residual's frequencies, flattened, so that a mark's pilots stand out of it as lines.

Welch's average over windows of 512 x 512: one plane of the picture at full size, of its middle if it is large, and one
at half size, where a window sees twice as much of the picture and a line is four times as strong. A frequency is looked
up at half size where that holds it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Index, Real

BINS = 512  # of a plane, per cycle a pixel of that plane's size
HALF = BINS // 2 + 1
PLANE = BINS * HALF
F_MAX = 0.485  # cycles a pixel of the full size; beyond, a neighbourhood would cross the edge
_F_HALF_SIZE = 0.24  # below, a line is looked up at half size
_TUKEY = 0.35
_CAP = 20.0  # times the local mean; a line of a flat picture is no better than one of a lively one
_SOFT = (3, 5, 7)  # bins; the farther out, the farther apart the points of a logarithmic grid lie
_SOFT_FROM = (48.0, 110.0)  # bins

Frequencies = npt.NDArray[np.float64]
"""(..., 2) float64 rows (fy, fx) in cycles a pixel of the full size."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Normalised power, planes one after the other.

    Attributes:
        power: (L 512 257,) float32 of L = 1 or 2 planes, full size and half size: local mean 1, capped; a plane's row
            is fy 512 modulo 512, its column fx 512.
        soft: (3 L 512 257,) float32, the same smoothed over 3 x 3, 5 x 5 and 7 x 7 bins.
    """

    power: Real
    soft: Real

    @property
    def two(self) -> bool:
        """A half-size plane is there."""
        return len(self.power) > PLANE


def spectrum_of(full: Real, half: Real | None = None) -> Spectrum:
    """The spectrum of a residual, and of the same picture's at half size where that is large enough to help."""
    planes = [_flatten(_welch(plane)) for plane in (full, half) if plane is not None]
    soft = [
        scipy.ndimage.uniform_filter(p, size, mode=("wrap", "mirror")).ravel()
        for size in _SOFT
        for p in planes
    ]
    return Spectrum(np.concatenate([p.ravel() for p in planes]), np.concatenate(soft))


def scale_of(f: Frequencies, two: bool) -> Real:
    """(...,) bins per cycle a full-size pixel of the plane a frequency is looked up in: 512 or 1024."""
    largest = np.abs(f).max(axis=-1)
    scale: Real = np.where(two & (largest < _F_HALF_SIZE), np.float32(2 * BINS), np.float32(BINS))
    return scale


def places(fy: Index, fx: Index, half_size: npt.NDArray[np.bool_]) -> Index:
    """Flat places in `power` of whole bins in either half plane."""
    rows = np.where(fx < 0, -fy, fy) % BINS
    place: Index = rows * HALF + np.minimum(np.abs(fx), HALF - 1) + half_size * PLANE
    return place


def nearest(f: Frequencies, two: bool, *, widening: bool = False) -> Index:
    """Flat places nearest to frequencies; place 0, where every spectrum is level, beyond `F_MAX`.

    Args:
        widening: in `soft`, as widely smoothed as a logarithmic grid needs; else in `power` or its 3 x 3 mean.
    """
    scale = scale_of(f, two)
    bins = np.rint(f * scale[..., None]).astype(np.intp)
    place = places(bins[..., 0], bins[..., 1], scale > BINS)
    if widening:
        width = np.searchsorted(_SOFT_FROM, np.hypot(f[..., 0], f[..., 1]) * scale)
        place = place + width * (PLANE * (2 if two else 1))
    return np.where(np.abs(f).max(axis=-1) < F_MAX, place, 0).astype(np.int32)


def _welch(residual: Real) -> Real:
    """(512, 257) float32 power, averaged over windows."""
    size = [min(BINS, n) for n in residual.shape]
    window = np.outer(_tukey(size[0]), _tukey(size[1]))
    total = np.zeros((BINS, HALF), dtype=np.float32)
    for top in _starts(residual.shape[0], size[0]):
        for left in _starts(residual.shape[1], size[1]):
            segment = residual[top : top + size[0], left : left + size[1]] * window
            half = scipy.fft.rfft2(segment, s=(BINS, BINS))
            total += np.square(half.real) + np.square(half.imag)
    return total


def _tukey(n: int) -> Real:
    """(n,) flat, with half a cosine over 17.5 % on either side."""
    x = np.minimum(np.arange(n), n - 1 - np.arange(n)) / max(n - 1, 1)
    window: Real = np.sin(np.pi / 2 * np.minimum(2 * x / _TUKEY, 1)).astype(np.float32) ** 2
    return window


def _starts(length: int, size: int) -> list[int]:
    count = 1 if length <= size else math.ceil((length - size) / size) + 1
    return [round(i * (length - size) / max(count - 1, 1)) for i in range(count)]


def _flatten(power: Real) -> Real:
    """Local mean to 1, capped, then again; block grid and axes to 1."""
    flat = power / (scipy.ndimage.uniform_filter(power, 17, mode=("wrap", "mirror")) + 1e-20)
    np.minimum(flat, _CAP, out=flat)
    flat /= scipy.ndimage.uniform_filter(flat, 13, mode=("wrap", "mirror")) + 1e-20
    grid = BINS // 8
    for row in range(0, BINS, grid):
        for column in range(0, HALF, grid):
            flat[
                np.ix_(
                    np.arange(row - 1, row + 2) % BINS,
                    np.clip(np.arange(column - 1, column + 2), 0, HALF - 1),
                )
            ] = 1
    flat[:2] = flat[-1:] = 1
    flat[:, :2] = 1
    return flat
