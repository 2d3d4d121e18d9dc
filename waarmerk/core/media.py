"""Which kind of file some bytes are, how large a picture they claim to be, and whether we take that on.

The bytes decide; names and Content-Type headers are never believed. Nothing here decodes a sample, inflates a
stream or walks more than a bounded number of parts, so it is safe on anything that comes in.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from waarmerk.core import headers
from waarmerk.core.errors import MalformedMedia, MediaTooLarge, UnsupportedMedia
from waarmerk.core.mediatypes import (
    DECODABLE,
    MARKABLE,
    MediaInfo,
    MediaType,
    MediaWarning,
    media_type_of,
)

__all__ = [
    "DECODABLE",
    "MARKABLE",
    "Limits",
    "MediaInfo",
    "MediaType",
    "MediaWarning",
    "check_limits",
    "check_n_bytes",
    "media_type_of",
    "name_list",
    "read_header",
    "sniff",
]

_SNIFF_BYTES = 4096  # an XML prolog with licence comments fits; PDF readers look for %PDF- in the first 1024

_SIGNATURES: tuple[tuple[bytes, MediaType], ...] = (
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", MediaType.JXL),
    (b"\xff\x0a", MediaType.JXL),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", MediaType.JP2),
    (b"\xff\x4f\xff\x51", MediaType.JP2),
    (b"8BPS", MediaType.PSD),
    (b"\x00\x00\x01\x00", MediaType.ICO),
    (b"PK\x03\x04", MediaType.ZIP),
    (b"\x1a\x45\xdf\xa3", MediaType.MATROSKA),
    (b"fLaC", MediaType.FLAC),
    (b"OggS", MediaType.OGG),
    (b"ID3", MediaType.MP3),
)
_RIFF = {b"WEBP": MediaType.WEBP, b"WAVE": MediaType.WAV, b"AVI ": MediaType.AVI}
_TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")  # classic and BigTIFF
_SVG_ROOT = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:\s|<\?[^>]*\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[[^\]]*\])?\s*>)*<(?:svg:)?svg[\s>]",
    re.S,
)
_PNM = re.compile(rb"\AP[1-6][\s#]")


def sniff(data: bytes) -> MediaType | None:
    """Tell the kind of a file from its bytes alone.

    Returns:
        The type, or None when it is none of those in `MediaType`.
    """
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[:4] in _TIFF_MAGIC:
        return MediaType.DNG if headers.is_dng(data) else MediaType.TIFF
    return headers.sniff_boxes(data) or _sniff_loose(data)


def _sniff_loose(data: bytes) -> MediaType | None:
    """Kinds whose mark is short or may stand behind something else; asked last."""
    head = data[:_SNIFF_BYTES]
    if data[:2] == b"BM" and data[6:10] == bytes(4) and len(data) >= 26:  # the reserved words are zero
        return MediaType.BMP
    if _PNM.match(head):
        return MediaType.PNM
    if _is_mpeg_audio(data):
        return MediaType.MP3
    if b"%PDF-" in head[:1024]:
        return MediaType.PDF
    return MediaType.SVG if _SVG_ROOT.match(head) else None


def _is_mpeg_audio(data: bytes) -> bool:
    """An MPEG-1/2 layer III frame header whose reserved values are not used (ISO 11172-3, 2.4.2.3)."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return False
    return data[1] & 0x18 != 0x08 and data[2] & 0xF0 != 0xF0 and data[2] & 0x0C != 0x0C


_PARSERS = {
    MediaType.JPEG: headers.jpeg,
    MediaType.PNG: headers.png,
    MediaType.WEBP: headers.webp,
    MediaType.GIF: headers.gif,
    MediaType.BMP: headers.bmp,
    MediaType.TIFF: headers.tiff,
    MediaType.DNG: headers.tiff,
    MediaType.AVIF: headers.heif,
    MediaType.HEIC: headers.heif,
}


def name_list(types: tuple[MediaType, ...]) -> str:
    """Names for a sentence, e.g. ``JPEG, PNG or WebP``."""
    names = [t.plain_name for t in types]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]


def read_header(data: bytes) -> MediaInfo:
    """Read what a picture's header claims, decoding nothing.

    Args:
        data: the whole file.

    Raises:
        UnsupportedMedia: not a raster picture whose header we can read.
        MalformedMedia: it begins like one and its header does not hold together.
    """
    if not data:
        raise MalformedMedia("The file is empty; send the bytes of a picture.", code="empty_file")
    media_type = sniff(data)
    if media_type is None:
        raise UnsupportedMedia(f"These bytes are no kind of file known here; send {name_list(DECODABLE)}.")
    parser = _PARSERS.get(media_type)
    if parser is None:
        raise UnsupportedMedia(
            f"The pixels of {media_type.plain_name} files cannot be read here; send {name_list(DECODABLE)}."
        )
    try:
        info = parser(data, media_type)
    except (struct.error, IndexError) as exc:  # a read past the end
        raise _malformed(media_type) from exc
    if info.width < 1 or info.height < 1:
        raise _malformed(media_type)
    return info


def _malformed(media_type: MediaType) -> MalformedMedia:
    return MalformedMedia(
        f"The header of this {media_type.plain_name} file is cut off or damaged; send the file whole."
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost.

    Args:
        max_bytes: length of the file as sent.
        max_pixels: width times height as the header claims.
    """

    max_bytes: int
    max_pixels: int


def check_n_bytes(n_bytes: int, limits: Limits) -> None:
    """Refuse a file by its length, before its header is walked.

    Raises:
        MediaTooLarge: code ``too_many_bytes``.
    """
    if n_bytes > limits.max_bytes:
        raise MediaTooLarge(
            f"The file has {n_bytes} bytes and the limit is {limits.max_bytes}; send a smaller one.",
            code="too_many_bytes",
        )


def check_limits(info: MediaInfo, limits: Limits) -> None:
    """Refuse what is too large, from the header alone.

    Raises:
        MediaTooLarge: code ``too_many_bytes`` or ``too_many_pixels``.
    """
    check_n_bytes(info.n_bytes, limits)
    if info.pixels > limits.max_pixels:
        raise MediaTooLarge(
            f"The picture is {info.width} x {info.height} = {info.pixels} pixels and the limit is "
            f"{limits.max_pixels}; send a smaller one.",
            code="too_many_pixels",
        )
