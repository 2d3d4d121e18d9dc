"""Rotation, scale, aspect and mirror of a picture, from its power spectrum alone.

A mark's pilots are lines in the spectrum. If picture coordinates are x' = A x, a harmonic k of the tile shows at
f' = B k / 128 cycles a pixel with B = A^-T. Shifts do not matter. Three coarse searches give B: plain scales and plain
turns one by one, log-polar correlation (rotation and scale are shifts) and log-log correlation (two axis scales are
shifts), each with its mirror; least squares on the lines themselves makes it exact to a fraction of a line's width.

Reference:
    O'Ruanaidh, Pun, "Rotation, scale and translation invariant spread spectrum digital image watermarking",
    Signal Processing 66(3), 1998, for log-polar search; the keyed template is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Index, Real
from waarmerk.core.chips import CACHED_KEYS, Chips
from waarmerk.core.layout import TILE

BINS = 512  # of the spectrum, per cycle a pixel
_OVERLAP = 0.3
_TUKEY = 0.35
_CAP = 20.0  # times the local mean; a line of a flat picture is no better than one of a lively one
_F_MIN, _F_MAX = 0.010, 0.49
_RADII, _ANGLES = 320, 512
_LOGS = 192
_ROUNDS = ((0.5, 1.6), (0.75, 1.4), (1.0, 1.2), (1.0, 1.0))  # (share of the pilots, spread in bins)
_MIN_LINES = 8
_MAX_STRETCH = 1.8  # one way against the other; beyond, a picture is hardly recognisable
MIN_SCORE = 2.8  # pictures without a mark reach 1 to 4.5; resampling costs more than the search before it

Matrix = npt.NDArray[np.float64]
"""(2, 2) float64, rows (y, x); (C, 2, 2) where there are several."""

Bins: TypeAlias = npt.NDArray[np.float64]
"""Frequencies in bins of 1 / 512 cycle a pixel."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Normalised power.

    Attributes:
        power: (512, 257) float32, local mean 1, capped; row index fy 512 modulo 512, column fx 512.
        soft: the same, 3 x 3 mean, for the coarse search.
    """

    power: Real
    soft: Real


def spectrum_of(residual: Real) -> Spectrum:
    """Welch's averaged power of a residual, flattened."""
    size = [min(BINS, n) for n in residual.shape]
    window = np.outer(_tukey(size[0]), _tukey(size[1]))
    total = np.zeros((BINS, BINS // 2 + 1), dtype=np.float32)
    for top in _starts(residual.shape[0], size[0]):
        for left in _starts(residual.shape[1], size[1]):
            segment = residual[top : top + size[0], left : left + size[1]] * window
            half = scipy.fft.rfft2(segment, s=(BINS, BINS))
            total += np.square(half.real) + np.square(half.imag)
    power = _flatten(total)
    return Spectrum(power, scipy.ndimage.uniform_filter(power, 3, mode=("wrap", "mirror")))


def _tukey(n: int) -> Real:
    """(n,) flat, with half a cosine over 17.5 % on either side."""
    x = np.minimum(np.arange(n), n - 1 - np.arange(n)) / max(n - 1, 1)
    window: Real = np.sin(np.pi / 2 * np.minimum(2 * x / _TUKEY, 1)).astype(np.float32) ** 2
    return window


def _starts(length: int, size: int) -> list[int]:
    count = 1 if length <= size else math.ceil((length - size) / (size * (1 - _OVERLAP))) + 1
    return [round(i * (length - size) / max(count - 1, 1)) for i in range(count)]


def _flatten(power: Real) -> Real:
    """Local mean to 1, capped, then again; block grid and axes to 1."""
    flat = power / (scipy.ndimage.uniform_filter(power, 17, mode=("wrap", "mirror")) + 1e-20)
    np.minimum(flat, _CAP, out=flat)
    flat /= scipy.ndimage.uniform_filter(flat, 13, mode=("wrap", "mirror")) + 1e-20
    grid = BINS // 8
    for row in range(0, BINS, grid):
        for column in range(0, BINS // 2 + 1, grid):
            flat[
                np.ix_(
                    np.arange(row - 1, row + 2) % BINS,
                    np.clip(np.arange(column - 1, column + 2), 0, BINS // 2),
                )
            ] = 1
    flat[:2] = flat[-1:] = 1
    flat[:, :2] = 1
    return flat


def _sample(spectrum: Real, fy: Bins, fx: Bins) -> Real:
    """Linear interpolation at frequencies in bins, either half plane; 1 beyond the Nyquist frequency."""
    sign = np.where(fx < 0, -1.0, 1.0)
    beyond = (np.abs(fy) > BINS / 2 - 1) | (np.abs(fx) > BINS / 2 - 1)
    at = np.stack([np.mod(fy * sign, BINS), np.abs(fx)])
    values: Real = scipy.ndimage.map_coordinates(spectrum, at, order=1, mode="grid-wrap")
    values[beyond] = 1
    return values


def _nearest(fy: Bins, fx: Bins) -> Index:
    """Flat places in a (512, 257) half spectrum nearest to frequencies in bins, fx >= 0."""
    rows = np.mod(np.rint(fy).astype(np.intp), BINS)
    return rows * (BINS // 2 + 1) + np.rint(fx).astype(np.intp)


@lru_cache(maxsize=1)
def _polar_grid() -> Index:
    """(320, 512): radius by angle, -90 to 90 degrees."""
    radius = BINS * _F_MIN * (_F_MAX / _F_MIN) ** (np.arange(_RADII) / (_RADII - 1))
    angle = np.pi * (np.arange(_ANGLES) / _ANGLES - 0.5)
    return _nearest(radius[:, None] * np.sin(angle), radius[:, None] * np.cos(angle))


@lru_cache(maxsize=1)
def _log_grid() -> Index:
    """(2, 192, 192): |fy| by |fx|, for fy fx > 0 and < 0."""
    f = BINS * _F_MIN * (_F_MAX / _F_MIN) ** (np.arange(_LOGS) / (_LOGS - 1))
    fy, fx = np.meshgrid(f, f, indexing="ij")
    return np.stack([_nearest(fy, fx), _nearest(-fy, fx)])


def _splat(shape: tuple[int, int], at: npt.NDArray[np.float64], wrap: bool) -> Real:
    """Unit impulses at fractional places, softened by a Gaussian of one sample."""
    out = np.zeros(shape, dtype=np.float32)
    base = np.floor(at).astype(int)
    part = at - base
    for dy in (0, 1):
        for dx in (0, 1):
            share = np.abs(1 - dy - part[:, 0]) * np.abs(1 - dx - part[:, 1])
            rows, columns = base[:, 0] + dy, base[:, 1] + dx
            columns = columns % shape[1] if wrap else np.clip(columns, 0, shape[1] - 1)
            np.add.at(out, (np.clip(rows, 0, shape[0] - 1), columns), share)
    smooth: Real = scipy.ndimage.gaussian_filter(out, 1.0, mode=("constant", "wrap" if wrap else "constant"))
    return smooth


def _logs(f: npt.NDArray[np.float64], steps: int) -> npt.NDArray[np.float64]:
    place: npt.NDArray[np.float64] = np.log(f / _F_MIN) / math.log(_F_MAX / _F_MIN) * (steps - 1)
    return place


@lru_cache(maxsize=CACHED_KEYS)
def _polar_templates(chips: Chips) -> npt.NDArray[np.complex64]:
    """(2, .., ..) conjugate transforms of the pilots in log-polar, plain and mirrored (kx -> -kx)."""
    k = chips.pilot.k.astype(np.float64)
    planes = []
    for mirror in (1, -1):
        angle = np.arctan2(k[:, 0] * mirror, k[:, 1])
        at = np.stack(
            [_logs(np.hypot(k[:, 0], k[:, 1]) / TILE, _RADII), (angle / np.pi + 0.5) * _ANGLES], axis=1
        )
        planes.append(_splat((_RADII, _ANGLES), at, wrap=True))
    return np.conj(scipy.fft.rfft2(np.stack(planes), s=(2 * _RADII, _ANGLES))).astype(np.complex64)


@lru_cache(maxsize=CACHED_KEYS)
def _log_templates(chips: Chips) -> npt.NDArray[np.complex64]:
    """(2 turns, 2 quadrants, .., ..): pilots in log-log by sign of ky kx, plain and with the axes exchanged."""
    k = chips.pilot.k.astype(np.float64)
    turns = []
    for exchange in (False, True):
        rows = k[:, ::-1] if exchange else k
        quadrants = []
        for sign in (1, -1):
            of = np.sign(k[:, 0]) == sign
            at = np.stack([_logs(np.abs(rows[of, i]) / TILE, _LOGS) for i in (0, 1)], axis=1)
            quadrants.append(_splat((_LOGS, _LOGS), at, wrap=False))
        turns.append(np.stack(quadrants))
    return np.conj(scipy.fft.rfft2(np.stack(turns), s=(2 * _LOGS, 2 * _LOGS))).astype(np.complex64)


def _tops(plane: Real, count: int, reach: int = 4) -> list[tuple[int, int, float]]:
    """The `count` highest places of a correlation, none within `reach` of another; height in deviations."""
    work = plane.copy()
    deviation = float(plane.std()) + 1e-12
    found = []
    for _ in range(count):
        row, column = np.unravel_index(int(np.argmax(work)), work.shape)
        found.append((int(row), int(column), float(plane[row, column]) / deviation))
        work[
            np.ix_(
                np.arange(row - reach, row + reach + 1) % work.shape[0],
                np.arange(column - reach, column + reach + 1) % work.shape[1],
            )
        ] = -np.inf
    return found


def _contrast(plane: Real, axis: int | None) -> Real:
    """Zero mean along an axis, so that an edge's line through the spectrum does not look like pilots."""
    contrast: Real = plane - plane.mean(axis=axis, keepdims=True)
    return contrast


def _polar_candidates(spectrum: Spectrum, chips: Chips, count: int) -> list[tuple[float, Matrix]]:
    polar = _contrast(spectrum.soft.take(_polar_grid()), 0)
    transform = scipy.fft.rfft2(polar, s=(2 * _RADII, _ANGLES))
    planes: Real = scipy.fft.irfft2(transform * _polar_templates(chips), s=(2 * _RADII, _ANGLES))
    step = math.log(_F_MAX / _F_MIN) / (_RADII - 1)
    found = []
    for plane, mirror in zip(planes, (1, -1), strict=True):
        for row, column, height in _tops(plane, count):
            scale = math.exp(step * (row if row < _RADII else row - 2 * _RADII))
            angle = math.pi * column / _ANGLES
            sin, cos = math.sin(angle), math.cos(angle)
            # (fy, fx) = scale (r sin(t + angle), r cos(t + angle)) for k = (r sin t, r cos t)
            turn = np.array([[cos, sin], [-sin, cos]])
            found.append((height, scale * turn @ np.diag([mirror, 1.0])))
    return found


def _log_candidates(spectrum: Spectrum, chips: Chips, count: int) -> list[tuple[float, Matrix]]:
    quadrants = spectrum.soft.take(_log_grid())
    quadrants = np.stack([_contrast(_contrast(q, 0), 1) for q in quadrants])
    transform = scipy.fft.rfft2(quadrants, s=(2 * _LOGS, 2 * _LOGS))
    step = math.log(_F_MAX / _F_MIN) / (_LOGS - 1)
    found = []
    for exchange, templates in enumerate(_log_templates(chips)):
        for mirror in (1, -1):
            product = transform[::mirror] * templates
            plane: Real = scipy.fft.irfft2(product.sum(axis=0), s=(2 * _LOGS, 2 * _LOGS))
            for row, column, height in _tops(plane, count):
                scales = [math.exp(step * (n if n < _LOGS else n - 2 * _LOGS)) for n in (row, column)]
                b = np.diag([mirror * scales[0], scales[1]])
                found.append((height, b[:, ::-1] if exchange else b))
    return found


@lru_cache(maxsize=1)
def _plain_maps() -> Matrix:
    """(C, 2, 2): the geometries most pictures have been through, finely stepped.

    Scales 0.22 .. 4.5 the four ways a spectrum can tell apart, and turns by any angle at scale 1, with mirrors.
    """
    quarter, mirror = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.diag([1.0, -1.0])
    scales = np.exp(np.arange(math.log(0.22), math.log(4.5), 0.004))
    ways = (np.eye(2), mirror, quarter, quarter @ mirror)
    angles = np.radians(np.arange(0.0, 180.0, 0.15))
    turns = np.array([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    return np.concatenate([*(scales[:, None, None] * way for way in ways), turns, turns @ mirror])


@lru_cache(maxsize=CACHED_KEYS)
def _plain_places(chips: Chips) -> tuple[Index, Real]:
    """(C, P) flat places of every plain map's lines, and (C,) one over the root of the number of lines inside."""
    predicted = (chips.pilot.k / TILE * BINS) @ _plain_maps().swapaxes(1, 2)
    inside = np.abs(predicted).max(axis=2) < BINS / 2 - 2
    sign = np.where(predicted[..., 1] < 0, -1.0, 1.0)
    places = _nearest(predicted[..., 0] * sign, np.where(inside, np.abs(predicted[..., 1]), 0))
    lines = inside.sum(axis=1)
    scale = np.where(lines >= _MIN_LINES, 1 / np.sqrt(np.maximum(lines, 1)), 0)
    # Lines beyond the Nyquist frequency look at the axes, where a spectrum is level.
    return np.where(inside, places, 0).astype(np.int32), scale.astype(np.float32)


def _plain_candidates(spectrum: Spectrum, chips: Chips, count: int) -> list[tuple[float, Matrix]]:
    """The best plain maps by the lines' mean power itself: surer than a correlation peak where it applies."""
    places, scale = _plain_places(chips)
    level = spectrum.soft - spectrum.soft.mean()
    level[0, 0] = 0
    scores = level.take(places).sum(axis=1) * scale
    found = []
    for _ in range(count):
        best = int(np.argmax(scores))
        found.append((float(scores[best]), _plain_maps()[best]))
        scores[max(0, best - 3) : best + 4] = -np.inf
    return found


def _refined(spectrum: Spectrum, chips: Chips, b: Matrix) -> tuple[Real, Matrix]:
    """Least squares on the lines' centroids, near frequencies first.

    Args:
        b: (C, 2, 2) candidates.

    Returns:
        (C,) scores: the mean power at the predicted lines less its expectation, times the root of their number; and
        the (C, 2, 2) refined candidates.
    """
    k = chips.pilot.k / TILE * BINS
    radius = chips.pilot.radius
    reach = np.arange(-2.0, 3.0)
    for share, spread in _ROUNDS:
        predicted = k @ b.swapaxes(1, 2)  # (C, P, 2)
        inside = np.abs(predicted).max(axis=2) < BINS / 2 - 4
        use = inside & (radius <= np.quantile(radius, share))
        centre = np.where(use[..., None], np.rint(predicted), 0.0)
        fy = centre[..., 0, None, None] + reach[:, None]
        fx = centre[..., 1, None, None] + reach
        patch = np.maximum(_pick(spectrum.power, fy, fx) - 1.5, 0)
        away = (fy - predicted[..., 0, None, None]) ** 2 + (fx - predicted[..., 1, None, None]) ** 2
        patch = patch * np.exp(-away / (2 * spread**2))
        mass = patch.sum(axis=(2, 3)) + 1e-9
        seen = (
            np.stack([(patch * fy).sum(axis=(2, 3)), (patch * fx).sum(axis=(2, 3))], axis=2) / mass[..., None]
        )
        weight = np.where(use, np.minimum(mass, 30.0), 0.0)
        # Normal equations of seen = B k, two unknowns a row.
        normal = np.einsum("cp,pi,pj->cij", weight, k, k) + 1e-6 * np.eye(2)
        moment = np.einsum("cp,cpi,pj->cij", weight, seen, k)
        solution = moment @ np.linalg.inv(normal)
        sound = (np.abs(np.linalg.det(solution)) > 1e-3) & (use.sum(axis=1) >= _MIN_LINES)
        b = np.where(sound[:, None, None], solution, b)
    predicted = k @ b.swapaxes(1, 2)
    inside = np.abs(predicted).max(axis=2) < BINS / 2 - 2
    values = np.minimum(_sample(spectrum.power, predicted[..., 0], predicted[..., 1]), 6.0) - 1
    lines = inside.sum(axis=1)
    scores = np.where(inside, values, 0).sum(axis=1) / np.sqrt(np.maximum(lines, 1))
    return np.where(lines >= _MIN_LINES, scores, 0).astype(np.float32), b


def _pick(power: Real, fy: Bins, fx: Bins) -> Real:
    """Power at whole bins, either half plane."""
    sign = np.where(fx < 0, -1, 1)
    rows = np.mod(fy * sign, BINS).astype(np.intp)
    picked: Real = power[rows, np.minimum(np.abs(fx), BINS // 2).astype(np.intp)]
    return picked


def candidates(
    spectrum: Spectrum, chips: Chips, *, each: int = 3, keep: int = 3
) -> list[tuple[float, Matrix]]:
    """The `keep` likeliest (score, B) that score at least `MIN_SCORE`, best first, no two alike."""
    searches = (_plain_candidates, _polar_candidates, _log_candidates)
    coarse = [found for search in searches for found in search(spectrum, chips, each)]
    scores, refined = _refined(spectrum, chips, np.stack([b for _, b in coarse]))
    distinct: list[tuple[float, Matrix]] = []
    for n in np.argsort(-scores):
        b = refined[n]
        if scores[n] < MIN_SCORE or len(distinct) == keep:
            break
        if np.linalg.cond(b) <= _MAX_STRETCH and all(
            min(np.abs(b - c).max(), np.abs(b + c).max()) > 2e-3 for _, c in distinct
        ):
            distinct.append((float(scores[n]), b))
    return distinct
