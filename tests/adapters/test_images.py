"""The door to the codecs: types, limits, refusals, luma, and answers for everything that comes in."""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from waarmerk.adapters.images import ColourSpace, decode_for_marking, decode_luma, encode_marked
from waarmerk.core.errors import MalformedMedia, MediaTooLarge, ShapeError, UnsupportedMedia, WaarmerkError
from waarmerk.core.media import Limits, MediaType, sniff

LIMITS = Limits(max_bytes=10_000_000, max_pixels=1_000_000)


def scene(height: int = 60, width: int = 83) -> np.ndarray:
    """A smooth colour picture with an edge and some grain, never near black or white."""
    y, x = np.mgrid[:height, :width]
    grain = np.random.default_rng(5).normal(0, 4, (height, width))
    red = 120 + 60 * np.sin(x / 17) + grain
    green = 128 + 50 * np.cos(y / 13) + grain
    blue = np.where(x > width // 2, 90, 150) + grain
    return np.clip(np.dstack((red, green, blue)), 30, 225).astype(np.uint8)


def written(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def refused(data: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(WaarmerkError) as caught:
        decode_for_marking(data, limits)
    assert caught.value.sentence.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_output_has_the_type_of_the_bytes_that_came_in(kind: str) -> None:
    data = written(scene(), kind)
    picture = decode_for_marking(data, LIMITS)
    out = encode_marked(picture, picture.planes, xmp=b"<x/>").data
    assert picture.media_type is sniff(out) is sniff(data)


@pytest.mark.parametrize(
    ("kind", "space", "channels"),
    [("JPEG", ColourSpace.L, 1), ("PNG", ColourSpace.RGB, 3), ("WEBP", ColourSpace.RGB, 3)],
)
def test_planes_are_contiguous_bytes_of_the_stated_space(
    kind: str, space: ColourSpace, channels: int
) -> None:
    picture = decode_for_marking(written(scene(), kind), LIMITS)
    assert picture.space is space
    assert picture.planes.shape == (60, 83, channels)
    assert picture.planes.dtype == np.uint8
    assert picture.planes.flags.c_contiguous


def test_planes_of_another_shape_or_dtype_are_a_programming_error() -> None:
    picture = decode_for_marking(written(scene(), "PNG"), LIMITS)
    with pytest.raises(ShapeError, match="got"):
        encode_marked(picture, picture.planes[:-1], xmp=b"")
    with pytest.raises(ShapeError, match="float32"):
        encode_marked(picture, picture.planes.astype(np.float32), xmp=b"")


def test_a_picture_shows_no_content_in_its_repr() -> None:
    shown = repr(decode_for_marking(written(scene(), "PNG"), LIMITS))
    assert "array" not in shown
    assert "source" not in shown
    assert "xmp" not in shown


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "AVIF"])
def test_other_pictures_cannot_be_marked_and_the_sentence_says_what_can(kind: str) -> None:
    with pytest.raises(UnsupportedMedia, match="JPEG, PNG or WebP") as caught:
        decode_for_marking(written(scene(), kind), LIMITS)
    assert caught.value.code == "unsupported_media"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animation_is_refused_by_name(kind: str) -> None:
    frames = [Image.fromarray(scene()), Image.fromarray(255 - scene())]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=50)
    assert refused(out.getvalue()) == "animated"


def test_sixteen_bit_png_is_refused_by_name_though_the_codec_would_drop_half_of_it() -> None:
    rows = b"".join(b"\0" + bytes(range(12)) for _ in range(2))
    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I4s", len(d), k) + d + struct.pack(">I", zlib.crc32(k + d))
        for k, d in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )
    assert refused(data) == "png_16_bit"


def test_cmyk_jpeg_is_refused_by_name() -> None:
    out = io.BytesIO()
    Image.fromarray(scene()).convert("CMYK").save(out, "JPEG")
    assert refused(out.getvalue()) == "cmyk"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.8, 0.98])
def test_a_file_that_is_cut_off_is_refused_and_never_half_marked(kind: str, share: float) -> None:
    data = written(scene(), kind)
    cut = data[: int(len(data) * share)]
    with pytest.raises(MalformedMedia):
        decode_for_marking(cut, LIMITS)
    with pytest.raises(MalformedMedia):
        decode_luma(cut, LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_limits_hold_before_decoding(kind: str) -> None:
    data = written(scene(), kind)
    assert refused(data, Limits(max_bytes=len(data), max_pixels=60 * 83 - 1)) == "too_many_pixels"
    assert refused(data, Limits(max_bytes=len(data) - 1, max_pixels=60 * 83)) == "too_many_bytes"
    for limits in (Limits(len(data), 60 * 83 - 1), Limits(len(data) - 1, 60 * 83)):
        with pytest.raises(MediaTooLarge):
            decode_luma(data, limits)


def test_a_header_that_lies_about_a_huge_picture_is_refused() -> None:
    data = bytearray(written(scene(), "PNG"))
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    assert refused(bytes(data)) == "too_many_pixels"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
def test_luma_is_that_of_rec_601_for_every_type(kind: str) -> None:
    options: dict[str, object] = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(kind, {})
    luma = decode_luma(written(scene(), kind, **options), LIMITS)
    expected = scene() @ np.array([0.299, 0.587, 0.114])
    assert luma.shape == expected.shape
    assert luma.dtype == np.float32
    # Palette, DCT and chroma subsampling cost GIF, JPEG and AVIF some grey levels.
    assert np.abs(luma - expected).mean() < (8 if kind in ("GIF", "AVIF", "JPEG") else 0.6)


def test_luma_of_sixteen_bit_samples_is_scaled_to_eight() -> None:
    samples = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    luma = decode_luma(written(samples, "PNG"), LIMITS)
    assert np.abs(luma - np.arange(256).reshape(16, 16)).max() < 0.51


def test_luma_of_float_samples_is_stretched_and_holds_no_nan() -> None:
    samples = np.linspace(-3, 5, 256, dtype=np.float32).reshape(16, 16)
    samples[0, 0] = np.nan
    luma = decode_luma(written(samples, "TIFF"), LIMITS)
    assert np.isfinite(luma).all()
    assert (luma.min(), luma.max()) == (0, 255)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_luma_of_hidden_pixels_is_the_mean_of_the_visible_ones(kind: str) -> None:
    alpha = np.full((60, 83, 1), 255, np.uint8)
    alpha[:30] = 0
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    luma = decode_luma(written(np.dstack((scene(), alpha)), kind, **options), LIMITS)
    assert np.allclose(luma[:30], luma[30:].mean(), atol=0.01)


def test_luma_of_a_wholly_hidden_picture_is_still_an_answer() -> None:
    luma = decode_luma(written(np.zeros((9, 9, 4), np.uint8), "PNG"), LIMITS)
    assert np.isfinite(luma).all()


def test_luma_ignores_the_orientation_tag() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = written(scene(), "JPEG", exif=exif)
    assert np.array_equal(decode_luma(turned, LIMITS), decode_luma(written(scene(), "JPEG"), LIMITS))


SEEDS = [
    written(scene(20, 24), "JPEG"),
    written(scene(20, 24), "JPEG", progressive=True, subsampling=0),
    written(scene(20, 24), "PNG"),
    written(scene(20, 24), "WEBP"),
    written(scene(20, 24), "WEBP", lossless=True),
    written(scene(20, 24), "GIF"),
    written(scene(20, 24), "TIFF"),
    written(scene(20, 24), "BMP"),
]


@settings(deadline=None, max_examples=300)
@pytest.mark.filterwarnings("ignore")  # the codec warns of damage it then reads over
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6),
    st.integers(0, 3),
)
def test_damaged_pictures_give_a_picture_or_our_error(
    whole: bytes, edits: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(whole)
    for at, value in edits:
        data[at % len(data)] = value
    damaged = bytes(data[: len(data) - cut])
    with contextlib.suppress(WaarmerkError):
        picture = decode_for_marking(damaged, LIMITS)
        encode_marked(picture, picture.planes, xmp=b"<x/>")
    with contextlib.suppress(WaarmerkError):
        assert np.isfinite(decode_luma(damaged, LIMITS)).all()


def test_threads_do_not_disturb_each_other() -> None:
    data = [written(scene(), kind) for kind in ("JPEG", "PNG", "WEBP")]
    alone = [decode_luma(d, LIMITS) for d in data]
    wrong: list[int] = []

    def work(i: int) -> None:
        wrong.extend(
            i for _ in range(10) if not np.array_equal(decode_luma(data[i % 3], LIMITS), alone[i % 3])
        )

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_media_types_without_readable_pixels_are_refused_for_detection_too() -> None:
    with pytest.raises(UnsupportedMedia):
        decode_luma(b"%PDF-1.7 and so on", LIMITS)
    assert MediaType.PDF.is_image is False
