"""What kinds of file there are, and what their headers say: the vocabulary of `waarmerk.core.media`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MediaType(StrEnum):
    """The kinds of file we recognise; the value is the canonical MIME type (IANA's where there is one)."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    GIF = "image/gif"
    AVIF = "image/avif"
    HEIC = "image/heic"
    TIFF = "image/tiff"
    DNG = "image/x-adobe-dng"
    BMP = "image/bmp"
    SVG = "image/svg+xml"
    JXL = "image/jxl"
    JP2 = "image/jp2"
    PNM = "image/x-portable-anymap"
    PSD = "image/vnd.adobe.photoshop"
    ICO = "image/vnd.microsoft.icon"
    PDF = "application/pdf"
    ZIP = "application/zip"
    MP4 = "video/mp4"
    MOV = "video/quicktime"
    MATROSKA = "video/x-matroska"
    AVI = "video/x-msvideo"
    M4A = "audio/mp4"
    WAV = "audio/wav"
    MP3 = "audio/mpeg"
    FLAC = "audio/flac"
    OGG = "audio/ogg"

    @property
    def is_image(self) -> bool:
        return self.value.startswith("image/")

    @property
    def plain_name(self) -> str:
        """The name people use, e.g. ``JPEG``."""
        return {"WEBP": "WebP", "MATROSKA": "Matroska", "JP2": "JPEG 2000", "JXL": "JPEG XL"}.get(
            self.name, self.name
        )


MARKABLE = (MediaType.JPEG, MediaType.PNG, MediaType.WEBP)
"""What `mark` takes; the output has the same type."""

DECODABLE = (*MARKABLE, MediaType.GIF, MediaType.AVIF, MediaType.TIFF, MediaType.BMP)
"""Whose pixels `detect` reads; of the others it reads metadata only."""

# Names people and libraries send for the same thing; RFC 9110 8.3.1: case and parameters do not matter.
_ALIASES = {
    "image/jpg": MediaType.JPEG,
    "image/pjpeg": MediaType.JPEG,
    "image/jfif": MediaType.JPEG,
    "image/x-png": MediaType.PNG,
    "image/apng": MediaType.PNG,
    "image/vnd.mozilla.apng": MediaType.PNG,
    "image/x-webp": MediaType.WEBP,
    "image/heif": MediaType.HEIC,
    "image/heic-sequence": MediaType.HEIC,
    "image/heif-sequence": MediaType.HEIC,
    "image/tif": MediaType.TIFF,
    "image/x-tiff": MediaType.TIFF,
    "image/dng": MediaType.DNG,
    "image/x-bmp": MediaType.BMP,
    "image/x-ms-bmp": MediaType.BMP,
    "image/svg": MediaType.SVG,
    "image/jpx": MediaType.JP2,
    "image/x-portable-pixmap": MediaType.PNM,
    "image/x-portable-graymap": MediaType.PNM,
    "image/x-portable-bitmap": MediaType.PNM,
    "image/x-icon": MediaType.ICO,
    "application/x-pdf": MediaType.PDF,
    "application/mp4": MediaType.MP4,
    "video/x-m4v": MediaType.MP4,
    "video/webm": MediaType.MATROSKA,
    "video/avi": MediaType.AVI,
    "video/msvideo": MediaType.AVI,
    "audio/m4a": MediaType.M4A,
    "audio/x-m4a": MediaType.M4A,
    "audio/wave": MediaType.WAV,
    "audio/x-wav": MediaType.WAV,
    "audio/vnd.wave": MediaType.WAV,
    "audio/mp3": MediaType.MP3,
    "audio/x-flac": MediaType.FLAC,
    "application/ogg": MediaType.OGG,
}


def media_type_of(content_type: str) -> MediaType | None:
    """The type a Content-Type value names, in any spelling people use.

    Args:
        content_type: e.g. ``IMAGE/PNG; charset=binary``, ``image/jpg``.

    Returns:
        The type, or None for a name we do not know. A name is a hint only: `waarmerk.core.media.sniff`
        decides.
    """
    essence = content_type.split(";", 1)[0].strip().lower()
    if essence in _ALIASES:
        return _ALIASES[essence]
    try:
        return MediaType(essence)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What a picture's header says of it, before anything is decoded.

    Args:
        media_type: by its bytes.
        width, height: pixels as stored, before any orientation tag; the largest frame where frames differ.
        bit_depth: bits a sample as stored.
        channels: samples a pixel as stored, alpha included; 1 for a palette.
        n_bytes: length of the whole file.
        frames_hint: frames known from the header; 2 stands for "more than one" where they are not counted.
        coding: how the samples are coded where the type leaves a choice: ``baseline``, ``progressive``,
            ``lossless``, ``arithmetic``, ``hierarchical`` (JPEG), ``lossy``, ``lossless`` (WebP); else empty.
    """

    media_type: MediaType
    width: int
    height: int
    bit_depth: int
    channels: int
    n_bytes: int
    frames_hint: int = 1
    coding: str = ""

    @property
    def animated(self) -> bool:
        """More than one frame of moving picture (pages of a TIFF are not that)."""
        return self.frames_hint > 1 and self.media_type is not MediaType.TIFF

    @property
    def pixels(self) -> int:
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class MediaWarning:
    """Something about a file that did not stop us and that its owner should know.

    Args:
        code: stable machine name.
        sentence: one sentence for a person.
    """

    code: str
    sentence: str
