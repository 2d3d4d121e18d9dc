"""A residual resampled to canonical pixels, given the frequency map of `geometry`."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from waarmerk.core.arrays import Real

from .geometry import Matrix

MAX_CANVAS = 3 << 19  # pixels, or four times the picture's: a wrong candidate may ask for a huge canvas
MAX_SIDE = 8192


def rectified(residual: Real, b: Matrix) -> Real | None:
    """Undo x' = A x, A = B^-T: sample the residual at A x for every canonical x of the picture's bounding box.

    Args:
        residual: (H, W) float32; zero beyond its edges.
        b: frequency map, see `geometry`.

    Returns:
        (h, w) float32, or None where the canvas would be smaller than a tile's half or larger than any picture's.
    """
    forward = np.linalg.inv(b).T
    back = np.linalg.inv(forward)
    h, w = residual.shape
    corners = np.array([[0, 0], [0, w], [h, 0], [h, w]], dtype=np.float64) @ back.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    height, width = (math.ceil(x) for x in high - low)
    if (
        min(height, width) < 64
        or max(height, width) > MAX_SIDE
        or height * width > max(MAX_CANVAS, 4 * h * w)
    ):
        return None
    origin = forward @ low
    # Pillow wants x first: (x, y) of the source = (a x + b y + c, d x + e y + f) of the result.
    coefficients = (forward[1, 1], forward[1, 0], origin[1], forward[0, 1], forward[0, 0], origin[0])
    image = Image.fromarray(residual).transform(
        (width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )
    return np.asarray(image, dtype=np.float32)
