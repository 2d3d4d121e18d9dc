"""A file's way through Waarmerk and back, for benchmarks: bytes in, bytes out, the product's own functions.

file -> decode_for_marking -> embed -> encode_marked -> file -> (somebody's editor) -> file -> decode_luma -> read
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.common import ROOT
from waarmerk.adapters.images import ColourSpace, Picture, decode_for_marking, decode_luma, encode_marked
from waarmerk.core.keys import EpochSecret, EpochState, KeyRing, MasterSecret
from waarmerk.core.layout import PATTERNS, SUPER_TILE
from waarmerk.core.media import Limits
from waarmerk.detection.images import ImageReading, read
from waarmerk.marking.images import embed

TENANT = "default"
LIMITS = Limits(max_bytes=32 << 20, max_pixels=64_000_000)  # the service's own


def ring_of(name: str) -> KeyRing:
    """A key ring of one epoch whose secret anybody can compute: for measurements only."""
    secret = MasterSecret(hashlib.sha256(f"waarmerk benchmark {name}".encode()).digest())
    return KeyRing.build([EpochSecret(1, secret, EpochState.ACTIVE)], [TENANT])


RING = ring_of("ours")


@dataclass(frozen=True, slots=True)
class Draw:
    """The random part of one mark."""

    mark_id: int
    pattern: int
    offset: tuple[int, int]

    @classmethod
    def of(cls, *seed: int | str) -> Draw:
        """The same seed, the same draw."""
        rng = rng_of("draw", *seed)
        return cls(
            mark_id=int(rng.integers(1 << 64, dtype=np.uint64)),
            pattern=int(rng.integers(PATTERNS)),
            offset=(int(rng.integers(SUPER_TILE)), int(rng.integers(SUPER_TILE))),
        )


def rng_of(*seed: int | str) -> np.random.Generator:
    """A random stream named by words and numbers."""
    digest = hashlib.sha256(repr(seed).encode()).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(digest[:8], "big")))


def marked_planes(
    planes: npt.NDArray[np.uint8],
    draw: Draw,
    *,
    ring: KeyRing = RING,
    rgb: bool = True,
    alpha: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """`embed` under a draw."""
    return embed(
        planes,
        ring.current,
        tenant=TENANT,
        mark_id=draw.mark_id,
        pattern=draw.pattern,
        offset=draw.offset,
        rgb=rgb,
        alpha=alpha,
    )


def mark_file(data: bytes, draw: Draw, *, ring: KeyRing = RING) -> bytes:
    """Mark a file's pixels, as the service does; no manifest, no XMP."""
    picture: Picture = decode_for_marking(data, LIMITS)
    rgb = picture.space is ColourSpace.RGB
    planes = marked_planes(picture.planes, draw, ring=ring, rgb=rgb, alpha=picture.alpha)
    return encode_marked(picture, planes, xmp=b"").data


def read_file(data: bytes, ring: KeyRing = RING) -> ImageReading:
    """Look for a mark in a file, as the service does."""
    return read(decode_luma(data, LIMITS), ring)


def opened(data: bytes) -> Image.Image:
    """What a viewer shows: RGB, transparent parts on white. EXIF orientation is left alone."""
    image = Image.open(io.BytesIO(data))
    image.load()
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def written(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """A file without metadata; lossless and quick by default."""
    if kind == "PNG":
        options.setdefault("compress_level", 1)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def corpus_folder() -> Path | None:
    """The folder of real files: WAARMERK_CORPUS, else ../shared/corpus beside the repository, else none.

    Raises:
        SystemExit: the variable is set and names no folder.
    """
    named = os.environ.get("WAARMERK_CORPUS")
    if named:
        if not Path(named).is_dir():
            raise SystemExit(f"WAARMERK_CORPUS names no folder: {named}")
        return Path(named)
    beside = ROOT.parent / "shared" / "corpus"
    return beside if beside.is_dir() else None


def corpus_images() -> dict[str, bytes]:
    """The corpus' pictures to mark, name -> file; empty where there is no corpus."""
    folder = corpus_folder()
    if folder is None:
        return {}
    paths = sorted((folder / "images").iterdir())
    return {p.name: p.read_bytes() for p in paths if p.suffix in (".png", ".jpg", ".webp")}
