"""JPEG: decode the luma, keep everything else, write it again the same way.

The coded picture and the metadata take separate roads. Decoding feeds the codec a file stripped of all
metadata (no parser ever looks into EXIF, and nothing hostile in it is reached); encoding writes the coded
picture with the file's own quantisation tables, subsampling and scan mode and then puts the original
segments back, byte for byte and in their order. Only four kinds do not come back: the XMP packet is
replaced, C2PA manifests (their hash is void; the next signature names the parent), MPF indexes (they point
behind the picture) and everything after EOI.

Chroma is never touched by a luma mark, so it is not even resampled: its samples are read at their own
resolution (`_decode_planes`) and written so that the encoder finds the same ones, which re-quantise to the
coefficients they came from. The file then grows by the mark's bits alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from waarmerk.adapters import pillow
from waarmerk.adapters.jpegfile import (
    APP0,
    APP1,
    APP2,
    APP11,
    DHT,
    DQT,
    SOS,
    ZIGZAG,
    Frame,
    Parts,
    Segment,
    body_segments,
    read_frame,
    take_apart,
)
from waarmerk.adapters.picture import Bytes2D, Bytes3D, ColourSpace, Picture
from waarmerk.core.errors import UnsupportedMedia
from waarmerk.core.media import MediaInfo, MediaType, MediaWarning

MAX_XMP_BYTES = 65_533 - 29
"""An XMP packet must fit one APP1 segment (XMP part 3, 1.1.3)."""

_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_EXIF = b"Exif\x00"
_C2PA_UUID = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
_ROWS = 64  # rows worked on at a time, so that they stay in the cache
_STEPS = 5  # of `_untriangled`: what is left of an error is at most 1/32 of it
_APPENDED = (
    b"http://ns.adobe.com/hdr-gain-map/1.0/",
    b"http://ns.google.com/photos/1.0/container/",
    b"http://ns.google.com/photos/1.0/camera/",
)


def _check_readable(info: MediaInfo) -> None:
    if info.bit_depth != 8:
        raise UnsupportedMedia(
            f"JPEG files of {info.bit_depth} bits a sample cannot be read; save it with 8 bits.",
            code="jpeg_12_bit",
        )
    if info.coding in ("lossless", "hierarchical"):
        raise UnsupportedMedia(
            f"JPEG files coded {info.coding} cannot be read; save it as baseline or progressive JPEG.",
            code="jpeg_coding",
        )


def _check_markable(info: MediaInfo) -> None:
    _check_readable(info)
    if info.channels == 4:
        raise UnsupportedMedia(
            "A CMYK JPEG cannot be marked; convert it to RGB or greyscale and send it again.", code="cmyk"
        )
    if info.channels not in (1, 3):
        raise UnsupportedMedia(
            f"A JPEG of {info.channels} components cannot be marked; save it as RGB or greyscale.",
            code="jpeg_components",
        )


def decode(data: bytes, info: MediaInfo, *, max_pixels: int) -> Picture:
    """Decode a JPEG file for marking: its Y plane, or R, G and B where it is coded so.

    Raises:
        UnsupportedMedia: ``cmyk``, ``jpeg_12_bit``, ``jpeg_coding``, ``jpeg_components``, ``jpeg_sampling``,
            ``appended_media``.
        MalformedMedia: damaged or cut off.
    """
    _check_markable(info)
    parts = take_apart(data)
    frame = read_frame(parts)
    ratio = frame.ratio
    if ratio is None or (frame.rgb and ratio != (1, 1)):
        raise UnsupportedMedia(
            "The JPEG file subsamples its components in a way that cannot be written again; "
            "save it as 4:2:0 or 4:4:4.",
            code="jpeg_sampling",
        )
    kept, xmp, warnings = _sort_metadata(parts)
    if info.coding == "arithmetic":
        warnings.append(
            MediaWarning(
                "arithmetic_coding_replaced", "The arithmetic-coded JPEG is written with Huffman codes."
            )
        )
    planes, chroma = _decode_planes(parts.bare(), frame, ratio, max_pixels)
    return Picture(
        media_type=MediaType.JPEG,
        planes=planes,
        space=ColourSpace.RGB if frame.rgb else ColourSpace.L,
        alpha=None,
        xmp=xmp,
        warnings=tuple(warnings),
        n_bytes=len(data),
        source=JpegSource(frame, ratio, chroma, kept),
    )


def decode_gray(data: bytes, info: MediaInfo, *, max_pixels: int) -> NDArray[np.float32]:
    """Decode a JPEG to luma, for detection; CMYK too.

    Raises:
        UnsupportedMedia: ``jpeg_12_bit``, ``jpeg_coding``.
        MalformedMedia: damaged or cut off.
    """
    _check_readable(info)
    bare = take_apart(data).bare()
    return pillow.decode_gray(bare, MediaType.JPEG, max_pixels=max_pixels, bit_depth=info.bit_depth)[0]


def _sort_metadata(parts: Parts) -> tuple[tuple[Segment, ...], bytes | None, list[MediaWarning]]:
    """What is written again (an empty XMP segment marks the packet's place), the XMP packet, and warnings."""
    manifest = {s.payload[2:4] for s in parts.metadata if s.marker == APP11 and _C2PA_UUID in s.payload[:48]}
    kept: list[Segment] = []
    xmp: bytes | None = None
    indexed = False
    for segment in parts.metadata:
        payload = segment.payload
        if segment.marker == APP11 and payload[:2] == b"JP" and payload[2:4] in manifest:
            continue
        if segment.marker == APP2 and payload.startswith(b"MPF\x00"):
            indexed = True
            continue
        if segment.marker == APP1 and payload.startswith(_XMP):
            if xmp is not None:
                continue  # a second packet is not valid, and readers take the first
            xmp = payload[len(_XMP) :]
            segment = Segment(APP1, _XMP)
        kept.append(segment)
    if xmp is None:
        kept.insert(_place_for_xmp(kept), Segment(APP1, _XMP))
    return tuple(kept), xmp, _tail_warnings(parts, xmp, indexed=indexed)


def _place_for_xmp(kept: Sequence[Segment]) -> int:
    """After JFIF and EXIF, which want to be first."""
    place = 0
    for i, segment in enumerate(kept[:4]):
        if segment.marker == APP0 or (segment.marker == APP1 and segment.payload.startswith(_EXIF)):
            place = i + 1
    return place


def _tail_warnings(parts: Parts, xmp: bytes | None, *, indexed: bool) -> list[MediaWarning]:
    if not parts.tail.strip(b"\0"):
        return []
    pointers = xmp or b""
    if any(name in pointers for name in _APPENDED) or any(
        s.marker == APP2 and s.payload.startswith(b"urn:iso:std:iso:ts:21496") for s in parts.metadata
    ):
        raise UnsupportedMedia(
            "This JPEG carries an HDR gain map or a video behind its picture, which a mark would orphan; "
            " save it as a plain JPEG and send it again.",
            code="appended_media",
        )
    if indexed:
        return [
            MediaWarning(
                "extra_images_dropped", "The further images behind the JPEG's first one are left out."
            )
        ]
    return [
        MediaWarning("trailing_bytes_dropped", "The bytes behind the end of the JPEG picture are left out.")
    ]


def _decode_planes(
    bare: bytes, frame: Frame, ratio: tuple[int, int], max_pixels: int
) -> tuple[Bytes3D, tuple[Bytes2D, ...]]:
    """The planes to mark, (H, W, C), and the chroma planes at their own size."""
    if frame.rgb:
        return pillow.decode(bare, MediaType.JPEG, max_pixels=max_pixels).samples, ()
    if len(frame.sampling) == 1:
        return pillow.decode_jpeg_as(bare, "L", max_pixels=max_pixels)[..., None], ()
    if ratio == (2, 2):
        luma = pillow.decode_jpeg_as(bare, "L", max_pixels=max_pixels)
        if min(luma.shape) >= 2:
            half = pillow.decode_jpeg_as(bare, "YCbCr", max_pixels=max_pixels, shrink=2)
            return luma[..., None], (half[..., 1], half[..., 2])
    full = pillow.decode_jpeg_as(bare, "YCbCr", max_pixels=max_pixels)
    chroma = tuple(_downsampled(full[..., i], ratio) for i in (1, 2))
    return np.ascontiguousarray(full[..., :1]), chroma


def _downsampled(plane: Bytes2D, ratio: tuple[int, int]) -> Bytes2D:
    """Chroma at its own size from the decoder's upsampled plane, undoing that (libjpeg, jdsample.c).

    Two across or two down is a triangle filter, undone by `_untriangled`; every other ratio is repetition.
    """
    if ratio == (2, 1) and plane.shape[1] > 4:
        return _untriangled(plane)
    if ratio == (1, 2) and plane.shape[1] > 2:
        return np.ascontiguousarray(_untriangled(plane.T).T)
    return plane[:: ratio[1], :: ratio[0]]


def _untriangled(plane: Bytes2D) -> Bytes2D:
    """Invert y[2i] = (3 x[i] + x[i-1]) / 4, y[2i+1] = (3 x[i] + x[i+1]) / 4 along rows, ends repeated.

    The mean of a pair is m[i] = (6 x[i] + x[i-1] + x[i+1]) / 8; x <- x + (m - M x) halves the error at every
    step or better, since M's eigenvalues lie in [1/2, 1].
    """
    height, width = plane.shape
    out = np.empty((height, (width + 1) // 2), np.uint8)
    for top in range(0, height, _ROWS):
        rows = plane[top : top + _ROWS].astype(np.float32)
        mean = rows[:, 0::2].copy()
        mean[:, : width // 2] += rows[:, 1::2]
        mean[:, : width // 2] *= 0.5
        x = np.pad(mean, ((0, 0), (1, 1)), mode="edge")
        for _ in range(_STEPS):
            step = mean - 0.75 * x[:, 1:-1]
            step -= 0.125 * x[:, :-2]
            step -= 0.125 * x[:, 2:]
            x[:, 1:-1] += step
            x[:, 0], x[:, -1] = x[:, 1], x[:, -2]
        out[top : top + _ROWS] = np.clip(np.rint(x[:, 1:-1]), 0, 255)
    return out


@dataclass(frozen=True, slots=True)
class JpegSource:
    """What writing the file again takes."""

    frame: Frame
    ratio: tuple[int, int]
    chroma: tuple[Bytes2D, ...]
    metadata: tuple[Segment, ...]

    def encode(self, planes: Bytes3D, *, xmp: bytes) -> tuple[bytes, Sequence[MediaWarning]]:
        """Write the picture with its own tables, sampling, scan mode and metadata.

        Raises:
            UnsupportedMedia: ``xmp_too_large``: the packet does not fit a segment.
        """
        if len(xmp) > MAX_XMP_BYTES:
            raise UnsupportedMedia(
                f"The XMP packet would be {len(xmp)} bytes and a JPEG takes {MAX_XMP_BYTES}; "
                "remove what is not needed from it.",
                code="xmp_too_large",
            )
        components = (*(planes[..., i] for i in range(planes.shape[2])), *self.chroma)
        if self.ratio in ((1, 1), (2, 1), (2, 2)):
            bare = pillow.encode_jpeg(
                components,
                ratio=self.ratio,
                tables=self.frame.tables,
                progressive=self.frame.progressive,
                rgb=self.frame.rgb,
            )
        else:
            bare = _encode_apart(components, self.frame)
        fresh = take_apart(bare)
        segments = (
            Segment(APP1, _XMP + xmp) if s.marker == APP1 and s.payload == _XMP else s
            for s in self.metadata
            if xmp or not (s.marker == APP1 and s.payload == _XMP)
        )
        return Parts(fresh.coding, tuple(segments), fresh.body, b"").written(), ()


def _encode_apart(components: Sequence[Bytes2D], frame: Frame) -> bytes:
    """Encode each component as a scan of its own, for samplings the codec cannot interleave (4:1:1, 4:4:0).

    A scan of one component holds that component's blocks in raster order (T.81 A.2.2), which is exactly
    what a grey JPEG of its size holds. So each is encoded as one, and its scans are renamed to the
    component's id.
    """
    height, width = components[0].shape
    distinct = list(dict.fromkeys(frame.tables))
    entries = b"".join(
        struct.pack(">BBB", i + 1, h << 4 | v, distinct.index(table))
        for i, ((h, v), table) in enumerate(zip(frame.sampling, frame.tables, strict=True))
    )
    sof = struct.pack(">BHHB", 8, height, width, len(components)) + entries
    segments = [_written_table(i, table) for i, table in enumerate(distinct)]
    segments.append(Segment(0xC2 if frame.progressive else 0xC1, sof))
    out = [b"\xff\xd8", *(s.written() for s in segments)]
    for i, (plane, table) in enumerate(zip(components, frame.tables, strict=True)):
        grey = take_apart(
            pillow.encode_jpeg(
                [plane], ratio=(1, 1), tables=[table], progressive=frame.progressive, rgb=False
            )
        )
        scans = b"".join(s.written() for s in grey.coding if s.marker in (DHT, SOS)) + grey.body
        out.append(_renamed_scans(scans, i + 1))
    return b"".join(out) + b"\xff\xd9"


def _written_table(number: int, table: Sequence[int]) -> Segment:
    wide = max(table) > 255
    steps = [table[position] for position in ZIGZAG]
    return Segment(DQT, struct.pack(">B64H" if wide else ">B64B", wide << 4 | number, *steps))


def _renamed_scans(scans: bytes, component: int) -> bytes:
    """The same scans with their one component's selector set (T.81 B.2.3: Ns, then Cs of each)."""
    renamed = bytearray(scans)
    for marker, begin, _end in body_segments(scans, 0):
        if marker == SOS:
            renamed[begin + 5] = component
    return bytes(renamed)
