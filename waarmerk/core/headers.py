"""Bounded parsers for picture headers: bytes in, `MediaInfo` out.

Each follows one specification and reads only what sizes a decoder's work: dimensions, samples, frames. Reads
past the end raise ``struct.error`` or ``IndexError``; `waarmerk.core.media.read_header` turns those into our
error. Every loop is bounded by a named constant, since a file of empty parts costs its sender nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from waarmerk.core.errors import MalformedMedia
from waarmerk.core.mediatypes import MediaInfo, MediaType

MAX_SEGMENTS = 5_000
"""JPEG segments before the first scan. 20 MB of metadata in 64 kB segments is 320 of them."""
MAX_CHUNKS = 100_000
"""Chunks of a PNG or WebP file. Files with tens of thousands of text chunks exist."""
MAX_BOXES = 2_000
"""Boxes looked at in an ISO base media file."""
MAX_BLOCKS = 500_000
"""GIF data sub-blocks (255 bytes each) walked while looking for a second frame."""
MAX_TAGS = 1_000
"""Entries of a TIFF directory; baseline TIFF defines fewer than a hundred."""

_SOF_CODING = {
    0xC0: "baseline",
    0xC1: "baseline",  # extended sequential: same coding, more tables
    0xC2: "progressive",
    0xC3: "lossless",
    0xC9: "arithmetic",
    0xCA: "arithmetic",
    0xCB: "arithmetic",
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical"),
}
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_NO_LENGTH = frozenset((0x01, _SOI, *range(0xD0, 0xD8)))  # TEM, SOI, RSTn stand alone (T.81 B.1.1.3)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk the marker segments of a JPEG file up to and including its first SOS (ITU-T T.81, annex B).

    Bytes between segments that belong to none are passed over, as every decoder in use does.

    Yields:
        (marker, start of payload, end of payload), the payload without its two length bytes.

    Raises:
        MalformedMedia: too many segments, or a segment runs past the end.
    """
    at = 2
    for _ in range(MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 2 > len(data):
            raise MalformedMedia("The JPEG file ends before its first scan; send the file whole.")
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker in _NO_LENGTH:  # stuffing, fill byte, lone marker
            at += 1 if marker == 0xFF else 2
            continue
        if marker == _EOI:
            raise MalformedMedia("The JPEG file ends before its first scan; send the file whole.")
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise MalformedMedia("A segment of the JPEG file runs past its end; send the file whole.")
        yield marker, at + 4, end
        if marker == _SOS:
            return
        at = end
    raise MalformedMedia("The JPEG file has too many segments before its first scan.")


def jpeg(data: bytes, media_type: MediaType) -> MediaInfo:
    """The frame header (T.81 B.2.2)."""
    frame = None
    for marker, start, end in jpeg_segments(data):
        if marker in _SOF_CODING:
            if frame is not None and _SOF_CODING[marker] != "hierarchical":
                raise MalformedMedia(
                    "The JPEG file has two frame headers; save it again with another program."
                )
            frame = marker, struct.unpack_from(">BHHB", data[start:end])
    if frame is None:
        raise MalformedMedia("The JPEG file has no frame header; send the file whole.")
    marker, (precision, height, width, channels) = frame
    return MediaInfo(
        media_type=media_type,
        width=width,
        height=height,
        bit_depth=precision,
        channels=channels,
        n_bytes=len(data),
        coding=_SOF_CODING[marker],
    )


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Walk the chunks of a PNG file up to and including IEND (PNG third edition, 5.3).

    Yields:
        (type, start of data, end of data); the CRC follows the data.

    Raises:
        MalformedMedia: too many chunks, or a chunk runs past the end.
    """
    at = 8
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            raise MalformedMedia("The PNG file ends before its IEND chunk; send the file whole.")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise MalformedMedia("A chunk of the PNG file runs past its end; send the file whole.")
        yield kind, at + 8, end
        if kind == b"IEND":
            return
        at = end + 4
    raise MalformedMedia("The PNG file has too many chunks.")


_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def png(data: bytes, media_type: MediaType) -> MediaInfo:
    """IHDR, and acTL where the file is animated (PNG third edition, 11.2.1 and 11.3.6.1)."""
    length, kind = struct.unpack_from(">I4s", data, 8)
    width, height, depth, colour, *_ = struct.unpack_from(">IIBBBBB", data, 16)
    if kind != b"IHDR" or length != 13 or depth not in _PNG_DEPTHS.get(colour, ()):
        raise MalformedMedia("The PNG file does not begin with a valid IHDR chunk; save it again.")
    if max(width, height) >= 1 << 31:
        raise MalformedMedia("The PNG header claims more pixels a side than PNG allows.")
    frames = 1
    for chunk, start, _end in png_chunks(data):
        if chunk == b"acTL":
            # Even one frame may be another picture than the default image: two is the honest hint.
            frames = max(2, struct.unpack_from(">I", data, start)[0])
        if chunk in (b"acTL", b"IDAT"):
            break
    return MediaInfo(
        media_type=media_type,
        width=width,
        height=height,
        bit_depth=depth,
        channels=_PNG_CHANNELS[colour],
        n_bytes=len(data),
        frames_hint=frames,
    )


def riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Walk the chunks of a WebP file (RFC 9649, 2.3).

    Yields:
        (FourCC, start of payload, end of payload).

    Raises:
        MalformedMedia: too many chunks, or a chunk runs past the end.
    """
    (size,) = struct.unpack_from("<I", data, 4)
    stop = 8 + size
    if stop > len(data):
        raise MalformedMedia("The WebP file is cut off; send the file whole.")
    at = 12
    for _ in range(MAX_CHUNKS):
        if at + 8 > stop:
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if end > stop:
            raise MalformedMedia("A chunk of the WebP file runs past its end; send the file whole.")
        yield kind, at + 8, end
        at = end + (length & 1)
    raise MalformedMedia("The WebP file has too many chunks.")


def webp(data: bytes, media_type: MediaType) -> MediaInfo:
    """The canvas (RFC 9649, 2.5 to 2.7) and whether its picture is coded lossy or lossless."""
    canvas: tuple[int, int] | None = None
    coding, size, alpha, frames = "", (0, 0), False, 1
    for kind, start, end in riff_chunks(data):
        if kind == b"VP8X":
            flags, *_, w0, w1, w2, h0, h1, h2 = struct.unpack_from("<B3x6B", data[start:end])
            canvas = (1 + w0 + (w1 << 8) + (w2 << 16), 1 + h0 + (h1 << 8) + (h2 << 16))
            alpha, frames = bool(flags & 0x10), 2 if flags & 0x02 else 1
        elif kind == b"ANMF":
            frames = 2
            break
        elif kind == b"VP8 ":
            coding, size = "lossy", _vp8_size(data[start : start + 10])
            break
        elif kind == b"VP8L":
            coding, (width, height, alpha) = "lossless", _vp8l_header(data[start : start + 5])
            size = width, height
            break
    if canvas is None and not coding:
        raise MalformedMedia("The WebP file holds no picture; send the file whole.")
    if canvas is not None and coding and frames == 1 and canvas != size:
        raise MalformedMedia("The canvas of the WebP file and its picture differ in size; save it again.")
    width, height = canvas or size
    return MediaInfo(
        media_type=media_type,
        width=width,
        height=height,
        bit_depth=8,
        channels=4 if alpha else 3,
        n_bytes=len(data),
        frames_hint=frames,
        coding=coding,
    )


def _vp8_size(head: bytes) -> tuple[int, int]:
    """Frame size of a VP8 key frame (RFC 6386, 9.1)."""
    tag, start_code, width, height = struct.unpack("<3s3sHH", head)
    if tag[0] & 1 or start_code != b"\x9d\x01\x2a":
        raise MalformedMedia("The WebP file does not begin with a VP8 key frame; save it again.")
    return width & 0x3FFF, height & 0x3FFF


def _vp8l_header(head: bytes) -> tuple[int, int, bool]:
    """Size and alpha flag of a VP8L stream (RFC 9649, 3.4)."""
    signature, bits = struct.unpack("<BI", head)
    if signature != 0x2F:
        raise MalformedMedia("The WebP file's lossless stream has no signature; save it again.")
    return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1, bool(bits >> 28 & 1)


def gif(data: bytes, media_type: MediaType) -> MediaInfo:
    """Logical screen and image descriptors (GIF89a, 18 to 20), up to the second frame."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    frames = 0
    budget = MAX_BLOCKS
    while frames < 2 and at < len(data) and data[at] != 0x3B:
        if data[at] == 0x21:
            at += 2
        elif data[at] == 0x2C:
            left, top, w, h, flags = struct.unpack_from("<HHHHB", data, at + 1)
            width, height = max(width, left + w), max(height, top + h)  # a decoder grows its canvas to this
            frames += 1
            at += 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
        else:
            break
        while at < len(data) and data[at] and budget:
            at += data[at] + 1
            budget -= 1
        at += 1
    if not frames:
        raise MalformedMedia("The GIF file holds no picture; send the file whole.")
    return MediaInfo(
        media_type=media_type,
        width=width,
        height=height,
        bit_depth=8,
        channels=1,
        n_bytes=len(data),
        frames_hint=frames,
    )


def bmp(data: bytes, media_type: MediaType) -> MediaInfo:
    """BITMAPCOREHEADER or BITMAPINFOHEADER and its successors."""
    (header_size,) = struct.unpack_from("<I", data, 14)
    if header_size == 12:
        width, height, _planes, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _planes, bits = struct.unpack_from("<iiHH", data, 18)
    return MediaInfo(
        media_type=media_type,
        width=width,
        height=abs(height),  # negative: rows run from the top
        bit_depth=min(bits, 8) or 8,
        channels=max(1, bits // 8),
        n_bytes=len(data),
    )


_WIDTH, _HEIGHT, _BITS, _SAMPLES, _DNG_VERSION = 256, 257, 258, 277, 50706
_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # BYTE, SHORT, LONG, LONG8


def _tiff_directory(data: bytes) -> tuple[dict[int, int], bool]:
    """First value of each integer tag of the first directory (TIFF 6.0, 2), and whether another follows."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\x00", b"\x00+")  # BigTIFF: 8-byte offsets and counts
    offset_code, count_code, entry_size, inline = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    (at,) = struct.unpack_from(order + offset_code, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + count_code, data, at)
    if count > MAX_TAGS:
        raise MalformedMedia("The directory of the TIFF file has too many entries; save it again.")
    at += struct.calcsize(order + count_code)
    tags: dict[int, int] = {}
    for index in range(count):
        entry = at + index * entry_size
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        (n_values,) = struct.unpack_from(order + offset_code, data, entry + 4)
        code = _TIFF_TYPES.get(kind)
        if code is None or n_values < 1:
            continue
        value_at = entry + 4 + inline
        if n_values * struct.calcsize(code) > inline:
            (value_at,) = struct.unpack_from(order + offset_code, data, value_at)
            if value_at + struct.calcsize(code) > len(data):
                continue
        tags[tag] = struct.unpack_from(order + code, data, value_at)[0]
    (following,) = struct.unpack_from(
        order + offset_code, data.ljust(at + count * entry_size + 8, b"\0"), at + count * entry_size
    )
    return tags, following != 0


def tiff(data: bytes, media_type: MediaType) -> MediaInfo:
    """The first page; `frames_hint` is 2 where more follow."""
    tags, more = _tiff_directory(data)
    if _WIDTH not in tags or _HEIGHT not in tags:
        raise MalformedMedia("The TIFF file does not say how large its picture is; save it again.")
    return MediaInfo(
        media_type=media_type,
        width=tags[_WIDTH],
        height=tags[_HEIGHT],
        bit_depth=tags.get(_BITS, 1),
        channels=tags.get(_SAMPLES, 1),
        n_bytes=len(data),
        frames_hint=2 if more else 1,
    )


def is_dng(data: bytes) -> bool:
    """A TIFF file whose first directory carries DNGVersion."""
    try:
        return _DNG_VERSION in _tiff_directory(data)[0]
    except (struct.error, IndexError, MalformedMedia):
        return False


def _boxes(data: bytes, at: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Walk the boxes in data[at:stop] (ISO 14496-12, 4.2): (type, start of payload, end)."""
    for _ in range(MAX_BOXES):
        if at + 8 > stop:
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = stop if size == 0 else at + size
        if end < start or end > stop:
            return  # cut off: what came before still counts
        yield kind, start, end
        at = end


_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"))
_AUDIO_BRANDS = frozenset((b"M4A ", b"M4B "))
_QUICKTIME_FIRST = frozenset((b"moov", b"mdat", b"wide", b"pnot"))  # files from before ftyp existed


def sniff_boxes(data: bytes) -> MediaType | None:
    """Tell AVIF, HEIC, MP4, M4A and QuickTime apart by their brands (ISO 14496-12, 4.3)."""
    kind = data[4:8]
    if kind in _QUICKTIME_FIRST and len(data) >= 16:
        return MediaType.MOV
    if kind == b"styp":  # a segment of a fragmented file
        return MediaType.MP4
    if kind != b"ftyp" or len(data) < 12:
        return None
    size = min(int.from_bytes(data[:4], "big"), 1024)
    major = data[8:12]
    brands = {major, *(data[i : i + 4] for i in range(16, size - 3, 4))}
    if brands & _AVIF_BRANDS:
        return MediaType.AVIF
    if brands & _HEIC_BRANDS:
        return MediaType.HEIC
    if major in _AUDIO_BRANDS:
        return MediaType.M4A
    return MediaType.MOV if major == b"qt  " else MediaType.MP4


def heif(data: bytes, media_type: MediaType) -> MediaInfo:
    """The largest picture among the item properties (ISO 23008-12, 6.5.3 ispe and 6.5.6 pixi).

    Tiles, thumbnails and alpha planes have properties of their own; the largest bounds what a decoder
    allocates.
    """
    width = height = channels = 0
    depth = 8
    for start, end in _descend(data, b"meta", b"iprp", b"ipco"):
        for kind, at, stop in _boxes(data, start, end):
            if kind == b"ispe" and stop - at >= 12:
                w, h = struct.unpack_from(">II", data, at + 4)
                width, height = max((width, height), (w, h), key=lambda size: size[0] * size[1])
            elif kind == b"pixi" and stop - at >= 6:
                n = data[at + 4]
                channels = max(channels, n)
                depth = max(depth, *data[at + 5 : min(stop, at + 5 + n)])
    if not width:
        raise MalformedMedia(f"The {media_type.plain_name} file does not say how large its picture is.")
    return MediaInfo(
        media_type=media_type,
        width=width,
        height=height,
        bit_depth=depth,
        channels=channels or 3,
        n_bytes=len(data),
        frames_hint=2 if data[8:12] in (b"avis", b"msf1", b"hevc", b"hevx") else 1,
    )


def _descend(data: bytes, *path: bytes) -> Iterator[tuple[int, int]]:
    """Payloads of the boxes at `path`; of ``meta``, a full box, the version and flags are skipped."""
    found = [(0, len(data))]
    for name in path:
        found = [
            (start + 4 if name == b"meta" else start, end)
            for outer_start, outer_end in found
            for kind, start, end in _boxes(data, outer_start, outer_end)
            if kind == name
        ][:4]
    yield from found
