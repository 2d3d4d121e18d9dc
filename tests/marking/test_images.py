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
from waarmerk.marking.images import embed, mark_delta
from waarmerk.marking.mask import FLOOR, FLOOR_EXTREME, MASK_ONE, mask_of
from waarmerk.marking.pattern import PATTERN_ONE, pattern_plane

KEYS = ring_of().current
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


def _tile_by_formula(
    pattern: int, row: int, column: int, coded: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """docs/format.md's sum in a plain loop, amplitude |k|^-0.5, pilots a fifth of the energy."""
    chips = chips_of(KEYS.pattern)
    y, x = np.mgrid[0 : layout.TILE, 0 : layout.TILE]
    tile = np.zeros((layout.TILE, layout.TILE))
    rest = np.concatenate([chips.sync.radius, chips.payload.radius]) ** -0.5
    shares = {"pilot": 0.2 / (2 * np.sum(chips.pilot.radius**-1.0)), "rest": 0.8 / (2 * np.sum(rest**2))}
    for band, phasor, symbol, share in (
        (chips.pilot, chips.pilot_phasor, np.ones(len(chips.pilot.k)), shares["pilot"]),
        (chips.sync, chips.sync_phasors(pattern)[row, column], np.ones(len(chips.sync.k)), shares["rest"]),
        (
            chips.payload,
            chips.payload_phasors(pattern)[row, column],
            1.0 - 2.0 * coded[chips.coded_bit],
            shares["rest"],
        ),
    ):
        for (ky, kx), c, s, radius in zip(band.k, phasor, symbol, band.radius, strict=True):
            angle = 2 * np.pi * (ky * y + kx * x) / layout.TILE + np.angle(c)
            tile += 2 * np.sqrt(share) * radius**-0.5 * s * np.cos(angle)
    return tile


def test_the_pattern_plane_is_the_documented_sum() -> None:
    coded = codec.encode(payload.to_bits(payload.sign(77, KEYS.tags[TENANT])))
    plane = pattern_plane(
        chips_of(KEYS.pattern),
        coded,
        pattern=5,
        offset=(2 * 128, 7 * 128),
        height=256,
        width=256,
        slope=-0.5,
        pilot_share=0.2,
    )
    inside = slice(8, 120)  # clear of the cross-fades
    for i, j in ((0, 0), (1, 1)):
        expected = _tile_by_formula(5, 2 + i, (7 + j) % 8, coded)
        seen = plane[i * 128 : (i + 1) * 128, j * 128 : (j + 1) * 128] / PATTERN_ONE
        assert np.abs(seen - expected)[inside, inside].max() < 0.6 / PATTERN_ONE


def test_a_larger_offset_is_the_same_plane_further_on() -> None:
    chips = chips_of(KEYS.pattern)
    coded = codec.encode(payload.to_bits(payload.sign(77, KEYS.tags[TENANT])))

    def plane(offset: tuple[int, int], height: int, width: int) -> npt.NDArray[np.int16]:
        return pattern_plane(
            chips, coded, pattern=0, offset=offset, height=height, width=width, slope=-0.5, pilot_share=0.2
        )

    whole = plane((0, 0), 1400, 1300)
    part = plane((910, 1010), 400, 200)
    # Away from the part's own outer tiles, whose outer seams the whole has and the part has not.
    assert (part[:390, :190] == whole[910:1300, 1010:1200]).all()
    assert (whole[1024:1300] == whole[:276])[8:250].all()


def test_seams_are_no_sharper_than_the_pattern_itself() -> None:
    chips = chips_of(KEYS.pattern)
    coded = codec.encode(payload.to_bits(payload.sign(77, KEYS.tags[TENANT])))
    plane = pattern_plane(
        chips, coded, pattern=1, offset=(0, 0), height=1024, width=1024, slope=-0.75, pilot_share=0.17
    ).astype(float)
    steps = np.abs(np.diff(plane, axis=1))
    seams = steps[:, 127::128].mean()
    assert seams < 1.15 * steps.mean()


def test_flat_areas_get_the_floor_and_texture_more() -> None:
    luma = np.full((256, 256), 128, dtype=np.uint8)
    luma[:, 128:] = pictures.grain(1, 256, 128)[..., 0]
    plane = mask_of(luma).plane / MASK_ONE
    assert plane[:, :112].max() == pytest.approx(FLOOR, abs=1 / MASK_ONE)
    assert plane[:, 144:].mean() > 2 * FLOOR


def test_an_edge_casts_no_halo_into_flat_areas() -> None:
    luma = np.full((256, 256), 60, dtype=np.uint8)
    luma[:, 128:] = 200
    plane = mask_of(luma).plane / MASK_ONE
    assert plane[:, :100].max() == pytest.approx(FLOOR, abs=1 / MASK_ONE)


@pytest.mark.parametrize("kind", [pictures.photo, pictures.cartoon, pictures.grain])
def test_psnr_stays_over_its_bar(kind: object) -> None:
    planes = kind(5, 512, 512)  # type: ignore[operator]
    difference = _marked(planes).astype(float) - planes
    psnr = 10 * np.log10(255**2 / np.mean(difference**2))
    assert psnr >= (39 if kind is pictures.grain else 42)


def test_a_large_picture_is_marked_at_a_coarser_octave() -> None:
    luma = np.full((1600, 1600), 128, dtype=np.uint8)
    word = payload.sign(77, KEYS.tags[TENANT])
    delta = mark_delta(luma, chips_of(KEYS.pattern), word, pattern=0, offset=(0, 0)).astype(float)
    power = np.abs(np.fft.rfft2(delta)) ** 2
    f = np.hypot(np.fft.fftfreq(1600)[:, None], np.fft.rfftfreq(1600))
    limit = layout.RADIUS_MAX / layout.TILE / 2
    assert power[f <= limit * 1.02].sum() > 0.75 * power.sum()  # the rest is rounding to whole levels


@pytest.mark.parametrize(("level", "floor"), [(0, FLOOR_EXTREME), (128, FLOOR), (255, FLOOR_EXTREME)])
def test_near_black_and_near_white_take_less(level: int, floor: float) -> None:
    plane = mask_of(np.full((64, 64), level, dtype=np.uint8)).plane / MASK_ONE
    assert plane == pytest.approx(np.full((64, 64), floor), abs=1 / MASK_ONE)
