"""How much of a picture a mark that was read as it lies covers.

The picture is cut along the tiles of the mark. The word is known, so a tile is one hypothesis: it counts as covered
where log10 p of the matched check is at most `SHOWS`, which an unmarked one is once in a hundred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from waarmerk.core import payload
from waarmerk.core.arrays import Luma, as_luma
from waarmerk.core.blocks import box_reduce
from waarmerk.core.chips import chips_of
from waarmerk.core.keys import EpochKeys
from waarmerk.core.layout import SUPER, TILE, octave_scale

from . import residual, words
from .images import ImageReading
from .tiles import tile_spectra

SHOWS = -2.0
_LEAST = 64  # canonical pixels; a thinner tile is looked at with its neighbour


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of an axis that begins where the picture or a tile does.

    Attributes:
        start, stop: pixels.
        shift: of the first tile's border from `start`, pixels.
        place: super-tile coordinate of the tile at `start`.
    """

    start: int
    stop: int
    shift: float
    place: int


def _pieces(length: int, shift: float, place: int) -> list[_Piece]:
    """An axis cut at tile borders, given the picture's own shift and its first tile's place."""
    whole = math.floor(shift + 0.5)
    part = whole % TILE  # pixels of the first tile where it is not whole
    inner = [n for n in range(part or TILE, length, TILE) if n >= _LEAST and length - n >= _LEAST]
    tiles = [(n - part) // TILE + (1 if part else 0) for n in inner]
    starts = [(0, shift, place), *((n, shift - whole, place + t) for n, t in zip(inner, tiles, strict=True))]
    return [
        _Piece(start, stop, offset, at % SUPER)
        for (start, offset, at), stop in zip(starts, [*inner, length], strict=True)
    ]


def coverage(luma: Luma, keys: EpochKeys, reading: ImageReading) -> float:
    """Share of the tiles in which the mark shows, 0..1; 0 where it does not lie as it was embedded.

    Args:
        luma: (H, W) float32, 0..255, that was read.
        keys: of the reading's epoch.
        reading: a mark that was found by `read_as_it_lies`.
    """
    luma = as_luma(luma)
    how, tenant, mark_id = reading.geometry, reading.tenant, reading.mark_id
    if how is None or tenant is None or mark_id is None or how["factor"] != octave_scale(*luma.shape):
        return 0.0
    chips = chips_of(keys.pattern)
    word = payload.sign(mark_id, keys.tags[tenant])
    plane = residual.laplacian(box_reduce(luma, octave_scale(*luma.shape)))
    pattern, shift, place = (how[name] for name in ("pattern", "shift", "offset"))
    if not (isinstance(pattern, int) and isinstance(shift, tuple) and isinstance(place, tuple)):
        raise TypeError("a reading's geometry holds a pattern, a shift and an offset")
    rows, columns = (_pieces(plane.shape[axis], shift[axis], place[axis]) for axis in (0, 1))
    shown = [
        words.log10_p_of(
            tile_spectra(
                plane[row.start : row.stop, column.start : column.stop],
                chips,
                (row.shift, column.shift),
                elastic=False,
            ),
            chips,
            word,
            pattern,
            (row.place, column.place),
        )
        <= SHOWS
        for row in rows
        for column in columns
    ]
    return sum(shown) / len(shown)
