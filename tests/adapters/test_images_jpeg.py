"""JPEG in, JPEG out: same tables, sampling, scan mode and metadata; chroma untouched."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from waarmerk.adapters import jpeg, jpegfile
from waarmerk.adapters.images import ColourSpace, Picture, decode_for_marking, decode_luma, encode_marked
from waarmerk.core.errors import MalformedMedia, UnsupportedMedia
from waarmerk.core.media import Limits

LIMITS = Limits(max_bytes=10_000_000, max_pixels=1_000_000)
XMP = b"http://ns.adobe.com/xap/1.0/\x00"


def scene(height: int = 75, width: int = 101) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    grain = np.random.default_rng(7).normal(0, 3, (height, width))
    red = 120 + 60 * np.sin(x / 17) + grain
    green = 128 + 50 * np.cos(y / 13) + grain
    blue = 120 + 30 * np.sin((x + y) / 9) + grain
    return np.clip(np.dstack((red, green, blue)), 30, 225).astype(np.uint8)


def jpeg_of(pixels: np.ndarray | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(scene() if pixels is None else pixels).save(out, "JPEG", **({"quality": 85} | options))
    return out.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 255, marker, len(payload) + 2) + payload


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """The file with segments behind its JFIF one."""
    end = 4 + struct.unpack_from(">H", data, 4)[0]
    return data[:end] + b"".join(segments) + data[end:]


def again(data: bytes, xmp: bytes = b"<new/>") -> tuple[Picture, bytes]:
    picture = decode_for_marking(data, LIMITS)
    return picture, encode_marked(picture, picture.planes, xmp=xmp).data


def metadata(data: bytes) -> list[tuple[int, bytes]]:
    return [(s.marker, s.payload) for s in jpegfile.take_apart(data).metadata]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(float) - b) ** 2))))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [50, 85, 97])
def test_tables_sampling_and_scan_mode_are_kept(quality: int, subsampling: int, progressive: bool) -> None:
    data = jpeg_of(quality=quality, subsampling=subsampling, progressive=progressive)
    _, out = again(data)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(out))
    assert before.quantization == after.quantization
    assert before.layer == after.layer
    assert before.info.get("progressive") == after.info.get("progressive")
    assert before.size == after.size


@pytest.mark.parametrize("size", [(75, 101), (64, 64), (1, 1), (1, 40), (40, 1), (3, 5), (17, 2), (2, 17)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_unchanged_luma_gives_back_the_same_picture(size: tuple[int, int], subsampling: int) -> None:
    data = jpeg_of(scene(*size), subsampling=subsampling)
    _, out = again(data)
    assert decode_luma(out, LIMITS).shape == size
    # A few coefficients round to their neighbour; in a picture smaller than a block one is much of it.
    floor = 50 if min(size) > 16 else 44
    assert psnr(decode_luma(data, LIMITS), decode_luma(out, LIMITS)) > floor
    assert psnr(np.asarray(Image.open(io.BytesIO(data))), np.asarray(Image.open(io.BytesIO(out)))) > floor - 5


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_chroma_survives_ten_rounds_and_better_than_through_rgb_where_subsampled(subsampling: int) -> None:
    data = ours = theirs = jpeg_of(subsampling=subsampling, quality=80)
    for _ in range(10):
        _, ours = again(ours)
        im = Image.open(io.BytesIO(theirs))
        theirs = jpeg_of(np.asarray(im), quality=80, subsampling=subsampling)

    def chroma(file: bytes) -> np.ndarray:
        im = Image.open(io.BytesIO(file))
        im.draft("YCbCr", im.size)
        return np.asarray(im)[..., 1:]

    assert psnr(chroma(data), chroma(ours)) > 48
    if subsampling:
        assert psnr(chroma(data), chroma(ours)) > psnr(chroma(data), chroma(theirs)) + 1


def reference_upsampled(x: np.ndarray) -> np.ndarray:
    """The decoder's triangle filter along rows, in its own integers (libjpeg, h2v1_fancy_upsample)."""
    wide = np.pad(x.astype(int), ((0, 0), (1, 1)), mode="edge")
    even = (3 * wide[:, 1:-1] + wide[:, :-2] + 1) >> 2
    odd = (3 * wide[:, 1:-1] + wide[:, 2:] + 2) >> 2
    return np.stack((even, odd), axis=2).reshape(len(x), -1).astype(np.uint8)


def test_undoing_the_triangle_filter_gives_back_the_samples() -> None:
    x = scene()[..., 0]
    assert np.abs(jpeg._untriangled(reference_upsampled(x)).astype(int) - x).max() <= 1


@pytest.mark.parametrize("factors", [(4, 1), (1, 2), (2, 4), (1, 4)])
@pytest.mark.parametrize("progressive", [False, True])
def test_samplings_the_codec_cannot_interleave_are_kept_in_separate_scans(
    factors: tuple[int, int], progressive: bool
) -> None:
    h, v = factors
    rgb = np.asarray(Image.fromarray(scene()).convert("YCbCr"))
    chroma = [np.ascontiguousarray(rgb[::v, ::h, i]) for i in (1, 2)]
    table = tuple(range(3, 67))
    frame = jpegfile.Frame(progressive, ((h, v), (1, 1), (1, 1)), (table,) * 3, rgb=False)
    source = jpeg.JpegSource(frame, factors, tuple(chroma), ())
    data, _ = source.encode(np.ascontiguousarray(rgb[..., :1]), xmp=b"")
    picture, out = again(data)
    assert [tuple(layer[1:3]) for layer in Image.open(io.BytesIO(out)).layer] == [(h, v), (1, 1), (1, 1)]
    assert psnr(picture.planes[..., 0], rgb[..., 0]) > 30
    assert psnr(np.asarray(Image.open(io.BytesIO(data))), np.asarray(Image.open(io.BytesIO(out)))) > 42


def test_grey_stays_grey() -> None:
    data = jpeg_of(scene()[..., 0])
    picture, out = again(data)
    assert picture.space is ColourSpace.L
    assert Image.open(io.BytesIO(out)).mode == "L"


def test_a_jpeg_of_rgb_components_stays_one() -> None:
    data = jpeg_of(keep_rgb=True, subsampling=0)
    picture, out = again(data)
    assert picture.space is ColourSpace.RGB
    assert picture.planes.shape[2] == 3
    assert psnr(np.asarray(Image.open(io.BytesIO(data))), np.asarray(Image.open(io.BytesIO(out)))) > 45


def test_a_luma_change_arrives_and_colour_does_not_move() -> None:
    picture = decode_for_marking(jpeg_of(quality=95), LIMITS)
    lighter = np.clip(picture.planes.astype(int) + 8, 0, 255).astype(np.uint8)
    out = encode_marked(picture, lighter, xmp=b"").data
    assert abs(float(decode_luma(out, LIMITS).mean() - picture.planes.mean()) - 8) < 0.2


def test_every_metadata_segment_comes_back_byte_for_byte_in_order() -> None:
    icc = b"".join(segment(0xE2, b"ICC_PROFILE\x00" + bytes((n, 3)) + bytes([n]) * 65_000) for n in (1, 2, 3))
    parts = (
        segment(
            0xE1, b"Exif\x00\x00MM\x00*" + b"\xff\xd8 not a thumbnail \xff\xd9" * 40
        ),  # corrupt: kept as it is
        icc,
        segment(0xED, b"Photoshop 3.0\x008BIM"),
        segment(0xFE, b"a comment"),
        segment(0xEC, b"Ducky"),
        segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\x00"),
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\x00" + b"0" * 40),
        segment(0xEB, b"JP\x00\x01\x00\x00\x00\x01other JUMBF"),
    )
    data = with_segments(jpeg_of(), *parts)
    _, out = again(data)
    kept = [m for m in metadata(out) if not m[1].startswith(XMP)]
    assert kept == metadata(data)


def test_the_xmp_packet_is_found_and_replaced_in_its_place() -> None:
    data = with_segments(
        jpeg_of(), segment(0xE1, XMP + b"<old/>"), segment(0xFE, b"c"), segment(0xE1, XMP + b"2")
    )
    picture, out = again(data)
    assert picture.xmp == b"<old/>"
    assert [m for m in metadata(out) if m[0] != 0xE0] == [(0xE1, XMP + b"<new/>"), (0xFE, b"c")]


def test_a_new_xmp_packet_stands_behind_jfif_and_exif() -> None:
    data = with_segments(jpeg_of(), segment(0xE1, b"Exif\x00\x00rest"), segment(0xFE, b"c"))
    picture, out = again(data)
    assert picture.xmp is None
    assert [m[0] for m in metadata(out)] == [0xE0, 0xE1, 0xE1, 0xFE]
    assert metadata(out)[2][1] == XMP + b"<new/>"


def test_an_empty_packet_means_none() -> None:
    _, out = again(with_segments(jpeg_of(), segment(0xE1, XMP + b"<old/>")), xmp=b"")
    assert not any(m[1].startswith(XMP) for m in metadata(out))


def test_a_packet_too_large_for_a_segment_is_refused() -> None:
    picture = decode_for_marking(jpeg_of(), LIMITS)
    encode_marked(picture, picture.planes, xmp=b"x" * jpeg.MAX_XMP_BYTES)
    with pytest.raises(UnsupportedMedia) as caught:
        encode_marked(picture, picture.planes, xmp=b"x" * (jpeg.MAX_XMP_BYTES + 1))
    assert caught.value.code == "xmp_too_large"


def test_old_manifests_are_left_out_with_all_their_segments() -> None:
    uuid = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
    first = b"JP\x00\x07\x00\x00\x00\x01" + struct.pack(">I4sI4s", 9, b"jumb", 30, b"jumd") + uuid + b"..."
    second = b"JP\x00\x07\x00\x00\x00\x02" + struct.pack(">I4s", 9, b"jumb") + b"more"
    data = with_segments(jpeg_of(), segment(0xEB, first), segment(0xEB, second))
    _, out = again(data)
    assert b"c2pa" not in out
    assert not any(m[0] == 0xEB for m in metadata(out))


def test_images_behind_the_first_are_left_out_and_said_so() -> None:
    data = with_segments(jpeg_of(), segment(0xE2, b"MPF\x00II*\x00")) + jpeg_of()
    picture, out = again(data)
    assert [w.code for w in picture.warnings] == ["extra_images_dropped"]
    assert b"MPF" not in out
    assert not jpegfile.take_apart(out).tail


def test_bytes_behind_the_picture_are_left_out_and_said_so() -> None:
    picture, out = again(jpeg_of() + b"PK\x03\x04 a polyglot")
    assert [w.code for w in picture.warnings] == ["trailing_bytes_dropped"]
    assert b"polyglot" not in out


@pytest.mark.parametrize(
    "pointer",
    [
        segment(0xE1, XMP + b'<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'),
        segment(0xE1, XMP + b'<x xmlns:Container="http://ns.google.com/photos/1.0/container/"/>'),
        segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\x00" + bytes(4)),
    ],
)
def test_a_gain_map_or_video_behind_the_picture_is_refused_by_name(pointer: bytes) -> None:
    with pytest.raises(UnsupportedMedia) as caught:
        decode_for_marking(with_segments(jpeg_of(), pointer) + jpeg_of(), LIMITS)
    assert caught.value.code == "appended_media"
    decode_for_marking(with_segments(jpeg_of(), pointer), LIMITS)  # nothing there to orphan


def test_twelve_bits_a_sample_are_refused_by_name_on_both_sides() -> None:
    data = bytearray(jpeg_of())
    data[data.index(b"\xff\xc0") + 4] = 12
    for read in (decode_for_marking, decode_luma):
        with pytest.raises(UnsupportedMedia) as caught:
            read(bytes(data), LIMITS)
        assert caught.value.code == "jpeg_12_bit"


def test_a_file_of_very_many_scans_is_refused() -> None:
    data = jpeg_of(progressive=True)
    parts = jpegfile.take_apart(data)
    scan = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + b"\x00"
    bomb = parts.bare()[:-2] + scan * (jpegfile.MAX_SCANS + 1) + b"\xff\xd9"
    with pytest.raises(MalformedMedia, match="scans"):
        decode_luma(bomb, LIMITS)


def test_metadata_between_scans_is_kept_and_never_reaches_the_decoder() -> None:
    parts = jpegfile.take_apart(jpeg_of(progressive=True))
    at = parts.body.index(b"\xff\xc4")
    moved = jpegfile.Parts(
        parts.coding, parts.metadata, parts.body[:at] + segment(0xFE, b"late") + parts.body[at:], b""
    )
    _, out = again(moved.written())
    assert (0xFE, b"late") in metadata(out)
    assert b"late" not in jpegfile.take_apart(moved.written()).bare()


def test_quantisation_tables_are_read_as_the_codec_reads_them() -> None:
    data = jpeg_of(quality=83)
    frame = jpegfile.read_frame(jpegfile.take_apart(data))
    theirs = Image.open(io.BytesIO(data)).quantization
    assert frame.tables == (tuple(theirs[0]), tuple(theirs[1]), tuple(theirs[1]))
    assert frame.ratio == (2, 2)
