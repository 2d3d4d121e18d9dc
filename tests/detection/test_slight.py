"""A slight turn is found by what little is left of the pilots."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from benchmarks import adversary, attacks, pictures
from tests.rings import TENANT, ring_of
from waarmerk.core.chips import chips_of
from waarmerk.detection import images, residual, slight
from waarmerk.marking.images import embed

RING = ring_of()
CHIPS = chips_of(RING.current.pattern)
MARK_ID = 0x0123_4567_89AB_CDEF


def _luma(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L")).astype(np.float32)


def _turned(degrees: float) -> np.ndarray:
    a = math.radians(degrees)
    return np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])


@pytest.fixture(scope="module")
def attacked() -> Image.Image:
    """Folded on itself and subtracted: hardly a line is left in the spectrum."""
    planes = embed(
        pictures.photo(51, 700, 900),
        RING.current,
        tenant=TENANT,
        mark_id=MARK_ID,
        pattern=4,
        offset=(311, 77),
        rgb=True,
    )
    return Image.fromarray(adversary.fold_and_subtract(_luma(Image.fromarray(planes)), 0.7).astype(np.uint8))


@pytest.mark.parametrize(("degrees", "scale"), [(0.0, 1.0), (1.0, 1.0), (-2.3, 0.87), (0.4, 1.21)])
def test_a_slight_turn_and_scale_is_found(attacked: Image.Image, degrees: float, scale: float) -> None:
    image = attacks.scaled(scale)(attacks.rotated(degrees)(attacked))
    score, b = slight.candidates(residual.whitened(_luma(image)), CHIPS, keep=1)[0]
    assert score > slight.PEAK
    assert np.abs(b - _turned(degrees) / scale).max() < 3e-3


@pytest.mark.parametrize("kind", [pictures.photo, pictures.cartoon, pictures.grain])
def test_an_unmarked_picture_speaks_for_no_turn(kind: Callable[[int, int, int], pictures.Rgb]) -> None:
    luma = _luma(Image.fromarray(kind(52, 600, 800)))
    assert slight.candidates(residual.whitened(luma), CHIPS, keep=1)[0][0] < slight.PEAK


@pytest.mark.slow
@pytest.mark.parametrize(
    "then",
    [
        attacks.rotated(1),
        attacks.scaled(0.9),
        attacks.chain(attacks.rotated(1), attacks.scaled(0.9), attacks.jpeg(70)),
    ],
    ids=["rotated", "scaled", "both and coded"],
)
def test_a_thorough_search_reads_a_folded_picture_that_was_turned(
    attacked: Image.Image, then: attacks.Attack
) -> None:
    luma = _luma(then(attacked))
    assert images.read(luma, RING, thorough=True).mark_id == MARK_ID


def test_what_the_sync_leaves_out_is_paid_for_all_the_same() -> None:
    """The number of a try may depend on pilots, never on the sync whose own bound it multiplies."""
    search = images._Search(RING, thorough=False)
    plane = residual.whitened(_luma(Image.fromarray(pictures.photo(54, 256, 256))))
    assert list(search._by_sync(plane, CHIPS, RING.current, {})) == []
    assert search.attempts == 2 * images._SYNC_TRIES
