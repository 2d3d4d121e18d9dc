"""Score -> p-value, proved for any picture.

Let X[n] be whatever complex numbers a detector took from a picture, w[n] >= 0 weights that do not depend on the
payload phases, and theta[n] those phases: independent and uniform given the picture when it is not marked with
this key and pattern. For one codeword s (+-1) put S = sum_n w[n] s[n] Re(X[n] exp(-i theta[n])), V = sum_n
(w[n] |X[n]|)^2. E exp(l a cos theta) = I0(l a) <= exp(l^2 a^2 / 4), so Chernoff's bound gives, for S > 0,

    P(score >= S) <= min_l exp(l^2 V / 4 - l S) = exp(-S^2 / V).

A reading is accepted for any of 2^64 ids under any of T tag keys, so the union bound multiplies by 2^64 T, and the
j-th try of a search by j (j + 1), whose reciprocals sum to 1 over all j. See docs/statistics.md.

Reference:
    Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58, 1963, for the method.
"""

from __future__ import annotations

import math

from .payload import ID_BITS, PAYLOAD_BITS

ACCEPT_LOG10_P = -12.0  # the published bound on a false alarm
INCONCLUSIVE_LOG10_P = -6.0  # between the two nothing is said but that it cannot be told
ANY_WORD = (PAYLOAD_BITS - ID_BITS) * math.log10(2)  # added where no tag vouches: 2^100 words, not 2^64


def log10_tail(score: float, variance: float) -> float:
    """log10 of exp(-S^2 / V); 0 where S <= 0, V = 0 or either is not finite."""
    if not (math.isfinite(score) and math.isfinite(variance)) or score <= 0 or variance <= 0:
        return 0.0
    return -(score * score / variance) / math.log(10)


def log10_reading(score: float, variance: float, *, n_keys: int, attempt: int) -> float:
    """Bound on a false reading, log10, at most 0.

    Args:
        score, variance: S and V of the accepted codeword.
        n_keys: T, tag keys that were tried on the decoded word, over all epochs.
        attempt: j = 1, 2, ...: the how many-th decoding of this picture.
    """
    union = ID_BITS * math.log10(2) + math.log10(max(n_keys, 1)) + math.log10(attempt * (attempt + 1))
    return min(0.0, log10_tail(score, variance) + union)


def log10_presence(score: float, variance: float, *, hypotheses: int, attempt: int) -> float:
    """Bound on a false alarm of the sync alone, its best of `hypotheses` alignments taken, both signs."""
    union = math.log10(2 * hypotheses) + math.log10(attempt * (attempt + 1))
    return min(0.0, log10_tail(abs(score), variance) + union)
