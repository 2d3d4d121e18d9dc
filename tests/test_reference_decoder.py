"""The document is enough: a reader written from it alone agrees with ours, in every part and on pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from benchmarks import pictures
from tests import reference_decoder as reference
from tests.rings import ring_of
from tests.vectors import make_vectors
from waarmerk.core import codec, keys, layout, payload
from waarmerk.core.arrays import Luma8
from waarmerk.core.chips import chips_of
from waarmerk.marking.images import embed, luma_of

SECRET = b"r" * 32
EPOCH = 3
TENANT = "tenant ż"
RING = ring_of(SECRET, epochs=(EPOCH,), tenants=(TENANT,))
OTHER_SECRETS = (b"\0" * 32, bytes(range(32)), SECRET)


@pytest.mark.parametrize("secret", OTHER_SECRETS)
@pytest.mark.parametrize(("epoch", "tenant"), [(0, "default"), (2**32 - 1, TENANT)])
def test_keys_and_tags_are_equal(secret: bytes, epoch: int, tenant: str) -> None:
    master = keys.MasterSecret(secret)
    assert reference.pattern_key(secret, epoch) == keys.pattern_key(master, epoch).reveal()
    ours = keys.tag_key(master, epoch, tenant)
    assert reference.tag_key(secret, epoch, tenant) == ours.reveal()
    for mark_id in (0, 0x0123_4567_89AB_CDEF, 2**64 - 1):
        assert reference.tag_of(ours.reveal(), 1, mark_id) == payload.sign(mark_id, ours).tag


def test_words_are_equal_and_each_reads_the_others() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    for _ in range(5):
        mark_id, tag = int(rng.integers(2**64, dtype=np.uint64)), int(rng.integers(2**32))
        bits = reference.payload_bits(1, mark_id, tag)
        ours = payload.to_bits(payload.Payload(1, mark_id, tag))
        assert (bits == ours).all()
        coded = reference.coded_bits(bits)
        assert (coded == codec.encode(ours)).all()
        soft = 1.0 - 2.0 * coded + rng.normal(0, 1.5, len(coded))
        assert (reference.decoded_bits(soft) == bits).all()
        assert (codec.decode(soft.astype(np.float32)) == bits).all()


def test_the_harmonics_are_those_of_the_document() -> None:
    assert reference.harmonics() == [tuple(k) for k in layout.harmonics().tolist()]
    assert len(reference.harmonics()) == 2168


@pytest.mark.parametrize("secret", OTHER_SECRETS)
def test_roles_dealing_and_phases_are_equal(secret: bytes) -> None:
    shape = reference.shape_of(reference.pattern_key(secret, EPOCH))
    chips = chips_of(keys.PatternKey(shape.key))
    assert (shape.pilots == chips.pilot.k).all()
    assert (shape.sync == chips.sync.k).all()
    assert (shape.payload == chips.payload.k).all()
    assert (shape.coded_bit == chips.coded_bit).all()
    ours = [(shape.pilot_angles(), chips.pilot_phasor)]
    for pattern in (0, 15):
        ours.append((shape.sync_angles(pattern), chips.sync_phasors(pattern)))
        ours.append((shape.payload_angles(pattern), chips.payload_phasors(pattern)))
    for angles, phasors in ours:
        assert np.abs(reference.turned(angles) - phasors).max() < 1e-6


def test_the_golden_picture_is_read() -> None:
    with Image.open(make_vectors.PICTURE) as picture:
        luma = np.asarray(picture.convert("L"))
    reading = reference.read(luma, make_vectors.SECRET, make_vectors.EPOCH, make_vectors.TENANT)
    assert reading.mark_id == make_vectors.MARK_ID
    assert reading.pattern == 11
    for secret, tenant in ((make_vectors.SECRET, "somebody else"), (b"\xff" * 32, make_vectors.TENANT)):
        assert reference.read(luma, secret, make_vectors.EPOCH, tenant).mark_id is None


def _marked(seed: int, height: int, width: int, mark_id: int, pattern: int, offset: tuple[int, int]) -> Luma8:
    planes = pictures.photo(seed, height, width)
    marked = embed(
        planes, RING.current, tenant=TENANT, mark_id=mark_id, pattern=pattern, offset=offset, rgb=True
    )
    return luma_of(marked, rgb=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("height", "width", "pattern", "offset"),
    [
        (384, 384, 0, (0, 0)),
        (500, 333, 15, (1023, 1023)),
        (300, 1500, 9, (900, 77)),  # more than a super-tile wide
        (1500, 1450, 5, (511, 640)),  # canonical pixels of 2 x 2
    ],
)
def test_pictures_marked_today_are_read(
    height: int, width: int, pattern: int, offset: tuple[int, int]
) -> None:
    mark_id = 0xFEDC_BA98_0000_0000 + height
    luma = _marked(70 + pattern, height, width, mark_id, pattern, offset)
    reading = reference.read(luma, SECRET, EPOCH, TENANT)
    assert (reading.mark_id, reading.pattern) == (mark_id, pattern)
    word = payload.sign(mark_id, RING.current.tags[TENANT])
    assert (reading.bits == payload.to_bits(word)).all()


def test_a_cut_at_any_pixel_is_read() -> None:
    luma = _marked(90, 512, 512, 0xABCD, 3, (200, 300))
    assert reference.read(luma[61:, 87:-33], SECRET, EPOCH, TENANT).mark_id == 0xABCD


def test_a_picture_nobody_marked_is_not_read() -> None:
    luma = luma_of(pictures.photo(91, 400, 400), rgb=True)
    reading = reference.read(luma, SECRET, EPOCH, TENANT)
    assert reading.mark_id is None
