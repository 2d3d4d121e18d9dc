from __future__ import annotations

import numpy as np
import pytest

from waarmerk.core import blocks


@pytest.mark.parametrize("shape", [(64, 64), (65, 67), (7, 3000), (1500, 9), (3, 3)])
@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_a_reduced_picture_holds_the_mean_of_every_whole_block(shape: tuple[int, int], factor: int) -> None:
    luma = np.random.Generator(np.random.Philox(1)).uniform(0, 255, shape).astype(np.float32)
    before = luma.copy()
    h, w = shape[0] // factor, shape[1] // factor
    plain = [
        [
            luma[factor * i : factor * (i + 1), factor * j : factor * (j + 1)].mean(dtype=np.float64)
            for j in range(w)
        ]
        for i in range(h)
    ]
    reduced = blocks.box_reduce(luma, factor)
    assert reduced.shape == (h, w)
    assert reduced.dtype == np.float32
    assert np.allclose(reduced, np.reshape(plain, (h, w)), atol=1e-3)
    assert (luma == before).all()


def test_a_view_is_reduced_like_its_copy() -> None:
    luma = np.random.Generator(np.random.Philox(2)).uniform(0, 255, (200, 300)).astype(np.float32)
    view = luma[3:180, 11:250]
    assert (blocks.box_reduce(view, 4) == blocks.box_reduce(view.copy(), 4)).all()
