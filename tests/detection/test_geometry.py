from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageOps

from benchmarks import attacks, pictures
from tests.rings import TENANT, ring_of
from waarmerk.core.blocks import box_reduce
from waarmerk.core.chips import chips_of
from waarmerk.core.evidence import Status
from waarmerk.detection import geometry, images, pilots, rectify, residual, spectrum
from waarmerk.detection.views import views_of
from waarmerk.marking.images import embed

RING = ring_of()
CHIPS = chips_of(RING.current.pattern)
MARK_ID, OTHER_ID = 0x0123_4567_89AB_CDEF, 0x1111_2222_3333_4444


def _marked(seed: int, height: int, width: int, mark_id: int = MARK_ID) -> Image.Image:
    planes = pictures.photo(seed, height, width)
    return Image.fromarray(
        embed(planes, RING.current, tenant=TENANT, mark_id=mark_id, pattern=5, offset=(77, 300), rgb=True)
    )


def _luma(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L")).astype(np.float32)


def _turn(degrees: float) -> np.ndarray:
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def _affine(picture: Image.Image, a: np.ndarray) -> Image.Image:
    """x' = A x on (row, column), the canvas grown to hold all of it."""
    w, h = picture.size
    corners = np.array([[0, 0], [0, w], [h, 0], [h, w]], dtype=float) @ a.T
    low = corners.min(axis=0)
    height, width = np.ceil(corners.max(axis=0) - low).astype(int)
    back = np.linalg.inv(a)
    origin = back @ low
    coefficients = (back[1, 1], back[1, 0], origin[1], back[0, 1], back[0, 0], origin[0])
    return picture.transform(
        (int(width), int(height)), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )


def _leaning(picture: Image.Image, share: float) -> Image.Image:
    """A corner moved by `share` of the sides in each direction, the others by less: mild perspective."""
    w, h = picture.size
    corners = [(0, 0), (w, 0), (w, h), (0, h)]
    moved = [
        (x + share * w * dx, y + share * h * dy)
        for (x, y), (dx, dy) in zip(corners, ((1, 1), (-1, 0.3), (0.2, -1), (-0.5, -0.2)), strict=True)
    ]
    rows, values = [], []
    for (x, y), (u, v) in zip(moved, corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    coefficients = np.linalg.solve(np.array(rows), np.array(values))
    return picture.transform(
        (w, h), Image.Transform.PERSPECTIVE, tuple(coefficients), Image.Resampling.BICUBIC
    )


@pytest.fixture(scope="module")
def marked() -> Image.Image:
    return _marked(35, 700, 800)


MAPS = {
    "turned and stretched": np.diag([1.0, 1.12]) @ _turn(7),
    "stretched and turned": _turn(25) @ np.diag([0.85, 1.0]),
    "sheared to the right": np.array([[1.0, 0.0], [0.1, 1.0]]),
    "sheared down": np.array([[1.0, 0.1], [0.0, 1.0]]),
    "sheared and turned": _turn(-12) @ np.array([[1.0, 0.07], [0.0, 1.0]]),
    "mirrored, stretched and turned": _turn(40) @ np.diag([1.0, 1.1]) @ np.diag([1.0, -1.0]),
    "shrunk to a third": np.diag([0.33, 0.33]),
    "grown": np.diag([2.6, 2.6]),
    "wide": np.diag([0.8, 1.2]),
}


@pytest.mark.parametrize("name", MAPS)
def test_an_affine_map_is_undone(marked: Image.Image, name: str) -> None:
    reading = images.read(_luma(_affine(marked, MAPS[name])), RING)
    assert reading.mark_id == MARK_ID
    assert reading.geometry is not None
    assert reading.geometry["stage"] == "turned"


def test_the_spectrum_alone_tells_a_map_to_half_a_per_cent(marked: Image.Image) -> None:
    a = MAPS["sheared and turned"]
    luma = _luma(_affine(marked, a))
    (score, b), *_ = geometry.candidates(
        spectrum.spectrum_of(residual.whitened(luma), residual.whitened(box_reduce(luma, 2))), CHIPS
    )
    true = np.linalg.inv(a).T
    assert min(np.abs(b - true).max(), np.abs(b + true).max()) < 5e-3
    assert score > 15


@pytest.mark.parametrize("share", [0.01, 0.03])
def test_mild_perspective_is_undone(marked: Image.Image, share: float) -> None:
    assert images.read(_luma(_leaning(marked, share)), RING).mark_id == MARK_ID
    turned_too = attacks.rotated(4, expand=True)(_leaning(marked, share))
    assert images.read(_luma(turned_too), RING).mark_id == MARK_ID


def test_a_tilted_print_photographed_in_uneven_light_is_read(marked: Image.Image) -> None:
    picture = attacks.blurred(0.7)(_leaning(attacks.rotated(1.3, expand=True)(marked), 0.02))
    light = np.linspace(0.7, 1.0, picture.width)[:, None] * np.array([1.0, 0.95, 0.85])
    noise = np.random.Generator(np.random.Philox(1)).normal(8, 3, (picture.height, picture.width, 3))
    seen = np.clip(np.asarray(picture) * light + noise, 0, 255).astype(np.uint8)
    reading = images.read(_luma(attacks.jpeg(85)(Image.fromarray(seen))), RING)
    assert reading.mark_id == MARK_ID


def test_a_marked_part_of_a_larger_picture_is_found_and_cut_out(marked: Image.Image) -> None:
    page = Image.fromarray(pictures.photo(32, 1300, 1700))
    page.paste(marked, (601, 333))
    turned = attacks.chain(attacks.rotated(3), attacks.jpeg(85))(page)
    assert images.read(_luma(turned), RING).mark_id == MARK_ID
    plane = residual.whitened(_luma(page))
    place = pilots.placed(plane, CHIPS, np.eye(2))
    assert place is not None
    height, width = place.high - place.low
    assert 500 < height <= 1300
    assert 600 < width < 1500


def test_of_two_marked_pictures_side_by_side_one_is_read(marked: Image.Image) -> None:
    page = Image.new("RGB", (1620, 700), "white")
    page.paste(marked, (0, 0))
    page.paste(_marked(38, 700, 800, OTHER_ID), (820, 0))
    for attack in (attacks.jpeg(80), attacks.rotated(5), attacks.scaled(0.8)):
        assert images.read(_luma(attack(page)), RING).mark_id in (MARK_ID, OTHER_ID)


def test_a_marked_picture_on_a_page_of_more_than_two_million_pixels_is_read(marked: Image.Image) -> None:
    page = Image.new("RGB", (2000, 1300), "white")
    page.paste(marked, (517, 301))
    assert images.read(_luma(page), RING).mark_id == MARK_ID


def test_a_turned_negative_is_read(marked: Image.Image) -> None:
    assert images.read(_luma(attacks.rotated(6)(ImageOps.invert(marked))), RING).mark_id == MARK_ID


def test_nothing_is_placed_in_an_unmarked_picture() -> None:
    luma = _luma(attacks.rotated(5)(Image.fromarray(pictures.photo(31, 700, 800))))
    assert images.read(luma, RING).status is Status.NOT_FOUND
    plane = residual.whitened(luma)
    assert all(pilots.placed(plane, CHIPS, b) is None for b in (np.eye(2), _turn(5), np.diag([1.1, 0.9])))


def test_a_wave_shows_where_its_frequency_is_looked_up() -> None:
    rows, columns = np.mgrid[0:1100, 0:1100].astype(np.float32)
    rng = np.random.Generator(np.random.Philox(2))
    for fy, fx in ((0.11, 0.07), (-0.2, 0.31)):
        wave = np.cos(2 * np.pi * (fy * rows + fx * columns), dtype=np.float32)
        plane = (wave + rng.standard_normal(wave.shape) * 3).astype(np.float32)
        half = plane.reshape(550, 2, 550, 2).mean(axis=(1, 3))
        f = np.array([[fy, fx], [-fy, -fx], [fy + 0.02, fx]])
        for seen in (spectrum.spectrum_of(plane), spectrum.spectrum_of(plane, half)):
            level = seen.power.take(spectrum.nearest(f, seen.two))
            assert level[0] == level[1] > 10
            assert level[2] < 5


def test_a_projective_map_is_resampled_away() -> None:
    rows, columns = np.mgrid[0:300, 0:400].astype(np.float32)
    plane = np.sin(rows / 30) + np.cos(columns / 40)
    to_plane = np.array([[1.02, 0.05, -3.0], [-0.04, 0.98, 20.0], [1e-4, -5e-5, 1.0]])
    place = pilots.Place(to_plane, np.array([40.0, 30.0]), np.array([240.0, 330.0]), 9.0)
    out = rectify.rectified_at(plane, place, 1)
    assert out is not None
    assert out.shape == (200, 300)
    canonical = np.stack([*np.mgrid[40:240, 30:330], np.ones((200, 300))], axis=-1)
    at = canonical @ to_plane.T
    due = np.sin(at[..., 0] / at[..., 2] / 30) + np.cos(at[..., 1] / at[..., 2] / 40)
    assert (
        np.abs(out - due)[5:-5, 5:-5].max() < 0.03
    )  # Pillow's cubic is 0.1 of a pixel's slope off between pixels


def test_a_shrunk_picture_is_read_in_each_of_its_residuals(marked: Image.Image) -> None:
    fine = views_of(_luma(attacks.scaled(0.4)(marked)))[0]
    b = np.eye(2) / 0.4
    straightened = list(images._straightened(fine, CHIPS, b, 1))
    assert len(straightened) == 3
    for (residue, place, factor), grown in zip(straightened, (1, 2, 2), strict=True):
        scale = place.to_plane[:2, :2] - np.outer(place.to_plane[:2, 2], place.to_plane[2, :2])
        assert np.abs(scale - 0.4 * grown * np.eye(2)).max() < 0.02
        plane = rectify.rectified_at(residue, place, factor)
        assert plane is not None
        search = images._Search(RING, thorough=False)
        readings = search._aligned(plane, CHIPS, RING.current, 0, {})
        assert MARK_ID in [reading.mark_id for reading in readings]


def test_a_picture_at_its_own_size_is_read_by_the_laplacian_where_whitening_fails(
    marked: Image.Image,
) -> None:
    fine = views_of(_luma(attacks.rotated(6)(marked)))[0]
    straightened = list(images._straightened(fine, CHIPS, _turn(6), 1))
    assert [
        residue is plane
        for (residue, _, _), plane in zip(straightened, (fine.whitened, fine.laplacian), strict=True)
    ]
    plane = rectify.rectified_at(*straightened[1])
    assert plane is not None
    readings = images._Search(RING, thorough=False)._aligned(plane, CHIPS, RING.current, 0, {})
    assert MARK_ID in [reading.mark_id for reading in readings]
