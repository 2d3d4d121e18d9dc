from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import i0

from waarmerk.core import stats


def test_the_bound_is_chernoffs_with_i0_bounded_by_a_gaussian() -> None:
    """I0(x) <= exp(x^2 / 4) is all the proof needs; checked where a float can."""
    x = np.linspace(0, 30, 3001)
    assert (i0(x) <= np.exp(x * x / 4) * (1 + 1e-12)).all()


def test_the_bound_covers_the_true_tail_and_is_not_idle() -> None:
    """Random phases: the exceedance rate of every level stays under the bound, and within 1.5 decades of it."""
    rng = np.random.Generator(np.random.Philox(4))
    magnitude = rng.gamma(0.7, 1.0, 300)
    scores = np.concatenate(
        [(magnitude * np.cos(rng.uniform(0, 2 * np.pi, (5000, 300)))).sum(axis=1) for _ in range(40)]
    )
    variance = float(np.sum(magnitude**2))
    for level in (1.0, 2.0, 3.0, 4.0):
        score = level * math.sqrt(variance / 2)
        rate = float(np.mean(scores >= score))
        bound = 10 ** stats.log10_tail(score, variance)
        assert rate <= bound
        assert rate >= bound / 30


def test_nothing_is_claimed_of_a_negative_score_or_an_empty_picture() -> None:
    assert stats.log10_tail(-5.0, 1.0) == 0.0
    assert stats.log10_tail(0.0, 0.0) == 0.0


def test_every_key_and_every_try_is_paid_for() -> None:
    once = stats.log10_reading(20.0, 1.0, n_keys=1, attempt=1)
    assert stats.log10_reading(20.0, 1.0, n_keys=1000, attempt=1) == pytest.approx(once + 3)
    assert stats.log10_reading(20.0, 1.0, n_keys=1, attempt=4) == pytest.approx(once + 1)


def test_the_price_of_all_tries_together_is_one() -> None:
    assert sum(1 / (j * (j + 1)) for j in range(1, 10**5)) <= 1
