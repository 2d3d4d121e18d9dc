"""Slight turns and changes of scale of a picture whose pilots are almost gone.

Somebody who folds a picture on itself and subtracts takes most of the pilots' power away, and then turns or shrinks it
a little so that the sync, which needs the exact geometry, cannot be found as it lies. What is left of the pilots is too
little for the lines of a power spectrum, but it is still one pattern: maps are scored by `coherent`, first by the near
and by the far pilots on grids of turns and scales as fine as the picture is large, then by all pilots around the best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from waarmerk.core.arrays import Index, Real
from waarmerk.core.chips import Chips
from waarmerk.core.layout import PILOT_RADIUS_MAX, TILE

from . import coherent
from .geometry import Matrix

PEAK = 5.2  # an unmarked picture's best is 4.2 to 5, but for periodic ones
_KEEP = 24  # coarse maps of each part that are looked at closely


@dataclass(frozen=True, slots=True)
class _Part:
    """Pilots that are scored by themselves, and how far and how finely.

    What is left of near and of far pilots may differ in sign, or be nothing on one side: somebody's guess of the mark's
    shape was too strong here and too weak there.

    Attributes:
        nearest, farthest: radii, the second included.
        turn, scale: how far a map may turn and, log, scale.
        step: times `coherent.STEP` over the long side; a quarter period at the picture's edge.
    """

    nearest: float
    farthest: float
    turn: float
    scale: float
    step: float

    def lines(self, chips: Chips) -> Index:
        radius = chips.pilot.radius
        return np.flatnonzero((radius > self.nearest) & (radius <= self.farthest))


_NEAR = _Part(0.0, coherent.NEAR, turn=math.radians(3.5), scale=math.log(1.3), step=1.0)
_FAR = _Part(coherent.NEAR, PILOT_RADIUS_MAX, turn=math.radians(2.0), scale=math.log(1.15), step=0.5)


def _grid(reach: float, step: float) -> npt.NDArray[np.float64]:
    """From -reach to reach, 0 among them, at most `step` apart."""
    return np.linspace(-reach, reach, 2 * math.ceil(reach / step) + 1)


def candidates(residual: Real, chips: Chips, *, keep: int) -> list[tuple[float, Matrix]]:
    """The `keep` likeliest (score, B), best first; an unmarked picture's best scores 4 to 5.

    Args:
        residual: (H, W) float32, whitened, of about one canonical pixel a pixel.
    """
    centred = coherent.Centred(residual)
    found: list[tuple[float, Matrix]] = []
    for part in (_NEAR, _FAR):
        step = part.step * coherent.STEP / max(residual.shape)
        turns, scales = _grid(part.turn, step), _grid(part.scale, step)
        coarse = coherent.scores(
            centred, chips, part.lines(chips), coherent.turned_maps(turns, scales), TILE // 2
        )
        for n in np.argsort(-coarse)[:_KEEP]:
            score, b = _close(centred, chips, part, turns[n // len(scales)], scales[n % len(scales)], step)
            if all(np.abs(b - other).max() > step / 2 for _, other in found):
                found.append((score, b))
    found.sort(key=lambda pair: -pair[0])
    return found[:keep]


def _close(
    centred: coherent.Centred, chips: Chips, part: _Part, turn: float, scale: float, step: float
) -> tuple[float, Matrix]:
    """The best map within half a step, by the part's own pilots or by all."""
    around = np.arange(-2, 3) * step / 4
    maps = coherent.turned_maps(turn + around, scale + around)
    every = np.arange(len(chips.pilot.k))
    both = [coherent.scores(centred, chips, which, maps, TILE) for which in (part.lines(chips), every)]
    best = int(np.argmax(np.maximum(*both)))
    return float(max(both[0][best], both[1][best])), maps[best]
