"""The golden vectors: what this version writes, and what every version must read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.vectors import make_vectors
from waarmerk.core import codec, payload
from waarmerk.core.evidence import Status
from waarmerk.core.keys import EpochSecret, EpochState, KeyRing, MasterSecret, TagKey
from waarmerk.detection import images

VECTORS: dict[str, Any] = json.loads(make_vectors.FILE.read_text(encoding="utf-8"))
STATUS = {"TagFailure": Status.UNVERIFIED, "NoMark": Status.NOT_FOUND}


def _bits(text: str, n: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8))[:n]


def test_the_file_is_what_the_code_makes() -> None:
    assert json.loads(json.dumps(make_vectors.build())) == VECTORS


@pytest.mark.parametrize("vector", VECTORS["words"], ids=lambda v: v["id"])
def test_words(vector: dict[str, Any]) -> None:
    key = TagKey(bytes.fromhex(vector["inputs"]["tag_key"]))
    if vector["result"] == "valid":
        bits = _bits(vector["bits"], 100)
        word = payload.from_bits(bits)
        assert f"{word.mark_id:016x}" == vector["inputs"]["mark_id"]
        assert payload.signer_of(word, [("t", key)]) == "t"
        soft = (1.0 - 2.0 * _bits(vector["coded"], 800)).astype(np.float32)
        assert (codec.decode(soft) == bits).all()
    else:
        word = payload.from_bits(_bits(vector["inputs"]["bits"], 100))
        assert payload.signer_of(word, [("t", key)]) is None
        assert ("UnknownVersion" in vector["flags"]) == (word.version != payload.VERSION)


@pytest.mark.parametrize("vector", VECTORS["pictures"], ids=lambda v: v["id"])
def test_pictures(vector: dict[str, Any]) -> None:
    inputs = vector["inputs"]
    secret = MasterSecret(bytes.fromhex(inputs["secret"]))
    ring = KeyRing.build([EpochSecret(inputs["epoch"], secret, EpochState.ACTIVE)], [inputs["tenant"]])
    with Image.open(make_vectors.HERE / inputs["file"]) as picture:
        luma = np.asarray(picture.convert("L"))
    reading = images.read(luma, ring)
    if vector["result"] == "valid":
        assert (reading.status, f"{reading.mark_id:016x}") == (Status.FOUND, vector["mark_id"])
    else:
        assert reading.status is STATUS[vector["flags"][0]]
        assert reading.mark_id is None


def test_the_picture_is_marked_within_a_grey_level_of_today() -> None:
    """Transforms may round differently from machine to machine; a mark's pixels may not differ by more."""
    with Image.open(make_vectors.PICTURE) as stored:
        pixels = np.asarray(stored).astype(int)
    assert np.abs(make_vectors.marked_planes().astype(int) - pixels).max() <= 1
