"""The maps most pictures have been through: a change of size, a turn, or of one side, by the pilots' phases.

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
_USUAL = (0.45, 2.0)  # of mirrored ones
_SIDE_CHANGE = 1.35
_TURN = math.pi / 4
_REACH = 0.47  # cycles a pixel
_STEP = 5.5  # as `coherent.STEP`; half a step off costs a sixth, which the fine grid brings back
_SIDE = 40  # of the coarse grid of shifts, TILE / 2 that of the fine
_LIKELY = 12
_AROUND = (-0.4, 0.0, 0.4)  # steps


def _maps(step: float, highest: float, few: bool) -> Matrix:
    """(C, 2, 2) scales and turns; mirrored scales; and changes of one side."""
    scales, usual, turns, sides = (
        np.arange(low, high, step)
        for low, high in (
            (math.log(_SCALES[0]), math.log(highest)),
            (math.log(_USUAL[0]), math.log(min(_USUAL[1], highest))),
            (-_TURN, _TURN),
            (-math.log(_SIDE_CHANGE), math.log(_SIDE_CHANGE)),
        )
    )
    none = np.zeros(1)
    turned, mirrored = (
        coherent.turned_maps(turns, none),
        coherent.turned_maps(none, usual) @ np.diag([1.0, -1.0]),
    )
    usual_maps = [coherent.turned_maps(none, scales), turned]
    if few:
        return np.concatenate(usual_maps)
    one_side = np.zeros((2, len(sides), 2, 2))
    one_side[0, :, 0, 0] = one_side[1, :, 1, 1] = np.exp(sides)
    one_side[0, :, 1, 1] = one_side[1, :, 0, 0] = 1
    return np.concatenate([*usual_maps, mirrored, *one_side])


def candidates(
    residual: Real, chips: Chips, factor: int, *, keep: int, few: bool = False
) -> list[tuple[float, Matrix]]:
    """The `keep` likeliest (score, B) that score at least `PEAK`, best first.

    Args:
        residual: (H, W) float32, whitened, `factor` times smaller than the plane that B is for.
        few: scales and turns only.
    """
    centred = coherent.Centred(residual, _REACH)
    step = _STEP / (factor * max(residual.shape))
    coarse = _maps(step, _SCALES[1] / factor, few)
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
