"""Where a file keeps its XMP packet, for readers: any kind of picture, damaged or not.

JPEG and PNG are walked to the place the standard gives the packet. Everything else is scanned for it, which
XMP is made for: a reader that does not know a format can still find the packet in it.

References:
    ISO 16684-1 (XMP), 7.3.2 (packet wrapper, scanning). XMP Specification Part 3, 1.1.3 (JPEG), 1.1.5 (PNG).
"""

from __future__ import annotations

import struct
import zlib

from waarmerk.core.errors import MalformedMedia
from waarmerk.core.headers import jpeg_segments, png_chunks
from waarmerk.core.mediatypes import MediaType

MAX_PACKET_BYTES = 16 * 1024 * 1024  # what a compressed packet may inflate to; real ones stay far below

_APP1 = 0xE1
_JPEG_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"
_PNG_HEAD = b"XML:com.adobe.xmp\x00"
_WRAPPERS = ((b"<x:xmpmeta", b"</x:xmpmeta>"), (b"<rdf:RDF", b"</rdf:RDF>"))


def xmp_packet(data: bytes, media_type: MediaType) -> bytes | None:
    """The XMP packet of a picture file.

    Args:
        data: the whole file.
        media_type: by its bytes.

    Returns:
        The packet; None where there is none, or none that can be taken out.
    """
    try:
        if media_type is MediaType.JPEG:
            return _in_jpeg(data)
        if media_type is MediaType.PNG:
            return _in_png(data)
    except (MalformedMedia, struct.error, IndexError):
        return None
    return _scanned(data)


def _in_jpeg(data: bytes) -> bytes | None:
    for marker, start, end in jpeg_segments(data):
        if marker == _APP1 and data.startswith(_JPEG_HEAD, start, end):
            return data[start + len(_JPEG_HEAD) : end]
    return None


def _in_png(data: bytes) -> bytes | None:
    for kind, start, end in png_chunks(data):
        if kind == b"iTXt" and data.startswith(_PNG_HEAD, start, end):
            compressed, rest = data[start + len(_PNG_HEAD)], data[start + len(_PNG_HEAD) + 2 : end]
            text = rest.split(b"\x00", 2)[-1]  # behind language tag and translated keyword
            return _inflated(text) if compressed else text
    return None


def _inflated(text: bytes) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        packet = inflater.decompress(text, MAX_PACKET_BYTES)
    except zlib.error:
        return None
    return packet if inflater.eof else None


def _scanned(data: bytes) -> bytes | None:
    for opening, closing in _WRAPPERS:
        start = data.find(opening)
        if start >= 0:
            end = data.find(closing, start, start + MAX_PACKET_BYTES)
            return data[start : end + len(closing)] if end >= 0 else None
    return None
