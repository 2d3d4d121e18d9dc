"""PNG in, PNG out: pixels, alpha and chunks the same, and a word on what cannot be."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from waarmerk.adapters import pngfile, pngpixels
from waarmerk.adapters.images import ColourSpace, Picture, decode_for_marking, decode_luma, encode_marked
from waarmerk.core.errors import MalformedMedia, UnsupportedMedia
from waarmerk.core.media import Limits

LIMITS = Limits(max_bytes=10_000_000, max_pixels=1_000_000)
XMP = b"XML:com.adobe.xmp\x00"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(pixels: np.ndarray, mode: str | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    im = Image.fromarray(pixels)
    (im.convert(mode) if mode else im).save(out, "PNG", **options)
    return out.getvalue()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def with_chunks(data: bytes, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """The file with chunks in front of its first IDAT and in front of IEND."""
    at = data.index(b"IDAT") - 4
    return data[:at] + before + data[at:-12] + after + data[-12:]


def again(data: bytes, xmp: bytes = b"") -> tuple[Picture, bytes]:
    picture = decode_for_marking(data, LIMITS)
    return picture, encode_marked(picture, picture.planes, xmp=xmp).data


def codes(picture: Picture) -> list[str]:
    return [w.code for w in picture.warnings]


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    parts = pngfile.take_apart(data)
    return [(c.kind, c.data) for c in (*parts.before, *parts.after)]


@pytest.mark.parametrize(
    "shape", [(31, 43), (31, 43, 2), (31, 43, 3), (31, 43, 4), (1, 1, 3), (1, 200), (200, 1, 4)]
)
def test_mode_pixels_and_alpha_are_identical_after_writing(shape: tuple[int, ...]) -> None:
    data = png_of(noise(*shape))
    picture, out = again(data)
    assert codes(picture) == []
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(out))
    assert before.mode == after.mode
    assert np.array_equal(np.asarray(before), np.asarray(after))
    assert (picture.alpha is not None) == (len(shape) == 3 and shape[2] in (2, 4))


def test_only_the_given_planes_change_and_alpha_does_not() -> None:
    picture = decode_for_marking(png_of(noise(40, 50, 4)), LIMITS)
    out = encode_marked(picture, 255 - picture.planes, xmp=b"").data
    after = np.asarray(Image.open(io.BytesIO(out)))
    assert np.array_equal(after[..., :3], 255 - picture.planes)
    assert np.array_equal(after[..., 3], picture.alpha)


def test_a_palette_becomes_its_colours_and_its_transparency_alpha() -> None:
    im = Image.fromarray(noise(20, 30, 3)).quantize(40)
    out = io.BytesIO()
    alphas = bytes(range(0, 200, 5))
    im.save(out, "PNG", transparency=alphas)
    picture, again_out = again(out.getvalue())
    assert codes(picture) == ["palette_expanded"]
    expected = np.asarray(Image.open(io.BytesIO(out.getvalue())).convert("RGBA"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(again_out))), expected)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_palette_of_few_bits_is_expanded_too(bits: int) -> None:
    im = Image.fromarray(noise(20, 30, 3)).quantize(2**bits)
    out = io.BytesIO()
    im.save(out, "PNG", bits=bits)
    picture, _ = again(out.getvalue())
    assert np.array_equal(picture.planes, np.asarray(im.convert("RGB")))


def grey_png(depth: int, rows: list[bytes], width: int, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, len(rows), depth, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_grey_of_few_bits_is_raised_to_eight_with_its_background() -> None:
    data = grey_png(2, [b"\x1b"], 4, extra=chunk(b"bKGD", b"\0\2") + chunk(b"sBIT", b"\2"))
    picture, out = again(data)
    assert codes(picture) == ["bit_depth_raised"]
    assert picture.planes.ravel().tolist() == [0, 85, 170, 255]
    assert chunks(out) == [(b"bKGD", b"\0\xaa")]


@pytest.mark.parametrize(("depth", "row", "key", "alpha"), [
    (1, b"\xa0", 1, [0, 255, 0, 255]),
    (2, b"\x1b", 2, [255, 255, 0, 255]),
    (8, b"\x05\x06\x05\x07", 5, [0, 255, 0, 255]),
])  # fmt: skip
def test_a_transparent_grey_becomes_alpha(depth: int, row: bytes, key: int, alpha: list[int]) -> None:
    picture, out = again(grey_png(depth, [row], 4, extra=chunk(b"tRNS", struct.pack(">H", key))))
    assert "transparent_colour_to_alpha" in codes(picture)
    assert picture.alpha is not None
    assert picture.alpha.ravel().tolist() == alpha
    assert np.asarray(Image.open(io.BytesIO(out)))[..., 1].ravel().tolist() == alpha


def test_a_transparent_colour_becomes_alpha() -> None:
    pixels = noise(10, 12, 3)
    pixels[2:4] = (1, 2, 3)
    data = with_chunks(png_of(pixels), before=chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)))
    picture, out = again(data)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(out))), expected)
    assert picture.space is ColourSpace.RGB


BEFORE = (
    (b"gAMA", b"\x00\x00\xb1\x8f"),
    (b"cHRM", bytes(32)),
    (b"iCCP", b"profile\x00\x00" + zlib.compress(b"p" * 500)),
    (b"pHYs", struct.pack(">IIB", 3000, 3000, 1)),
    (b"sBIT", b"\x08\x08\x08"),
    (b"bKGD", struct.pack(">3H", 1, 2, 3)),
    (b"tEXt", b"parameters\x00a cat, steps: 20"),
    (b"tEXt", b"parameters\x00again"),
    (b"zTXt", b"workflow\x00\x00" + zlib.compress(b"{}" * 999)),
    (b"iTXt", b"Title\x00\x00\x00nl\x00Titel\x00een kat"),
    (b"tIME", bytes(7)),
    (b"eXIf", b"MM\x00*corrupt on purpose"),
    (b"prIv", b"unknown but safe to copy"[:4]),
)


def test_chunks_come_back_byte_for_byte_in_order_and_place() -> None:
    before = b"".join(chunk(b"priv" if k == b"prIv" else k, d) for k, d in BEFORE)
    after = chunk(b"tEXt", b"late\x00text") + chunk(b"eXIf", b"MM\x00*")
    data = with_chunks(png_of(noise(9, 9, 3)), before=before, after=after)
    picture, out = again(data)
    assert codes(picture) == []
    assert chunks(out) == chunks(data)
    parts = pngfile.take_apart(out)
    assert [c.kind for c in parts.after] == [b"tEXt", b"eXIf"]


def test_unknown_chunks_that_describe_the_pixels_go_as_the_standard_asks() -> None:
    data = with_chunks(png_of(noise(9, 9, 3)), before=chunk(b"iDOT", bytes(28)) + chunk(b"caBX", b"manifest"))
    picture, out = again(data)
    assert codes(picture) == ["chunks_dropped"]
    assert "iDOT" in picture.warnings[0].sentence
    assert chunks(out) == []


def test_the_xmp_packet_is_found_and_replaced_in_its_place() -> None:
    old = chunk(b"iTXt", XMP + b"\0\0\0\0<old/>")
    data = with_chunks(png_of(noise(9, 9, 3)), before=chunk(b"tEXt", b"a\0b"), after=old)
    picture, out = again(data, xmp=b"<new/>")
    assert picture.xmp == b"<old/>"
    assert chunks(out) == [(b"tEXt", b"a\0b"), (b"iTXt", XMP + b"\0\0\0\0<new/>")]
    assert [c.kind for c in pngfile.take_apart(out).after] == [b"iTXt"]
    assert decode_for_marking(out, LIMITS).xmp == b"<new/>"


def test_a_compressed_packet_is_read_up_to_a_bound() -> None:
    def packet(text: bytes) -> bytes:
        return chunk(b"iTXt", XMP + b"\1\0en\0\0" + zlib.compress(text))

    picture, out = again(with_chunks(png_of(noise(9, 9, 3)), before=packet(b"<old/>")), xmp=b"<new/>")
    assert picture.xmp == b"<old/>"
    bomb = with_chunks(png_of(noise(9, 9, 3)), before=packet(bytes(50_000_000)))
    picture, out = again(bomb, xmp=b"<new/>")
    assert (picture.xmp, codes(picture)) == (None, ["xmp_dropped"])
    assert chunks(out) == [(b"iTXt", XMP + b"\0\0\0\0<new/>")]


def test_a_new_packet_stands_before_the_pixels() -> None:
    _, out = again(png_of(noise(9, 9, 3)), xmp=b"<new/>")
    assert [c.kind for c in pngfile.take_apart(out).before] == [b"iTXt"]


def test_text_bombs_are_carried_and_never_inflated() -> None:
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000), 9))
    data = with_chunks(png_of(noise(9, 9, 3)), before=bomb + chunk(b"tEXt", b"k\0v") * 20_000)
    _, out = again(data)
    assert chunks(out) == chunks(data)
    decode_luma(data, LIMITS)


def test_interlace_is_given_up_and_said_so(corpus_free_interlaced: bytes) -> None:
    picture, out = again(corpus_free_interlaced)
    assert codes(picture) == ["interlace_dropped"]
    assert picture.planes[0, :4, 0].tolist() == [10, 40, 20, 50]
    assert pngfile.take_apart(out).header[12] == 0


@pytest.fixture
def corpus_free_interlaced() -> bytes:
    """4 x 1 grey in Adam7 order: pass 1 holds x = 0, pass 4 x = 2, pass 6 x = 1 and 3."""
    header = struct.pack(">IIBBBBB", 4, 1, 8, 0, 0, 0, 1)
    body = zlib.compress(b"\0\x0a" + b"\0\x14" + b"\0\x28\x32")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_damaged_checksum_of_pixels_is_refused_and_of_a_comment_survived() -> None:
    data = png_of(noise(20, 20, 3))
    broken = bytearray(data)
    broken[data.index(b"IDAT") + 10] ^= 1
    with pytest.raises(MalformedMedia, match="checksum"):
        decode_for_marking(bytes(broken), LIMITS)
    text = bytearray(chunk(b"tEXt", b"a\0b"))
    text[-1] ^= 1
    picture, out = again(with_chunks(data, before=bytes(text)))
    assert codes(picture) == ["damaged_chunks_dropped"]
    assert chunks(out) == []


def test_a_private_critical_chunk_is_refused_by_name() -> None:
    data = png_of(noise(9, 9, 3))
    with pytest.raises(UnsupportedMedia) as caught:
        decode_for_marking(with_chunks(data, before=chunk(b"CgBI", bytes(4))), LIMITS)
    assert caught.value.code == "png_critical_chunk"


def test_bytes_behind_the_picture_are_left_out_and_said_so() -> None:
    picture, out = again(png_of(noise(9, 9, 3)) + b"tail")
    assert codes(picture) == ["trailing_bytes_dropped"]
    assert out.endswith(b"IEND\xaeB`\x82")


def test_growth_is_stated_when_it_is_notable() -> None:
    flat = decode_for_marking(png_of(np.full((200, 200, 3), 77, np.uint8)), LIMITS)
    encoded = encode_marked(flat, noise(200, 200, 3), xmp=b"")
    assert [w.code for w in encoded.warnings] == ["file_grew"]
    assert f"{len(encoded.data) / flat.n_bytes:.1f}" in encoded.warnings[0].sentence
    same = encode_marked(flat, flat.planes, xmp=b"")
    assert same.warnings == ()


@settings(deadline=None, max_examples=60)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 4))),
)
def test_any_samples_come_back_from_what_is_written(samples: np.ndarray) -> None:
    height, width, channels = samples.shape
    raw = zlib.decompress(pngpixels.compressed(samples))
    assert len(raw) == height * (1 + width * channels)
    assert np.array_equal(unfiltered(raw, height, width * channels, channels), samples.reshape(height, -1))


def unfiltered(raw: bytes, height: int, length: int, step: int) -> np.ndarray:
    """PNG third edition, 9.2, in plain loops."""
    out = np.zeros((height, length), int)
    for y in range(height):
        kind, *line = raw[y * (length + 1) : (y + 1) * (length + 1)]
        for x, value in enumerate(line):
            a = out[y, x - step] if x >= step else 0
            b = out[y - 1, x] if y else 0
            out[y, x] = (value + (0, a, b, (a + b) // 2)[kind]) % 256
    return out


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_each_filter_is_undone_by_the_standards_formula(kind: int) -> None:
    rows = noise(9, 21)
    raw = pngpixels.filtered(rows, 3, kind).tobytes()
    assert np.array_equal(unfiltered(raw, 9, 21, 3), rows)
