"""Where in a picture a candidate's pilots lie: from a frequency map to a projective one and to the marked part.

A model c(p) takes picture coordinates to canonical ones; the first is c = B^T p, B the frequency map of `geometry`. In
a block around p the pilots' spectrum under the model is

    X(k) = sum over the block x(q) exp(-2 pi i k c(q) / 128)  ~  exp(i theta_k + 2 pi i k d / 128),

so the model is off by d, and d is where the correlation with the pilots peaks. A level d is a shift, a sloping one a
correction of B, a curved one perspective; two marked pictures in one have two. It is first looked for in the whole
picture, its quarters and its middle; where it shows, in every 3 x 3 blocks, and a projective model is fitted to the
windows that agree with the clearest. Blocks are looked at again under a model that differs within them.
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
_SHOWN = 4.6  # deviations; the best of 2^15 places of an unmarked picture is 3.5 to 4.6
_PEAK = 4.8
_WINDOW_SHOWN = 4.4
_ROUNDS = 4
_SETTLED = 0.5  # canonical pixels by which a block's side may still change
_FIT_ROUNDS = 6
_FEW = 16
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


class _Blocks:
    """A plane cut into squares.

    Attributes:
        centres: (rows, columns, 2) float64, pixels.
        size: pixels of a block's side; the last ones may be cut.
    """

    def __init__(self, plane: Real, chips: Chips) -> None:
        h, w = plane.shape
        self._chips = chips
        self.size = size = max(_BLOCK_MIN, math.ceil(max(h, w) / _BLOCKS))
        self._tops, self._lefts = np.arange(0, h, size), np.arange(0, w, size)
        self._plane = np.zeros((len(self._tops) * size, len(self._lefts) * size), dtype=np.float32)
        self._plane[:h, :w] = plane
        middle = [
            (np.minimum(start + size, n) + start) / 2 - 0.5
            for start, n in ((self._tops, h), (self._lefts, w))
        ]
        self.centres: Points = np.stack(np.meshgrid(*middle, indexing="ij"), axis=-1)

    def spectra(self, b: Matrix) -> Complex:
        """(rows, columns, P) sums over blocks of x(p) exp(-2 pi i (B k / 128) p), B the same in all."""
        f = self._chips.pilot.k / TILE @ b.T
        tables = self._tables(f)
        values = np.empty((len(self._tops), len(self._lefts), len(f)), dtype=np.complex64)
        for row, top in enumerate(self._tops):
            values[row] = _sums(self._plane[top : top + self.size], *tables)
        values *= np.exp(-2j * np.pi * np.outer(self._tops, f[:, 0])).astype(np.complex64)[:, None]
        values *= np.exp(-2j * np.pi * np.outer(self._lefts, f[:, 1])).astype(np.complex64)
        return values

    def spectra_under(self, jacobians: Matrix, at: Points) -> Complex:
        """The same under a model of its own in every block, c(p) = at + J (p - centre)."""
        k = self._chips.pilot.k / TILE
        mean = jacobians.mean(axis=(0, 1))
        if np.abs(jacobians - mean).max() * self.size < _SETTLED:
            beside = at - self.centres @ mean.T
            values = self.spectra(mean.T)
            values *= np.exp(-2j * np.pi * (beside @ k.T)).astype(np.complex64)
            return values
        values = np.empty((*at.shape[:2], len(k)), dtype=np.complex64)
        for row, top in enumerate(self._tops):
            for column, left in enumerate(self._lefts):
                f = k @ jacobians[row, column]
                block = self._plane[top : top + self.size, left : left + self.size]
                corner = at[row, column] + jacobians[row, column] @ ((top, left) - self.centres[row, column])
                turn = np.exp(-2j * np.pi * (k @ corner)).astype(np.complex64)
                values[row, column] = _sums(block, *self._tables(f))[0] * turn
        return values

    def _tables(self, f: npt.NDArray[np.float64]) -> tuple[Real, Real]:
        """exp(-2 pi i f n), n = 0 .. size - 1: (2 P, size) down, real parts first; (P, size, 2) across."""
        down, across = (_waves(f[:, axis], self.size) for axis in (0, 1))
        return np.concatenate([down.real, down.imag]), across.view(np.float32).reshape(len(f), self.size, 2)

    def normalised(self, values: Complex, b: Matrix) -> Complex:
        """Every pilot by its root mean power and its expected strength, less its own phase; 0 beyond the edge."""
        power = np.mean(np.square(values.real) + np.square(values.imag), axis=(0, 1))
        pilot = self._chips.pilot
        inside = np.abs(pilot.k / TILE @ b.T).max(axis=1) < F_MAX
        weight = hump(pilot.radius, EXPECTED_RADIUS, EXPECTED_WIDTH) / np.sqrt(power + np.float32(1e-30))
        factor = np.where(inside, weight * np.conj(self._chips.pilot_phasor), 0)
        normal: Complex = (values * factor).astype(np.complex64)
        return normal


def _waves(f: npt.NDArray[np.float64], size: int) -> Complex:
    """(P,) cycles a pixel -> (P, size) complex64 exp(-2 pi i f n), as products of a few."""
    coarse, fine = (
        np.exp(-2j * np.pi * np.outer(f, np.arange(0, stop, step))).astype(np.complex64)
        for stop, step in ((size, _FEW), (_FEW, 1))
    )
    waves: Complex = (coarse[:, :, None] * fine[:, None]).reshape(len(f), -1)[:, :size]
    return np.ascontiguousarray(waves)


def _sums(strip: Real, down: Real, across: Real) -> Complex:
    """(size, columns size) pixels -> (columns, P) sums over each block."""
    count, size = across.shape[:2]
    # (real and imaginary, P, columns, pixels) @ (P, pixels, real and imaginary)
    sums = (down @ strip).reshape(2, count, -1, size) @ across
    values: Complex = (sums[0, ..., 0] - sums[1, ..., 1]) + 1j * (sums[0, ..., 1] + sums[1, ..., 0])
    return values.T


def _surfaces(spectra: Complex, chips: Chips, side: int = TILE) -> Real:
    """(..., P) spectra -> (..., side, side) sum_k Re(X_k exp(-2 pi i k d / 128)) over its deviation.

    d, row and column, goes from 0 to 128 in `side` steps, which is more than twice the largest frequency.
    """
    half = np.zeros((*spectra.shape[:-1], side, side // 2 + 1), dtype=np.complex64)
    half[..., chips.pilot.k[:, 0] % side, chips.pilot.k[:, 1]] = np.conj(spectra)
    planes = scipy.fft.irfft2(half, s=(side, side)).astype(np.float32, copy=False)
    planes *= np.asarray(1 / (planes.std(axis=(-2, -1), keepdims=True) + 1e-12), dtype=np.float32)
    return planes


def _parts(values: Complex) -> Complex:
    """(6, P): the sum over all blocks, over the four quarters, each a block larger than a true one, and the middle."""
    rows, columns = values.shape[:2]
    up, down = slice(0, rows // 2 + 1), slice(rows - rows // 2 - 1, rows)
    left, right = slice(0, columns // 2 + 1), slice(columns - columns // 2 - 1, columns)
    middle = tuple(slice(max(0, n // 2 - 1), n // 2 + 2) for n in (rows, columns))
    parts = [
        values,
        values[up, left],
        values[up, right],
        values[down, left],
        values[down, right],
        values[middle],
    ]
    return np.stack([part.sum(axis=(0, 1)) for part in parts])


def _windows(values: Complex) -> Complex:
    """(rows, columns, P) -> sums over 3 x 3 blocks, none beyond the edges."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    sums: Complex = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return sums


def placed(plane: Real, chips: Chips, b: Matrix) -> Place | None:
    """Find the pilots of a frequency map, known up to its sign, in a plane.

    Args:
        plane: (H, W) float32 residual.
        b: in cycles a pixel of the plane.

    Returns:
        None where they do not show.
    """
    blocks = _Blocks(plane, chips)
    raw = blocks.spectra(b)
    values = blocks.normalised(raw, b)
    back = (
        np.conj(chips.pilot_phasor) ** 2
    )  # conj(X conj(phasor)) times this is conj(X) conj(phasor): B reversed
    parts = _parts(values)
    surfaces = np.abs(_surfaces(np.stack([parts, np.conj(parts) * back]), chips, TILE // 2))
    best = int(surfaces.argmax())
    if surfaces.flat[best] < _SHOWN:
        return None
    if best >= surfaces.size // 2:
        b, values = -b, np.conj(values) * back
    model = _Model(b, blocks)
    for _ in range(_ROUNDS):
        before = model.jacobians(blocks.centres)
        model.improve(_surfaces(_windows(values)[::2, ::2], chips))
        at, jacobians = model.canonical(blocks.centres), model.jacobians(blocks.centres)
        values = blocks.normalised(blocks.spectra_under(jacobians, at), b)
        if np.abs(jacobians - before).max() * blocks.size < _SETTLED:
            break
    peak = float(np.abs(_surfaces(values.sum(axis=(0, 1)), chips)).max())
    if peak < _PEAK:
        return None
    corners = model.marked_part(_windows(values))
    return Place(model.to_plane(), corners.min(axis=0), corners.max(axis=0), peak)


class _Model:
    """A projective map c(p), refined by the displacements of windows.

    With u = (p - middle) / half the longer side: c = (M u + t) / (1 + g u).
    """

    def __init__(self, b: Matrix, blocks: _Blocks) -> None:
        flat = blocks.centres.reshape(-1, 2)
        self._blocks = blocks
        self._middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
        self._reach = float((flat.max(axis=0) - flat.min(axis=0)).max()) / 2 + blocks.size / 2
        self._m0 = b.T * self._reach
        self._m, self._t, self._g = self._m0.copy(), b.T @ self._middle, np.zeros(2)

    def _unit(self, p: Points) -> Points:
        unit: Points = np.divide(p - self._middle, self._reach)
        return unit

    def canonical(self, p: Points) -> Points:
        u = self._unit(p)
        c: Points = np.divide(u @ self._m.T + self._t, (1 + u @ self._g)[..., None])
        return c

    def jacobians(self, p: Points) -> Matrix:
        """(..., 2, 2) dc / dp."""
        away = 1 + (self._unit(p) @ self._g)[..., None, None]
        bent = self._m - self.canonical(p)[..., None] * self._g
        return np.asarray(bent / away / self._reach, dtype=np.float64)

    def improve(self, surfaces: Real) -> None:
        """Fit anew to the peaks of every second window each way, around where the present model says."""
        rows, columns = surfaces.shape[:2]
        flat = surfaces.reshape(rows * columns, -1)
        at = np.abs(flat).argmax(axis=1)
        peak = np.take_along_axis(flat, at[:, None], axis=1)[:, 0]
        planes = surfaces.reshape(-1, TILE, TILE)
        seen = np.stack(np.unravel_index(at, (TILE, TILE)), axis=1) + _tops(planes, at)
        first = int(np.abs(peak).argmax())
        p = self._blocks.centres[::2, ::2].reshape(-1, 2)
        seen[first] = (seen[first] + TILE / 2) % TILE - TILE / 2
        seen = seen[first] + (seen - seen[first] + TILE / 2) % TILE - TILE / 2
        due = self.canonical(p) + seen
        strength = np.where(np.sign(peak) == np.sign(peak[first]), np.abs(peak) - _WINDOW_SHOWN, 0)
        strength = np.maximum(strength, 0)
        strength[first] = max(strength[first], 0.5)
        near = np.linalg.norm(p - p[first], axis=1) / self._reach
        # Windows far from the clearest may be displaced more before they are taken for chance.
        away = np.linalg.norm(seen - seen[first], axis=1)
        weight = strength / (1 + (away / (_AGREEING * (1 + 6 * near))) ** 4)
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
