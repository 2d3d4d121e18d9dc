"""Pilots: where tiles begin and which way up the picture is.

The fold of a residual to 128 x 128 keeps what repeats from tile to tile: the pilots. Its whitened spectrum is
correlated with them at every shift, for all eight ways a square can lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Complex, Real
from waarmerk.core.chips import CACHED_KEYS, Chips
from waarmerk.core.layout import TILE

DIHEDRALS = 8
_SMOOTHING = 9


def turn(plane: Real, dihedral: int) -> Real:
    """One of the eight symmetries of the square: quarter turns 0..3, mirrored first when `dihedral` >= 4."""
    flipped = plane[:, ::-1] if dihedral >= 4 else plane
    return np.rot90(flipped, dihedral % 4)


@dataclass(frozen=True, slots=True)
class Alignment:
    """A pilot peak.

    Attributes:
        dihedral: apply `turn(residual, dihedral)` to bring the mark upright.
        shift: (row, column) 0..127 of a tile's first pixel in the turned residual, with a fraction of a pixel.
        peak: correlation over its standard deviation, signed.
    """

    dihedral: int
    shift: tuple[float, float]
    peak: float


def _turned_back(plane: Real, dihedral: int) -> Real:
    """Inverse of `turn`."""
    back = np.rot90(plane, -(dihedral % 4))
    return back[:, ::-1] if dihedral >= 4 else back


@lru_cache(maxsize=CACHED_KEYS)
def _pilot_templates(chips: Chips) -> Complex:
    """(8, 128, 65) complex64: conjugate spectra of the pilots, unit weights, as each dihedral would turn upright."""
    half = np.zeros((TILE, TILE // 2 + 1), dtype=np.complex64)
    half[chips.pilot.k[:, 0] % TILE, chips.pilot.k[:, 1]] = chips.pilot_phasor
    tile: Real = scipy.fft.irfft2(half, s=(TILE, TILE))
    ways = np.stack([_turned_back(tile, dihedral) for dihedral in range(DIHEDRALS)])
    return np.conj(scipy.fft.rfft2(ways)).astype(np.complex64)


def whiten(spectrum: Complex) -> Complex:
    """Divide a (128, 65) half spectrum by the root of its 9 x 9 local mean power."""
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    local = scipy.ndimage.uniform_filter1d(power, _SMOOTHING, axis=0, mode="wrap")
    local = scipy.ndimage.uniform_filter1d(local, _SMOOTHING, axis=1, mode="mirror")
    out: Complex = spectrum * (1 / np.sqrt(local + np.float32(1e-12) * local.max() + np.float32(1e-30)))
    return out


def fold(residual: Real) -> Real:
    """(H, W) -> (128, 128): sum of all tiles, the first beginning at pixel (0, 0); broken tiles count with zeros."""
    h, w = residual.shape
    rows = np.zeros((TILE, w + -w % TILE), dtype=np.float32)
    for top in range(0, h, TILE):
        strip = residual[top : top + TILE]
        rows[: len(strip), :w] += strip
    square: Real = rows.reshape(TILE, -1, TILE).sum(axis=1)
    return square


def _parabola(left: float, middle: float, right: float) -> float:
    """Offset of a sampled peak's top, within half a sample."""
    curve = left - 2 * middle + right
    return 0.0 if curve == 0 else float(np.clip(0.5 * (left - right) / curve, -0.5, 0.5))


def align(
    residual: Real, chips: Chips, *, dihedrals: tuple[int, ...] = tuple(range(DIHEDRALS)), best: int = 1
) -> list[Alignment]:
    """The `best` strongest pilot peaks, one a dihedral at most, strongest first."""
    spectrum = whiten(scipy.fft.rfft2(fold(residual)))
    correlation: Real = scipy.fft.irfft2(
        spectrum * _pilot_templates(chips)[list(dihedrals)], s=(TILE, TILE), overwrite_x=True
    )
    deviation = float(correlation.std()) or 1.0
    found = []
    for plane, dihedral in zip(correlation, dihedrals, strict=True):
        row, column = np.unravel_index(
            max(plane.argmax(), plane.argmin(), key=lambda n: abs(plane.flat[n])), plane.shape
        )
        peak = float(plane[row, column])
        sign = 1.0 if peak >= 0 else -1.0
        near = sign * plane[np.ix_((row + np.arange(-1, 2)) % TILE, (column + np.arange(-1, 2)) % TILE)]
        place = (
            float(row) + _parabola(float(near[0, 1]), float(near[1, 1]), float(near[2, 1])),
            float(column) + _parabola(float(near[1, 0]), float(near[1, 1]), float(near[1, 2])),
        )
        found.append(Alignment(dihedral, _turned_shift(place, residual.shape, dihedral), peak / deviation))
    found.sort(key=lambda a: -abs(a.peak))
    return found[:best]


def _turned_shift(place: tuple[float, float], shape: tuple[int, ...], dihedral: int) -> tuple[float, float]:
    """Where a tile begins in a turned residual, given where one begins in the residual itself, modulo 128.

    A tile that begins at p ends at p + 128, which an axis of length n that is reversed shows at n - p - 128.
    """
    row, column = place
    height, width = shape
    if dihedral >= 4:
        column = width - column
    for _ in range(dihedral % 4):  # each quarter turn makes the last column the first row
        row, column, height, width = width - column, row, width, height
    return row % TILE, column % TILE
