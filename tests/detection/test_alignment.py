from __future__ import annotations

import numpy as np
import pytest

from tests.rings import ring_of
from waarmerk.core.chips import chips_of
from waarmerk.core.layout import TILE
from waarmerk.detection import alignment

CHIPS = chips_of(ring_of().current.pattern)


def _pilot_tile() -> np.ndarray:
    """(128, 128) the pilots alone, by their definition."""
    place = np.arange(TILE)
    tile = np.zeros((TILE, TILE))
    for (ky, kx), phasor in zip(CHIPS.pilot.k, CHIPS.pilot_phasor, strict=True):
        angle = 2 * np.pi * (ky * place[:, None] + kx * place) / TILE + np.angle(phasor)
        tile += np.cos(angle)
    return tile


def _upright(height: int, width: int, start: tuple[int, int]) -> np.ndarray:
    """A plane of pilots in which a tile begins at `start`."""
    at = (np.arange(height) - start[0])[:, None] % TILE, (np.arange(width) - start[1]) % TILE
    noise = np.random.Generator(np.random.Philox(5)).standard_normal((height, width))
    return (_pilot_tile()[at] + 10 * noise).astype(np.float32)


@pytest.mark.parametrize("dihedral", range(8))
@pytest.mark.parametrize("shape", [(256, 384), (300, 517), (131, 200)])
def test_pilots_say_how_a_picture_lies_and_where_a_tile_begins(dihedral: int, shape: tuple[int, int]) -> None:
    """Sizes that are no whole tiles included: the place is one in the turned picture as it is."""
    start = (37, 90)
    upright = _upright(*shape, start)
    lying = alignment._turned_back(upright, dihedral)
    found = alignment.align(np.ascontiguousarray(lying), CHIPS)[0]
    assert found.dihedral == dihedral
    assert np.allclose(found.shift, start, atol=0.2)
    assert found.peak > 6
    assert (alignment.turn(lying, dihedral) == upright).all()


def test_a_picture_and_its_negative_peak_with_opposite_signs() -> None:
    plane = _upright(256, 256, (3, 4))
    one, other = (alignment.align(sign * plane, CHIPS)[0] for sign in (np.float32(1), np.float32(-1)))
    assert one.shift == other.shift
    assert one.peak == pytest.approx(-other.peak)


def test_only_the_ways_asked_for_are_tried() -> None:
    found = alignment.align(_upright(256, 256, (0, 0)), CHIPS, dihedrals=(3, 1), best=8)
    assert {a.dihedral for a in found} == {1, 3}


@pytest.mark.parametrize("shape", [(128, 256), (300, 517), (96, 100), (129, 128)])
def test_folding_adds_up_all_tiles(shape: tuple[int, int]) -> None:
    plane = np.random.Generator(np.random.Philox(6)).integers(-9, 9, shape).astype(np.float32)
    plain = np.zeros((TILE, TILE))
    for i in range(shape[0]):
        for j in range(shape[1]):
            plain[i % TILE, j % TILE] += plane[i, j]
    assert (alignment.fold(plane) == plain).all()
