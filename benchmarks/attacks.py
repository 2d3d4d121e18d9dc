"""What the world does to a picture, as functions from a Pillow RGB image to one.

The same picture and the same name, the same result: noise is drawn from the attack's name and the picture's size.

FIFTY are the fifty of the image mark's design, in its order; BEYOND is what else pictures meet; SUITE is both, SHORT a
few of them. `crop` and friends take shares of the area, `scaled` and friends factors of the sides, `jpeg` and friends
qualities.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from benchmarks import pictures, pipeline

Attack = Callable[[Image.Image], Image.Image]
_Plane = npt.NDArray[np.floating]

# ------------------------------------------------------------------------------------------------------- codecs


def recoded(image: Image.Image, kind: str, **options: int) -> Image.Image:
    """Through a codec and back."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def jpeg(quality: int, subsampling: int = 2) -> Attack:
    return lambda im: recoded(im, "JPEG", quality=quality, subsampling=subsampling)


def webp(quality: int) -> Attack:
    return lambda im: recoded(im, "WEBP", quality=quality)


def avif(quality: int) -> Attack:
    return lambda im: recoded(im, "AVIF", quality=quality, speed=8)


def palette(colours: int) -> Attack:
    return lambda im: im.quantize(colours).convert("RGB")


def gif(im: Image.Image) -> Image.Image:
    return recoded(im, "GIF")


# ----------------------------------------------------------------------------------------------------- geometry


def scaled(x: float, y: float | None = None) -> Attack:
    factor_y = x if y is None else y

    def apply(im: Image.Image) -> Image.Image:
        size = (max(1, round(im.width * x)), max(1, round(im.height * factor_y)))
        return im.resize(size, Image.Resampling.BICUBIC)

    return apply


def scaled_back(factor: float) -> Attack:
    """To `factor` of its size and back to what it was."""
    return lambda im: scaled(factor)(im).resize(im.size, Image.Resampling.BICUBIC)


def cropped(share: float) -> Attack:
    """Keep `share` of the area, at an odd offset."""

    def apply(im: Image.Image) -> Image.Image:
        side = math.sqrt(share)
        w, h = round(im.width * side), round(im.height * side)
        left, top = ((im.width - w) // 3) | 1, ((im.height - h) * 2 // 3) | 1
        left, top = min(left, im.width - w), min(top, im.height - h)
        return im.crop((left, top, left + w, top + h))

    return apply


def rotated(degrees: float, *, expand: bool = False) -> Attack:
    """About the middle; corners that show nothing are black, or cut off where not expanded."""
    return lambda im: im.rotate(degrees, Image.Resampling.BICUBIC, expand=expand)


def transposed(how: Image.Transpose) -> Attack:
    return lambda im: im.transpose(how)


def sheared(share: float) -> Attack:
    """Each row moved by `share` of its distance from the middle."""

    def apply(im: Image.Image) -> Image.Image:
        matrix = (1.0, share, -share * im.height / 2, 0.0, 1.0, 0.0)
        return im.transform(im.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)

    return apply


def perspective(share: float) -> Attack:
    """As seen from aside: two corners moved inwards by `share` of the sides, the others by a third of that."""

    def apply(im: Image.Image) -> Image.Image:
        w, h = im.size
        x, y = share * w, share * h
        moved = [(x, y), (w - x / 3, y / 3), (w - x, h - y), (x / 3, h - y / 3)]
        corners = [(0, 0), (w, 0), (w, h), (0, h)]
        coefficients = _homography(moved, corners)
        return im.transform(im.size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)

    return apply


def _homography(source: list[tuple[float, float]], target: list[tuple[int, int]]) -> tuple[float, ...]:
    """The eight numbers with (ax + by + c, dx + ey + f) / (gx + hy + 1) = target for each (x, y) of source."""
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return tuple(np.linalg.solve(np.array(rows), np.array(right, dtype=float)).tolist())


# ------------------------------------------------------------------------------------------- filters and colour


def blurred(sigma: float) -> Attack:
    return lambda im: im.filter(ImageFilter.GaussianBlur(sigma))


def sharpened(percent: int = 150) -> Attack:
    return lambda im: im.filter(ImageFilter.UnsharpMask(2, percent, 2))


def median(size: int) -> Attack:
    return lambda im: im.filter(ImageFilter.MedianFilter(size))


def noise(sigma: float) -> Attack:
    """Gaussian, independent in every channel; `sigma` in grey levels."""

    def apply(im: Image.Image) -> Image.Image:
        rng = pipeline.rng_of("noise", f"{sigma:g}", *im.size)
        grain = rng.standard_normal((im.height, im.width, 3), dtype=np.float32) * np.float32(sigma)
        return _picture(np.asarray(im) + grain)

    return apply


def _picture(planes: _Plane) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(planes), 0, 255).astype(np.uint8))


def brightness(factor: float) -> Attack:
    return lambda im: ImageEnhance.Brightness(im).enhance(factor)


def contrast(factor: float) -> Attack:
    return lambda im: ImageEnhance.Contrast(im).enhance(factor)


def saturation(factor: float) -> Attack:
    return lambda im: ImageEnhance.Color(im).enhance(factor)


def gamma(power: float) -> Attack:
    table = [round(255 * (v / 255) ** power) for v in range(256)] * 3
    return lambda im: im.point(table)


def hue(degrees: float) -> Attack:
    def apply(im: Image.Image) -> Image.Image:
        h, s, v = im.convert("HSV").split()
        turned = h.point([(level + round(degrees / 360 * 256)) % 256 for level in range(256)])
        return Image.merge("HSV", (turned, s, v)).convert("RGB")

    return apply


def grey(im: Image.Image) -> Image.Image:
    return im.convert("L").convert("RGB")


def inverted(im: Image.Image) -> Image.Image:
    return ImageOps.invert(im)


# ------------------------------------------------------------------------------------------------- what is added


def bordered(pixels: int) -> Attack:
    return lambda im: ImageOps.expand(im, pixels, (240, 240, 240))


def captioned(im: Image.Image) -> Image.Image:
    """A line of white letters with a dark edge over the lower part, and a word across the middle."""
    im = im.copy()
    draw = ImageDraw.Draw(im)
    size = max(10, im.width // 14)
    font = ImageFont.load_default(size)
    for text, y in (("WHEN THE PICTURE TALKS", 0.84), ("SAMPLE", 0.42)):
        x = (im.width - font.getlength(text)) / 2
        draw.text(
            (x, y * im.height), text, (255, 255, 255), font, stroke_width=size // 12, stroke_fill=(0, 0, 0)
        )
    return im


def stickered(im: Image.Image) -> Image.Image:
    """Two round yellow faces, each a fifth of the short side, drawn over the picture."""
    im = im.copy()
    draw = ImageDraw.Draw(im)
    r = min(im.size) // 10
    for x, y in ((im.width // 3, im.height // 3), (im.width * 3 // 4, im.height * 2 // 3)):
        draw.ellipse((x - r, y - r, x + r, y + r), (255, 204, 50), (120, 80, 0), max(1, r // 16))
        for side in (-1, 1):
            eye = (x + side * r // 3, y - r // 4)
            draw.ellipse((eye[0] - r // 8, eye[1] - r // 6, eye[0] + r // 8, eye[1] + r // 6), (60, 40, 0))
        draw.arc((x - r // 2, y - r // 2, x + r // 2, y + r // 2), 20, 160, (60, 40, 0), max(2, r // 8))
    return im


def _region(im: Image.Image) -> tuple[int, int, int, int]:
    """Where a face might be: a ninth of the area, up and left of the middle."""
    left, top = im.width // 4, im.height // 5
    return left, top, left + im.width // 3, top + im.height // 3


def face_blurred(im: Image.Image) -> Image.Image:
    """An ellipse of a ninth of the area blurred beyond recognition, with a soft edge."""
    mask = Image.new("L", im.size)
    ImageDraw.Draw(mask).ellipse(_region(im), 255)
    mask = mask.filter(ImageFilter.GaussianBlur(4))
    return Image.composite(im.filter(ImageFilter.GaussianBlur(min(im.size) / 40)), im, mask)


def inpainted(im: Image.Image) -> Image.Image:
    """A ninth of the area replaced by what its border suggests: each pixel a mean of the four border pixels of its
    row and column, the nearer ones weighing more, with a little grain.
    """
    left, top, right, bottom = _region(im)
    planes = np.asarray(im).astype(np.float32)
    h, w = bottom - top, right - left
    y, x = (np.linspace(1 / n, 1 - 1 / n, n, dtype=np.float32) for n in (h, w))
    across = (
        planes[top:bottom, left - 1, None] * (1 - x)[None, :, None]
        + planes[top:bottom, right, None] * (x[None, :, None])
    )
    down = (
        planes[None, top - 1, left:right] * (1 - y)[:, None, None]
        + planes[None, bottom, left:right] * (y[:, None, None])
    )
    near_side, near_top = np.minimum(x, 1 - x)[None, :, None], np.minimum(y, 1 - y)[:, None, None]
    share = near_top / (near_side + near_top)  # of the rows' mean: large where the sides are nearer
    grain = pipeline.rng_of("inpainted", h, w).standard_normal((h, w, 1), dtype=np.float32)
    planes[top:bottom, left:right] = across * share + down * (1 - share) + grain
    return _picture(planes)


def collaged(factor: float = 1.6) -> Attack:
    """Laid at an odd place of a page `factor` times as large each way, beside other pictures."""

    def apply(im: Image.Image) -> Image.Image:
        w, h = round(im.width * factor), round(im.height * factor)
        page = Image.new("RGB", (w, h), (250, 248, 244))
        other = Image.fromarray(pictures.photo(77, 256, 256))
        tile = other.resize((max(1, w - im.width - 24), max(1, h // 3)))
        for n in range(3):
            page.paste(tile, (im.width + 18, 6 + n * h // 3))
        page.paste(im, (7, (h - im.height) // 2 | 1))
        return page

    return apply


NEIGHBOUR = pipeline.Draw.of("neighbour")
SIDE_BY_SIDE = "two marked side by side"


@cache
def _neighbour() -> Image.Image:
    return Image.fromarray(pipeline.marked_planes(pictures.photo(78, 512, 512), NEIGHBOUR))


def side_by_side(im: Image.Image) -> Image.Image:
    """With another marked picture of 512 x 512 to its right: whose id is read, the other one's is in there too."""
    other = _neighbour()
    both = Image.new("RGB", (im.width + other.width, max(im.height, other.height)), (255, 255, 255))
    both.paste(im, (0, 0))
    both.paste(other, (im.width, 0))
    return both


# ------------------------------------------------------------------------------------------------------ pipelines


def long_side(pixels: int) -> Attack:
    return lambda im: scaled(min(1.0, pixels / max(im.size)))(im)


def chain(*steps: Attack) -> Attack:
    def apply(im: Image.Image) -> Image.Image:
        for step in steps:
            im = step(im)
        return im

    return apply


def lit_unevenly(im: Image.Image) -> Image.Image:
    """A lamp at the upper left, a warm cast."""
    y, x = np.mgrid[0 : 1 : im.height * 1j, 0 : 1 : im.width * 1j].astype(np.float32)
    light = (1.08 - 0.22 * x - 0.14 * y)[..., None]
    return _picture(np.asarray(im) * light * np.array([1.03, 1.0, 0.90], np.float32) + np.float32(6))


PHOTOGRAPHED = chain(
    bordered(24), perspective(0.02), lit_unevenly, blurred(0.8), noise(4), scaled(0.9), jpeg(80)
)
SCREENSHOT = chain(scaled(0.83), bordered(37), jpeg(85))
SOCIAL = chain(long_side(1080), jpeg(75))
MESSENGER = chain(long_side(1600), jpeg(70), long_side(1600), jpeg(70))


# ----------------------------------------------------------------------------------------------------- the suites


def _unchanged(im: Image.Image) -> Image.Image:
    return im


FIFTY: dict[str, Attack] = {
    "none": _unchanged,
    "jpeg q75": jpeg(75),
    "jpeg q50": jpeg(50),
    "jpeg q30": jpeg(30),
    "jpeg q20": jpeg(20),
    "webp q75": webp(75),
    "webp q50": webp(50),
    "avif q60": avif(60),
    "avif q40": avif(40),
    "resize 25 %": scaled(0.25),
    "resize 50 %": scaled(0.5),
    "resize 75 %": scaled(0.75),
    "resize 90 %": scaled(0.9),
    "resize 133 %": scaled(1.33),
    "resize 200 %": scaled(2.0),
    "width 110 %": scaled(1.1, 1.0),
    "width 80 %": scaled(0.8, 1.0),
    "height 120 %": scaled(1.0, 1.2),
    "width 90 %, height 110 %": scaled(0.9, 1.1),
    "crop 50 %": cropped(0.5),
    "crop 25 %": cropped(0.25),
    "crop 10 %": cropped(0.10),
    "resize 50 % + jpeg q50": chain(scaled(0.5), jpeg(50)),
    "rotate 1": rotated(1),
    "rotate 5": rotated(5),
    "rotate 10": rotated(10),
    "rotate 33": rotated(33),
    "rotate 90": transposed(Image.Transpose.ROTATE_90),
    "rotate 180": transposed(Image.Transpose.ROTATE_180),
    "flip": transposed(Image.Transpose.FLIP_LEFT_RIGHT),
    "blur 1": blurred(1),
    "blur 2": blurred(2),
    "noise 10": noise(10),
    "median 3": median(3),
    "brightness 120 %": brightness(1.2),
    "contrast 70 %": contrast(0.7),
    "contrast 140 %": contrast(1.4),
    "gamma 0.7": gamma(0.7),
    "gamma 1.5": gamma(1.5),
    "grey": grey,
    "palette 64": palette(64),
    "sharpen": sharpened(),
    "text over it": captioned,
    "collage": collaged(1.6),
    "social": SOCIAL,
    "screenshot": SCREENSHOT,
    "crop 50 % + jpeg q75": chain(cropped(0.5), jpeg(75)),
    "rotate 2 + 90 % + jpeg q70": chain(rotated(2), scaled(0.9), jpeg(70)),
    "flip + 70 % + jpeg q60": chain(transposed(Image.Transpose.FLIP_LEFT_RIGHT), scaled(0.7), jpeg(60)),
    "jpeg q60 + 95 % + jpeg q50 + jpeg q40": chain(jpeg(60), scaled(0.95), jpeg(50), jpeg(40)),
}

BEYOND: dict[str, Attack] = {
    "jpeg q90": jpeg(90),
    "jpeg q60": jpeg(60),
    "jpeg q40": jpeg(40),
    "jpeg q10": jpeg(10),
    "webp q80": webp(80),
    "webp q30": webp(30),
    "resize 20 %": scaled(0.2),
    "resize 33 %": scaled(0.33),
    "resize 300 %": lambda im: scaled(min(3.0, math.sqrt(24e6 / (im.width * im.height))))(im),
    "resize 25 % and back": scaled_back(0.25),
    "resize 50 % and back": scaled_back(0.5),
    "resize 150 % and back": scaled_back(1.5),
    "width 120 %, height 80 %": scaled(1.2, 0.8),
    "width 80 %, height 120 %": scaled(0.8, 1.2),
    "crop 75 %": cropped(0.75),
    "rotate 0.5": rotated(0.5),
    "rotate 20": rotated(20),
    "rotate 45": rotated(45),
    "rotate 3, expanded": rotated(3, expand=True),
    "rotate 15, expanded": rotated(15, expand=True),
    "rotate 45, expanded": rotated(45, expand=True),
    "rotate 270": transposed(Image.Transpose.ROTATE_270),
    "flip top to bottom": transposed(Image.Transpose.FLIP_TOP_BOTTOM),
    "rotate 3 + width 110 %": chain(rotated(3), scaled(1.1, 1.0)),
    "shear 3 %": sheared(0.03),
    "shear 10 %": sheared(0.10),
    "perspective 1 %": perspective(0.01),
    "perspective 3 %": perspective(0.03),
    "blur 3": blurred(3),
    "noise 5": noise(5),
    "noise 20": noise(20),
    "median 5": median(5),
    "brightness 80 %": brightness(0.8),
    "saturation 150 %": saturation(1.5),
    "saturation 50 %": saturation(0.5),
    "hue 30": hue(30),
    "inverted": inverted,
    "gif": gif,
    "emoji over it": stickered,
    "face blurred": face_blurred,
    "region inpainted": inpainted,
    SIDE_BY_SIDE: side_by_side,
    "messenger": MESSENGER,
    "printed and photographed": PHOTOGRAPHED,
    "crop 75 % + rotate 1 + webp q60": chain(cropped(0.75), rotated(1), webp(60)),
    "text over it + 80 % + jpeg q60": chain(captioned, scaled(0.8), jpeg(60)),
    "screenshot + crop 75 % + social": chain(SCREENSHOT, cropped(0.75), SOCIAL),
    "sharpen + grey + messenger": chain(sharpened(), grey, MESSENGER),
}

SUITE: dict[str, Attack] = FIFTY | BEYOND

SHORT: dict[str, Attack] = {
    name: SUITE[name]
    for name in (
        "none",
        "jpeg q50",
        "webp q50",
        "resize 50 %",
        "resize 133 %",
        "crop 50 %",
        "rotate 5",
        "rotate 90",
        "flip",
        "blur 1",
        "brightness 120 %",
    )
}
"""What a test can afford."""
