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
    registers = sum(np.roll(bits.astype(np.int64), i) << i for i in range(MEMORY + 1))
    polynomials = np.asarray(POLYNOMIALS, dtype=np.int64)
    return _parity(np.asarray(registers)[:, None] & polynomials[None, :]).astype(np.uint8).ravel()


@lru_cache(maxsize=1)
def _branch_signs() -> Real:
    """(8, 2048) float32: sign +1/-1 of output j for register r; bit 0 is +1."""
    registers = np.arange(2 * _STATES, dtype=np.int64)
    rows = [1.0 - 2.0 * _parity(registers & p) for p in POLYNOMIALS]
    return np.asarray(rows, dtype=np.float32)


def decode(llr: Real) -> Bits:
    """(8 N,) soft coded bits -> (N,) payload bits, the wrap-around Viterbi decision.

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
    metrics = steps[order] @ _branch_signs()  # (n + 2 ext, 2048)
    # Register r = (s << 1) | b reaches state r & 1023; its two predecessors differ in the top bit only,
    # so candidate metrics are the two contiguous halves of a row.
    path = np.zeros(_STATES, dtype=np.float32)
    choices = np.empty((len(order), _STATES), dtype=bool)
    candidate = np.empty(2 * _STATES, dtype=np.float32)
    low, high = candidate[:_STATES], candidate[_STATES:]
    spread = candidate.reshape(_STATES, 2)
    for step in range(len(order)):
        np.add(metrics[step].reshape(_STATES, 2), path[:, None], out=spread)
        np.greater(high, low, out=choices[step])
        np.maximum(low, high, out=path)
    state = int(np.argmax(path))
    bits = np.empty(len(order), dtype=np.uint8)
    for step in range(len(order) - 1, -1, -1):
        bits[step] = state & 1
        state = (state >> 1) | (int(choices[step, state]) << (MEMORY - 1))
    return bits[_EXTENSION : _EXTENSION + n]
