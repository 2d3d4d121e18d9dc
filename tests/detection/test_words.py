from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.rings import ring_of
from waarmerk.core.arrays import Complex
from waarmerk.core.chips import chips_of
from waarmerk.core.layout import PATTERNS, SUPER, TILE
from waarmerk.detection import words
from waarmerk.detection.tiles import TileSpectra, steering

CHIPS = chips_of(ring_of().current.pattern)
PATTERN, OFFSET = 11, (3, 6)


def _noise(seed: int, k: int) -> Complex:
    draw = np.random.Generator(np.random.Philox(seed)).standard_normal((2, SUPER, SUPER, k))
    noise: Complex = (draw[0] + 1j * draw[1]).astype(np.complex64)
    return noise


def _tiles(strength: float) -> TileSpectra:
    """Noise, and `strength` times the sync of one pattern at one place."""
    sync = np.roll(CHIPS.sync_phasors(PATTERN), (-OFFSET[0], -OFFSET[1]), axis=(0, 1))
    n_sync, n_payload = len(CHIPS.sync.k), len(CHIPS.payload.k)
    return TileSpectra(
        _noise(1, n_sync) + np.float32(strength) * sync,
        _noise(2, n_payload),
        np.linspace(1.5, 0.5, n_sync, dtype=np.float32),
        np.linspace(1.5, 0.5, n_payload, dtype=np.float32),
    )


def _plain_score(tiles: TileSpectra, pattern: int, offset: tuple[int, int]) -> float:
    """One hypothesis' score, summed harmonic by harmonic."""
    phasors = CHIPS.sync_phasors(pattern)
    rings = words._rings(CHIPS.sync)
    z, v = np.zeros(words.RINGS), np.zeros(words.RINGS)
    for i in range(SUPER):
        for j in range(SUPER):
            x = tiles.sync[i, j].astype(complex) * tiles.strength_sync
            c = phasors[(i + offset[0]) % SUPER, (j + offset[1]) % SUPER]
            z += np.bincount(rings, (x * np.conj(c)).real, words.RINGS)
            v += np.bincount(rings, np.abs(x) ** 2 / 2, words.RINGS)
    one_sign = np.max(np.abs(np.cumsum(z)) / np.sqrt(np.cumsum(v)))
    any_sign = np.sqrt(max(np.sum(z**2 / v) - (words.RINGS - 1), 0))
    return float(max(one_sign, any_sign))


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.5, -2.0)])
def test_every_place_and_pattern_scores_by_the_formula(shift: tuple[float, float]) -> None:
    tiles = _tiles(0.1)
    made = words._scores(tiles, CHIPS, np.asarray([(0.5, 0.5), shift]))[:, 1]
    moved = replace(tiles, sync=tiles.sync * steering(CHIPS.sync.k, np.asarray(shift)))
    assert made.shape == (SUPER * SUPER * PATTERNS,)
    for index in (0, 15, 333, 514, 1023):
        pattern, offset = words._place(index)
        assert made[index] == pytest.approx(_plain_score(moved, pattern, offset), rel=1e-4)


def test_the_sync_says_pattern_and_place() -> None:
    assert words.find_super_tile(_tiles(0.2), CHIPS) == [(PATTERN, OFFSET)]
    assert (PATTERN, OFFSET) in words.find_super_tile(_tiles(-0.2), CHIPS, best=2)


@pytest.mark.parametrize("away", [(0.0, 0.0), (2.0, -3.0), (-1.5, 0.5)])
def test_tiles_a_few_pixels_off_are_moved_back(away: tuple[float, float]) -> None:
    right = _tiles(0.3)
    phase = {band: steering(band.k, -np.asarray(away)) for band in (CHIPS.sync, CHIPS.payload)}
    off = replace(right, sync=right.sync * phase[CHIPS.sync], payload=right.payload * phase[CHIPS.payload])
    back = words.resynchronised(off, CHIPS)
    assert np.allclose(back.sync, right.sync, atol=1e-4)
    assert np.allclose(back.payload, right.payload, atol=1e-4)


def test_steering_is_a_shift_of_the_pixels() -> None:
    k = CHIPS.sync.k
    expected = np.exp(2j * np.pi / TILE * (k @ np.asarray([1.25, -2.5])))
    assert np.allclose(steering(k, np.asarray([1.25, -2.5])), expected, atol=1e-5)
