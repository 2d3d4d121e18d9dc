from __future__ import annotations

import hashlib
import hmac
import pickle

import pytest

from waarmerk.core.errors import ConfigurationError
from waarmerk.core.keys import (
    EpochSecret,
    EpochState,
    KeyRing,
    MasterSecret,
    PatternKey,
    TagKey,
    pattern_key,
    tag_key,
)

SECRET = MasterSecret(bytes(range(32)))


def _hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 by hand, one block: an independent implementation."""
    pseudo_random_key = hmac.new(b"\0" * 32, secret, hashlib.sha256).digest()
    return hmac.new(pseudo_random_key, info + b"\x01", hashlib.sha256).digest()


def test_pattern_key_is_hkdf_of_purpose_and_epoch() -> None:
    expected = _hkdf(bytes(range(32)), b"waarmerk/pattern" + (7).to_bytes(4, "big"))
    assert pattern_key(SECRET, 7).reveal() == expected


def test_tag_key_is_hkdf_of_purpose_epoch_and_tenant() -> None:
    expected = _hkdf(bytes(range(32)), b"waarmerk/tag" + (7).to_bytes(4, "big") + "münchen".encode())
    assert tag_key(SECRET, 7, "münchen").reveal() == expected


def test_tenants_share_the_pattern_and_not_the_tag() -> None:
    ring = KeyRing.build([EpochSecret(1, SECRET, EpochState.ACTIVE)], ["a", "b"])
    keys = ring.current
    assert keys.tags["a"] != keys.tags["b"]
    assert keys.pattern == pattern_key(SECRET, 1)


@pytest.mark.parametrize("secret", [SECRET, PatternKey(b"p" * 32), TagKey(b"t" * 32)])
def test_secrets_show_nothing(secret: MasterSecret) -> None:
    raw = secret.reveal()
    for text in (repr(secret), str(secret), f"{secret}", repr([secret]), repr({"k": secret})):
        assert raw.hex() not in text
        assert repr(raw) not in text
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_ring_shows_no_secret() -> None:
    ring = KeyRing.build([EpochSecret(1, SECRET, EpochState.ACTIVE)], ["a"])
    assert SECRET.reveal().hex() not in repr(ring)
    assert "tags" not in repr(ring)


def test_newest_active_epoch_marks_and_retired_ones_are_still_read() -> None:
    ring = KeyRing.build(
        [
            EpochSecret(1, SECRET, EpochState.RETIRED),
            EpochSecret(2, SECRET, EpochState.ACTIVE),
            EpochSecret(3, SECRET, EpochState.ACTIVE),
        ],
        ["a"],
    )
    assert ring.current.epoch == 3
    assert [k.epoch for k in ring.epochs] == [3, 2, 1]


@pytest.mark.parametrize(
    ("states", "tenants"),
    [
        ([EpochState.RETIRED], ["a"]),
        ([EpochState.ACTIVE] * 4, ["a"]),
        ([EpochState.ACTIVE], []),
        ([], ["a"]),
    ],
)
def test_a_ring_that_cannot_work_is_refused(states: list[EpochState], tenants: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        KeyRing.build([EpochSecret(n, SECRET, s) for n, s in enumerate(states)], tenants)


def test_an_epoch_named_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        KeyRing.build([EpochSecret(1, SECRET, EpochState.ACTIVE)] * 2, ["a"])


def test_a_secret_of_another_length_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        MasterSecret(b"short secret")
    assert "short secret" not in str(refusal.value)
