from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from waarmerk.core import layout
from waarmerk.core.chips import CODED_BITS, chips_of
from waarmerk.core.keys import PatternKey

KEY = PatternKey(b"k" * 32)


def test_roles_share_out_every_harmonic_once() -> None:
    chips = chips_of(KEY)
    rows = np.concatenate([chips.pilot.k, chips.sync.k, chips.payload.k]).tolist()
    assert sorted(rows) == sorted(layout.harmonics().tolist())


def test_no_harmonic_lies_on_an_axis_or_the_block_grid() -> None:
    k = layout.harmonics()
    assert (k != 0).all()
    assert not ((k % 16 == 0).all(axis=1)).any()
    radius = np.hypot(k[:, 0], k[:, 1])
    assert radius.min() >= 2.5
    assert radius.max() <= 38


def test_every_coded_bit_is_carried_twice_or_three_times_in_every_tile() -> None:
    for dealt in chips_of(KEY).coded_bit.reshape(64, -1):
        carried = np.bincount(dealt, minlength=CODED_BITS)
        assert len(carried) == CODED_BITS
        assert carried.min() >= 2
        assert carried.max() <= 3


def test_the_eight_outputs_of_a_step_lie_at_eight_different_radii() -> None:
    chips = chips_of(KEY)
    first_round = {int(bit): n for n, bit in enumerate(chips.coded_bit[0, 0, :CODED_BITS])}
    for step in range(100):
        octiles = sorted(first_round[8 * step + j] // 100 for j in range(8))
        assert octiles == list(range(8))


def test_a_channel_of_low_frequencies_brings_every_coded_bit() -> None:
    lowest = chips_of(KEY).coded_bit[..., :100]  # radii under 9 of 38
    carried = np.bincount(lowest.ravel(), minlength=CODED_BITS)
    assert carried.min() >= 6
    assert np.bincount(lowest[2:6, 3:7].ravel(), minlength=CODED_BITS).min() >= 1


def test_pilots_keep_their_distance_and_their_ring() -> None:
    k = chips_of(KEY).pilot.k
    assert len(k) > 80
    for i in range(len(k)):
        assert layout.PILOT_RADIUS_MIN <= math.hypot(*k[i]) <= layout.PILOT_RADIUS_MAX
        for j in range(i):
            assert math.dist(k[i], k[j]) >= layout.PILOT_SPACING


def test_phases_are_the_documented_stream() -> None:
    chips = chips_of(KEY)
    raw = hashlib.shake_256(b"k" * 32 + b"payload" + (9).to_bytes(2, "big")).digest(
        2 * 64 * len(chips.payload.k)
    )
    number = (3 * 8 + 5) * len(chips.payload.k) + 17
    v = int.from_bytes(raw[2 * number : 2 * number + 2], "big")
    assert chips.payload_phasors(9)[3, 5, 17] == pytest.approx(np.exp(2j * np.pi * v / 65536), abs=1e-6)


def test_another_key_another_pattern() -> None:
    other = chips_of(PatternKey(b"o" * 32))
    assert other.pilot.k.tolist() != chips_of(KEY).pilot.k.tolist()
    correlation = np.abs(np.vdot(other.sync_phasors(0)[..., :200], chips_of(KEY).sync_phasors(0)[..., :200]))
    n = 64 * 200
    assert correlation < 5 * math.sqrt(n)  # independent phases: n of modulus 1 sum to about sqrt(n)


@pytest.mark.parametrize(
    ("size", "scale"),
    [((160, 160), 1), ((1024, 1024), 1), ((1448, 1448), 1), ((1449, 1449), 2), ((3000, 4000), 4)],
)
def test_octave_scale(size: tuple[int, int], scale: int) -> None:
    assert layout.octave_scale(*size) == scale


@pytest.mark.parametrize("size", [(96, 30000), (128, 20000), (190, 12000), (511, 40000)])
def test_a_long_strip_keeps_its_rows(size: tuple[int, int]) -> None:
    assert layout.octave_scale(*size) == layout.octave_scale(*reversed(size)) == 1


@pytest.mark.parametrize(
    ("size", "scale"), [((2048, 1024), 1), ((2049, 1024), 2), ((4096, 2048), 2), ((8192, 4096), 4)]
)
def test_octaves_change_at_whole_numbers(size: tuple[int, int], scale: int) -> None:
    assert layout.octave_scale(*size) == scale
