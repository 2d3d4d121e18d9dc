"""Format 1: which spatial frequencies carry what, before any key.

The mark lives in the DFT of a 128 x 128 tile. A harmonic is an integer frequency pair (ky, kx), in cycles a tile,
of the half plane kx > 0. 8 x 8 tiles with different phases form a super-tile of 1024 x 1024, which repeats.
All of it is in canonical pixels: a picture of more than 2^21 pixels has tiles of 128 S pixels (`octave_scale`).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

TILE = 128
SUPER = 8
SUPER_TILE = TILE * SUPER
MAX_CANONICAL = 1 << 21  # canonical pixels, where the short side allows
MIN_CANONICAL_SIDE = 256
PATTERNS = 16
RADIUS_MIN, RADIUS_MAX = 2.5, 38.0  # 0.02 .. 0.30 cycles a pixel
EXPECTED_RADIUS, EXPECTED_WIDTH = (
    13.0,
    0.7,
)  # the amplitudes a detector expects; an embedder may shape its own
JPEG_GRID = TILE // 8  # an 8 x 8 block grid has its lines at multiples of this
PILOT_RADIUS_MIN, PILOT_RADIUS_MAX = 5.0, 26.0
PILOT_RINGS, PILOT_SECTORS = 14, 8
PILOT_SPACING = 1.5
DEAL_ROW, DEAL_COLUMN = (
    604,
    456,
)  # of 800: steps of the plastic number, which fill a circle evenly in two dimensions
SYNC_EVERY = 8  # every 8th harmonic by radius carries the known symbol

Harmonics = npt.NDArray[np.int64]
"""(K, 2) int64 rows (ky, kx), kx > 0."""


@lru_cache(maxsize=1)
def harmonics() -> Harmonics:
    """Every harmonic a mark may use, by radius, then ky, then kx.

    Axes and points where both numbers are multiples of 16 are left out: picture borders and the JPEG block grid
    are loud there.
    """
    reach = int(RADIUS_MAX)
    found = [
        (ky, kx)
        for ky in range(-reach, reach + 1)
        for kx in range(1, reach + 1)
        if ky != 0
        and RADIUS_MIN <= math.hypot(ky, kx) <= RADIUS_MAX
        and not (ky % JPEG_GRID == 0 and kx % JPEG_GRID == 0)
    ]
    found.sort(key=lambda k: (k[0] ** 2 + k[1] ** 2, k[0], k[1]))
    return np.asarray(found, dtype=np.int64)


def hump(radius: npt.NDArray[np.float32], centre: float, width: float) -> npt.NDArray[np.float32]:
    """Amplitudes exp(-(ln(|k| / centre) / width)^2 / 2): what the eye, codecs and shrinking leave of a mark."""
    away = np.log(radius / np.float32(centre)) / np.float32(width)
    amplitudes: npt.NDArray[np.float32] = np.exp(np.float32(-0.5) * away**2)
    return amplitudes


def octave_scale(height: int, width: int) -> int:
    """S: canonical pixels are S x S picture pixels.

    The least power of two with H W <= 2^21 S^2, but no more than leaves `MIN_CANONICAL_SIDE` canonical pixels on the
    short side: a long strip has too few rows to give half of them away.
    """
    scale = 1
    while height * width > MAX_CANONICAL * scale**2 and min(height, width) >= 2 * scale * MIN_CANONICAL_SIDE:
        scale *= 2
    return scale


def coded_bit_of(position: int, tile_row: int, tile_column: int, coded_bits: int) -> int:
    """The coded bit that the payload harmonic number `position` (by radius) carries in a tile of the super-tile.

    Rounds of `coded_bits` harmonics run outward and inward in turn; within a round, 8 n + j lies at
    j coded_bits / 8 + n, so the eight outputs of one step get eight different radii. Every tile starts at a place of
    its own, so a channel that passes a few radii only (shrinking, coarse quantisers) still brings every coded bit.
    """
    round_, place = divmod(position, coded_bits)
    if round_ % 2:
        place = coded_bits - 1 - place
    place = (place + DEAL_ROW * tile_row + DEAL_COLUMN * tile_column) % coded_bits
    output, step = divmod(place, coded_bits // 8)
    return 8 * step + output
