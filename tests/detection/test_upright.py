from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import pictures
from tests.rings import TENANT, ring_of
from waarmerk.core.arrays import Luma
from waarmerk.core.chips import chips_of
from waarmerk.detection import alignment, images, residual, upright
from waarmerk.marking.images import embed

RING = ring_of()
CHIPS = chips_of(RING.current.pattern)
MARK_ID = 0x0123_4567_89AB_CDEF
OFFSET = (555, 901)


def _luma(*, marked: bool, height: int = 640, width: int = 704) -> Luma:
    planes = pictures.cartoon(16, height, width)
    if marked:
        keys = RING.current
        planes = embed(planes, keys, tenant=TENANT, mark_id=MARK_ID, pattern=9, offset=OFFSET, rgb=True)
    return planes.astype(np.float32) @ np.asarray([0.299, 0.587, 0.114], dtype=np.float32)


@pytest.mark.parametrize("dihedral", range(8))
@pytest.mark.parametrize("width", [704, 601])
def test_the_sync_alone_finds_shift_and_turn(dihedral: int, width: int) -> None:
    """To the pixel, whole tiles or not: an axis that runs backwards ends at its last pixel."""
    lying = alignment._turned_back(_luma(marked=True, width=width), dihedral)
    found = upright.align_pilotless(residual.whitened(np.ascontiguousarray(lying)), CHIPS, upright.THOROUGH)
    assert found is not None
    assert found.dihedral == dihedral
    assert found.shift == pytest.approx((-OFFSET[0] % 128, -OFFSET[1] % 128))
    assert found.peak > upright.PEAK


def test_a_negative_peaks_below_zero() -> None:
    found = upright.align_pilotless(residual.whitened(255 - _luma(marked=True)), CHIPS)
    assert found is not None
    assert found.peak < -upright.PEAK


def test_an_unmarked_picture_has_no_peak_and_a_greater_effort_sees_more() -> None:
    plane = residual.whitened(_luma(marked=False))
    assert upright.align_pilotless(plane, CHIPS) is None
    marked = residual.whitened(_luma(marked=True).T.copy())
    quick, thorough = (
        upright.align_pilotless(marked, CHIPS, effort) for effort in (upright.QUICK, upright.THOROUGH)
    )
    assert thorough is not None
    assert quick is None or abs(thorough.peak) > 1.4 * abs(quick.peak)


def test_only_the_ways_asked_for_are_searched() -> None:
    plane = residual.whitened(_luma(marked=True))
    assert upright.align_pilotless(plane, CHIPS, dihedrals=(1, 2, 7)) is None
    assert upright.align_pilotless(plane, CHIPS, dihedrals=(0,)) is not None


def test_a_mark_whose_pilots_nobody_sees_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "PEAK", math.inf)
    reading = images.read(_luma(marked=True), RING)
    assert reading.mark_id == MARK_ID
    assert reading.geometry is not None
    assert reading.geometry["stage"] == "pilotless"


def test_the_correlation_is_its_formula() -> None:
    """Z of one pattern at one shift, summed frequency by frequency from whole transforms."""
    plane = residual.whitened(_luma(marked=True))
    band = upright._band(upright._spectrum(plane), 0)
    template = upright._templates(CHIPS, 1)[9]
    z = np.fft.ifft2(band * template) * band.size
    angle_y, angle_x = (
        2j * np.pi * f / size for f, size in zip(upright._frequencies(), upright.SIZE, strict=True)
    )
    for row, column in ((3, 150), (117, 64)):
        plain = sum(
            complex(band[i, j]) * complex(template[i, j]) * np.exp(angle_y[i] * row + angle_x[j] * column)
            for i in range(upright.SIZE[0])
            for j in range(upright.SIZE[1])
        )
        assert abs(abs(plain) - abs(z[row, column])) < 1e-3 * abs(z).max()
