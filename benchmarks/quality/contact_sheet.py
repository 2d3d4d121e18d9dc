"""docs/contact-sheet.png: what marking does, to be looked at. `python -m benchmarks.quality.contact_sheet`.

Six places where an eye would find a pattern first: skin, sky, gradient, flat art, dark, near white. Each as it was, as
marked, and the difference times 16 about grey, at 100 %; then the middle of each at 200 %. The pictures are in the
public domain, CC0 or drawn here, since parts of them are shown; none was tuned on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks import pipeline
from benchmarks.common import ROOT
from benchmarks.quality import robustness

PAGE = ROOT / "docs" / "contact-sheet.png"
SIDE = 132  # pixels of a part
GAIN = 16
_MARGIN, _HEAD, _NAMES = 6, 22, 96
MAX_BYTES = 400_000


@dataclass(frozen=True, slots=True)
class Part:
    """A square of SIDE pixels of a picture, by its upper left corner in shares of the picture."""

    what: str
    picture: str
    left: float
    top: float


PARTS = (
    Part("skin", "nat_astronaut", 0.32, 0.12),
    Part("sky", "nat_rocket", 0.62, 0.02),
    Part("gradient", "sky", 0.55, 0.55),
    Part("flat art", "alpha_balloons", 0.30, 0.30),
    Part("dark", "nat_rocket", 0.60, 0.62),
    Part("near white", "paper", 0.20, 0.10),
)
COLUMNS = ("original", "marked", f"difference x{GAIN}", "original 200 %", "marked 200 %", f"x{GAIN}, 200 %")


def _both(name: str) -> tuple[Image.Image, Image.Image]:
    """A picture of the reporting set or the corpus, unmarked and marked. `LookupError` where it is not at hand."""
    found = [s for s in robustness.subjects() if s.name == name]
    if not found:
        raise LookupError(f"no picture called {name}: build the sets and name a corpus (WAARMERK_CORPUS)")
    data = robustness.file_of(found[0], robustness.WHOLE)
    marked = pipeline.mark_file(data, pipeline.Draw.of("contact sheet", name))
    return pipeline.opened(data), pipeline.opened(marked)


def difference(original: Image.Image, marked: Image.Image) -> Image.Image:
    """128 + GAIN (marked - original), cut off at both ends."""
    change = np.asarray(marked).astype(np.int16) - np.asarray(original)
    return Image.fromarray(np.clip(128 + GAIN * change, 0, 255).astype(np.uint8))


def _row(part: Part) -> list[Image.Image]:
    original, marked = _both(part.picture)
    left, top = round(part.left * original.width), round(part.top * original.height)
    box = (left, top, left + SIDE, top + SIDE)
    parts = [original.crop(box), marked.crop(box)]
    parts.append(difference(*parts))
    half = (SIDE // 4, SIDE // 4, SIDE // 4 + SIDE // 2, SIDE // 4 + SIDE // 2)
    return parts + [p.crop(half).resize((SIDE, SIDE), Image.Resampling.NEAREST) for p in parts]


def sheet() -> Image.Image:
    """All parts in a grid, a line of words above each column and before each row."""
    step = SIDE + _MARGIN
    page = Image.new("RGB", (_NAMES + step * len(COLUMNS), _HEAD + step * len(PARTS)), (255, 255, 255))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(13)
    for n, words in enumerate(COLUMNS):
        draw.text((_NAMES + n * step, 4), words, (20, 20, 20), font)
    for m, part in enumerate(PARTS):
        y = _HEAD + m * step
        draw.text((6, y + SIDE // 2 - 8), part.what, (20, 20, 20), font)
        for n, image in enumerate(_row(part)):
            page.paste(image, (_NAMES + n * step, y))
    return page


def main() -> int:
    page = sheet()
    page.save(PAGE, optimize=True)
    size = PAGE.stat().st_size
    print(f"{PAGE}: {page.width} x {page.height}, {size:,} bytes")
    return int(size > MAX_BYTES)


if __name__ == "__main__":
    raise SystemExit(main())
