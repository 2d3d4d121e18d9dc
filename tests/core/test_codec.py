from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waarmerk.core import codec

bit_lists = st.lists(st.integers(0, 1), min_size=100, max_size=100)


def _encoded_by_shift_register(bits: list[int]) -> list[int]:
    """The definition, one bit at a time."""
    coded = []
    state = 0
    for bit in bits[-codec.MEMORY :]:
        state = ((state << 1) | bit) & ((1 << codec.MEMORY) - 1)
    for bit in bits:
        register = (state << 1) | bit
        coded += [bin(register & polynomial).count("1") % 2 for polynomial in codec.POLYNOMIALS]
        state = register & ((1 << codec.MEMORY) - 1)
    return coded


@given(bit_lists)
@settings(max_examples=30, deadline=None)
def test_encoding_is_the_shift_registers(bits: list[int]) -> None:
    assert codec.encode(np.asarray(bits, dtype=np.uint8)).tolist() == _encoded_by_shift_register(bits)


@given(bit_lists)
@settings(max_examples=30, deadline=None)
def test_clean_words_come_back(bits: list[int]) -> None:
    word = np.asarray(bits, dtype=np.uint8)
    assert (codec.decode((1.0 - 2.0 * codec.encode(word)).astype(np.float32)) == word).all()


@given(bit_lists, bit_lists)
@settings(max_examples=20, deadline=None)
def test_the_code_is_linear_and_cyclic(left: list[int], right: list[int]) -> None:
    a, b = np.asarray(left, dtype=np.uint8), np.asarray(right, dtype=np.uint8)
    assert (codec.encode(a ^ b) == codec.encode(a) ^ codec.encode(b)).all()
    assert (codec.encode(np.roll(a, 1)) == np.roll(codec.encode(a), 8)).all()


def test_any_28_flipped_bits_are_corrected() -> None:
    """Free distance 58: a clean word with at most 28 errors is nearest to itself."""
    rng = np.random.Generator(np.random.Philox(1))
    for _ in range(40):
        word = rng.integers(0, 2, 100).astype(np.uint8)
        soft = (1.0 - 2.0 * codec.encode(word)).astype(np.float32)
        soft[rng.choice(800, 28, replace=False)] *= -1
        assert (codec.decode(soft) == word).all()


@pytest.mark.parametrize(("decibel", "most_lost"), [(1.5, 0.05), (2.0, 0.02)])
def test_words_survive_white_noise(decibel: float, most_lost: float) -> None:
    """Of 200 words at Eb/N0; the rate of loss is 1.5 % at 1 dB."""
    rng = np.random.Generator(np.random.Philox(2))
    deviation = (2 * 10 ** (decibel / 10) / codec.RATE_INVERSE) ** -0.5
    lost = 0
    for _ in range(200):
        word = rng.integers(0, 2, 100).astype(np.uint8)
        soft = 1.0 - 2.0 * codec.encode(word) + deviation * rng.standard_normal(800)
        lost += not (codec.decode(soft.astype(np.float32)) == word).all()
    assert lost <= 200 * most_lost


def _decoded_by_plain_viterbi(soft: list[float], extension: int) -> list[int]:
    """Every path's metric, one state and one bit at a time; of equals the one from the lower state."""
    n_states = 1 << codec.MEMORY
    steps = len(soft) // 8
    metric, backs = [0.0] * n_states, []
    for n in range(-extension, steps + extension):
        llr = soft[8 * (n % steps) : 8 * (n % steps) + 8]
        new, back = [-np.inf] * n_states, [0] * n_states
        for state in range(n_states):
            for bit in (0, 1):
                register = (state << 1) | bit
                signs = [1 - 2 * (bin(register & p).count("1") % 2) for p in codec.POLYNOMIALS]
                total = metric[state] + sum(s * v for s, v in zip(signs, llr, strict=True))
                if total > new[register % n_states]:
                    new[register % n_states], back[register % n_states] = total, state
        metric = new
        backs.append(back)
    state = int(np.argmax(metric))
    bits = []
    for back in reversed(backs):
        bits.append(state & 1)
        state = back[state]
    return bits[::-1][extension : extension + steps]


def test_the_decision_is_plain_viterbis() -> None:
    """Half of these words are wrong at this noise, but wrong alike. Small whole numbers, so that sums are exact."""
    rng = np.random.Generator(np.random.Philox(4))
    word = rng.integers(0, 2, 20).astype(np.uint8)
    soft = np.rint(4 * (1.0 - 2.0 * codec.encode(word)) + 14 * rng.standard_normal(160)).astype(np.float32)
    assert codec.decode(soft).tolist() == _decoded_by_plain_viterbi(soft.tolist(), 5 * codec.MEMORY)


def test_noise_alone_decodes_to_something() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    bits = codec.decode(rng.standard_normal(800).astype(np.float32))
    assert bits.shape == (100,)
    assert set(bits.tolist()) <= {0, 1}
