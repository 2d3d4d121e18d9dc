"""The fast residuals against their formulas, one pixel or one window at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from waarmerk.core.arrays import Luma
from waarmerk.detection import residual

SHAPES = [(96, 96), (97, 101), (130, 203), (64, 300)]


def _luma(height: int, width: int) -> Luma:
    """Lively on the right, nearly flat on the left."""
    luma = np.random.Generator(np.random.Philox(1)).uniform(0, 255, (height, width)).astype(np.float32)
    luma[:, : width // 2] /= 30
    return luma


def _plain_laplacian(luma: Luma) -> np.ndarray:
    x = luma.astype(np.float64)
    h, w = x.shape
    r = np.zeros((h // 8 * 8, w // 8 * 8))
    for i in range(3, min(len(r), h - 3)):
        for j in range(3, min(r.shape[1], w - 3)):
            r[i, j] = 4 * x[i, j] - x[i - 3, j] - x[i + 3, j] - x[i, j - 3] - x[i, j + 3]
    for i in range(0, r.shape[0], 8):
        for j in range(0, r.shape[1], 8):
            s = np.abs(r[i : i + 8, j : j + 8]).mean()
            r[i : i + 8, j : j + 8] *= (1.2 + 0.16 * s) / (s * s + 2)
    return r


def _plain_whitened(luma: Luma) -> np.ndarray:
    h, w = luma.shape
    rows, columns = (math.ceil(max(size - 8, 1) / 24) for size in (h, w))
    below, right = 24 * rows + 8 - h, 24 * columns + 8 - w
    x = np.pad(luma.astype(np.float64), ((0, below), (0, right)), mode="symmetric")
    line = np.ones(32)
    line[:8] = np.sin(np.pi / 2 * (np.arange(8) + 0.5) / 8)
    line[-8:] = line[:8][::-1]
    window = np.outer(line, line)
    out = np.zeros_like(x)
    for i in range(0, 24 * rows, 24):
        for j in range(0, 24 * columns, 24):
            block = x[i : i + 32, j : j + 32]
            spectrum = np.fft.rfft2((block - block.mean()) * window)
            m = np.abs(spectrum) / np.sqrt(np.sum(window**2))
            wide = np.pad(np.pad(m, ((1, 1), (0, 0)), mode="wrap"), ((0, 0), (1, 1)), mode="reflect")
            m = np.mean([wide[dy : dy + 32, dx : dx + 17] for dy in range(3) for dx in range(3)], axis=0)
            out[i : i + 32, j : j + 32] += np.fft.irfft2(spectrum / (m**1.5 + 2)) * window
    return out[:h, :w]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_laplacian_is_its_formula(shape: tuple[int, int]) -> None:
    luma = _luma(*shape)
    before = luma.copy()
    made = residual.laplacian(luma)
    assert made.dtype == np.float32
    assert np.allclose(made, _plain_laplacian(luma), atol=1e-5)
    assert (luma == before).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_whitening_is_its_formula(shape: tuple[int, int]) -> None:
    luma = _luma(*shape)
    before = luma.copy()
    made = residual.whitened(luma)
    assert made.dtype == np.float32
    assert made.shape == shape
    assert np.allclose(made, _plain_whitened(luma), atol=2e-5)
    assert (luma == before).all()


def test_a_view_is_filtered_like_its_copy() -> None:
    view = _luma(300, 300)[7:260, 40:281]
    assert (residual.laplacian(view) == residual.laplacian(view.copy())).all()
    assert (residual.whitened(view) == residual.whitened(view.copy())).all()
