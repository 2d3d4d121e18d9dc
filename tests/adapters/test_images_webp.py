"""WebP in, WebP out: lossy at its own quality, lossless exact, alpha and metadata the same."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from waarmerk.adapters import vp8, webp
from waarmerk.adapters.images import Picture, decode_for_marking, encode_marked
from waarmerk.core.errors import MalformedMedia
from waarmerk.core.media import Limits, read_header

LIMITS = Limits(max_bytes=10_000_000, max_pixels=1_000_000)


def scene(height: int = 120, width: int = 161, *, alpha: bool = False) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    grain = np.random.default_rng(9).normal(0, 3, (height, width))
    red = 120 + 60 * np.sin(x / 17) + grain
    green = 128 + 50 * np.cos(y / 13) + grain
    blue = 120 + 30 * np.sin((x + y) / 9) + grain
    planes = [red, green, blue, *([np.clip(x * 3 - 60, 0, 255)] if alpha else [])]
    return np.clip(np.dstack(planes), 0, 255).astype(np.uint8)


def webp_of(pixels: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", **options)
    return out.getvalue()


def again(data: bytes, xmp: bytes = b"") -> tuple[Picture, bytes]:
    picture = decode_for_marking(data, LIMITS)
    return picture, encode_marked(picture, picture.planes, xmp=xmp).data


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("alpha", [False, True])
def test_lossless_pixels_are_identical_hidden_colours_too(alpha: bool) -> None:
    data = webp_of(scene(alpha=alpha), lossless=True, exact=True)
    _, out = again(data)
    assert read_header(out).coding == "lossless"
    assert np.array_equal(pixels(out), scene(alpha=alpha))


def test_alpha_of_a_lossy_picture_is_identical() -> None:
    data = webp_of(scene(alpha=True), quality=70, alpha_quality=50)
    picture, out = again(data)
    assert read_header(out).coding == "lossy"
    assert picture.alpha is not None
    assert np.array_equal(pixels(out)[..., 3], pixels(data)[..., 3])
    assert np.array_equal(pixels(out)[..., 3], picture.alpha)


@pytest.mark.parametrize("quality", [20, 50, 75, 90, 98])
def test_a_lossy_picture_keeps_its_quality_through_generations(quality: int) -> None:
    data = webp_of(scene(), quality=quality)
    for _ in range(3):
        _, data = again(data)
    found = vp8.quality(webp.take_apart(data)[0][b"VP8 "])
    assert abs(found - quality) < 4


@pytest.mark.parametrize("method", [0, 2, 4, 6])
@pytest.mark.parametrize("quality", [5, 40, 60, 75, 80, 90, 100])
def test_quality_is_read_from_the_quantisers(quality: int, method: int) -> None:
    frame = webp.take_apart(webp_of(scene(), quality=quality, method=method))[0][b"VP8 "]
    assert abs(vp8.quality(frame) - quality) <= 2


def test_shares_of_the_quantisers_add_to_one() -> None:
    frame = webp.take_apart(webp_of(scene(), quality=60))[0][b"VP8 "]
    found = vp8.quantisers(frame)
    assert sum(share for _, share in found) == pytest.approx(1)
    assert all(0 <= index <= 127 for index, _ in found)


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}])
def test_metadata_comes_back_byte_for_byte(options: dict[str, object]) -> None:
    base = webp_of(scene(), **options)
    picture, _, _ = webp.take_apart(base)
    others = [
        webp.Chunk(b"ICCP", b"profile!"),
        webp.Chunk(b"EXIF", b"MM\x00*corrupt"),
        webp.Chunk(b"XMP ", b"<old/>"),
        webp.Chunk(b"oddd", b"unknown"),
        webp.Chunk(b"C2PA", b"manifest"),
    ]
    data = webp.assemble(picture, others, (161, 120), alpha=False)
    opened, out = again(data, xmp=b"<new/>")
    assert opened.xmp == b"<old/>"
    _, kept, _ = webp.take_apart(out)
    assert {c.kind: c.data for c in kept} == {
        b"ICCP": b"profile!", b"EXIF": b"MM\x00*corrupt", b"oddd": b"unknown", b"XMP ": b"<new/>",
    }  # fmt: skip
    theirs = Image.open(io.BytesIO(out)).info
    assert (theirs["icc_profile"], theirs["xmp"]) == (b"profile!", b"<new/>")


def test_a_simple_file_without_metadata_stays_simple() -> None:
    _, out = again(webp_of(scene()))
    assert out[12:16] == b"VP8 "


def test_bytes_behind_the_picture_are_left_out_and_said_so() -> None:
    picture, out = again(webp_of(scene()) + b"tail")
    assert [w.code for w in picture.warnings] == ["trailing_bytes_dropped"]
    assert len(out) == 8 + struct.unpack_from("<I", out, 4)[0]


def test_a_frame_that_is_cut_off_is_malformed() -> None:
    with pytest.raises(MalformedMedia):
        vp8.quantisers(b"\x10\x00\x00\x9d\x01\x2a")


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (17, 16)])
def test_small_and_odd_sizes_come_back(size: tuple[int, int]) -> None:
    for options in ({"quality": 80}, {"lossless": True}):
        _, out = again(webp_of(scene(*size), **options))
        assert pixels(out).shape[:2] == size
