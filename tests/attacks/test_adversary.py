"""What somebody without the key tries."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import adversary, pictures
from benchmarks.quality import forgery
from tests.rings import TENANT, ring_of
from waarmerk.core.arrays import Luma, Planes
from waarmerk.core.chips import chips_of
from waarmerk.detection import images
from waarmerk.marking.images import embed, luma_of

RING = ring_of()
CHIPS = chips_of(RING.current.pattern)
IDS = (0x1111_2222_3333_4444, 0x1234_5678_9ABC_DEF0, 0x0F0F_0F0F_F0F0_F0F0)


def _marked(planes: Planes, mark_id: int, *, pattern: int = 3, offset: tuple[int, int] = (0, 0)) -> Luma:
    out = embed(
        planes, RING.current, tenant=TENANT, mark_id=mark_id, pattern=pattern, offset=offset, rgb=True
    )
    return luma_of(out, rgb=True).astype(np.float32)


@pytest.mark.slow
def test_no_mix_of_marked_pictures_is_a_mark_that_nobody_made() -> None:
    """The forgery itself works, which is why the tag is there: the product's word is the xor of the ids."""
    for row in forgery.on_pixels(attempts=6):
        assert row["forged"] == 0, row
        if row["mix"].startswith("product"):
            assert row["word of the product decoded"] >= 5, row
            assert row["id of a held mark"] == 0, row


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3, 1.6, 2.5])
def test_folding_and_subtracting_leaves_the_id_in_9_of_10_pictures(factor: float) -> None:
    read = 0
    for n in range(10):
        size = (512, 640) if n % 2 else (768, 700)
        kind = pictures.cartoon if n == 7 else pictures.photo
        luma = _marked(kind(40 + n, *size), IDS[0], pattern=7 * n % 16, offset=(37 * n, 91 * n))
        read += images.read(adversary.fold_and_subtract(luma, factor), RING).mark_id == IDS[0]
    assert read >= 9


@pytest.mark.parametrize(("size", "thorough"), [(1280, False), (640, True)])
def test_a_picture_without_pilots_is_read_by_its_sync(size: int, thorough: bool) -> None:
    """All pilots taken out with the key, to the last bin: more than any attacker can do."""
    luma = _marked(pictures.photo(60, size, size), IDS[1], offset=(37, 91))
    spectrum = np.fft.rfft2(luma)
    for ky, kx in CHIPS.pilot.k:
        spectrum[(ky * size // 128) % size, kx * size // 128] = 0
    reading = images.read(np.fft.irfft2(spectrum, s=(size, size)).astype(np.float32), RING, thorough=thorough)
    assert reading.mark_id == IDS[1]
