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

from .residual import to_tiles

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
        dihedral: apply `turn(residual padded to whole tiles, dihedral)` to bring the mark upright.
        shift: (row, column) 0..127 of a tile's first pixel in the turned residual, with a fraction of a pixel.
        peak: correlation over its standard deviation, signed.
    """

    dihedral: int
    shift: tuple[float, float]
    peak: float


@lru_cache(maxsize=CACHED_KEYS)
def _pilot_template(chips: Chips) -> Complex:
    """(128, 65) complex64: conjugate pilot spectrum, unit weights."""
    half = np.zeros((TILE, TILE // 2 + 1), dtype=np.complex64)
    half[chips.pilot.k[:, 0] % TILE, chips.pilot.k[:, 1]] = np.conj(chips.pilot_phasor)
    return half


def whiten(spectrum: Complex) -> Complex:
    """Divide a (..., 128, 65) half spectrum by the root of its 9 x 9 local mean power."""
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    local = scipy.ndimage.uniform_filter1d(power, _SMOOTHING, axis=-2, mode="wrap")
    local = scipy.ndimage.uniform_filter1d(local, _SMOOTHING, axis=-1, mode="nearest")
    out: Complex = spectrum / np.sqrt(local + np.float32(1e-12) * local.max() + np.float32(1e-30))
    return out


def fold(residual: Real) -> Real:
    """(H, W) -> (128, 128): sum of all tiles, the first beginning at pixel (0, 0)."""
    tiles: Real = to_tiles(residual).sum(axis=(0, 1))
    return tiles


def _parabola(left: float, middle: float, right: float) -> float:
    """Offset of a sampled peak's top, within half a sample."""
    curve = left - 2 * middle + right
    return 0.0 if curve == 0 else float(np.clip(0.5 * (left - right) / curve, -0.5, 0.5))


def align(
    residual: Real, chips: Chips, *, dihedrals: tuple[int, ...] = tuple(range(DIHEDRALS)), best: int = 1
) -> list[Alignment]:
    """The `best` strongest pilot peaks, one a dihedral at most, strongest first."""
    square = fold(residual)
    spectra = scipy.fft.rfft2(np.stack([turn(square, g) for g in dihedrals])).astype(np.complex64, copy=False)
    correlation: Real = scipy.fft.irfft2(whiten(spectra) * _pilot_template(chips), s=(TILE, TILE))
    deviation = float(correlation.std()) or 1.0
    found = []
    for plane, dihedral in zip(correlation, dihedrals, strict=True):
        row, column = np.unravel_index(int(np.argmax(np.abs(plane))), plane.shape)
        peak = float(plane[row, column])
        sign = 1.0 if peak >= 0 else -1.0
        near = sign * plane[np.ix_((row + np.arange(-1, 2)) % TILE, (column + np.arange(-1, 2)) % TILE)]
        shift = (
            float(row) + _parabola(float(near[0, 1]), float(near[1, 1]), float(near[2, 1])),
            float(column) + _parabola(float(near[1, 0]), float(near[1, 1]), float(near[1, 2])),
        )
        found.append(Alignment(dihedral, shift, peak / deviation))
    found.sort(key=lambda a: -abs(a.peak))
    return found[:best]
