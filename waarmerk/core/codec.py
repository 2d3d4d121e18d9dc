"""Payload bits <-> coded bits: a tail-biting convolutional code.

Constraint length 11 (memory m = 10, 1024 states), rate 1/8, free distance 58. With state s (the m latest bits,
newest in the least significant place) and new bit b, the register is r = (s << 1) | b and output j is the parity
of r & POLYNOMIALS[j]. Tail-biting: the encoder starts in the state it ends in, so no bit is spent on a tail and
every bit is protected alike.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .arrays import Bits, Real

MEMORY = 10
POLYNOMIALS = (1389, 1779, 2035, 1913, 1341, 1259, 1107, 1389)
RATE_INVERSE = len(POLYNOMIALS)
_STATES = 1 << MEMORY
_EXTENSION = 5 * MEMORY  # wrap-around on either side; where paths have merged with overwhelming probability


def _parity(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.bitwise_count(values.astype(np.uint64)).astype(np.int64) & 1


def encode(bits: Bits) -> Bits:
    """(N,) payload bits -> (8 N,) coded bits, output j of step n at 8 n + j.

    Register of step n: r[n] = sum_i bits[(n - i) mod N] << i, i = 0..10.
    """
    wrapped = np.concatenate([bits[-MEMORY:], bits]).astype(np.int64)
    latest = np.lib.stride_tricks.sliding_window_view(wrapped, MEMORY + 1)  # oldest bit first
    registers = latest @ (1 << np.arange(MEMORY, -1, -1))
    return _parity(registers[:, None] & np.asarray(POLYNOMIALS)).astype(np.uint8).ravel()


@lru_cache(maxsize=1)
def _branch_signs() -> Real:
    """(8, 2 x 1024) float32: sign of output j for new bit b and state s at 1024 b + s; bit 0 is +1."""
    bit, state = np.divmod(np.arange(2 * _STATES, dtype=np.int64), _STATES)
    rows = [1.0 - 2.0 * _parity(((state << 1) | bit) & p) for p in POLYNOMIALS]
    return np.asarray(rows, dtype=np.float32)


def decode(llr: Real) -> Bits:
    """(8 N,) soft coded bits -> (N,) payload bits, the wrap-around Viterbi decision.

    With metric p[s] of the best path to state s and branch metric mu[b, s] of new bit b, state (s << 1 | b) & 1023 is
    reached from s and s + 512, s < 512:

        q[b, s] = p[s] + mu[b, s],    p[2 s + b] <- max(q[b, s], q[b, s + 512])

    Args:
        llr: (8 N,) float32, positive for a 0 bit, in any common unit.

    Returns:
        (N,) uint8. Always an answer: whether it is a mark is decided elsewhere.

    Reference:
        Cox, Sundberg, "An efficient adaptive circular Viterbi algorithm", IEEE Trans. Veh. Technol. 43(1), 1994.
    """
    steps = llr.reshape(-1, RATE_INVERSE).astype(np.float32)
    n = len(steps)
    order = np.arange(-_EXTENSION, n + _EXTENSION) % n
    branches = (steps @ _branch_signs()).reshape(n, 2, _STATES)
    half = _STATES // 2
    paths = np.zeros(_STATES, dtype=np.float32)
    by_bit = paths.reshape(half, 2).T
    reached = np.empty((len(order), 2, _STATES), dtype=np.float32)  # q of every step, for the way back
    for step, q in zip(order, reached, strict=True):
        np.add(branches[step], paths, out=q)
        np.maximum(q[:, :half], q[:, half:], out=by_bit)
    return _traced_back(reached, int(np.argmax(paths)))[_EXTENSION : _EXTENSION + n]


def _traced_back(reached: Real, state: int) -> Bits:
    """(T, 2, 1024) candidates of every step and the last state -> (T,) bits on the best path."""
    half = _STATES // 2
    bits = np.empty(len(reached), dtype=np.uint8)
    for step in range(len(reached) - 1, -1, -1):
        bit, state = state & 1, state >> 1
        bits[step] = bit
        if reached[step, bit, state + half] > reached[step, bit, state]:
            state += half
    return bits
