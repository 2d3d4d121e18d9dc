"""Residual and alignment -> normalised spectra of the tiles.

Every tile's spectrum is divided by the root of the local mean power of all tiles, and turned by the phase of the
tile's own displacement: the pilots say how far each region of the picture lies from where a perfect grid would have
it, an affine fit through those says it for every tile. So a geometry found to a fraction of a per cent is enough.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Complex, Index, Real
from waarmerk.core.chips import CACHED_KEYS, Band, Chips
from waarmerk.core.layout import EXPECTED_RADIUS, EXPECTED_WIDTH, RADIUS_MAX, SUPER, TILE, Harmonics, hump

from .residual import SPACING

_SMOOTHING = 9
_COLUMNS = (
    int(RADIUS_MAX) + 1 + _SMOOTHING // 2
)  # of a half spectrum: the mark's, and what smoothing looks at
_REACH, _STEP = 4.0, 0.5  # of the displacement search, pixels
_MIN_TILES = 6  # below, a region is hardly smaller than the picture


@dataclass(frozen=True, slots=True)
class TileSpectra:
    """Normalised spectra of a picture's tiles, folded modulo the super-tile.

    Attributes:
        sync: (8, 8, K_sync) complex64.
        payload: (8, 8, K_payload) complex64.
        strength_sync, strength_payload: (K,) float32, expected strength e_k, any common unit.
    """

    sync: Complex
    payload: Complex
    strength_sync: Real
    strength_payload: Real


def _response(band: Band, spacing: int) -> Real:
    """(K,) what the residual filter makes of the expected amplitudes, any common unit; spacing 0: a flat filter."""
    amplitude: Real = hump(band.radius, EXPECTED_RADIUS, EXPECTED_WIDTH)
    if spacing == 0:
        return amplitude
    angle = 2 * np.pi * spacing / TILE * band.k
    gain = 4 - 2 * np.cos(angle[:, 0]) - 2 * np.cos(angle[:, 1])
    response: Real = (amplitude * gain).astype(np.float32)
    return response


def _fold_super(values: Complex) -> Complex:
    """(rows, columns, K) -> (8, 8, K): tiles a super-tile apart say the same and are added."""
    rows, columns, k = values.shape
    folded = np.zeros((SUPER, SUPER, k), dtype=np.complex64)
    for i in range(0, rows, SUPER):
        for j in range(0, columns, SUPER):
            part = values[i : i + SUPER, j : j + SUPER]
            folded[: part.shape[0], : part.shape[1]] += part
    return folded


def _rows_of_spectra(residual: Real, top: int, left: int, *, folded: bool) -> Iterator[Complex]:
    """Zero-pad `top` and `left` in front, the rest behind, to whole tiles; spectra of one row of tiles after the other.

    Args:
        folded: add up tiles a super-tile apart, since their spectra add up as well.

    Yields:
        (columns, 128, 43) complex64: all rows and the lowest columns of each tile's half spectrum.
    """
    height, width = residual.shape
    rows, columns = (-(-(height + top) // TILE), -(-(width + left) // TILE))
    if folded:
        rows, columns = min(rows, SUPER), min(columns, SUPER)
    strip = np.empty((TILE, columns * TILE), dtype=np.float32)
    for row in range(rows):
        strip[:] = 0
        for start in range(row * TILE - top, height, rows * TILE):
            lines = residual[max(start, 0) : start + TILE]
            part = strip[max(start, 0) - start :][: len(lines)]
            for begin in range(-left, width, columns * TILE):
                pixels = lines[:, max(begin, 0) : begin + columns * TILE]
                part[:, max(begin, 0) - begin :][:, : pixels.shape[1]] += pixels
        half = scipy.fft.rfft(strip.reshape(TILE, columns, TILE), axis=2)[..., :_COLUMNS]
        yield scipy.fft.fft(half.swapaxes(0, 1), axis=1).astype(np.complex64, copy=False)


@lru_cache(maxsize=CACHED_KEYS)
def _places(chips: Chips) -> tuple[Index, Harmonics, tuple[slice, slice, slice]]:
    """Flat places in a (128, 43) part spectrum of pilots, sync and payload in turn; their k; where each begins."""
    bands = (chips.pilot, chips.sync, chips.payload)
    k = np.concatenate([band.k for band in bands])
    ends = np.cumsum([0, *(len(band.k) for band in bands)])
    parts = tuple(slice(int(i), int(j)) for i, j in itertools.pairwise(ends))
    return (k[:, 0] % TILE) * _COLUMNS + k[:, 1], k, (parts[0], parts[1], parts[2])


def _displacement_grid() -> npt.NDArray[np.float64]:
    steps = np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)


@lru_cache(maxsize=CACHED_KEYS)
def _displaced_pilots(chips: Chips) -> Complex:
    """(K_pilot, D) complex64: right factor of pilots that shows how well each displacement explains them."""
    steered = np.exp(2j * np.pi / TILE * (chips.pilot.k @ _displacement_grid().T)).astype(np.complex64)
    displaced: Complex = np.conj(chips.pilot_phasor)[:, None] * steered
    return displaced


def _displacements(pilots: Complex, chips: Chips) -> npt.NDArray[np.float64] | None:
    """(rows, columns, K_pilot) steered, normalised pilots -> (rows, columns, 2) pixels, or None where nothing moves.

    A tile displaced by d has pilots exp(-2 pi i k d / 128) times their due; over each 3 x 3 tiles the d that fits
    best is looked for, and an affine map is fitted to those, robustly.
    """
    rows, columns, _ = pilots.shape
    if rows * columns < _MIN_TILES:
        return None
    grid = _displacement_grid()
    surface = (pilots @ _displaced_pilots(chips)).real
    surface = scipy.ndimage.uniform_filter(surface, (3, 3, 1), mode="constant")
    best = surface.argmax(axis=2)
    seen = grid[best].reshape(-1, 2)
    peak = np.take_along_axis(surface, best[..., None], axis=2).ravel()
    deviation = float(surface.std()) + 1e-12
    place = np.indices((rows, columns)).reshape(2, -1).T
    design = np.column_stack([np.ones(len(place)), place])
    weight = np.maximum(peak / deviation - 2.5, 0.0)
    fit: npt.NDArray[np.float64] = np.zeros((3, 2))
    for _ in range(4):
        if np.count_nonzero(weight) < _MIN_TILES // 2:
            return None
        weighted = (design * weight[:, None] ** 2).T
        fit = np.linalg.solve(weighted @ design + 1e-9 * np.eye(3), weighted @ seen)
        distance = np.linalg.norm(seen - design @ fit, axis=1)
        weight = np.maximum(peak / deviation - 2.5, 0.0) / (1 + (distance / _STEP) ** 2)
    out = np.asarray(design @ fit, dtype=np.float64).reshape(rows, columns, 2)
    return out if np.abs(out).max() > _STEP / 4 else None


def steering(k: Harmonics, displacement: npt.NDArray[np.float64]) -> Complex:
    """exp(2 pi i k d / 128) for (..., 2) displacements: (..., K), from one table a row and one a column."""
    reach = int(np.abs(k).max())
    orders = np.arange(-reach, reach + 1)
    tables = [
        np.exp(2j * np.pi / TILE * displacement[..., axis, None] * orders).astype(np.complex64)
        for axis in (0, 1)
    ]
    steered: Complex = tables[0][..., k[:, 0] + reach] * tables[1][..., k[:, 1] + reach]
    return steered


def tile_spectra(
    residual: Real, chips: Chips, shift: tuple[float, float], *, spacing: int = SPACING, elastic: bool = True
) -> TileSpectra:
    """Cut an upright residual into tiles beginning at `shift` and take their spectra.

    Args:
        residual: (H, W) float32, upright, of one canonical pixel a pixel.
        shift: (row, column) of a tile's first pixel, fractions allowed.
        spacing: of the Laplacian that made the residual, 0 when it was whitened.
        elastic: let the pilots correct each tile's place.
    """
    whole = [math.floor(s + 0.5) for s in shift]
    at, k, (pilot, sync, payload) = _places(chips)
    squares = np.zeros((TILE, 2 * _COLUMNS), dtype=np.float32)  # real and imaginary in turn
    rows = []
    top, left = (-n % TILE for n in whole)
    for spectra in _rows_of_spectra(residual, top, left, folded=not elastic):
        parts = spectra.view(np.float32)
        squares += np.einsum("cij,cij->ij", parts, parts)
        rows.append(spectra.reshape(len(spectra), -1).take(at, axis=1))
    power = squares[:, 0::2] + squares[:, 1::2]
    local = scipy.ndimage.uniform_filter(power, _SMOOTHING, mode=("wrap", "nearest"))
    local += np.float32(1e-9) * local.max() + np.float32(1e-30)
    scale: Real = (1 / np.sqrt(local)).ravel()[at].astype(np.float32)
    values = np.stack(rows)
    values *= scale * steering(k, np.subtract(shift, whole))
    displacement = _displacements(values[..., pilot], chips) if elastic else None
    if displacement is not None:
        values *= steering(k, displacement)
    strengths = [
        _response(band, spacing) * scale[part]
        for band, part in ((chips.sync, sync), (chips.payload, payload))
    ]
    unit = np.float32(1 / max(float(strengths[0].mean()), 1e-30))
    folded = _fold_super(values)
    return TileSpectra(
        np.ascontiguousarray(folded[..., sync]),
        np.ascontiguousarray(folded[..., payload]),
        strengths[0] * unit,
        strengths[1] * unit,
    )
