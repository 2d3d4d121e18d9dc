from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmarks import attacks, pictures
from tests.rings import TENANT, ring_of
from waarmerk.core import payload
from waarmerk.core.errors import ShapeError
from waarmerk.core.evidence import Status
from waarmerk.detection import images, words
from waarmerk.marking.images import embed

RING = ring_of()
MARK_ID = 0xFEDC_BA98_7654_3210


def _luma(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L")).astype(np.float32)


def _marked(
    planes: np.ndarray, *, ring=RING, tenant: str = TENANT, epoch: int = 0, pattern: int = 9
) -> Image.Image:
    return Image.fromarray(
        embed(
            planes,
            ring.epochs[epoch],
            tenant=tenant,
            mark_id=MARK_ID,
            pattern=pattern,
            offset=(555, 901),
            rgb=True,
        )
    )


@pytest.fixture(scope="module")
def marked() -> Image.Image:
    return _marked(pictures.photo(11, 640, 720))


def test_a_marked_picture_says_its_id_tenant_and_bound(marked: Image.Image) -> None:
    reading = images.read(_luma(marked), RING)
    assert (reading.status, reading.mark_id) == (Status.FOUND, MARK_ID)
    assert (reading.tenant, reading.epoch) == (TENANT, 1)
    assert reading.log10_p < -100


def test_its_unmarked_twin_says_nothing() -> None:
    reading = images.read(_luma(Image.fromarray(pictures.photo(11, 640, 720))), RING)
    assert reading.status is Status.NOT_FOUND
    assert reading.mark_id is None


@pytest.mark.parametrize(
    "name", [*attacks.SHORT, "height 120 %", "rotate 33", "rotate 45, expanded", "social", "jpeg q30"]
)
def test_the_id_survives(marked: Image.Image, name: str) -> None:
    assert images.read(_luma(attacks.SUITE[name](marked)), RING).mark_id == MARK_ID


@pytest.mark.parametrize("how", list(Image.Transpose))
def test_all_eight_ways_to_lie_are_read(marked: Image.Image, how: Image.Transpose) -> None:
    reading = images.read(_luma(marked.transpose(how)), RING)
    assert reading.mark_id == MARK_ID
    assert reading.geometry is not None
    assert reading.geometry["stage"] == "as it lies"


def test_a_negative_is_read(marked: Image.Image) -> None:
    assert images.read(255 - _luma(marked), RING).mark_id == MARK_ID


def test_another_deployments_mark_is_not_ours(marked: Image.Image) -> None:
    reading = images.read(_luma(marked), ring_of(b"o" * 32))
    assert (reading.status, reading.mark_id, reading.log10_p) == (Status.NOT_FOUND, None, 0.0)


def test_another_tenants_mark_is_evident_and_has_no_id(marked: Image.Image) -> None:
    reading = images.read(_luma(marked), ring_of(tenants=("somebody else",)))
    assert reading.status is Status.UNVERIFIED
    assert reading.mark_id is None


def test_the_right_tenant_of_many_is_named() -> None:
    ring = ring_of(tenants=tuple(f"tenant {n}" for n in range(40)))
    picture = _marked(pictures.photo(12, 400, 400), ring=ring, tenant="tenant 31")
    assert images.read(_luma(picture), ring).tenant == "tenant 31"


def test_an_older_epochs_mark_is_read_by_a_ring_that_still_holds_it() -> None:
    ring = ring_of(epochs=(1, 2, 3))
    picture = _marked(pictures.photo(13, 400, 400), ring=ring, epoch=2)
    reading = images.read(_luma(picture), ring)
    assert (reading.mark_id, reading.epoch) == (MARK_ID, 1)


def test_a_large_picture_is_read_whole_and_shrunk() -> None:
    picture = _marked(pictures.photo(14, 1500, 1700))
    assert images.read(_luma(picture), RING).mark_id == MARK_ID
    assert (
        images.read(_luma(attacks.chain(attacks.long_side(850), attacks.jpeg(75))(picture)), RING).mark_id
        == MARK_ID
    )


@pytest.mark.parametrize("size", [(1, 1), (95, 500), (8, 4000)])
def test_a_picture_too_small_is_said_to_be(size: tuple[int, int]) -> None:
    assert images.read(np.zeros(size, dtype=np.float32), RING).status is Status.NOT_CHECKED


@pytest.mark.parametrize("level", [0.0, 77.0, 255.0])
@pytest.mark.parametrize("size", [(96, 96), (100, 3000), (333, 257)])
def test_an_empty_picture_says_nothing(level: float, size: tuple[int, int]) -> None:
    assert images.read(np.full(size, level, dtype=np.float32), RING).status is Status.NOT_FOUND


def test_what_is_not_luma_is_refused() -> None:
    with pytest.raises(ShapeError):
        images.read(np.zeros((200, 200, 3), dtype=np.uint8), RING)  # type: ignore[arg-type]


def test_the_known_check_is_sure_of_the_mark_and_of_nothing_else(marked: Image.Image) -> None:
    luma = _luma(marked)

    def check(mark_id: int = MARK_ID, pattern: int = 9, offset: tuple[int, int] = (555, 901)) -> float:
        return images.verify_known(
            luma, RING.current, tenant=TENANT, mark_id=mark_id, pattern=pattern, offset=offset
        )

    assert check() < -500
    assert check(pattern=10) > -6
    assert check(offset=(555, 901 + 128)) > -6
    assert check(mark_id=MARK_ID ^ 0xFFFF) > check() / 2  # half the symbols differ, sync and pilots do not
    unmarked = _luma(Image.fromarray(pictures.photo(11, 640, 720)))
    assert (
        images.verify_known(
            unmarked, RING.current, tenant=TENANT, mark_id=MARK_ID, pattern=9, offset=(555, 901)
        )
        > -6
    )


def test_evidence_says_a_class_in_public_and_the_value_in_private(marked: Image.Image) -> None:
    reading = images.read(_luma(marked), RING)
    evidence = images.evidence_of(reading)
    assert evidence.code == "mark_verified"
    assert evidence.mark_id == "fedcba9876543210"
    assert evidence.details == {"false_alarm": "below_1e-12"}
    assert evidence.private["log10_p"] == reading.log10_p


@pytest.mark.parametrize("size", [(128, 6000), (6000, 150), (190, 12000)])
def test_a_long_strip_is_read_as_it_lies(size: tuple[int, int]) -> None:
    picture = _marked(pictures.photo(21, *size))
    assert images.read(_luma(picture), RING).mark_id == MARK_ID


@pytest.mark.parametrize("size", [(190, 12000), (100, 30000), (96, 22000), (95, 22000)])
def test_an_unmarked_strip_is_searched_without_complaint(size: tuple[int, int]) -> None:
    luma = _luma(Image.fromarray(pictures.photo(22, *size)))
    expected = Status.NOT_FOUND if min(size) >= 96 else Status.NOT_CHECKED
    assert images.read(luma, RING).status is expected


def test_luma_that_is_not_a_number_is_refused() -> None:
    luma = np.zeros((128, 128), dtype=np.float32)
    luma[3, 4] = np.nan
    with pytest.raises(ShapeError, match="finite"):
        images.read(luma, RING)


def _word_at(log10_p: float, *, signed: bool, sync_log10_p: float = 0.0) -> words.Word:
    """A word whose reading, at the first try under one key, has the bound 10^log10_p (S = S^2 / V = V)."""
    word = payload.sign(MARK_ID, RING.current.tags[TENANT])
    reading = (64 * math.log10(2) + math.log10(2) - log10_p) * math.log(10)
    sync = (math.log10(2 * words.SYNC_HYPOTHESES) + math.log10(2) - sync_log10_p) * math.log(10)
    return words.Word(
        payload=word if signed else replace(word, tag=word.tag ^ 1),
        pattern=9,
        offset=(0, 0),
        sync_score=sync,
        sync_variance=sync,
        score=reading,
        variance=reading,
    )


@pytest.mark.parametrize(
    ("log10_p", "signed", "sync_log10_p", "status"),
    [
        (-12.1, True, 0.0, Status.FOUND),
        (-11.9, True, 0.0, Status.INCONCLUSIVE),
        (-6.6, True, 0.0, Status.INCONCLUSIVE),
        (-6.4, True, 0.0, Status.NOT_FOUND),
        (-12.1, False, 0.0, Status.NOT_FOUND),  # without a tag any of 2^100 words would have done
        (-24.0, False, 0.0, Status.UNVERIFIED),
        (-18.0, False, 0.0, Status.INCONCLUSIVE),
        (0.0, False, -12.6, Status.UNVERIFIED),
        (0.0, False, -12.4, Status.INCONCLUSIVE),
        (0.0, False, -6.4, Status.NOT_FOUND),
    ],
)
def test_between_found_and_nothing_there_is_inconclusive_which_names_no_id(
    log10_p: float, signed: bool, sync_log10_p: float, status: Status
) -> None:
    search = images._Search(RING, thorough=False)
    word = _word_at(log10_p, signed=signed, sync_log10_p=sync_log10_p)
    reading = search._judged(word, RING.current, {}, 1)
    assert reading.status is status
    assert (reading.mark_id is not None) == (status is Status.FOUND)
    evidence = images.evidence_of(reading)
    assert (evidence.mark_id is not None) == (status is Status.FOUND)
    assert evidence.ai is None
    if status is Status.INCONCLUSIVE:
        assert (evidence.code, evidence.details) == ("mark_inconclusive", {"false_alarm": "below_1e-6"})
