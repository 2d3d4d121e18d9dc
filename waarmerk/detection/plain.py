"""The maps most pictures have been through: a change of size, or a turn, found by the pilots' phases.

Every scale and every turn on a line so fine that one of them fits is cheap enough to be tried by the near pilots; the
best few are tried again by all pilots. Scales and turns at once are too many, and are left to the power spectrum.
"""

from __future__ import annotations

import math

import numpy as np

from waarmerk.core.arrays import Real
from waarmerk.core.chips import Chips
from waarmerk.core.layout import TILE

from . import coherent
from .geometry import Matrix

PEAK = 5.2  # an unmarked picture's best is 4.2 to 4.8
_SCALES = (0.3, 5.5)
_TURN = math.pi / 4
_REACH = 0.47  # cycles a pixel
_SIDE = 40  # of the coarse grid of shifts, TILE / 2 that of the fine
_LIKELY = 12
_AROUND = (-0.5, 0.0, 0.5)  # steps


def candidates(residual: Real, chips: Chips, factor: int, *, keep: int) -> list[tuple[float, Matrix]]:
    """The `keep` likeliest (score, B) that score at least `PEAK`, best first.

    Args:
        residual: (H, W) float32, whitened, `factor` times smaller than the plane that B is for.
    """
    centred = coherent.Centred(residual, _REACH)
    step = coherent.STEP / (factor * max(residual.shape))
    lowest, highest = (math.log(scale) for scale in _SCALES)
    none = np.zeros(1)
    coarse = np.concatenate(
        [
            coherent.turned_maps(none, np.arange(lowest, min(highest, math.log(5.5 / factor)), step)),
            coherent.turned_maps(np.arange(-_TURN, _TURN, step), none),
        ]
    )
    scores = coherent.scores(centred, chips, coherent.near(chips), factor * coarse, _SIDE)
    likely: list[Matrix] = []
    for n in np.argsort(-scores):
        if len(likely) == _LIKELY:
            break
        if all(np.abs(coarse[n] - other).max() > 1.5 * step * np.abs(other).max() for other in likely):
            likely.append(coarse[n])
    around = coherent.turned_maps(step * np.asarray(_AROUND), step * np.asarray(_AROUND))
    fine = np.stack(likely)[:, None] @ around
    every = np.arange(len(chips.pilot.k))
    scores = coherent.scores(centred, chips, every, factor * fine.reshape(-1, 2, 2), TILE // 2).reshape(
        fine.shape[:2]
    )
    best = scores.argmax(axis=1)
    found = [(float(scores[n, best[n]]), fine[n, best[n]]) for n in range(len(likely))]
    found.sort(key=lambda pair: -pair[0])
    return [pair for pair in found[:keep] if pair[0] >= PEAK]
