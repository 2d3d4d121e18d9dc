from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import pictures
from tests.rings import TENANT, ring_of
from waarmerk.core import codec, layout, payload
from waarmerk.core.arrays import Planes
from waarmerk.core.chips import chips_of
from waarmerk.core.errors import CannotHoldMark, ShapeError
from waarmerk.marking.images import delta_strips, embed
from waarmerk.marking.mask import FLOOR_EXTREME, FLOOR_FLAT, FLOOR_LIVELY, Shape, mask_of
from waarmerk.marking.pattern import pattern_strips

KEYS = ring_of().current
SHAPE = Shape(centre=14.0, width=0.6, pilot_share=0.2)
PLACE = {"tenant": TENANT, "mark_id": 77, "pattern": 5, "offset": (300, 41)}


def _marked(planes: Planes, *, rgb: bool = True, alpha: npt.NDArray[np.uint8] | None = None) -> Planes:
    return embed(planes, KEYS, tenant=TENANT, mark_id=77, pattern=5, offset=(300, 41), rgb=rgb, alpha=alpha)


def test_input_is_untouched_and_the_same_call_gives_the_same_bytes() -> None:
    planes = pictures.photo(1, 300, 260)
    before = planes.copy()
    first = _marked(planes)
    assert (planes == before).all()
    assert (first == _marked(planes)).all()
    assert (first != planes).any()


def test_all_three_channels_take_the_same_delta() -> None:
    planes = np.full((256, 256, 3), (90, 120, 150), dtype=np.uint8)
    difference = _marked(planes).astype(int) - planes
    assert (difference[..., 0] == difference[..., 1]).all()
    assert (difference[..., 0] == difference[..., 2]).all()


def test_only_luma_of_ycbcr_is_touched() -> None:
    planes = pictures.photo(2, 200, 200)
    marked = _marked(planes, rgb=False)
    assert (marked[..., 1:] == planes[..., 1:]).all()
    assert (marked[..., 0] != planes[..., 0]).any()


def test_grey_planes_are_marked() -> None:
    planes = pictures.photo(2, 200, 200)[..., :1]
    assert _marked(planes, rgb=False).shape == planes.shape


def test_transparent_pixels_stay_and_others_do_not() -> None:
    planes = pictures.photo(3, 256, 256)
    alpha = np.full((256, 256), 255, dtype=np.uint8)
    alpha[40:200, 60:90] = 0
    alpha[:, 200:] = 1
    marked = _marked(planes, alpha=alpha)
    assert (marked[alpha == 0] == planes[alpha == 0]).all()
    assert (marked[:, 200:] != planes[:, 200:]).any()


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_black_and_white_do_not_wrap_round(level: int) -> None:
    marked = _marked(np.full((160, 160, 3), level, dtype=np.uint8)).astype(int)
    assert np.abs(marked - level).max() < 8


def test_a_picture_below_one_tile_is_refused_with_its_size() -> None:
    with pytest.raises(CannotHoldMark, match="100 x 300"):
        _marked(np.zeros((300, 100, 3), dtype=np.uint8))


@pytest.mark.parametrize("planes", [np.zeros((200, 200), np.uint8), np.zeros((200, 200, 3), np.float32)])
def test_what_is_not_planes_is_refused(planes: npt.NDArray[np.generic]) -> None:
    with pytest.raises(ShapeError):
        _marked(planes)  # type: ignore[arg-type]


def _plane(
    *, pattern: int, offset: tuple[int, int], height: int, width: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """The whole pattern, and the coded bits in it."""
    coded = codec.encode(payload.to_bits(payload.sign(77, KEYS.tags[TENANT])))
    strips = pattern_strips(
        chips_of(KEYS.pattern),
        coded,
        pattern=pattern,
        offset=offset,
        height=height,
        width=width,
        shape=SHAPE,
    )
    plane = np.concatenate([strip.copy() for strip in strips])
    assert plane.shape == (height, width)
    return plane, coded


def _tile_by_formula(
    pattern: int, row: int, column: int, coded: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """docs/format.md's sum in a plain loop, with the amplitudes of `SHAPE`."""
    chips = chips_of(KEYS.pattern)
    y, x = np.mgrid[0 : layout.TILE, 0 : layout.TILE]
    tile = np.zeros((layout.TILE, layout.TILE))

    def amplitudes(radius: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return np.exp(-((np.log(radius.astype(float) / 14.0) / 0.6) ** 2) / 2)

    rest = np.concatenate([amplitudes(chips.sync.radius), amplitudes(chips.payload.radius)])
    shares = {
        "pilot": 0.2 / (2 * np.sum(amplitudes(chips.pilot.radius) ** 2)),
        "rest": 0.8 / (2 * np.sum(rest**2)),
    }
    for band, phasor, symbol, share in (
        (chips.pilot, chips.pilot_phasor, np.ones(len(chips.pilot.k)), shares["pilot"]),
        (chips.sync, chips.sync_phasors(pattern)[row, column], np.ones(len(chips.sync.k)), shares["rest"]),
        (
            chips.payload,
            chips.payload_phasors(pattern)[row, column],
            1.0 - 2.0 * coded[chips.coded_bit[row, column]],
            shares["rest"],
        ),
    ):
        for (ky, kx), c, s, a in zip(band.k, phasor, symbol, amplitudes(band.radius), strict=True):
            angle = 2 * np.pi * (ky * y + kx * x) / layout.TILE + np.angle(c)
            tile += 2 * np.sqrt(share) * a * s * np.cos(angle)
    return tile


def test_the_pattern_is_the_documented_sum() -> None:
    plane, coded = _plane(pattern=5, offset=(2 * 128, 7 * 128), height=256, width=256)
    inside = slice(8, 120)  # clear of the cross-fades
    for i, j in ((0, 0), (1, 1)):
        expected = _tile_by_formula(5, 2 + i, (7 + j) % 8, coded)
        seen = plane[i * 128 : (i + 1) * 128, j * 128 : (j + 1) * 128]
        assert np.abs(seen - expected)[inside, inside].max() < 1e-4


def test_a_larger_offset_is_the_same_pattern_further_on() -> None:
    whole, _ = _plane(pattern=0, offset=(0, 0), height=1400, width=1300)
    part, _ = _plane(pattern=0, offset=(910, 1010), height=400, width=200)
    # Away from the part's own outer tiles, whose outer seams the whole has and the part has not.
    assert np.abs(part[:390, :190] - whole[910:1300, 1010:1200]).max() < 1e-5
    assert np.abs(whole[1024:1300] - whole[:276])[8:250].max() < 1e-5


def test_seams_are_no_sharper_than_the_pattern_itself() -> None:
    plane, _ = _plane(pattern=1, offset=(0, 0), height=1024, width=1024)
    for axis in (0, 1):
        steps = np.abs(np.diff(plane, axis=axis))
        seams = steps.take(np.arange(127, 1023, 128), axis=axis).mean()
        assert seams < 1.15 * steps.mean()


def test_flat_areas_get_the_floor_and_texture_more() -> None:
    luma = np.full((256, 256), 128, dtype=np.uint8)
    luma[:, 128:] = pictures.grain(1, 256, 128)[..., 0]
    strength = mask_of(luma).strength
    assert strength[:, :28].max() <= FLOOR_FLAT
    assert strength[:, :28].min() >= FLOOR_LIVELY
    assert strength[:, 36:].mean() > 2 * FLOOR_FLAT


def test_an_edge_casts_no_halo_into_flat_areas() -> None:
    luma = np.full((256, 256), 60, dtype=np.uint8)
    luma[:, 128:] = 200
    assert mask_of(luma).strength[:, :25].max() <= FLOOR_FLAT


@pytest.mark.parametrize("kind", [pictures.photo, pictures.cartoon, pictures.grain])
def test_psnr_stays_over_its_bar(kind: object) -> None:
    planes = kind(5, 512, 512)  # type: ignore[operator]
    difference = _marked(planes).astype(float) - planes
    psnr = 10 * np.log10(255**2 / np.mean(difference**2))
    assert psnr >= (40 if kind is pictures.grain else 42)


def test_a_large_picture_is_marked_at_a_coarser_octave() -> None:
    luma = np.full((1600, 1600), 128, dtype=np.uint8)
    word = payload.sign(77, KEYS.tags[TENANT])
    guide = luma[::2, ::2]
    strips = delta_strips(
        guide, chips_of(KEYS.pattern), word, pattern=0, offset=(0, 0), height=1600, width=1600
    )
    delta = np.concatenate(list(strips)).astype(float)
    power = np.abs(np.fft.rfft2(delta)) ** 2
    f = np.hypot(np.fft.fftfreq(1600)[:, None], np.fft.rfftfreq(1600))
    limit = layout.RADIUS_MAX / layout.TILE / 2
    assert power[f <= limit * 1.02].sum() > 0.75 * power.sum()  # the rest is rounding to whole levels


@pytest.mark.parametrize(("level", "floor"), [(0, FLOOR_EXTREME), (128, FLOOR_FLAT), (255, FLOOR_EXTREME)])
def test_near_black_and_near_white_take_less(level: int, floor: float) -> None:
    assert mask_of(np.full((64, 64), level, dtype=np.uint8)).strength == pytest.approx(floor)


@pytest.mark.parametrize("extreme", [0, 255])
def test_sums_that_leave_eight_bits_end_at_the_limits(extreme: int) -> None:
    planes = pictures.photo(3, 300, 300).copy()
    planes[::3, ::2] = extreme
    free = np.clip(planes.astype(int), 20, 235).astype(np.uint8)
    delta = _marked(free).astype(int) - free
    assert np.abs(delta).max() < 20  # so nothing was clipped there
    guide = planes[..., 1]
    word = payload.sign(77, KEYS.tags[TENANT])
    strips = delta_strips(
        guide, chips_of(KEYS.pattern), word, pattern=5, offset=(300, 41), height=300, width=300
    )
    expected = np.clip(planes + np.concatenate(list(strips)).astype(int)[..., None], 0, 255)
    assert (_marked(planes) == expected).all()


@pytest.mark.parametrize(("pattern", "offset"), [(16, (0, 0)), (-1, (0, 0)), (0, (1024, 0)), (0, (0, -1))])
def test_a_place_no_detector_looks_for_is_refused(pattern: int, offset: tuple[int, int]) -> None:
    planes = pictures.photo(1, 200, 200)
    with pytest.raises(ValueError, match=r"pattern is 0\.\.15"):
        embed(planes, KEYS, tenant=TENANT, mark_id=1, pattern=pattern, offset=offset, rgb=True)
