from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from waarmerk.core import payload
from waarmerk.core.keys import TagKey
from waarmerk.core.payload import Payload

KEYS = {"a": TagKey(b"a" * 32), "b": TagKey(b"b" * 32)}
words = st.builds(Payload, st.integers(0, 15), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))


@given(words)
def test_bits_come_back_as_the_word(word: Payload) -> None:
    bits = payload.to_bits(word)
    assert bits.shape == (100,)
    assert set(bits.tolist()) <= {0, 1}
    assert payload.from_bits(bits) == word


def test_fields_lie_most_significant_bit_first() -> None:
    bits = payload.to_bits(Payload(version=0b1000, mark_id=1, tag=1 << 31))
    assert [n for n, bit in enumerate(bits) if bit] == [0, 67, 68]


@given(st.integers(0, 2**64 - 1))
def test_a_tag_is_keyed_blake2s_over_version_and_id(mark_id: int) -> None:
    expected = hashlib.blake2s(
        b"\x01" + mark_id.to_bytes(8, "big"), key=b"a" * 32, digest_size=4, person=b"waarmerk"
    ).digest()
    assert payload.sign(mark_id, KEYS["a"]).tag == int.from_bytes(expected, "big")


def test_the_tag_names_the_tenant() -> None:
    assert payload.signer_of(payload.sign(5, KEYS["b"]), KEYS.items()) == "b"


@given(st.integers(0, 2**64 - 1), st.integers(0, 95))
def test_one_flipped_bit_of_id_or_tag_is_nobodys(mark_id: int, place: int) -> None:
    bits = payload.to_bits(payload.sign(mark_id, KEYS["a"])).copy()
    bits[4 + place] ^= 1
    assert payload.signer_of(payload.from_bits(bits), KEYS.items()) is None


def test_another_version_is_nobodys() -> None:
    word = payload.sign(5, KEYS["a"], version=2)
    assert payload.signer_of(word, KEYS.items()) is None


def test_the_xor_of_three_words_is_nobodys() -> None:
    bits = [payload.to_bits(payload.sign(n, KEYS["a"])) for n in (11, 22, 33)]
    assert payload.signer_of(payload.from_bits(bits[0] ^ bits[1] ^ bits[2]), KEYS.items()) is None
