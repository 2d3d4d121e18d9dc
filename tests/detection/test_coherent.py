"""Frequency maps scored by the pilots' phases, and the plain maps found by them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from benchmarks import attacks, pictures
from tests.rings import TENANT, ring_of
from waarmerk.core.blocks import box_reduce
from waarmerk.core.chips import chips_of
from waarmerk.core.layout import EXPECTED_RADIUS, EXPECTED_WIDTH, TILE, hump
from waarmerk.detection import coherent, geometry, images, plain, residual, spectrum
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
def marked() -> Image.Image:
    planes = pictures.photo(38, 640, 800)
    return Image.fromarray(
        embed(planes, RING.current, tenant=TENANT, mark_id=MARK_ID, pattern=3, offset=(9, 800), rgb=True)
    )


def test_the_score_is_the_docstrings_formula() -> None:
    """Exact frequencies and a plain loop over shifts, against interpolation and a transform."""
    plane = residual.whitened(_luma(Image.fromarray(pictures.photo(53, 300, 340))))
    centred = coherent.Centred(plane)
    b = 1.05 * _turned(1.5)
    near = coherent.near(CHIPS)
    fast = coherent.scores(centred, CHIPS, near, b[None], 32)[0]
    h, w = plane.shape
    values = []
    k, radius = CHIPS.pilot.k[near], CHIPS.pilot.radius[near]
    for wave, phasor in zip(k, CHIPS.pilot_phasor[near], strict=True):
        f = b @ wave / TILE
        rows = np.exp(-2j * np.pi * f[0] * (np.arange(h) - h // 2))
        columns = np.exp(-2j * np.pi * f[1] * (np.arange(w) - w // 2))
        exact = rows @ plane @ columns
        # The local power is the kernel's own: at the line's nearest bin.
        bin_ = np.rint(f * np.array(centred.size)).astype(int) * (1 if f[1] >= 0 else -1)
        raw = np.fft.rfft2(plane, s=centred.size)[bin_[0] % centred.size[0], bin_[1]]
        kept = centred.values[bin_[0] + centred.reach[0], bin_[1]]
        values.append(exact * np.abs(kept) / np.abs(raw) * np.conj(phasor))
    weight = hump(radius, EXPECTED_RADIUS, EXPECTED_WIDTH)
    shifts = np.arange(32) * TILE / 32
    best = 0.0
    for dy in shifts:
        for dx in shifts:
            turn = np.exp(2j * np.pi / TILE * (k @ np.array([dy, dx])))
            best = max(best, abs(float(np.real((weight * np.array(values)) @ turn))))
    assert fast == pytest.approx(best / math.sqrt(float(np.sum(weight**2)) / 2), rel=0.15)


@pytest.mark.parametrize("scale", [0.4, 0.77, 0.9, 1.31, 2.9])
def test_a_scale_is_found_to_a_part_of_the_length(marked: Image.Image, scale: float) -> None:
    luma = _luma(attacks.scaled(scale)(marked))
    (score, b), *_ = plain.candidates(residual.whitened(luma), CHIPS, 1, keep=1)
    assert score > 8
    assert np.abs(b * scale - np.eye(2)).max() < 5 / max(luma.shape)


@pytest.mark.parametrize("degrees", [-38.0, 3.0, 17.0])
def test_a_turn_is_found_to_a_part_of_the_length(marked: Image.Image, degrees: float) -> None:
    luma = _luma(attacks.rotated(degrees)(marked))
    (score, b), *_ = plain.candidates(residual.whitened(box_reduce(luma, 2)), CHIPS, 2, keep=1)
    assert score > 8
    assert np.abs(b - _turned(degrees)).max() < 5 / max(luma.shape)


MAPS = {
    "mirrored and shrunk": (Image.Transpose.FLIP_LEFT_RIGHT, 0.8, 0.8),
    "wider": (None, 1.15, 1.0),
    "lower": (None, 1.0, 0.8),
}


@pytest.mark.parametrize("name", MAPS)
def test_the_other_usual_maps_are_found_too(marked: Image.Image, name: str) -> None:
    how, wider, taller = MAPS[name]
    image = attacks.scaled(wider, taller)(marked if how is None else marked.transpose(how))
    plane = residual.whitened(_luma(image))
    score = plain.candidates(plane, CHIPS, 1, keep=1)[0][0]
    few = plain.candidates(plane, CHIPS, 1, keep=1, few=True)
    assert score > 8
    assert all(score > 1.5 * other for other, _ in few)
    assert images.read(_luma(image), RING).mark_id == MARK_ID


def test_pilots_too_faint_for_their_power_are_found_by_their_phases(marked: Image.Image) -> None:
    luma = _luma(attacks.chain(attacks.scaled(0.7), attacks.jpeg(30))(marked))
    plane = residual.whitened(luma)
    lines = geometry.candidates(spectrum.spectrum_of(plane), CHIPS)
    assert not any(np.abs(np.abs(b) - np.eye(2) / 0.7).max() < 0.02 for _, b in lines)
    assert plain.candidates(plane, CHIPS, 1, keep=1)[0][0] > plain.PEAK


@pytest.mark.parametrize("kind", [pictures.photo, pictures.grain])
def test_an_unmarked_picture_speaks_for_no_plain_map(kind: Callable[[int, int, int], pictures.Rgb]) -> None:
    plane = residual.whitened(_luma(Image.fromarray(kind(62, 500, 700))))
    assert plain.candidates(plane, CHIPS, 1, keep=1) == []


@pytest.mark.parametrize(
    "attack",
    [
        attacks.chain(attacks.scaled(0.8), attacks.jpeg(50)),
        attacks.chain(attacks.rotated(5), attacks.jpeg(50)),
        attacks.chain(attacks.cropped(0.5), attacks.rotated(-11)),
    ],
    ids=["shrunk and coded", "turned and coded", "cut and turned"],
)
def test_a_picture_of_faint_lines_is_read(marked: Image.Image, attack: attacks.Attack) -> None:
    assert images.read(_luma(attack(marked)), RING).mark_id == MARK_ID
