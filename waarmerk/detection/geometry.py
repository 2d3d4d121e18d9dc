"""Rotation, scale, stretch and mirror of a picture, from its power spectrum alone.

A mark's pilots are lines in the spectrum. If picture coordinates are x' = A x, a harmonic k of the tile shows at
f' = B k / 128 cycles a pixel with B = A^-T. Shifts do not matter. Two coarse searches give B: plain scales and plain
turns one by one; and log-polar correlation, where a turn and a scale are shifts, with the pilots stretched by a little
in every direction beforehand: any B is a mirror or none, a turn, a scale and a stretch. Least squares on the lines
themselves, near ones first, makes it exact to a fraction of a line's width.

Reference:
    O'Ruanaidh, Pun, "Rotation, scale and translation invariant spread spectrum digital image watermarking",
    Signal Processing 66(3), 1998, for log-polar search; the keyed template is ours.
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
from waarmerk.core.layout import EXPECTED_RADIUS, EXPECTED_WIDTH, TILE, hump

from .spectrum import BINS, F_MAX, Frequencies, Spectrum, nearest, places, scale_of

Matrix = npt.NDArray[np.float64]
"""(2, 2) float64, rows (y, x); (C, 2, 2) where there are several."""

_F_LOW, _F_HIGH = 0.012, 0.49
_RADII, _ANGLES = 160, 200
_STEP = math.log(_F_HIGH / _F_LOW) / _RADII
_STRETCHES, _STRETCH_STEP = 4, 0.07  # rings of a hexagonal grid; log of one axis' scale over the other's
FEW_STRETCHES = 19  # of these, the two inner rings: who mirrors a picture seldom warps it too
_BATCH = 4
_LONG_STRETCHES = (0.35, 0.42)  # beyond, along the picture's axes only
_SOFTNESS = 0.5  # samples; of a line in the log-polar plane
_LEVEL = 3.0  # times the mean, and the deviation; what is stronger counts no more
_STREAK = 40  # radii; a fourth of all
_EQUALISING = 1.3  # rings are divided by this power of their deviation
_COARSE, _HALFWAY = 24, 8  # coarse candidates to refine, and to refine to the end
_ROUNDS = ((3, 0.5, 2.5), (2, 0.6, 1.6), (2, 0.75, 1.3), (2, 1.0, 1.0))  # see `_refined`
_MIN_LINES = 8
_MAX_STRETCH = 1.8  # one way against the other; beyond, a picture is hardly recognisable
MIN_SCORE = 2.7  # pictures without a mark reach 2 to 3, small ones 5
_MIRROR = np.diag([-1.0, 1.0])


def _lines(chips: Chips) -> Frequencies:
    """(P, 2) the pilots in cycles a canonical pixel."""
    return chips.pilot.k / TILE


@lru_cache(maxsize=1)
def _stretches() -> Matrix:
    """(C, 2, 2) symmetric, of determinant 1: none, then small ones in every direction."""
    reach = range(-_STRETCHES, _STRETCHES + 1)
    around = [(i + j / 2, j * math.sqrt(3) / 2) for i in reach for j in reach if abs(i + j) <= _STRETCHES]
    around.sort(key=lambda at: math.hypot(*at))
    logs = [(_STRETCH_STEP * a, _STRETCH_STEP * b) for a, b in around]
    logs += [(sign * s, 0.0) for s in _LONG_STRETCHES for sign in (1, -1)]
    # exp of the symmetric matrix [[a, b], [b, -a]] / 2
    out = []
    for a, b in logs:
        half = math.hypot(a, b) / 2
        part = math.sinh(half) / half if half else 1.0
        out.append(math.cosh(half) * np.eye(2) + part / 2 * np.array([[a, b], [b, -a]]))
    return np.stack(out)


@lru_cache(maxsize=2)
def _polar_grid(two: bool) -> Index:
    """(160, 200) places: radius by angle, -90 to 90 degrees."""
    radius = _F_LOW * np.exp(_STEP * np.arange(_RADII))
    angle = np.pi * (np.arange(_ANGLES) / _ANGLES - 0.5)
    f = radius[:, None, None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    return nearest(f, two, widening=True)


@lru_cache(maxsize=CACHED_KEYS)
def _powers(chips: Chips) -> npt.NDArray[np.float64]:
    """(P,) power a pilot is expected to have, any common unit."""
    return np.asarray(hump(chips.pilot.radius, EXPECTED_RADIUS, EXPECTED_WIDTH), dtype=np.float64) ** 2


def _splat(at: npt.NDArray[np.float64], size: npt.NDArray[np.float64]) -> Real:
    """(160, 200) impulses of some size at fractional places, softened; both axes wrap."""
    out = np.zeros((_RADII, _ANGLES), dtype=np.float32)
    base = np.floor(at).astype(int)
    part = at - base
    for dy in (0, 1):
        for dx in (0, 1):
            share = np.abs(1 - dy - part[:, 0]) * np.abs(1 - dx - part[:, 1]) * size
            np.add.at(out, ((base[:, 0] + dy) % _RADII, (base[:, 1] + dx) % _ANGLES), share)
    soft: Real = scipy.ndimage.gaussian_filter(out, _SOFTNESS, mode="wrap")
    return soft


@lru_cache(maxsize=CACHED_KEYS)
def _polar_templates(chips: Chips) -> Complex:
    """(C, 160, 101) complex64 conjugate transforms of the pilots in log-polar, one for each stretch."""
    planes = []
    for stretch in _stretches():
        f = _lines(chips) @ stretch.T
        rows = np.log(np.hypot(f[:, 0], f[:, 1]) / _F_LOW) / _STEP
        columns = (np.arctan2(f[:, 0], f[:, 1]) / np.pi + 0.5) * _ANGLES
        planes.append(_splat(np.stack([rows, columns], axis=1), np.sqrt(_powers(chips))))
    return np.conj(scipy.fft.rfft2(np.stack(planes))).astype(np.complex64)


def _polar_plane(spectrum: Spectrum) -> Real:
    """(160, 200) the spectrum by log radius and angle.

    Less its mean along the angle near by, so that an edge's line through the spectrum does not look like pilots; rings
    of about equal deviation, since the farther ones are smoother; peaks capped.
    """
    plane = np.minimum(spectrum.soft.take(_polar_grid(spectrum.two)), np.float32(_LEVEL))
    plane -= scipy.ndimage.uniform_filter1d(plane, _STREAK, axis=0, mode="nearest")
    plane /= plane.std(axis=1, keepdims=True) ** np.float32(_EQUALISING) + np.float32(1e-6)
    capped: Real = np.minimum(plane, np.float32(_LEVEL) * plane.std())
    return capped


def _polar_candidates(spectrum: Spectrum, chips: Chips, stretches: int | None = None) -> list[Matrix]:
    """The best turn and scale of each stretch, mirrored or not: the highest peaks of these. `stretches` as below.

    Both axes wrap: scales 0.15 and 6.1 are the same shift, and the lines themselves tell them apart.
    """
    transform = scipy.fft.rfft2(_polar_plane(spectrum))
    transform[0, 0] = 0  # so that a correlation's mean is 0, and its deviation one product
    # Reversed angles: a mirrored picture.
    halves = (transform, np.conj(transform[-np.arange(_RADII) % _RADII]))
    templates = _polar_templates(chips)
    tried = [(0, n) for n in range(stretches or len(templates))]
    tried += [] if stretches else [(1, n) for n in range(FEW_STRETCHES)]
    heights, places = np.empty(len(tried)), np.empty(len(tried), dtype=np.intp)
    for first in range(0, len(tried), _BATCH):
        part = slice(first, first + _BATCH)
        products = np.stack([halves[mirrored] * templates[n] for mirrored, n in tried[part]])
        planes: Real = scipy.fft.irfft2(products, s=(_RADII, _ANGLES), overwrite_x=True).reshape(
            len(products), -1
        )
        places[part] = planes.argmax(axis=1)
        deviation = np.sqrt(np.einsum("cn,cn->c", planes, planes) / planes.shape[1]) + 1e-12
        heights[part] = planes.max(axis=1) / deviation
    found = []
    for best in np.argsort(-heights)[:_COARSE]:
        mirrored, n = tried[best]
        row, column = divmod(int(places[best]), _ANGLES)
        scale = math.exp(_STEP * (row if row < _RADII / 2 else row - _RADII))
        angle = math.pi * column / _ANGLES
        sin, cos = math.sin(angle), math.cos(angle)
        # (fy, fx) = scale (r sin(t + angle), r cos(t + angle)) for stretched lines (r sin t, r cos t)
        turned = scale * np.array([[cos, sin], [-sin, cos]]) @ _stretches()[n]
        found.append(_MIRROR @ turned if mirrored else turned)
    return found


@lru_cache(maxsize=1)
def _plain_maps() -> Matrix:
    """(C, 2, 2): the geometries most pictures have been through, finely stepped.

    Scales 0.25 .. 6.7 the four ways a spectrum can tell apart, and turns by any angle at scale 1, with mirrors.
    """
    quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
    scales = np.exp(np.arange(math.log(0.25), math.log(6.7), 0.004))
    ways = (np.eye(2), _MIRROR, quarter, quarter @ _MIRROR)
    angles = np.radians(np.arange(0.0, 180.0, 0.15))
    turns = np.array([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    return np.concatenate([*(scales[:, None, None] * way for way in ways), turns, turns @ _MIRROR])


@lru_cache(maxsize=2 * CACHED_KEYS)
def _plain_places(chips: Chips, two: bool) -> tuple[Index, Real]:
    """(C, P) flat places of every plain map's lines, and (C,) what to divide their weighted sum by."""
    predicted = _lines(chips) @ _plain_maps().swapaxes(1, 2)
    inside = np.abs(predicted).max(axis=2) < F_MAX
    norm = np.sqrt(inside @ _powers(chips) ** 2)
    scale = np.where(inside.sum(axis=1) >= _MIN_LINES, 1 / np.maximum(norm, 1e-9), 0)
    return nearest(predicted, two), scale.astype(np.float32)


def _plain_candidates(spectrum: Spectrum, chips: Chips, count: int) -> list[Matrix]:
    """The best plain maps by the lines' mean power itself: surer than a correlation peak where it applies."""
    at, scale = _plain_places(chips, spectrum.two)
    level = np.minimum(spectrum.soft[: len(spectrum.power)], np.float32(_LEVEL)) - np.float32(1)
    level[0] = 0
    scores = (level.take(at) @ _powers(chips).astype(np.float32)) * scale
    found = []
    for _ in range(count):
        best = int(np.argmax(scores))
        found.append(_plain_maps()[best])
        scores[max(0, best - 3) : best + 4] = -np.inf
    return found


def _refined(
    spectrum: Spectrum, chips: Chips, b: Matrix, rounds: tuple[tuple[int, float, float], ...] = _ROUNDS
) -> tuple[Real, Matrix]:
    """Least squares on the lines' centroids, near lines first.

    Args:
        b: (C, 2, 2) candidates.
        rounds: (reach in bins, share of the expected power that is taken from the nearest lines, spread in bins).

    Returns:
        (C,) scores: the mean power at the predicted lines less its expectation, times the root of their number; and
        the (C, 2, 2) refined candidates.
    """
    k, power = _lines(chips), _powers(chips)
    order = np.argsort(chips.pilot.radius)
    for reach, share, spread in rounds:
        predicted = k @ b.swapaxes(1, 2)  # (C, P, 2)
        count = int(np.searchsorted(np.cumsum(power[order]), share * power.sum())) + 1
        near = np.broadcast_to(order[:count], (len(b), min(count, len(k))))
        predicted = np.take_along_axis(predicted, near[..., None], axis=1)
        bins = scale_of(predicted, spectrum.two)[..., None]
        inside = np.abs(predicted).max(axis=2) < F_MAX
        away, mass = _centroids(
            spectrum, np.where(inside[..., None], predicted * bins, 0), bins, reach, spread
        )
        weight = np.where(inside, np.minimum(mass, 30.0) * power[near], 0.0)[..., None]
        # Normal equations of seen = B k in bins, two unknowns a row.
        lines = k[near] * bins
        weighted = (lines * weight).swapaxes(1, 2)
        moment = (weighted @ (predicted * bins + away)).swapaxes(1, 2)
        solution = moment @ np.linalg.inv(weighted @ lines + 1e-6 * np.eye(2))
        sound = (np.abs(np.linalg.det(solution)) > 1e-3) & (inside.sum(axis=1) >= _MIN_LINES)
        b = np.where(sound[:, None, None], solution, b)
    return _scores(spectrum, k @ b.swapaxes(1, 2), power), b


def _centroids(
    spectrum: Spectrum, at: Frequencies, bins: Real, reach: int, spread: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where the power around predicted lines has its centre.

    Args:
        at: (C, P, 2) predicted lines in bins.
        bins: (C, P, 1) bins per cycle a pixel.
        reach: whole bins to look at on either side.
        spread: in bins, of the Gaussian around the prediction that power is weighted by.

    Returns:
        (C, P, 2) distance from the prediction in bins, and (C, P) the weighted power above the mean.
    """
    steps = np.arange(-reach, reach + 1)
    centre = np.rint(at).astype(np.intp)
    rows, columns = centre[..., 0, None, None] + steps[:, None], centre[..., 1, None, None] + steps
    patch = np.maximum(spectrum.power.take(places(rows, columns, bins[..., None] > BINS)) - 1.5, 0)
    offsets = (centre - at)[..., None] + steps  # (C, P, 2, S)
    bell = np.exp(-(offsets**2) / (2 * spread**2))
    patch = patch * bell[..., 0, :, None] * bell[..., 1, None, :]
    mass = patch.sum(axis=(2, 3)) + 1e-9
    moments = np.stack([patch.sum(axis=3), patch.sum(axis=2)], axis=2)
    away: npt.NDArray[np.float64] = (moments * offsets).sum(axis=3) / mass[..., None]
    return away, mass


def _scores(spectrum: Spectrum, predicted: Frequencies, weight: npt.NDArray[np.float64]) -> Real:
    """(C, P, 2) predicted lines -> (C,) weighted sum of their power less 1, over the root of the weights' squares."""
    inside = np.abs(predicted).max(axis=2) < F_MAX
    scale = scale_of(predicted, spectrum.two)
    at = np.where(inside[..., None], predicted * scale[..., None], 0)
    base = np.floor(at)
    part = at - base
    base = base.astype(np.intp)
    value = np.zeros(inside.shape)
    for dy in (0, 1):
        for dx in (0, 1):
            share = np.abs(1 - dy - part[..., 0]) * np.abs(1 - dx - part[..., 1])
            value += share * spectrum.power.take(places(base[..., 0] + dy, base[..., 1] + dx, scale > BINS))
    total = np.where(inside, np.minimum(value, 6.0) - 1, 0) @ weight
    norm = np.sqrt(inside @ weight**2)
    scores: Real = np.where(inside.sum(axis=1) >= _MIN_LINES, total / np.maximum(norm, 1e-9), 0)
    return scores.astype(np.float32)


def candidates(
    spectrum: Spectrum,
    chips: Chips,
    *,
    keep: int = 3,
    least: float = MIN_SCORE,
    stretches: int | None = None,
) -> list[tuple[float, Matrix]]:
    """The `keep` likeliest (score, B) that score at least `least`, best first, no two alike.

    Args:
        stretches: try the least so many only, and no mirrors; None: all of both.
    """
    coarse = _plain_candidates(spectrum, chips, 3) + _polar_candidates(spectrum, chips, stretches)
    scores, refined = _refined(spectrum, chips, np.stack(coarse), _ROUNDS[:2])
    scores, refined = _refined(spectrum, chips, refined[np.argsort(-scores)[:_HALFWAY]], _ROUNDS[2:])
    distinct: list[tuple[float, Matrix]] = []
    for n in np.argsort(-scores):
        b = refined[n]
        if scores[n] < least or len(distinct) == keep:
            break
        if np.linalg.cond(b) <= _MAX_STRETCH and all(
            min(np.abs(b - c).max(), np.abs(b + c).max()) > 2e-3 for _, c in distinct
        ):
            distinct.append((float(scores[n]), b))
    return distinct
