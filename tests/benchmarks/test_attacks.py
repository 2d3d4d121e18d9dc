"""The attack suites: complete, of the right size, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from benchmarks import attacks, pictures

SIZE = (211, 160)


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(pictures.photo(31, SIZE[1], SIZE[0]))


def test_the_fifty_are_fifty_and_the_suite_holds_them_first() -> None:
    assert len(attacks.FIFTY) == 50
    assert list(attacks.SUITE)[:50] == list(attacks.FIFTY)
    assert not set(attacks.FIFTY) & set(attacks.BEYOND)


@pytest.mark.parametrize("name", attacks.SUITE)
def test_an_attack_gives_the_same_picture_twice_and_leaves_its_input_alone(
    name: str, picture: Image.Image
) -> None:
    before = picture.tobytes()
    first, second = (attacks.SUITE[name](picture) for _ in range(2))
    assert picture.tobytes() == before
    assert first.mode == "RGB"
    assert (first.size, first.tobytes()) == (second.size, second.tobytes())
    assert (first.tobytes() == before) == (name == "none")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resize 25 %", (53, 40)),
        ("resize 300 %", (633, 480)),
        ("resize 25 % and back", SIZE),
        ("width 80 %, height 120 %", (169, 192)),
        ("rotate 90", SIZE[::-1]),
        ("rotate 20", SIZE),
        ("rotate 45, expanded", (263, 264)),
        ("shear 10 %", SIZE),
        ("perspective 3 %", SIZE),
        ("collage", (338, 256)),
        ("two marked side by side", (723, 512)),
        ("social", SIZE),
        ("screenshot", (249, 207)),
    ],
)
def test_an_attack_makes_a_picture_of_the_due_size(
    name: str, size: tuple[int, int], picture: Image.Image
) -> None:
    assert attacks.SUITE[name](picture).size == size


@pytest.mark.parametrize("percent", [75, 50, 25, 10])
def test_a_crop_keeps_its_share_and_starts_off_the_grid(percent: int, picture: Image.Image) -> None:
    kept = np.asarray(attacks.SUITE[f"crop {percent} %"](picture))
    assert kept.shape[0] * kept.shape[1] == pytest.approx(percent / 100 * SIZE[0] * SIZE[1], rel=0.02)
    whole = np.asarray(picture)
    places = [
        (top, left)
        for top in range(1, SIZE[1] - kept.shape[0] + 1, 2)
        for left in range(1, SIZE[0] - kept.shape[1] + 1, 2)
        if np.array_equal(whole[top : top + kept.shape[0], left : left + kept.shape[1]], kept)
    ]
    assert len(places) == 1


def test_the_long_side_is_only_ever_reduced() -> None:
    wide = Image.new("RGB", (2160, 100))
    assert attacks.long_side(1080)(wide).size == (1080, 50)
    assert attacks.long_side(4000)(wide).size == wide.size


def test_a_perspective_moves_the_corners_where_it_says() -> None:
    """The upper left corner's pixel lands `share` of the sides further in, and nothing shows outside of it."""
    white = Image.new("RGB", (300, 200), "white")
    seen = np.asarray(attacks.perspective(0.1)(white)).min(axis=2)
    assert seen[18, 28] < 128 < seen[23, 33]
    assert seen[100, 150] == 255


def test_noise_has_the_deviation_that_it_is_called_by() -> None:
    grey = Image.new("RGB", (200, 200), (128, 128, 128))
    difference = np.asarray(attacks.noise(10)(grey)).astype(float) - 128
    n = difference.size
    assert difference.std() == pytest.approx(
        10, abs=5 * 10 / (2 * n) ** 0.5 + 0.01
    )  # 5 standard errors, rounding
    assert abs(difference.mean()) < 5 * 10 / n**0.5


def test_hue_turns_colours_and_keeps_grey() -> None:
    picture = Image.new("RGB", (8, 8), (200, 40, 40))
    assert attacks.hue(120)(picture).getpixel((0, 0)) == pytest.approx((40, 200, 40), abs=6)
    assert attacks.hue(120)(Image.new("RGB", (8, 8), (90, 90, 90))).getpixel((0, 0)) == (90, 90, 90)


def test_an_inpainted_region_of_a_flat_picture_is_that_flat_tone() -> None:
    flat = Image.new("RGB", SIZE, (120, 60, 200))
    change = np.abs(np.asarray(attacks.inpainted(flat)).astype(int) - np.asarray(flat))
    assert change.max() <= 5
