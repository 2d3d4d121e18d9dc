"""Pictures made from numbers, for tests and benchmarks that must run anywhere: the same seed, the same picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

Rgb = npt.NDArray[np.uint8]
"""(H, W, 3) uint8."""


def clouds(seed: int, height: int, width: int, slope: float = 1.2) -> npt.NDArray[np.float32]:
    """Noise of spectrum 1 / f^slope, 0..1: what photographs look like to a codec."""
    rng = np.random.Generator(np.random.Philox(seed))
    spectrum = scipy.fft.rfft2(rng.standard_normal((height, width)))
    f = np.hypot(scipy.fft.fftfreq(height)[:, None] * height, scipy.fft.rfftfreq(width) * width)
    plane = scipy.fft.irfft2(spectrum / np.maximum(f, 1) ** slope, s=(height, width))
    low, high = np.quantile(plane, [0.01, 0.99])
    return np.clip((plane - low) / (high - low), 0, 1).astype(np.float32)


def photo(seed: int, height: int, width: int) -> Rgb:
    """Clouds of two colours with sharp-edged things in front and a sensor's noise."""
    rng = np.random.Generator(np.random.Philox(seed + 1_000_000))
    mix = clouds(seed, height, width)[..., None]
    colours = rng.uniform(0, 255, (2, 3))
    picture = mix * colours[0] + (1 - mix) * colours[1]
    for _ in range(6):
        top, left = rng.integers(0, height), rng.integers(0, width)
        h, w = rng.integers(height // 12, height // 3), rng.integers(width // 12, width // 3)
        shade = clouds(int(rng.integers(2**31)), int(h), int(w), 1.0)[..., None] * 60 + rng.uniform(0, 195, 3)
        region = picture[top : top + h, left : left + w]
        region[:] = shade[: region.shape[0], : region.shape[1]]
    picture = scipy.ndimage.gaussian_filter(picture, (0.6, 0.6, 0))
    picture += rng.standard_normal(picture.shape) * 1.5
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def cartoon(seed: int, height: int, width: int) -> Rgb:
    """Flat areas with edges between them."""
    rng = np.random.Generator(np.random.Philox(seed + 2_000_000))
    levels = np.floor(clouds(seed, height, width, 2.0) * 6).astype(int)
    palette = rng.integers(0, 256, (7, 3))
    return palette[levels].astype(np.uint8)


def grain(seed: int, height: int, width: int) -> Rgb:
    """Dense grey texture."""
    plane = clouds(seed, height, width, 0.4) * 255
    return np.repeat(np.rint(plane)[..., None], 3, axis=2).astype(np.uint8)
