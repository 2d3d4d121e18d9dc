"""Pictures without our mark, by content, and what the world does to them: what false alarms are looked for in.

Real ones come from the folder that `WAARMERK_CORPUS` names and from the sets of `benchmarks.quality.sets` where they
have been built; made ones come from numbers and are there everywhere. `MISSING` names what neither has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks import attacks, pictures, pipeline
from benchmarks.quality import sets
from waarmerk.adapters.images import decode_luma
from waarmerk.core.arrays import Luma
from waarmerk.core.errors import InputError
from waarmerk.core.media import Limits, read_header

MISSING = (
    "faces in great number",
    "medical scans and microscopy beyond a handful",
    "satellite and aerial pictures",
    "maps and technical drawings",
    "anime and manga",
    "scanned books and photographs of prints",
    "night photographs with sensor noise",
    "camera raw files and files straight from current telephones",
    "generators newer than those in the corpus",
    "other vendors' pixel marks beyond dwtDct, TrustMark and VideoSeal",
)
_LONG_SIDE = 1400  # pixels; more is cut off
_SIDES = (160, 1000)  # of the parts that are looked at
_CONTENT_OF_PREFIX = {
    "nat": "photographs",
    "gen": "generator output",
    "text": "screenshots and text",
    "alpha": "photographs",
    "photo": "photographs",
    "illustration": "painted and rendered",
    "flat": "flat art",
}
_NO_PICTURES = (".csv", ".md")
_LIMITS = Limits(max_bytes=32 << 20, max_pixels=25_000_000)


@dataclass(frozen=True, slots=True)
class Source:
    """One picture without our mark.

    Attributes:
        name: of the file, or of the numbers it is made from.
        content: its class.
        load: makes the RGB picture.
    """

    name: str
    content: str
    load: Callable[[], Image.Image]


def luma_of(image: Image.Image) -> Luma:
    """As the detector gets it."""
    return np.asarray(image.convert("L")).astype(np.float32)


# --------------------------------------------------------------------------------------------------- made pictures


def _grey(plane: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(plane), 0, 255).astype(np.uint8)).convert("RGB")


def _photo(seed: int, side: int) -> Image.Image:
    return Image.fromarray(pictures.photo(seed, side, side))


def _cartoon(seed: int, side: int) -> Image.Image:
    return Image.fromarray(pictures.cartoon(seed, side, side))


def _grain(seed: int, side: int) -> Image.Image:
    return Image.fromarray(pictures.grain(seed, side, side))


def _smooth(seed: int, side: int) -> Image.Image:
    return _grey(pictures.clouds(seed, side, side, 2.2) * 255)


def _dark(seed: int, side: int) -> Image.Image:
    return Image.fromarray((pictures.photo(seed, side, side) * np.float32(0.12)).astype(np.uint8))


def _near_white(seed: int, side: int) -> Image.Image:
    return Image.fromarray((255 - pictures.photo(seed, side, side) * np.float32(0.08)).astype(np.uint8))


def _noise(seed: int, side: int) -> Image.Image:
    return _grey(pipeline.rng_of("white noise", seed).normal(128, 40, (side, side)))


def _page(seed: int, side: int) -> Image.Image:
    """Lines of random letters on white."""
    rng = pipeline.rng_of("page", seed)
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    for top in range(20, side - 20, 14):
        letters = rng.choice(np.array(list("etaoinshrdlu  ,.")), side // 7)
        draw.text((24, top), "".join(letters), fill=(20, 20, 20))
    return image


def _periodic(seed: int, side: int) -> Image.Image:
    """Waves, bricks, halftone dots or a grid: lines in the spectrum as a mark has them."""
    rng = pipeline.rng_of("periodic", seed)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    kind = seed % 4
    if kind == 0:
        plane = np.full((side, side), 128.0)
        for ky, kx in rng.integers(-38, 39, (40, 2)):  # on the very places a mark's lines have
            plane += 4 * np.cos(2 * np.pi * (ky * y + kx * x) / 128 + rng.uniform(0, 2 * np.pi))
    elif kind == 1:
        height, width = rng.integers(14, 60, 2)
        row = (y // height).astype(int)
        plane = 140 + 60 * ((y % height < 3) | ((x + row % 2 * width) % (2 * width) < 3))
    elif kind == 2:
        pitch = rng.uniform(4, 12)
        tone = 1.4 * pictures.clouds(seed, side, side)
        plane = 255 * (np.cos(2 * np.pi * x / pitch) + np.cos(2 * np.pi * y / pitch) < 2 - 2 * tone)
    else:
        step = rng.integers(8, 40)
        plane = 255.0 - 200 * ((y % step < 1) | (x % step < 1))
    return _grey(plane + rng.normal(0, 1, plane.shape))


_MADE: dict[str, Callable[[int, int], Image.Image]] = {
    "made: photograph-like": _photo,
    "made: cartoon": _cartoon,
    "made: dense texture": _grain,
    "made: smooth": _smooth,
    "made: dark": _dark,
    "made: near white": _near_white,
    "made: white noise": _noise,
    "made: text page": _page,
    "made: periodic": _periodic,
}


def _made(each: int) -> Iterator[Source]:
    for content, make in _MADE.items():
        for n in range(each):
            yield Source(f"{content} {n}", content, partial(make, 80_000 + n, 320 + n * 173 % 700))


def _other_key(n: int) -> Image.Image:
    files = list(pipeline.corpus_images().values())
    ring, draw = pipeline.ring_of(f"other {n}"), pipeline.Draw.of("other", n)
    if files and n % 2:
        return pipeline.opened(pipeline.mark_file(files[n // 2 % len(files)], draw, ring=ring))
    return Image.fromarray(pipeline.marked_planes(pictures.photo(30_000 + n, 700, 640), draw, ring=ring))


# --------------------------------------------------------------------------------------------------- real pictures


def _decoded(path: Path) -> Image.Image:
    """As the detector would see it, whatever kind of file it is.

    Raises:
        InputError: it would not.
    """
    luma = decode_luma(path.read_bytes(), _LIMITS)
    return Image.fromarray(luma.astype(np.uint8)).convert("RGB")


def _is_large_enough(path: Path) -> bool:
    try:
        info = read_header(path.read_bytes())
    except InputError:
        return False
    return min(info.width, info.height) >= _SIDES[0]


def _of_corpus(folder: Path) -> Iterator[Source]:
    for name, content in (("images", None), ("ai-images", "generator output"), ("odd-images", "odd files")):
        for path in sorted((folder / name).iterdir()):
            if path.suffix not in _NO_PICTURES and _is_large_enough(path):
                kind = content or _CONTENT_OF_PREFIX.get(path.stem.split("_")[0], "other real pictures")
                if any(other in path.stem for other in ("dwtDct", "trustmark", "videoseal")):
                    kind = "other vendors' marks"
                yield Source(path.name, kind, partial(_decoded, path))


def _of_sets() -> Iterator[Source]:
    """Pictures of the built sets, by their kind."""
    for which in (sets.TUNING, sets.REPORTING):
        for path in sorted((sets.folder() / which).glob("*.png")):
            content = _CONTENT_OF_PREFIX.get(path.stem.split("_")[0], "other real pictures")
            yield Source(f"{which}/{path.name}", content, partial(_decoded, path))


def sources(*, made_each: int = 6, other_keys: int = 24) -> list[Source]:
    """Everything at hand, one after the other."""
    folder = pipeline.corpus_folder()
    found = list(_of_corpus(folder)) if folder else []
    found += list(_of_sets())
    found += list(_made(made_each))
    found += [
        Source(f"other key {n}", "marked under another key", partial(_other_key, n))
        for n in range(other_keys)
    ]
    return found


# -------------------------------------------------------------------------------------------------------- handling


def handled(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A part of a picture, by chance turned, resized and coded."""
    image.thumbnail((_LONG_SIDE, _LONG_SIDE))
    side = int(min(*image.size, rng.integers(_SIDES[0], _SIDES[1])))
    left, top = (int(rng.integers(n - side + 1)) for n in image.size)
    image = image.crop((left, top, left + side, top + side))
    way = int(rng.integers(5))
    if way == 1:
        image = attacks.rotated(float(rng.uniform(-45, 45)))(image)
    if way in (2, 3):
        image = attacks.scaled(float(rng.uniform(max(0.5, 110 / side), 1.5)))(image)
    return attacks.jpeg(int(rng.integers(20, 96)))(image) if way else image
