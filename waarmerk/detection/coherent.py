"""How well a picture's pilots fit a frequency map, phases and all.

With X the residual's spectrum about the picture's middle, divided by its local root mean power, a map B is scored by

    max over shifts d of |sum_k w_k Re(X(B k / 128) conj(phasor_k) exp(-2 pi i k d / 128))| / sqrt(sum_k w_k^2 / 2)

over the pilots that X holds, w their expected amplitude. Power grows with the square of a faint line, this with the
line itself, so it shows pilots long before they stand out of a power spectrum; but a map must be right to a fraction
of 1 / length.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Complex, Index, Real
from waarmerk.core.chips import Chips
from waarmerk.core.layout import EXPECTED_RADIUS, EXPECTED_WIDTH, TILE, hump

from .geometry import Matrix

NEAR = 16.0  # radius of the pilots that coarse grids are scored by
STEP = 4.0  # times one over the long side, of turns and of log scales: a quarter period at the edge of NEAR
_PADDING = 1.5
_BATCH = 128
_MEAN = 0.05  # cycles a pixel, over which power is averaged
_MIN_LINES = 16


class Centred:
    """A residual's spectrum with the phase's origin in the middle of the picture.

    Args:
        residual: (H, W) float32, whitened.
        reach: cycles a pixel that are kept, at most 0.47.
    """

    def __init__(self, residual: Real, reach: float = 0.30) -> None:
        h, w = residual.shape
        self.size = tuple(scipy.fft.next_fast_len(int(_PADDING * n), real=True) for n in (h, w))
        origin = np.zeros(self.size, dtype=np.float32)
        for down in (slice(0, h // 2), slice(h // 2, h)):
            for right in (slice(0, w // 2), slice(w // 2, w)):
                rows, columns = np.arange(h)[down] - h // 2, np.arange(w)[right] - w // 2
                origin[rows[0] :, columns[0] :][: len(rows), : len(columns)] = residual[down, right]
        spectrum: Complex = scipy.fft.rfft2(origin, overwrite_x=True)
        self.reach = (int(reach * self.size[0]), int(reach * self.size[1]))
        kept = spectrum[:, : self.reach[1] + 1]
        part = np.concatenate([kept[-self.reach[0] :], kept[: self.reach[0] + 1]])
        part *= _over_root_mean(np.square(part.real) + np.square(part.imag), self.size)
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


def _over_root_mean(power: Real, size: tuple[int, ...]) -> Real:
    """(R, C) one over the root of the local mean, taken over blocks and their neighbours."""
    block = [max(1, round(_MEAN / 3 * n)) for n in size]
    grid = [np.arange(0, n, b) for n, b in zip(power.shape, block, strict=True)]
    sums = np.add.reduceat(np.add.reduceat(power, grid[0], axis=0), grid[1], axis=1)
    counts = [np.diff(np.append(g, n)).astype(np.float32) for g, n in zip(grid, power.shape, strict=True)]
    local = scipy.ndimage.uniform_filter(sums / np.outer(*counts), 3, mode="nearest")
    local += np.float32(1e-9) * local.max() + np.float32(1e-30)
    fine = (1 / np.sqrt(local)).astype(np.float32)
    return fine.repeat(block[0], axis=0)[: power.shape[0]].repeat(block[1], axis=1)[:, : power.shape[1]]


def near(chips: Chips) -> Index:
    """Which pilots are coarse: (K,) places."""
    return np.flatnonzero(chips.pilot.radius <= NEAR)


def scores(centred: Centred, chips: Chips, which: Index, maps: Matrix, side: int) -> Real:
    """(C,) the formula above, shifts on a grid of side x side; 0 where fewer than 16 lines are held.

    Args:
        which: pilots, of radius under side / 2.
        maps: (C, 2, 2) in cycles a pixel of the centred plane.
    """
    k = chips.pilot.k[which]
    weight = hump(chips.pilot.radius[which], EXPECTED_RADIUS, EXPECTED_WIDTH)
    phasor = weight * np.conj(chips.pilot_phasor[which])
    out = np.empty(len(maps), dtype=np.float32)
    place = (k[:, 0] % side) * (side // 2 + 1) + k[:, 1]
    for first in range(0, len(maps), _BATCH):
        part = maps[first : first + _BATCH]
        values = centred.at((k / TILE) @ part.swapaxes(1, 2)) * phasor
        held = values != 0
        lines, norm = held.sum(axis=1), np.sqrt(held @ weight**2 / 2)
        half = np.zeros((len(part), side * (side // 2 + 1)), dtype=np.complex64)
        half[:, place] = values
        planes: Real = scipy.fft.irfft2(
            half.reshape(len(part), side, -1), s=(side, side), norm="forward", overwrite_x=True
        )
        # irfft2 counts every line twice, once for either half plane.
        best = np.maximum(planes.max(axis=(1, 2)), -planes.min(axis=(1, 2))) / (2 * np.maximum(norm, 1e-9))
        out[first : first + _BATCH] = np.where(lines >= _MIN_LINES, best, 0)
    return out


def turned_maps(turns: npt.NDArray[np.float64], log_scales: npt.NDArray[np.float64]) -> Matrix:
    """Every turn at every scale: (C, 2, 2), turns outermost."""
    angle, scale = (a.ravel() for a in np.meshgrid(turns, np.exp(log_scales), indexing="ij"))
    maps: Matrix = np.empty((len(angle), 2, 2))
    maps[:, 0, 0] = maps[:, 1, 1] = np.cos(angle) * scale
    maps[:, 0, 1] = np.sin(angle) * scale
    maps[:, 1, 0] = -maps[:, 0, 1]
    return maps
