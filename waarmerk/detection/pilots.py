"""Where in a picture a candidate's pilots lie: from a frequency map to a projective one and to the marked part.

Canonical coordinates are c = B^T p + d(p) for picture coordinates p, B the frequency map of `geometry`. A level d is a
shift, a sloping one a correction of B, a curved one perspective; two marked pictures in one have two. In a block around
p the pilots' spectrum is

    X(k) = sum over the block x(p) exp(-2 pi i (B k / 128) p)  ~  exp(i theta_k + 2 pi i k d / 128),

so d is where the correlation with the pilots peaks. It is first looked for in the whole picture and in its quarters;
where it shows, in every 3 x 3 blocks, and a projective map is fitted to the windows that agree with the clearest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Complex, Real
from waarmerk.core.chips import Chips
from waarmerk.core.layout import EXPECTED_RADIUS, EXPECTED_WIDTH, TILE, hump

from .geometry import Matrix
from .spectrum import F_MAX

_BLOCKS = 8  # along the longer side
_BLOCK_MIN = 24  # pixels
_SHOWN = 4.7  # deviations; the best of 2^17 places of an unmarked picture is 4 to 5
_PEAK = 4.8
_WINDOW_SHOWN = 4.4
_ROUNDS = 2
_FIT_ROUNDS = 6
_AGREEING = 3.0  # canonical pixels
_SLOPE_PRIOR, _CURVE_PRIOR = (
    0.03,
    0.06,
)  # share of half a picture's side by which a fit may correct at no great cost
_CHANCE, _MARKED = (
    2.0,
    4.0,
)  # deviations of a window's correlation at its due place: perhaps, and surely no chance
_AT_AN_EDGE = 0.4  # of what a window inside a marked part shows: between one and two thirds of its blocks

Points = npt.NDArray[np.float64]
Projective = npt.NDArray[np.float64]
"""(3, 3) float64 on (row, column, 1)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mark lies in a plane.

    Attributes:
        to_plane: canonical coordinates -> pixels of the plane.
        low, high: (row, column) corners of the marked part's box, canonical.
        peak: of the pilots over the whole plane, in deviations.
    """

    to_plane: Projective
    low: Points
    high: Points
    peak: float


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Pilot spectra of a plane's blocks.

    Attributes:
        values: (rows, columns, P) complex64 with phase 2 pi k d / 128.
        centres: (rows, columns, 2) float64, pixels.
        size: pixels of a block's side.
    """

    values: Complex
    centres: Points
    size: int


def _demodulated(plane: Real, chips: Chips, b: Matrix) -> tuple[_Blocks, Complex]:
    """Blocks under B, and the factor that makes them blocks under -B: their conjugate times it."""
    h, w = plane.shape
    size = max(_BLOCK_MIN, math.ceil(max(h, w) / _BLOCKS))
    tops, lefts = np.arange(0, h, size), np.arange(0, w, size)
    f = chips.pilot.k / TILE @ b.T
    down, across = (np.exp(-2j * np.pi * np.outer(f[:, axis], np.arange(size))) for axis in (0, 1))
    both = np.concatenate([down.real, down.imag]).astype(np.float32)
    parts = np.stack([across.real, across.imag], axis=2).astype(np.float32)
    values = np.empty((len(tops), len(lefts), len(f)), dtype=np.complex64)
    strip = np.zeros((size, len(lefts) * size), dtype=np.float32)
    for row, top in enumerate(tops):
        lines = plane[top : top + size]
        strip[: len(lines), :w] = lines
        strip[len(lines) :] = 0
        # (real and imaginary, P, columns, pixels) @ (P, pixels, real and imaginary)
        sums = (both @ strip).reshape(2, len(f), len(lefts), size) @ parts
        values[row].real = (sums[0, ..., 0] - sums[1, ..., 1]).T
        values[row].imag = (sums[0, ..., 1] + sums[1, ..., 0]).T
    values *= np.exp(-2j * np.pi * np.outer(tops, f[:, 0])).astype(np.complex64)[:, None]
    values *= np.exp(-2j * np.pi * np.outer(lefts, f[:, 1])).astype(np.complex64)
    power = np.mean(np.square(values.real) + np.square(values.imag), axis=(0, 1))
    inside = np.abs(f).max(axis=1) < F_MAX
    weight = hump(chips.pilot.radius, EXPECTED_RADIUS, EXPECTED_WIDTH)
    values *= np.where(inside, weight * np.conj(chips.pilot_phasor) / np.sqrt(power + np.float32(1e-30)), 0)
    middle = [(np.minimum(start + size, n) + start) / 2 - 0.5 for start, n in ((tops, h), (lefts, w))]
    centres = np.stack(np.meshgrid(*middle, indexing="ij"), axis=-1)
    return _Blocks(values, centres, size), np.conj(chips.pilot_phasor) ** 2


def _surfaces(spectra: Complex, chips: Chips) -> Real:
    """(..., P) spectra -> (..., 128, 128) sum_k Re(X_k exp(-2 pi i k d / 128)) over its deviation, d row and column."""
    half = np.zeros((*spectra.shape[:-1], TILE, TILE // 2 + 1), dtype=np.complex64)
    half[..., chips.pilot.k[:, 0] % TILE, chips.pilot.k[:, 1]] = np.conj(spectra)
    planes = scipy.fft.irfft2(half, s=(TILE, TILE)).astype(np.float32, copy=False)
    planes *= np.asarray(1 / (planes.std(axis=(-2, -1), keepdims=True) + 1e-12), dtype=np.float32)
    return planes


def _quarters(values: Complex) -> Complex:
    """(5, P): the sum over all blocks, and over the four quarters, each a block larger than a true one."""
    rows, columns = values.shape[:2]
    up, down = slice(0, rows // 2 + 1), slice(rows - rows // 2 - 1, rows)
    left, right = slice(0, columns // 2 + 1), slice(columns - columns // 2 - 1, columns)
    parts = [values, values[up, left], values[up, right], values[down, left], values[down, right]]
    return np.stack([part.sum(axis=(0, 1)) for part in parts])


def _windows(values: Complex) -> Complex:
    """(rows, columns, P) -> sums over 3 x 3 blocks, none beyond the edges."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    sums: Complex = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return sums


def _steered(blocks: _Blocks, chips: Chips, d: Points) -> Complex:
    """Values as if every block's displacement were less by d, (rows, columns, 2)."""
    phase = (-2 * np.pi / TILE) * (d.astype(np.float32) @ chips.pilot.k.T.astype(np.float32))
    steered: Complex = blocks.values * np.exp(1j * phase).astype(np.complex64)
    return steered


def placed(plane: Real, chips: Chips, b: Matrix) -> Place | None:
    """Find the pilots of a frequency map, known up to its sign, in a plane.

    Args:
        plane: (H, W) float32 residual.
        b: in cycles a pixel of the plane.

    Returns:
        None where they do not show.
    """
    blocks, back = _demodulated(plane, chips, b)
    quarters = _quarters(blocks.values)
    surfaces = np.abs(_surfaces(np.stack([quarters, np.conj(quarters) * back]), chips))
    best = int(surfaces.argmax())
    if surfaces.flat[best] < _SHOWN:
        return None
    if best >= surfaces.size // 2:
        b = -b
        blocks = _Blocks(np.conj(blocks.values) * back, blocks.centres, blocks.size)
    fit = _Fit(b, blocks)
    for _ in range(_ROUNDS):
        moved = _steered(blocks, chips, fit.displacement(blocks.centres))
        fit.improve(_surfaces(_windows(moved)[::2, ::2], chips))
    moved = _steered(blocks, chips, fit.displacement(blocks.centres))
    peak = float(np.abs(_surfaces(moved.sum(axis=(0, 1)), chips)).max())
    if peak < _PEAK:
        return None
    corners = fit.marked_part(_windows(moved))
    return Place(fit.to_plane(), corners.min(axis=0), corners.max(axis=0), peak)


class _Fit:
    """A projective map c(p), refined by the displacements of windows.

    With u = (p - middle) / half the longer side: c = (M u + t) / (1 + g u).
    """

    def __init__(self, b: Matrix, blocks: _Blocks) -> None:
        flat = blocks.centres.reshape(-1, 2)
        self._blocks = blocks
        self._base = b.T
        self._middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
        self._reach = float((flat.max(axis=0) - flat.min(axis=0)).max()) / 2 + blocks.size / 2
        self._m0 = self._base * self._reach
        self._m, self._t, self._g = self._m0.copy(), np.zeros(2), np.zeros(2)
        self._started = False

    def _unit(self, p: Points) -> Points:
        unit: Points = np.divide(p - self._middle, self._reach)
        return unit

    def canonical(self, p: Points) -> Points:
        u = self._unit(p)
        return np.divide(u @ self._m.T + self._t, (1 + u @ self._g)[..., None])

    def displacement(self, p: Points) -> Points:
        """d(p), so that p at the middle has c = d there while nothing is fitted."""
        return np.subtract(self.canonical(p), p @ self._base.T)

    def improve(self, surfaces: Real) -> None:
        """Fit anew to the peaks of every second window each way, around where the present fit says."""
        rows, columns = surfaces.shape[:2]
        flat = surfaces.reshape(rows * columns, -1)
        at = np.abs(flat).argmax(axis=1)
        peak = np.take_along_axis(flat, at[:, None], axis=1)[:, 0]
        seen = np.stack(np.unravel_index(at, (TILE, TILE)), axis=1) + _tops(
            surfaces.reshape(-1, TILE, TILE), at
        )
        first = int(np.abs(peak).argmax())
        p = self._blocks.centres[::2, ::2].reshape(-1, 2)
        if not self._started:
            self._t = self._t + seen[first]
            seen = seen - seen[first]
            self._started = True
        seen = (seen + TILE / 2) % TILE - TILE / 2
        due = self.canonical(p) + seen
        strength = np.where(np.sign(peak) == np.sign(peak[first]), np.abs(peak) - _WINDOW_SHOWN, 0)
        strength = np.maximum(strength, 0)
        strength[first] = max(strength[first], 0.5)
        near = np.linalg.norm(p - p[first], axis=1) / self._reach
        # Windows far from the clearest may be displaced more before they are taken for chance.
        weight = strength / (
            1 + (np.linalg.norm(seen - seen[first], axis=1) / (_AGREEING * (1 + 6 * near))) ** 4
        )
        for _ in range(_FIT_ROUNDS):
            self._solve(self._unit(p), due, weight)
            away = np.linalg.norm(due - self.canonical(p), axis=1)
            weight = strength / (1 + (away / _AGREEING) ** 4)

    def _solve(self, u: Points, c: Points, weight: npt.NDArray[np.float64]) -> None:
        """Weighted least squares of M u + t - c (g u) = c, M near B^T and g near 0."""
        n = len(u)
        origin = (weight[:, None] * c).sum(axis=0) / weight.sum()
        local = c - origin
        design = np.zeros((2 * n, 8))
        for axis in (0, 1):
            rows = slice(axis * n, (axis + 1) * n)
            design[rows, 3 * axis : 3 * axis + 2] = u
            design[rows, 3 * axis + 2] = 1
            design[rows, 6:] = -local[:, axis : axis + 1] * u
        target = local.T.ravel()
        w = np.concatenate([weight, weight])
        side = float(np.abs(self._m0).max())
        slope, curve = 1 / (_SLOPE_PRIOR * side) ** 2, 1 / _CURVE_PRIOR**2
        prior = np.array([slope, slope, 1e-9, slope, slope, 1e-9, curve, curve])
        centre = np.array([*self._m0[0], 0, *self._m0[1], 0, 0, 0])
        normal = (design * w[:, None]).T @ design + np.diag(prior)
        x = np.linalg.solve(normal, (design * w[:, None]).T @ target + prior * centre)
        self._g = x[6:]
        # Back from coordinates around `origin`: c = local + origin.
        self._m = np.stack([x[0:2], x[3:5]]) + np.outer(origin, self._g)
        self._t = x[[2, 5]] + origin

    def to_plane(self) -> Projective:
        of_unit = np.block([[self._m, self._t[:, None]], [self._g[None, :], np.ones((1, 1))]])
        unit = np.diag([1 / self._reach, 1 / self._reach, 1.0])
        unit[:2, 2] = -self._middle / self._reach
        inverse = np.linalg.inv(of_unit @ unit)
        inverse /= inverse[2, 2]
        return np.asarray(inverse, dtype=np.float64)

    def marked_part(self, windows: Complex) -> Points:
        """(n, 2) canonical corners of the blocks around which the pilots are where they should be."""
        power = np.sum(np.square(windows.real) + np.square(windows.imag), axis=-1)
        near = np.abs(windows.sum(axis=-1).real) / np.sqrt(power / 2 + np.float32(1e-30))
        clear = near[near > _WINDOW_SHOWN]
        level = min(_MARKED, max(_CHANCE, float(np.median(clear)) * _AT_AN_EDGE)) if len(clear) else 0.0
        regions, count = scipy.ndimage.label(near >= level)
        sure = [n for n in range(1, count + 1) if len(clear) == 0 or near[regions == n].max() > _WINDOW_SHOWN]
        half = self._blocks.size / 2
        centres = self._blocks.centres[np.isin(regions, sure)]
        return self.canonical(
            np.concatenate([centres + np.array([y, x]) for y in (-half, half) for x in (-half, half)])
        )


def _tops(surfaces: Real, at: npt.NDArray[np.intp]) -> Points:
    """(n, 2) fractions of a sample by which parabolas through the neighbours move peaks at flat places."""
    row, column = np.unravel_index(at, surfaces.shape[1:])
    n = np.arange(len(surfaces))
    out = np.zeros((len(surfaces), 2))
    middle = np.abs(surfaces[n, row, column])
    for axis, (dr, dc) in enumerate(((1, 0), (0, 1))):
        before = np.abs(surfaces[n, (row - dr) % TILE, (column - dc) % TILE])
        after = np.abs(surfaces[n, (row + dr) % TILE, (column + dc) % TILE])
        curve = before - 2 * middle + after
        out[:, axis] = np.where(curve < 0, 0.5 * (before - after) / np.where(curve < 0, curve, -1), 0)
    return out
