"""Slight turns and changes of scale of a picture whose pilots are almost gone.

Somebody who folds a picture on itself and subtracts takes most of the pilots' power away, and then turns or shrinks it
a little so that the sync, which needs the exact geometry, cannot be found as it lies. What is left of the pilots is too
little for the lines of a power spectrum, but it is still one pattern: with X the residual's spectrum about the
picture's middle, divided by its local root mean power, a map B is scored by

    max over shifts d of |sum_k Re(X(B k / 128) conj(phasor_k) exp(-2 pi i k d / 128))| / sqrt(P / 2)

over the P near pilots, on a grid of turns and scales as fine as the picture is large, and then over all pilots.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Complex, Index, Real
from waarmerk.core.chips import CACHED_KEYS, Chips
from waarmerk.core.layout import TILE

from .geometry import Matrix

MAX_TURN = math.radians(3.5)
MAX_SCALE = math.log(1.3)
_NEAR = 13.0  # radius of the pilots that the coarse grid is scored by
_STEP = 5.0  # times one over the long side, of turns and of log scales: a quarter period at the edge of _NEAR
PEAK = 5.2  # an unmarked picture's best is 4.2 to 5, but for periodic ones
_KEEP = 24  # coarse maps that are looked at closely
_BATCH = 128
_MEAN = 0.05  # cycles a pixel, over which power is averaged


class _Centred:
    """A residual's spectrum with the phase's origin in the middle of the picture."""

    def __init__(self, residual: Real) -> None:
        h, w = residual.shape
        self.size = (scipy.fft.next_fast_len(2 * h, real=True), scipy.fft.next_fast_len(2 * w, real=True))
        spectrum: Complex = scipy.fft.rfft2(residual, s=self.size)
        self.reach = (int(0.30 * self.size[0]), int(0.30 * self.size[1]))
        rows = np.arange(-self.reach[0], self.reach[0] + 1)
        columns = np.arange(self.reach[1] + 1)
        part = spectrum[np.ix_(rows, columns)]
        power = np.square(part.real) + np.square(part.imag)
        width = [max(3, int(_MEAN * n) | 1) for n in self.size]
        local = scipy.ndimage.uniform_filter(power, width, mode="nearest")
        part /= np.sqrt(local + np.float32(1e-9) * local.max() + np.float32(1e-30))
        part *= np.exp(2j * np.pi * rows * (h - 1) / 2 / self.size[0]).astype(np.complex64)[:, None]
        part *= np.exp(2j * np.pi * columns * (w - 1) / 2 / self.size[1]).astype(np.complex64)
        self.values = part

    def at(self, frequencies: npt.NDArray[np.float64]) -> Complex:
        """(..., 2) cycles a pixel -> (...,) linear interpolation; 0 beyond the part that is kept."""
        sign = np.where(frequencies[..., 1] < 0, -1.0, 1.0)
        y = frequencies[..., 0] * sign * self.size[0] + self.reach[0]
        x = frequencies[..., 1] * sign * self.size[1]
        inside = (y >= 0) & (y < 2 * self.reach[0]) & (x < self.reach[1])
        y, x = np.where(inside, y, 0.0), np.where(inside, x, 0.0)
        row, column = y.astype(np.intp), x.astype(np.intp)
        dy, dx = (y - row).astype(np.float32), (x - column).astype(np.float32)
        flat, width = self.values.ravel(), self.values.shape[1]
        place = row * width + column
        top = flat[place] * (1 - dx) + flat[place + 1] * dx
        below = flat[place + width] * (1 - dx) + flat[place + width + 1] * dx
        value: Complex = (top * (1 - dy) + below * dy) * inside
        return np.where(sign < 0, np.conj(value), value)


@lru_cache(maxsize=CACHED_KEYS)
def _near(chips: Chips) -> Index:
    return np.flatnonzero(chips.pilot.radius <= _NEAR)


def _maps(turns: npt.NDArray[np.float64], scales: npt.NDArray[np.float64]) -> Matrix:
    """Every turn at every scale: (C, 2, 2)."""
    angle, scale = (a.ravel() for a in np.meshgrid(turns, np.exp(scales), indexing="ij"))
    maps: Matrix = np.empty((len(angle), 2, 2))
    maps[:, 0, 0] = maps[:, 1, 1] = np.cos(angle) * scale
    maps[:, 0, 1] = np.sin(angle) * scale
    maps[:, 1, 0] = -maps[:, 0, 1]
    return maps


def _grid(reach: float, step: float) -> npt.NDArray[np.float64]:
    """From -reach to reach, 0 among them, at most `step` apart."""
    return np.linspace(-reach, reach, 2 * math.ceil(reach / step) + 1)


def _scores(centred: _Centred, chips: Chips, which: Index, maps: Matrix, side: int) -> Real:
    """(C,) the formula above, shifts on a grid of side x side."""
    k = chips.pilot.k[which]
    phasor = np.conj(chips.pilot_phasor[which])
    out = np.empty(len(maps), dtype=np.float32)
    place = (k[:, 0] % side) * (side // 2 + 1) + k[:, 1]
    for first in range(0, len(maps), _BATCH):
        part = maps[first : first + _BATCH]
        values = centred.at((k / TILE) @ part.swapaxes(1, 2)) * phasor
        half = np.zeros((len(part), side * (side // 2 + 1)), dtype=np.complex64)
        half[:, place] = values
        planes: Real = scipy.fft.irfft2(
            half.reshape(len(part), side, -1), s=(side, side), norm="forward", overwrite_x=True
        )
        # irfft2 counts every line twice, once for either half plane.
        out[first : first + _BATCH] = np.abs(planes).max(axis=(1, 2)) / (2 * math.sqrt(len(k) / 2))
    return out


def candidates(residual: Real, chips: Chips, *, keep: int) -> list[tuple[float, Matrix]]:
    """The `keep` likeliest (score, B), best first; an unmarked picture's best scores 5 to 6.

    Args:
        residual: (H, W) float32, whitened, of about one canonical pixel a pixel.
    """
    centred = _Centred(residual)
    step = _STEP / max(residual.shape)
    turns, scales = _grid(MAX_TURN, step), _grid(MAX_SCALE, step)
    coarse = _scores(centred, chips, _near(chips), _maps(turns, scales), TILE // 2)
    every = np.arange(len(chips.pilot.k))
    found: list[tuple[float, Matrix]] = []
    around = np.arange(-2, 3) * step / 4
    for n in np.argsort(-coarse)[:_KEEP]:
        turn, scale = turns[n // len(scales)], scales[n % len(scales)]
        maps = _maps(turn + around, scale + around)
        fine = _scores(centred, chips, every, maps, TILE)
        best = int(np.argmax(fine))
        b = maps[best]
        if all(np.abs(b - other).max() > step / 2 for _, other in found):
            found.append((float(fine[best]), b))
    found.sort(key=lambda pair: -pair[0])
    return found[:keep]
