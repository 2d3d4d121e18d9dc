"""Kinds, headers and limits: the bytes decide, and every byte string gets an answer."""

from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waarmerk.core.errors import MalformedMedia, MediaTooLarge, UnsupportedMedia, WaarmerkError
from waarmerk.core.media import (
    Limits,
    MediaInfo,
    MediaType,
    check_limits,
    check_n_bytes,
    media_type_of,
    read_header,
    sniff,
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def jpeg(width: int, height: int, *, sof: int = 0xC0, precision: int = 8, channels: int = 3) -> bytes:
    frame = struct.pack(">BHHB", precision, height, width, channels) + b"\x01\x11\x00" * channels
    segments = ((sof, frame), (0xDA, b"\x01\x01\x00\x00\x3f\x00"))
    body = b"".join(struct.pack(">BBH", 255, m, len(p) + 2) + p for m, p in segments)
    return b"\xff\xd8\xff\xe0\x00\x04ab" + body + b"\x00\xff\xd9"


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(struct.pack("<4sI", k, len(d)) + d + b"\0" * (len(d) & 1) for k, d in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8(width: int, height: int) -> bytes:
    return b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(20)


def vp8x(width: int, height: int, flags: int = 0) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes([flags, 0, 0, 0]) + sides


def gif(width: int, height: int, *frames: tuple[int, int, int, int]) -> bytes:
    images = b"".join(b"\x2c" + struct.pack("<HHHHB", *f, 0) + b"\x02\x01\x00\x00" for f in frames)
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + images + b"\x3b"


def tiff(width: int, height: int, order: str = "<", extra: tuple[int, int] | None = None) -> bytes:
    tags = [(256, width), (257, height), (258, 8), (277, 3), *([extra] if extra else [])]
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "IH", 8, len(tags)) + entries + bytes(4)


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def avif(*sizes: tuple[int, int], brand: bytes = b"avif") -> bytes:
    properties = b"".join(box(b"ispe", struct.pack(">III", 0, *size)) for size in sizes)
    properties += box(b"pixi", bytes(4) + b"\x03\x0a\x0a\x0a")
    meta = box(b"meta", bytes(4) + box(b"iprp", box(b"ipco", properties)))
    return box(b"ftyp", brand + bytes(4) + b"mif1" + brand) + meta


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("image/jpg", MediaType.JPEG),
        ("image/x-webp", MediaType.WEBP),
        ("IMAGE/PNG", MediaType.PNG),
        ("image/png; charset=x", MediaType.PNG),
        (" Image/PNG ;charset=binary", MediaType.PNG),
        ("image/jpeg", MediaType.JPEG),
        ("audio/x-wav", MediaType.WAV),
        ("application/octet-stream", None),
        ("", None),
        (";", None),
    ],
)
def test_content_type_aliases_case_and_parameters_are_understood(
    name: str, media_type: MediaType | None
) -> None:
    assert media_type_of(name) is media_type


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (jpeg(1, 1), MediaType.JPEG),
        (png(1, 1), MediaType.PNG),
        (riff((b"VP8 ", vp8(1, 1))), MediaType.WEBP),
        (gif(1, 1), MediaType.GIF),
        (avif((1, 1)), MediaType.AVIF),
        (avif((1, 1), brand=b"heic"), MediaType.HEIC),
        (tiff(1, 1), MediaType.TIFF),
        (tiff(1, 1, ">"), MediaType.TIFF),
        (tiff(1, 1, extra=(50706, 1)), MediaType.DNG),
        (b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + bytes(40), MediaType.BMP),
        (
            b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x --><svg xmlns="http://www.w3.org/2000/svg">',
            MediaType.SVG,
        ),
        (b"<html><svg></svg>", None),
        (b"\n%PDF-1.7\n", MediaType.PDF),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", MediaType.MP4),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ", MediaType.MOV),
        (b"\x00\x00\x00\x14ftypM4A \x00\x00\x02\x00M4A ", MediaType.M4A),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x08mdat", MediaType.MOV),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", MediaType.WAV),
        (b"RIFF\x24\x00\x00\x00????", None),
        (b"ID3\x03\x00", MediaType.MP3),
        (b"\xff\xfb\x90\x00", MediaType.MP3),
        (b"\xff\xfe\x00\x00", None),  # a UTF-16 mark is no MPEG frame
        (b"fLaC\x00", MediaType.FLAC),
        (b"PK\x03\x04", MediaType.ZIP),
        (b"P5\n1 1\n255\n\0", MediaType.PNM),
        (b"hello", None),
        (b"", None),
    ],
)
def test_the_bytes_tell_the_kind(data: bytes, media_type: MediaType | None) -> None:
    assert sniff(data) is media_type


@pytest.mark.parametrize(
    ("data", "size", "frames", "depth", "channels", "coding"),
    [
        (jpeg(640, 480), (640, 480), 1, 8, 3, "baseline"),
        (jpeg(64, 48, sof=0xC2, channels=1), (64, 48), 1, 8, 1, "progressive"),
        (jpeg(64, 48, sof=0xC1, precision=12), (64, 48), 1, 12, 3, "baseline"),
        (jpeg(64, 48, channels=4), (64, 48), 1, 8, 4, "baseline"),
        (jpeg(64, 48, sof=0xC9), (64, 48), 1, 8, 3, "arithmetic"),
        (png(30, 20, 16, 6), (30, 20), 1, 16, 4, ""),
        (png(30, 20, extra=chunk(b"acTL", struct.pack(">II", 6, 0))), (30, 20), 6, 8, 3, ""),
        (png(30, 20, extra=chunk(b"acTL", struct.pack(">II", 1, 0))), (30, 20), 2, 8, 3, ""),
        (riff((b"VP8 ", vp8(100, 50))), (100, 50), 1, 8, 3, "lossy"),
        (riff((b"VP8X", vp8x(100, 50, 0x10)), (b"VP8 ", vp8(100, 50))), (100, 50), 1, 8, 4, "lossy"),
        (riff((b"VP8X", vp8x(100, 50, 2)), (b"ANIM", bytes(6))), (100, 50), 2, 8, 3, ""),
        (
            riff((b"VP8L", b"\x2f" + struct.pack("<I", 99 | 49 << 14 | 1 << 28))),
            (100, 50),
            1,
            8,
            4,
            "lossless",
        ),
        (gif(10, 10, (0, 0, 10, 10)), (10, 10), 1, 8, 1, ""),
        (gif(10, 10, (0, 0, 10, 10), (0, 0, 5, 5)), (10, 10), 2, 8, 1, ""),
        (gif(1, 1, (0, 0, 65535, 65535)), (65535, 65535), 1, 8, 1, ""),
        (tiff(300, 200, ">"), (300, 200), 1, 8, 3, ""),
        (avif((32, 32), (640, 480), (64, 64)), (640, 480), 1, 10, 3, ""),
    ],
)
def test_a_header_says_how_large_the_picture_is(
    data: bytes, size: tuple[int, int], frames: int, depth: int, channels: int, coding: str
) -> None:
    info = read_header(data)
    assert (info.width, info.height) == size
    assert (info.frames_hint, info.bit_depth, info.channels, info.coding) == (frames, depth, channels, coding)
    assert info.n_bytes == len(data)
    assert info.animated == (frames > 1)


@pytest.mark.parametrize(
    "data",
    [
        jpeg(64, 48)[:12],
        jpeg(0, 48),
        jpeg(64, 0),
        png(64, 48)[:20],
        png(0, 1),
        png(1, 1, 3),
        riff((b"VP8 ", vp8(0, 9))),
        riff((b"VP8X", vp8x(10, 10)), (b"VP8 ", vp8(9, 9))),
        riff((b"EXIF", b"")),
        riff((b"VP8 ", vp8(9, 9)))[:-4],
        gif(10, 10),
        tiff(1, 1)[:20],
        avif(),
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
    ],
)
def test_a_damaged_header_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMedia):
        read_header(data)


def test_an_empty_file_has_its_own_code() -> None:
    with pytest.raises(MalformedMedia) as caught:
        read_header(b"")
    assert caught.value.code == "empty_file"


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7", b"fLaC", b"<svg>", b"P5\n1 1\n255\n\0"])
def test_what_has_no_readable_header_is_refused_and_told_what_is_taken(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match="JPEG, PNG, WebP"):
        read_header(data)


def info(width: int, height: int, n_bytes: int) -> MediaInfo:
    return MediaInfo(
        media_type=MediaType.PNG, width=width, height=height, bit_depth=8, channels=3, n_bytes=n_bytes
    )


def test_limits_name_what_is_too_large() -> None:
    limits = Limits(max_bytes=1000, max_pixels=100)
    check_limits(info(10, 10, 1000), limits)
    with pytest.raises(MediaTooLarge) as pixels:
        check_limits(info(101, 1, 10), limits)
    with pytest.raises(MediaTooLarge) as n_bytes:
        check_n_bytes(1001, limits)
    assert (pixels.value.code, n_bytes.value.code) == ("too_many_pixels", "too_many_bytes")


def test_many_empty_parts_are_walked_in_bounded_time() -> None:
    empty = chunk(b"teXt", b"")
    with pytest.raises(MalformedMedia, match="too many chunks"):
        read_header(png(1, 1, extra=empty * 200_000))
    with pytest.raises(MalformedMedia, match="too many segments"):
        read_header(b"\xff\xd8" + b"\xff\xe0\x00\x02" * 10_000)


WHOLE = (
    jpeg(64, 48),
    png(64, 48, extra=chunk(b"acTL", bytes(8))),
    riff((b"VP8X", vp8x(64, 48)), (b"VP8 ", vp8(64, 48))),
    gif(64, 48, (0, 0, 64, 48)),
    tiff(64, 48),
    avif((64, 48)),
)


@given(st.binary(max_size=300))
def test_any_bytes_get_a_header_or_our_error(data: bytes) -> None:
    with contextlib.suppress(WaarmerkError):
        read_header(data)
    sniff(data)


@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    st.integers(0, 400),
)
def test_damaged_files_get_a_header_or_our_error(
    whole: bytes, edits: list[tuple[int, int]], end: int
) -> None:
    data = bytearray(whole)
    for at, value in edits:
        data[at % len(data)] = value
    with contextlib.suppress(WaarmerkError):
        read_header(bytes(data[:end]))


def test_every_real_file_is_what_its_name_says_unless_its_name_lies(corpus: Path) -> None:
    ours = {"jpg": MediaType.JPEG, "jpeg": MediaType.JPEG, "png": MediaType.PNG, "webp": MediaType.WEBP}
    ours |= {"gif": MediaType.GIF, "avif": MediaType.AVIF, "tif": MediaType.TIFF, "tiff": MediaType.TIFF}
    ours |= {"heic": MediaType.HEIC, "heif": MediaType.HEIC, "bmp": MediaType.BMP, "pdf": MediaType.PDF}
    ours |= {"svg": MediaType.SVG, "wav": MediaType.WAV, "mp3": MediaType.MP3, "mp4": MediaType.MP4}
    ours |= {"dng": MediaType.DNG, "jxl": MediaType.JXL, "jp2": MediaType.JP2, "zip": MediaType.ZIP}
    lying = {"made_png_named_jpg.jpg", "made_webp_named_png.png", "empty_file.png"}
    seen = 0
    for path in sorted(corpus.glob("*/*")):
        expected = ours.get(path.suffix[1:])
        if path.is_file() and expected is not None and path.name not in lying:
            assert sniff(path.read_bytes()) is expected, path.name
            seen += 1
    assert seen > 200
