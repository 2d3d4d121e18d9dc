"""How much of a picture a mark covers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import pictures
from tests.rings import TENANT, ring_of
from waarmerk.core.arrays import Luma
from waarmerk.core.layout import TILE
from waarmerk.detection import coverage, images
from waarmerk.marking.images import embed, luma_of

RING = ring_of()
PLANES = pictures.photo(61, 700, 900)


def _marked(planes: pictures.Rgb, offset: tuple[int, int] = (700, 333)) -> pictures.Rgb:
    return embed(planes, RING.current, tenant=TENANT, mark_id=77, pattern=11, offset=offset, rgb=True)


def _luma(planes: pictures.Rgb) -> Luma:
    return luma_of(np.ascontiguousarray(planes), rgb=True).astype(np.float32)


def _share(planes: pictures.Rgb) -> float:
    luma = _luma(planes)
    reading = images.read_as_it_lies(luma, RING)
    assert reading.mark_id == 77
    return coverage.coverage(luma, RING.current, reading)


@pytest.mark.parametrize("offset", [(0, 0), (700, 333), (1023, 1), (128, 896)])
def test_a_whole_mark_covers_everything(offset: tuple[int, int]) -> None:
    assert _share(_marked(PLANES, offset)) == 1.0


def test_a_cut_leaves_the_rest_covered() -> None:
    assert _share(_marked(PLANES)[61:-90, 77:-5]) == 1.0


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_part_without_a_mark_is_seen(share: float) -> None:
    planes = _marked(PLANES)
    first = round(planes.shape[1] * (1 - share))
    planes[:, first:] = PLANES[:, first:]
    assert 1 - share - 0.15 <= _share(planes) <= 1 - share + 0.15


def test_a_large_picture_is_looked_at_in_its_canonical_pixels() -> None:
    assert _share(_marked(pictures.photo(62, 1500, 1700))) >= 0.95


def test_pieces_begin_where_tiles_do_and_fill_the_axis() -> None:
    for length, shift, place in ((900, 52.6, 3), (900, 0.0, 7), (200, 127.2, 0), (96, 3.0, 5)):
        pieces = coverage._pieces(length, shift, place)
        assert [p.start for p in pieces[1:]] == [p.stop for p in pieces[:-1]]
        assert (pieces[0].start, pieces[-1].stop) == (0, length)
        for p in pieces[1:]:
            assert (p.start - round(shift)) % TILE == 0
            assert (
                p.place == (place + (p.start - round(shift) % TILE) // TILE + bool(round(shift) % TILE)) % 8
            )


def test_a_glance_sees_an_upright_mark_only() -> None:
    marked = _marked(PLANES)
    assert images.read_as_it_lies(_luma(marked), RING).mark_id == 77
    for other in (np.rot90(marked), marked[:, ::-1], PLANES):
        assert images.read_as_it_lies(_luma(other), RING).mark_id is None
