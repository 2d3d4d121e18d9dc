"""WebP: lossy stays lossy at its own quality, lossless stays lossless, and every other chunk comes back.

Lossy files keep their alpha chunk byte for byte (it is a stream of its own); only the VP8 picture is coded
again. Metadata never reaches the decoder and is written back as it was: ICC first, unknown chunks last (RFC
9649, 2.7).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from waarmerk.adapters import pillow, vp8
from waarmerk.adapters.picture import Bytes2D, Bytes3D, ColourSpace, Picture
from waarmerk.core.errors import MalformedMedia
from waarmerk.core.headers import riff_chunks
from waarmerk.core.media import MediaInfo, MediaType, MediaWarning

LOSSY_METHOD = 4
LOSSLESS_METHOD = 1
"""Effort of the encoder, 0..6. Lossy: below 3 it saves half the time and loses 1 to 2 dB at the same quality.
Lossless: 1 with `LOSSLESS_EFFORT` takes half the time of 4 for files 5 % larger."""
LOSSLESS_EFFORT = 40
"""libwebp's `quality` of a lossless picture is a second dial of effort; below 40 files grow by 10 % more."""

_ICC, _ALPHA, _EXIF, _XMP_FLAG = 0x20, 0x10, 0x08, 0x04
_PICTURE = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH")
_MANIFEST = b"C2PA"
_TAIL_SENTENCE = "The bytes behind the end of the WebP file are left out."


@dataclass(frozen=True, slots=True)
class Chunk:
    """One RIFF chunk."""

    kind: bytes
    data: bytes = field(repr=False)

    def written(self) -> bytes:
        return struct.pack("<4sI", self.kind, len(self.data)) + self.data + b"\0" * (len(self.data) & 1)


def take_apart(data: bytes) -> tuple[dict[bytes, bytes], list[Chunk], bool]:
    """Split a still WebP file: picture chunks by name, all others in order, and whether bytes follow it."""
    picture: dict[bytes, bytes] = {}
    others: list[Chunk] = []
    for kind, start, end in riff_chunks(data):
        if kind in _PICTURE:
            picture.setdefault(kind, data[start:end])
        else:
            others.append(Chunk(kind, data[start:end]))
    return picture, others, 8 + int.from_bytes(data[4:8], "little") < len(data)


def assemble(
    picture: dict[bytes, bytes], others: Sequence[Chunk], size: tuple[int, int], *, alpha: bool
) -> bytes:
    """Write a WebP file, extended (VP8X) where there is anything beside the picture.

    Args:
        picture: ``VP8 `` with or without ``ALPH``, or ``VP8L``.
        others: ICCP, EXIF, XMP and unknown chunks, in any order.
        size: (width, height).
    """
    stream = [Chunk(kind, picture[kind]) for kind in (b"ALPH", b"VP8 ", b"VP8L") if kind in picture]
    icc = [c for c in others if c.kind == b"ICCP"][:1]
    rest = [c for c in others if c.kind != b"ICCP"]
    chunks = [*icc, *stream, *rest]
    if others or b"ALPH" in picture:
        kinds = {c.kind for c in others}
        flags = _ICC * (b"ICCP" in kinds) | _EXIF * (b"EXIF" in kinds) | _XMP_FLAG * (b"XMP " in kinds)
        flags |= _ALPHA * alpha
        sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
        chunks.insert(0, Chunk(b"VP8X", struct.pack("<B3x", flags) + sides))
    body = b"WEBP" + b"".join(c.written() for c in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def decode(data: bytes, info: MediaInfo, *, max_pixels: int) -> Picture:
    """Decode a still WebP file for marking.

    Raises:
        MalformedMedia: damaged or cut off.
    """
    picture, others, tail = take_apart(data)
    size = info.width, info.height
    bare = assemble(picture, (), size, alpha=info.channels == 4)
    raster = pillow.decode(bare, MediaType.WEBP, max_pixels=max_pixels)
    if raster.samples.shape[:2] != size[::-1]:
        raise MalformedMedia("The canvas of the WebP file and its picture differ in size; save it again.")
    alpha = np.ascontiguousarray(raster.samples[..., 3]) if raster.mode == "RGBA" else None
    frame = picture.get(b"VP8 ")
    return Picture(
        media_type=MediaType.WEBP,
        planes=np.ascontiguousarray(raster.samples[..., :3]),
        space=ColourSpace.RGB,
        alpha=alpha,
        xmp=next((c.data for c in others if c.kind == b"XMP "), None),
        warnings=(MediaWarning("trailing_bytes_dropped", _TAIL_SENTENCE),) if tail else (),
        n_bytes=len(data),
        source=WebpSource(
            quality=None if frame is None else vp8.quality(frame),
            alpha=alpha,
            alpha_chunk=picture.get(b"ALPH"),
            others=tuple(c for c in others if c.kind not in (b"XMP ", _MANIFEST)),
        ),
    )


@dataclass(frozen=True, slots=True)
class WebpSource:
    """What writing the file again takes.

    Args:
        quality: of a lossy picture, 0..100; None where it is lossless.
        alpha: (H, W) uint8 or None.
        alpha_chunk: the coded alpha of a lossy picture.
        others: metadata and unknown chunks without XMP.
    """

    quality: float | None
    alpha: Bytes2D | None
    alpha_chunk: bytes | None = field(repr=False)
    others: tuple[Chunk, ...]

    def encode(self, planes: Bytes3D, *, xmp: bytes) -> tuple[bytes, Sequence[MediaWarning]]:
        """Write the picture with its own coding and metadata and this XMP packet; none when it is empty."""
        if self.quality is None:
            pixels = planes if self.alpha is None else np.dstack((planes, self.alpha))
            coded = pillow.encode_webp(pixels, lossless=True, quality=LOSSLESS_EFFORT, method=LOSSLESS_METHOD)
        else:
            coded = pillow.encode_webp(planes, lossless=False, quality=self.quality, method=LOSSY_METHOD)
        picture, _, _ = take_apart(coded)
        picture.pop(b"VP8X", None)
        if self.alpha_chunk is not None and self.quality is not None:
            picture[b"ALPH"] = self.alpha_chunk
        others = (*self.others, Chunk(b"XMP ", xmp)) if xmp else self.others
        height, width, _ = planes.shape
        return assemble(picture, others, (width, height), alpha=self.alpha is not None), ()
