from __future__ import annotations

import numpy as np
import pytest

from tests.rings import ring_of
from waarmerk.core.chips import chips_of
from waarmerk.core.layout import SUPER, TILE
from waarmerk.detection.tiles import tile_spectra

CHIPS = chips_of(ring_of().current.pattern)


def _plain_spectra(plane: np.ndarray, shift: tuple[float, float], k: np.ndarray) -> np.ndarray:
    """(8, 8, K): each tile's whole transform; tiles a super-tile apart are added up first."""
    whole = [int(np.floor(s + 0.5)) for s in shift]
    top, left = -whole[0] % TILE, -whole[1] % TILE
    h, w = plane.shape
    padded = np.pad(plane.astype(np.float64), ((top, -(h + top) % TILE), (left, -(w + left) % TILE)))
    rows, columns = padded.shape[0] // TILE, padded.shape[1] // TILE
    tiles = np.zeros((SUPER, SUPER, TILE, TILE))
    for i in range(rows):
        for j in range(columns):
            tile = padded[i * TILE : (i + 1) * TILE, j * TILE : (j + 1) * TILE]
            tiles[i % SUPER, j % SUPER] += tile
    spectra = np.fft.rfft2(tiles)
    power = np.sum(np.abs(spectra) ** 2, axis=(0, 1))
    wide = np.pad(np.pad(power, ((4, 4), (0, 0)), mode="wrap"), ((0, 0), (4, 4)), mode="edge")
    local = np.asarray([[wide[y : y + 9, x : x + 9].mean() for x in range(65)] for y in range(TILE)])
    turn = np.exp(2j * np.pi / TILE * (k @ np.subtract(shift, whole)))
    normal: np.ndarray = (spectra / np.sqrt(local))[:, :, k[:, 0] % TILE, k[:, 1]] * turn
    return normal


@pytest.mark.parametrize("shift", [(0.0, 0.0), (37.3, 90.8), (127.6, 0.4)])
@pytest.mark.parametrize("shape", [(256, 384), (300, 517), (1100, 140), (130, 2300), (96, 130)])
def test_rigid_spectra_are_those_of_each_tile(shape: tuple[int, int], shift: tuple[float, float]) -> None:
    plane = np.random.Generator(np.random.Philox(7)).standard_normal(shape).astype(np.float32)
    before = plane.copy()
    tiles = tile_spectra(plane, CHIPS, shift, spacing=0, elastic=False)
    for made, band in ((tiles.sync, CHIPS.sync), (tiles.payload, CHIPS.payload)):
        assert np.allclose(made, _plain_spectra(plane, shift, band.k), atol=1e-4)
    assert (plane == before).all()


def test_a_turned_view_has_its_copys_spectra() -> None:
    plane = np.random.Generator(np.random.Philox(8)).standard_normal((300, 400)).astype(np.float32)
    view = np.rot90(plane)[:, ::-1]
    made, copied = (tile_spectra(p, CHIPS, (5.0, 6.0), spacing=0) for p in (view, view.copy()))
    assert (made.payload == copied.payload).all()
    assert (made.sync == copied.sync).all()
