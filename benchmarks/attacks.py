"""What the world does to a picture, as functions from a Pillow RGB image to one."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Attack = Callable[[Image.Image], Image.Image]


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


def scaled(x: float, y: float | None = None) -> Attack:
    factor_y = x if y is None else y

    def apply(im: Image.Image) -> Image.Image:
        size = (max(1, round(im.width * x)), max(1, round(im.height * factor_y)))
        return im.resize(size, Image.Resampling.BICUBIC)

    return apply


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
    return lambda im: im.rotate(degrees, Image.Resampling.BICUBIC, expand=expand)


def transposed(how: Image.Transpose) -> Attack:
    return lambda im: im.transpose(how)


def blurred(sigma: float) -> Attack:
    return lambda im: im.filter(ImageFilter.GaussianBlur(sigma))


def brightness(factor: float) -> Attack:
    return lambda im: ImageEnhance.Brightness(im).enhance(factor)


def contrast(factor: float) -> Attack:
    return lambda im: ImageEnhance.Contrast(im).enhance(factor)


def median(size: int) -> Attack:
    return lambda im: im.filter(ImageFilter.MedianFilter(size))


def long_side(pixels: int) -> Attack:
    return lambda im: scaled(min(1.0, pixels / max(im.size)))(im)


def bordered(pixels: int) -> Attack:
    return lambda im: ImageOps.expand(im, pixels, (240, 240, 240))


def chain(*steps: Attack) -> Attack:
    def apply(im: Image.Image) -> Image.Image:
        for step in steps:
            im = step(im)
        return im

    return apply


# The release bar: what every picture is put through.
REQUIRED: dict[str, Attack] = {
    "jpeg q50": jpeg(50),
    "webp q60": webp(60),
    "resize 50 %": scaled(0.5),
    "resize 150 %": scaled(1.5),
    "crop 50 %": cropped(0.5),
    "rotate 3": rotated(3),
    "rotate 90": transposed(Image.Transpose.ROTATE_90),
    "flip": transposed(Image.Transpose.FLIP_LEFT_RIGHT),
    "blur 1": blurred(1),
    "brightness +20 %": brightness(1.2),
}

# Beyond the bar, where losses are to be expected and are printed.
FURTHER: dict[str, Attack] = {
    "none": lambda im: im,
    "jpeg q75": jpeg(75),
    "jpeg q30": jpeg(30),
    "jpeg q20": jpeg(20),
    "webp q80": webp(80),
    "avif q60": avif(60),
    "resize 25 %": scaled(0.25),
    "resize 75 %": scaled(0.75),
    "aspect 110 %": scaled(1.1, 1.0),
    "aspect 80 %": scaled(1.0, 0.8),
    "crop 25 %": cropped(0.25),
    "crop 10 %": cropped(0.10),
    "rotate 10": rotated(10),
    "rotate 33 expanded": rotated(33, expand=True),
    "blur 2": blurred(2),
    "median 3": median(3),
    "contrast 70 %": contrast(0.7),
    "palette 64": lambda im: im.quantize(64).convert("RGB"),
    "screenshot": chain(scaled(0.83), bordered(37), jpeg(85)),
    "social": chain(long_side(1080), jpeg(75)),
    "crop 50 % + jpeg q75": chain(cropped(0.5), jpeg(75)),
    "rotate 2 + 90 % + jpeg q70": chain(rotated(2), scaled(0.9), jpeg(70)),
    "resize 50 % + jpeg q50": chain(scaled(0.5), jpeg(50)),
}
