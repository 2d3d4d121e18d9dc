"""Pictures in and out: the door to the codecs of one format each.

    bytes -> decode_for_marking -> Picture -> (marked planes) -> encode_marked -> bytes of the same format
    bytes -> decode_luma -> luma

The type is read from the bytes, and the header is checked against the limits before anything is decoded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from waarmerk.adapters import jpeg, pillow, png, webp
from waarmerk.adapters.picture import Bytes3D, ColourSpace, Encoded, Picture
from waarmerk.core.errors import ShapeError, UnsupportedMedia
from waarmerk.core.media import (
    DECODABLE,
    MARKABLE,
    Limits,
    MediaInfo,
    MediaType,
    MediaWarning,
    check_limits,
    check_n_bytes,
    name_list,
    read_header,
)

__all__ = [
    "ColourSpace",
    "Encoded",
    "Picture",
    "decode_for_marking",
    "decode_luma",
    "encode_marked",
]

NOTABLE_GROWTH = 1.5
"""Growth of the file, new bytes over old, from which its owner is told."""

_CODECS = {MediaType.JPEG: jpeg.decode, MediaType.PNG: png.decode, MediaType.WEBP: webp.decode}


def decode_for_marking(data: bytes, limits: Limits) -> Picture:
    """Decode a picture and keep all that is needed to write it again.

    Args:
        data: a whole JPEG, PNG or WebP file.
        limits: checked from the header alone.

    Raises:
        UnsupportedMedia: not one of the three, or one that cannot be marked; the code names which:
        ``animated``,
            ``png_16_bit``, ``cmyk``, ``jpeg_12_bit``, ``jpeg_coding``, ``jpeg_components``,
            ``jpeg_sampling``, ``appended_media``, ``png_critical_chunk``.
        MalformedMedia: damaged or cut off.
        MediaTooLarge: over a limit.
    """
    info = _checked(data, limits)
    if info.animated:
        raise UnsupportedMedia(
            f"Animated {info.media_type.plain_name} pictures cannot be marked; send the frames one by one.",
            code="animated",
        )
    codec = _CODECS.get(info.media_type)
    if codec is None:
        raise UnsupportedMedia(
            f"{info.media_type.plain_name} pictures cannot be marked; send {name_list(MARKABLE)}."
        )
    return codec(data, info, max_pixels=limits.max_pixels)


def encode_marked(picture: Picture, planes: Bytes3D, *, xmp: bytes) -> Encoded:
    """Write a picture with new planes in its own format, everything else as it was.

    Args:
        picture: as decoded.
        planes: (H, W, C) uint8 of the shape of `picture.planes`.
        xmp: the packet to carry in place of the picture's own; empty for none.

    Raises:
        ShapeError: `planes` has another shape or dtype.
        UnsupportedMedia: ``xmp_too_large`` for the format.
    """
    if planes.shape != picture.planes.shape or planes.dtype != np.uint8:
        raise ShapeError(f"planes must be {picture.planes.shape} uint8, got {planes.shape} {planes.dtype}")
    data, warnings = picture.source.encode(planes, xmp=xmp)
    return Encoded(data, (*warnings, *_growth(picture.n_bytes, len(data))))


def _growth(before: int, after: int) -> tuple[MediaWarning, ...]:
    factor = after / before
    if factor <= NOTABLE_GROWTH:
        return ()
    sentence = f"The file grew by a factor of {factor:.1f}: flat areas compress less once they are marked."
    return (MediaWarning("file_grew", sentence),)


def decode_luma(data: bytes, limits: Limits) -> NDArray[np.float32]:
    """Decode the first frame of a picture to luma, for detection.

    L = 0.299 R + 0.587 G + 0.114 B (Rec. 601). Fully transparent pixels are set to the mean of the others,
    since what stands there is nobody's picture.

    Returns:
        (H, W) float32, 0..255, as stored: no orientation tag is applied.

    Raises:
        UnsupportedMedia: no picture whose pixels we read.
        MalformedMedia: damaged or cut off.
        MediaTooLarge: over a limit.
    """
    info = _checked(data, limits)
    if info.media_type not in DECODABLE:
        raise UnsupportedMedia(
            f"The pixels of {info.media_type.plain_name} files cannot be read; send {name_list(DECODABLE)}."
        )
    luma, alpha = _gray(data, info, limits.max_pixels)
    if alpha is not None:
        hidden = alpha == 0
        if hidden.any() and not hidden.all():
            luma[hidden] = luma[~hidden].mean()
    return luma


def _gray(
    data: bytes, info: MediaInfo, max_pixels: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    if info.media_type is MediaType.JPEG:
        return jpeg.decode_gray(data, info, max_pixels=max_pixels), None
    if info.media_type is MediaType.PNG:
        return png.decode_gray(data, info, max_pixels=max_pixels)
    return pillow.decode_gray(data, info.media_type, max_pixels=max_pixels, bit_depth=info.bit_depth)


def _checked(data: bytes, limits: Limits) -> MediaInfo:
    check_n_bytes(len(data), limits)
    info = read_header(data)
    check_limits(info, limits)
    return info
