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
from waarmerk.core.layout import TILE
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
        pattern=40,
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


def test_the_score_is_the_docstrings_formula() -> None:
    """Exact frequencies and a plain loop over shifts, against interpolation and a transform."""
    plane = residual.whitened(_luma(Image.fromarray(pictures.photo(53, 300, 340))))
    centred = slight._Centred(plane)
    b = 1.05 * _turned(1.5)
    every = np.arange(len(CHIPS.pilot.k))
    fast = slight._scores(centred, CHIPS, every, b[None], 32)[0]
    h, w = plane.shape
    values = []
    for k, phasor in zip(CHIPS.pilot.k, CHIPS.pilot_phasor, strict=True):
        f = b @ k / TILE
        rows = np.exp(-2j * np.pi * f[0] * (np.arange(h) - (h - 1) / 2))
        columns = np.exp(-2j * np.pi * f[1] * (np.arange(w) - (w - 1) / 2))
        exact = rows @ plane @ columns
        # The local power is the kernel's own: at the line's nearest bin.
        bin_ = np.rint(f * np.array(centred.size)).astype(int) * (1 if f[1] >= 0 else -1)
        raw = np.fft.rfft2(plane, s=centred.size)[bin_[0] % centred.size[0], bin_[1]]
        kept = centred.values[bin_[0] + centred.reach[0], bin_[1]]
        values.append(exact * np.abs(kept) / np.abs(raw) * np.conj(phasor))
    shifts = np.arange(32) * TILE / 32
    best = 0.0
    for dy in shifts:
        for dx in shifts:
            turn = np.exp(2j * np.pi / TILE * (CHIPS.pilot.k @ np.array([dy, dx])))
            best = max(best, abs(float(np.real(np.array(values) @ turn))))
    assert fast == pytest.approx(best / math.sqrt(len(every) / 2), rel=0.15)


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
    plane = images._padded(residual.whitened(_luma(Image.fromarray(pictures.photo(54, 256, 256)))))
    assert list(search._by_sync(plane, CHIPS, RING.current, {})) == []
    assert search.attempts == 2 * images._SYNC_TRIES
