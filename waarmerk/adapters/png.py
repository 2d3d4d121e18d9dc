"""PNG: decode to 8-bit samples, keep every chunk that still holds, write the pixels anew.

Text, colour and time chunks come back byte for byte, in their order, before or after the pixels as they
stood; no text is ever inflated, save an XMP packet, and that only up to a bound. The decoder is fed the
critical chunks alone. What cannot come back as it was is said in a warning: a palette and 1-, 2- or 4-bit
grey become 8-bit samples (a mark needs grey levels between theirs), a transparent colour becomes alpha
(marked pixels would leave or join it), interlace is given up.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from waarmerk.adapters import pillow
from waarmerk.adapters.picture import Bytes2D, Bytes3D, ColourSpace, Picture
from waarmerk.adapters.pngfile import SIGNATURE, Chunk, Parts, take_apart
from waarmerk.adapters.pngpixels import compressed
from waarmerk.core.errors import UnsupportedMedia
from waarmerk.core.media import MediaInfo, MediaType, MediaWarning

MAX_XMP_BYTES = 4 << 20
"""To which a compressed XMP packet is inflated; the largest in use are some hundred kB."""

_XMP_KEYWORD = b"XML:com.adobe.xmp\x00"
_XMP_HEAD = _XMP_KEYWORD + b"\x00\x00\x00\x00"  # not compressed, no language, no translated keyword
# Chunks whose meaning does not hang on the sample values, though their name may say so.
_KNOWN = frozenset(
    (b"PLTE", b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"sPLT",
     b"eXIf", b"tIME", b"iTXt", b"tEXt", b"zTXt", b"oFFs", b"sCAL", b"pCAL", b"sTER", b"gIFg", b"gIFx")
)  # fmt: skip
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6


def decode(data: bytes, info: MediaInfo, *, max_pixels: int) -> Picture:
    """Decode a PNG file that is not animated for marking.

    Raises:
        UnsupportedMedia: ``png_16_bit``, ``png_critical_chunk``.
        MalformedMedia: damaged or cut off.
    """
    if info.bit_depth == 16:
        raise UnsupportedMedia(
            "A PNG of 16 bits a sample cannot be marked without losing half of them; save it with 8 bits.",
            code="png_16_bit",
        )
    parts = take_apart(data)
    raster = pillow.decode(parts.bare(transparency=False), MediaType.PNG, max_pixels=max_pixels)
    planes, alpha = _planes(raster.samples, parts)
    xmp, unread = _xmp(parts)
    before, after, dropped = _kept(parts, alpha=alpha is not None)
    return Picture(
        media_type=MediaType.PNG,
        planes=planes,
        space=ColourSpace.L if planes.shape[2] == 1 else ColourSpace.RGB,
        alpha=alpha,
        xmp=xmp,
        warnings=tuple(_warnings(parts, dropped, unread=unread)),
        n_bytes=len(data),
        source=PngSource(before, after, alpha),
    )


def decode_gray(
    data: bytes, info: MediaInfo, *, max_pixels: int
) -> tuple[NDArray[np.float32], Bytes2D | None]:
    """Decode any PNG to luma and alpha, for detection; of an animated one the default image."""
    bare = take_apart(data).bare(transparency=True)
    return pillow.decode_gray(bare, MediaType.PNG, max_pixels=max_pixels, bit_depth=info.bit_depth)


def _planes(samples: NDArray[np.uint8], parts: Parts) -> tuple[Bytes3D, Bytes2D | None]:
    """Decoded samples as planes to mark and alpha, in place of palette and transparent colour."""
    transparency = parts.find(b"tRNS")
    if parts.colour == _PALETTE:
        return _expanded(samples, parts.find(b"PLTE") or b"", transparency)
    if parts.colour in (_GREY_ALPHA, _RGB_ALPHA):
        return np.ascontiguousarray(samples[..., :-1]), np.ascontiguousarray(samples[..., -1])
    planes = samples[..., None] if samples.ndim == 2 else samples
    if transparency is None or len(transparency) < 2 * planes.shape[2]:
        return planes, None
    key = np.array(struct.unpack_from(f">{planes.shape[2]}H", transparency)) * (255 // (2**parts.depth - 1))
    return planes, np.where((planes == key).all(axis=2), 0, 255).astype(np.uint8)


def _expanded(indices: Bytes2D, palette: bytes, alphas: bytes | None) -> tuple[Bytes3D, Bytes2D | None]:
    """Palette indices as colours; an index beyond the palette is opaque black, as decoders have it."""
    colours = np.frombuffer(palette[:768].ljust(768, b"\0"), np.uint8).reshape(256, 3)
    planes = np.ascontiguousarray(colours[indices])
    if alphas is None:
        return planes, None
    return planes, np.frombuffer(alphas[:256].ljust(256, b"\xff"), np.uint8)[indices]


def _xmp(parts: Parts) -> tuple[bytes | None, bool]:
    """The XMP packet, and whether there is one that was not read because it is damaged or too large."""
    for chunk in (*parts.before, *parts.after):
        if not _is_xmp(chunk):
            continue
        flag, rest = chunk.data[len(_XMP_KEYWORD) :][:1], chunk.data[len(_XMP_KEYWORD) + 2 :]
        text = rest.split(b"\x00", 2)[-1]  # behind language tag and translated keyword
        if flag == b"\x00":
            return text, False
        inflater = zlib.decompressobj()
        try:
            packet = inflater.decompress(text, MAX_XMP_BYTES)
        except zlib.error:
            return None, True
        return (packet, False) if inflater.eof else (None, True)
    return None, False


def _is_xmp(chunk: Chunk) -> bool:
    return chunk.kind == b"iTXt" and chunk.data.startswith(_XMP_KEYWORD)


def _kept(parts: Parts, *, alpha: bool) -> tuple[tuple[Chunk, ...], tuple[Chunk, ...], list[bytes]]:
    """Chunks to write before and behind the pixels (an empty XMP one marks its place), and names left out."""
    dropped: list[bytes] = []
    before = [c for c in (_fitted(c, parts, dropped, alpha=alpha) for c in parts.before) if c is not None]
    after = [c for c in (_fitted(c, parts, dropped, alpha=alpha) for c in parts.after) if c is not None]
    places = [c for c in (*before, *after) if _is_xmp(c)]
    if not places:
        before.append(Chunk(b"iTXt", _XMP_HEAD))
    seen = places[:1]
    return tuple(_once(before, seen)), tuple(_once(after, seen)), dropped


def _once(chunks: Sequence[Chunk], seen: list[Chunk]) -> Iterator[Chunk]:
    """The chunks, of several XMP packets the first only, emptied."""
    for chunk in chunks:
        if not _is_xmp(chunk):
            yield chunk
        elif not seen or chunk is seen[0]:
            yield Chunk(b"iTXt", _XMP_HEAD)


def _fitted(chunk: Chunk, parts: Parts, dropped: list[bytes], *, alpha: bool) -> Chunk | None:
    """The chunk as it still holds for the new samples, or None."""
    if chunk.kind in (b"tRNS", b"caBX"):  # now alpha; a manifest whose hash is void
        return None
    if parts.colour == _PALETTE and chunk.kind in (b"PLTE", b"hIST"):
        return None
    if chunk.kind == b"bKGD":
        return _background(chunk, parts)
    if chunk.kind == b"sBIT":  # marked samples fill all bits; samples that changed kind have other fields
        same = parts.colour != _PALETTE and parts.depth == 8 and not (alpha and parts.colour in (_GREY, _RGB))
        return chunk if same and set(chunk.data) == {8} else None
    # An unknown chunk that is not safe to copy describes the pixels (PNG third edition, 14.2).
    if chunk.kind not in _KNOWN and chunk.kind[3:4].isupper():
        dropped.append(chunk.kind)
        return None
    return chunk


def _background(chunk: Chunk, parts: Parts) -> Chunk | None:
    """bKGD in the new samples: a palette index as its colour, low-depth grey scaled."""
    if parts.colour == _PALETTE and len(chunk.data) == 1:
        colour = (parts.find(b"PLTE") or b"")[3 * chunk.data[0] :][:3]
        return Chunk(b"bKGD", struct.pack(">3H", *colour)) if len(colour) == 3 else None
    if parts.colour == _GREY and len(chunk.data) == 2:
        (level,) = struct.unpack(">H", chunk.data)
        return Chunk(b"bKGD", struct.pack(">H", min(255, level * (255 // (2**parts.depth - 1)))))
    return chunk if parts.colour != _PALETTE else None


def _warnings(parts: Parts, dropped: Sequence[bytes], *, unread: bool) -> Iterator[MediaWarning]:
    if parts.colour == _PALETTE:
        yield MediaWarning("palette_expanded", "The palette picture is written as 8-bit true colour.")
    elif parts.depth < 8:
        yield MediaWarning("bit_depth_raised", f"The {parts.depth}-bit grey picture is written with 8 bits.")
    if parts.colour in (_GREY, _RGB) and parts.find(b"tRNS") is not None:
        yield MediaWarning("transparent_colour_to_alpha", "The transparent colour is written as alpha.")
    if parts.header[12]:
        yield MediaWarning("interlace_dropped", "The interlaced PNG is written without interlace.")
    if parts.damaged:
        yield MediaWarning("damaged_chunks_dropped", "PNG chunks with a wrong checksum are left out.")
    if dropped:
        names = ", ".join(sorted({kind.decode("ascii") for kind in dropped})[:10])
        yield MediaWarning(
            "chunks_dropped", f"PNG chunks that describe the old pixels are left out: {names}."
        )
    if unread:
        yield MediaWarning("xmp_dropped", "The XMP packet is damaged or too large to read and is replaced.")
    if parts.tail:
        yield MediaWarning("trailing_bytes_dropped", "The bytes behind the end of the PNG are left out.")


@dataclass(frozen=True, slots=True)
class PngSource:
    """What writing the file again takes."""

    before: tuple[Chunk, ...]
    after: tuple[Chunk, ...]
    alpha: Bytes2D | None

    def encode(self, planes: Bytes3D, *, xmp: bytes) -> tuple[bytes, Sequence[MediaWarning]]:
        """Write the picture with its own chunks and this XMP packet; none when it is empty."""
        height, width, channels = planes.shape
        grey = channels == 1
        if self.alpha is None:
            colour, samples = (_GREY if grey else _RGB), planes
        else:
            colour, samples = (_GREY_ALPHA if grey else _RGB_ALPHA), np.dstack((planes, self.alpha))
        header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
        chunks = [
            Chunk(b"IHDR", header),
            *_with_xmp(self.before, xmp),
            Chunk(b"IDAT", compressed(samples)),
            *_with_xmp(self.after, xmp),
            Chunk(b"IEND", b""),
        ]
        return SIGNATURE + b"".join(c.written() for c in chunks), ()


def _with_xmp(chunks: Sequence[Chunk], xmp: bytes) -> Iterator[Chunk]:
    for chunk in chunks:
        if not _is_xmp(chunk):
            yield chunk
        elif xmp:
            yield Chunk(b"iTXt", _XMP_HEAD + xmp)
