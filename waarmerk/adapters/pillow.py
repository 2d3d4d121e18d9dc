"""The one module that calls Pillow: bytes to sample arrays and back, with every guard in place.

Guards: only the plugin of the sniffed type is tried; the caller has checked dimensions from the header and
they are checked again on what Pillow read; Pillow's own bomb warning is an error; half pictures are never
accepted; whatever a plugin raises becomes our error. No Pillow switch is changed per call, so threads do
not meet here.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from waarmerk.core.errors import MalformedMedia, MediaTooLarge, WaarmerkError
from waarmerk.core.media import MediaType

warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

_FORMATS = {
    MediaType.JPEG: "JPEG",
    MediaType.PNG: "PNG",
    MediaType.WEBP: "WEBP",
    MediaType.GIF: "GIF",
    MediaType.AVIF: "AVIF",
    MediaType.TIFF: "TIFF",
    MediaType.BMP: "BMP",
}

Samples = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Raster:
    """Decoded samples.

    Args:
        mode: Pillow's name for what they are: ``L``, ``LA``, ``RGB``, ``RGBA``, ``P`` (palette indices)...
        samples: (H, W) or (H, W, C) uint8.
    """

    mode: str
    samples: Samples


@contextmanager
def _guarded(media_type: MediaType) -> Iterator[None]:
    """Turn what Pillow raises into our errors.

    Its plugins raise whatever their parsing trips over (OSError, SyntaxError, ValueError, struct.error,
    zlib.error, KeyError...), so every Exception is taken.
    """
    try:
        yield
    except WaarmerkError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as exc:
        raise MediaTooLarge(
            "The picture needs more memory than it may; send a smaller one.", code="too_many_pixels"
        ) from exc
    except Exception as exc:
        raise MalformedMedia(
            f"The {media_type.plain_name} file cannot be decoded: it is cut off or damaged; send it whole."
        ) from exc


@contextmanager
def _opened(data: bytes, media_type: MediaType, max_pixels: int) -> Iterator[Image.Image]:
    with _guarded(media_type), Image.open(io.BytesIO(data), formats=[_FORMATS[media_type]]) as im:
        if im.width * im.height > max_pixels:
            raise MediaTooLarge(
                f"The picture is {im.width} x {im.height} pixels and the limit is {max_pixels}; "
                "send a smaller one.",
                code="too_many_pixels",
            )
        yield im


def decode(data: bytes, media_type: MediaType, *, max_pixels: int) -> Raster:
    """Decode the first frame as it is stored.

    Raises:
        MalformedMedia: the samples are damaged or not all there.
        MediaTooLarge: more pixels than `max_pixels`.
    """
    with _opened(data, media_type, max_pixels) as im:
        im.load()
        return Raster(im.mode, np.asarray(im, dtype=np.uint8) if im.mode != "1" else _bilevel(im))


def _bilevel(im: Image.Image) -> Samples:
    return np.asarray(im.convert("L"))


def decode_jpeg_as(data: bytes, mode: str, *, max_pixels: int, shrink: int = 1) -> Samples:
    """Decode a JPEG as L (its Y plane, chroma not even transformed) or YCbCr (no colour conversion).

    Args:
        mode: ``L`` or ``YCbCr``.
        shrink: 1, or 2 for half the size. The library then scales in the DCT domain, and gives components
            subsampled by two both ways at their own resolution: their samples before any upsampling.

    Returns:
        (H, W) or (H, W, 3) uint8.

    Reference:
        libjpeg, jdmaster.c: "we try to scale up the chroma components via IDCT scaling rather than
        upsampling".
    """
    with _opened(data, MediaType.JPEG, max_pixels) as im:
        im.draft(mode, (im.width // shrink, im.height // shrink))
        im.load()
        if im.mode != mode:
            raise MalformedMedia("The JPEG file's components are none that can be read; save it again.")
        return np.asarray(im)


def decode_gray(
    data: bytes, media_type: MediaType, *, max_pixels: int, bit_depth: int
) -> tuple[NDArray[np.float32], Samples | None]:
    """Decode the first frame to Rec. 601 luma, whatever its mode.

    L = 0.299 R + 0.587 G + 0.114 B; 16-bit samples are divided by 257, samples without a range of their own
    (32-bit integers, floats) are stretched from their least to their greatest value.

    Args:
        bit_depth: of the samples as stored, from the header.

    Returns:
        ((H, W) float32 luma 0..255, (H, W) uint8 alpha or None).
    """
    with _opened(data, media_type, max_pixels) as im:
        if media_type is MediaType.JPEG and im.mode == "RGB":
            im.draft("L", im.size)
        im.load()
        if im.mode.startswith(("I", "F")):
            return _stretched(np.asarray(im, dtype=np.float32), bit_depth), None
        if im.has_transparency_data and im.mode not in ("LA", "RGBA"):
            im = im.convert("RGBA")
        alpha = np.asarray(im.getchannel("A")) if im.mode in ("LA", "RGBA") else None
        return np.asarray(_gray(im), dtype=np.float32), alpha


def _gray(im: Image.Image) -> Image.Image:
    if im.mode == "LAB":
        return im.getchannel("L")
    if im.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "RGBX"):
        im = im.convert("RGB")
    return im.convert("L")


def _stretched(samples: NDArray[np.float32], bit_depth: int) -> NDArray[np.float32]:
    if bit_depth == 16:
        samples = samples / np.float32(257.0)
        return samples.clip(0.0, 255.0)
    finite: NDArray[np.float32] = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    scale = 255.0 / (high - low) if high > low else 0.0
    stretched: NDArray[np.float32] = (finite - np.float32(low)) * np.float32(scale)
    return stretched


def encode_jpeg(
    planes: Sequence[Samples],
    *,
    ratio: tuple[int, int],
    tables: Sequence[Sequence[int]],
    progressive: bool,
    rgb: bool,
) -> bytes:
    """Encode planes as a JPEG file without metadata, Huffman tables optimised.

    Args:
        planes: one (H, W) plane, or three of which the last two are at their subsampled size.
        ratio: (horizontal, vertical) subsampling of the last two: (1, 1), (2, 1) or (2, 2). Each sample is
            repeated before the encoder averages it back, so it is encoded as given.
        tables: quantisation table of each component, 64 steps in row order.
        rgb: the three planes are R, G, B and are encoded without conversion.
    """
    height, width = planes[0].shape
    images = [Image.fromarray(np.ascontiguousarray(plane)) for plane in planes]
    for i in (1, 2) if ratio != (1, 1) and len(images) == 3 else ():
        native = images[i]
        full = native.resize((native.width * ratio[0], native.height * ratio[1]), Image.Resampling.NEAREST)
        images[i] = full.crop((0, 0, width, height))
    im = images[0] if len(images) == 1 else Image.merge("RGB" if rgb else "YCbCr", images)
    steps = [list(table) for table in tables]
    if len(steps) == 3 and steps[1] == steps[2]:
        steps.pop()  # the encoder lets a third component share the second's
    out = io.BytesIO()
    with _guarded(MediaType.JPEG):
        im.save(
            out,
            "JPEG",
            qtables=steps,
            subsampling={(1, 1): 0, (2, 1): 1, (2, 2): 2}[ratio] if len(images) == 3 else -1,
            progressive=progressive,
            optimize=True,
            keep_rgb=rgb,
        )
    return out.getvalue()


def encode_webp(pixels: Samples, *, lossless: bool, quality: float, method: int) -> bytes:
    """Encode (H, W, 3) RGB or (H, W, 4) RGBA as a WebP file without metadata; hidden colours are kept."""
    out = io.BytesIO()
    with _guarded(MediaType.WEBP):
        Image.fromarray(pixels).save(
            out, "WEBP", lossless=lossless, quality=quality, method=method, exact=True, alpha_quality=100
        )
    return out.getvalue()
