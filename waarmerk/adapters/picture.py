"""A decoded picture and an encoded one, as the steps of marking pass them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from waarmerk.core.media import MediaType, MediaWarning

Bytes2D = NDArray[np.uint8]
"""(H, W) uint8."""
Bytes3D = NDArray[np.uint8]
"""(H, W, C) uint8, C-contiguous."""


class ColourSpace(StrEnum):
    """What the planes to be marked are. Alpha is held apart, and so is the chroma of a JPEG."""

    L = "L"  # one plane of luma: a grey picture, or the Y of a JPEG whose chroma comes back untouched
    RGB = "RGB"


class Source(Protocol):
    """What one format's codec needs to write the picture again; opaque to everyone else."""

    def encode(self, planes: Bytes3D, *, xmp: bytes) -> tuple[bytes, Sequence[MediaWarning]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A decoded picture with all it takes to write it again in its own format.

    Args:
        media_type: of the file, by its bytes.
        planes: (H, W, C) uint8, C-contiguous; C = 1 for `ColourSpace.L`, 3 for `ColourSpace.RGB`. As stored:
            no orientation tag is applied.
        space: what the planes are. A mark is added to the one plane of L and to all three of RGB.
        alpha: (H, W) uint8, or None; where it is 0 nothing may be changed.
        xmp: the file's own XMP packet, or None.
        warnings: what had to be changed to decode it.
        n_bytes: length of the file it came from.
        source: the format's own parameters and metadata.
    """

    media_type: MediaType
    planes: Bytes3D = field(repr=False)
    space: ColourSpace
    alpha: Bytes2D | None = field(repr=False)
    xmp: bytes | None = field(repr=False)
    warnings: tuple[MediaWarning, ...]
    n_bytes: int
    source: Source = field(repr=False)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A written picture.

    Args:
        data: the whole file.
        warnings: what had to be changed to write it; those of decoding are in `Picture.warnings`.
    """

    data: bytes = field(repr=False)
    warnings: tuple[MediaWarning, ...] = ()
