"""A residual resampled to canonical pixels."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from waarmerk.core.arrays import Real

from .geometry import Matrix
from .pilots import Place, Points, Projective

MAX_CANVAS = 3 << 19  # pixels, or seven times the picture's: a wrong candidate may ask for a huge canvas
MAX_SIDE = 8192


def rectified(residual: Real, b: Matrix) -> Real | None:
    """Undo x' = A x, A = B^-T, for the canonical bounding box of the whole picture.

    Args:
        residual: (H, W) float32; zero beyond its edges.
        b: frequency map, see `geometry`.
    """
    h, w = residual.shape
    corners = np.array([[0, 0], [0, w], [h, 0], [h, w]], dtype=np.float64) @ b
    forward = np.eye(3)
    forward[:2, :2] = np.linalg.inv(b).T
    return _resampled(residual, forward, corners.min(axis=0), corners.max(axis=0))


def rectified_at(residual: Real, place: Place, factor: int) -> Real | None:
    """Undo a projective map, for the marked part's bounding box.

    Args:
        residual: (H, W) float32; zero beyond its edges.
        place: where the mark lies in a plane `factor` times smaller.
        factor: 1, 2, ...
    """
    larger = np.diag([float(factor), float(factor), 1.0])
    larger[:2, 2] = (factor - 1) / 2
    return _resampled(residual, larger @ place.to_plane, np.floor(place.low), place.high)


def doubled(plane: Real) -> Real:
    """(H, W) float32 -> (2 H, 2 W), cubic."""
    size = (2 * plane.shape[1], 2 * plane.shape[0])
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC), dtype=np.float32)


def _resampled(residual: Real, forward: Projective, low: Points, high: Points) -> Real | None:
    """Sample at `forward` of every canonical pixel from `low` to `high`.

    Linear: what it takes from high frequencies it takes from mark and picture alike, and a cubic costs three times as
    much for the same evidence.

    Returns:
        (h, w) float32, or None where the canvas would be smaller than a tile's half or larger than any picture's.
    """
    height, width = (math.ceil(x) for x in high - low)
    if (
        min(height, width) < 64
        or max(height, width) > MAX_SIDE
        or height * width > max(MAX_CANVAS, 7 * residual.size)
    ):
        return None
    shift = np.eye(3)
    shift[:2, 2] = low
    image = Image.fromarray(residual).transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        _coefficients(forward @ shift),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(image, dtype=np.float32)


def _coefficients(m: Projective) -> tuple[float, ...]:
    """Pillow's: x first, and pixels counted from their corners, so that centres lie at halves."""
    corner = np.eye(3)
    corner[:2, 2] = 0.5
    swap = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    m = swap @ corner @ m @ np.linalg.inv(corner) @ swap
    return tuple(float(x) for x in (m / m[2, 2]).ravel()[:8])
