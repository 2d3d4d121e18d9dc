"""What quality a lossy WebP was coded at, from the quantisers in its frame header.

A VP8 frame (RFC 6386, 9.2 to 9.6) states one quantiser index 0..127, or one for each of four segments with
the tree probabilities of the segment map. The libwebp encoder (src/enc/quant_enc.c) sets them from its
quality by

    linear = q / 100 * 2/3 below 75, else 2 q / 100 - 1
    c      = linear ** (1/3)
    index  = floor(127 * (1 - c ** (1 - a * s)))

with a a constant and s the segment's susceptibility, which averages to 0 over the macroblocks. So the mean of
log(1 - index / 127), weighted with the segments' shares, is log c, and quality follows.
"""

from __future__ import annotations

import math

from waarmerk.core.errors import MalformedMedia

_FRAME_HEADER_BYTES = 10


class _BoolDecoder:
    """The arithmetic decoder of RFC 6386, 7.3, reading header fields."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 2
        self._value = int.from_bytes(data[:2].ljust(2, b"\0"), "big")
        self._range = 255
        self._shifted = 0

    def bit(self, probability: int = 128) -> int:
        split = 1 + ((self._range - 1) * probability >> 8)
        threshold = split << 8
        found = int(self._value >= threshold)
        if found:
            self._range -= split
            self._value -= threshold
        else:
            self._range = split
        while self._range < 128:
            self._value <<= 1
            self._range <<= 1
            self._shifted += 1
            if self._shifted == 8:
                self._shifted = 0
                self._value |= self._data[self._at] if self._at < len(self._data) else 0
                self._at += 1
        return found

    def number(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value << 1 | self.bit()
        return value

    def signed(self, bits: int) -> int:
        value = self.number(bits)
        return -value if self.bit() else value

    def optional(self, bits: int) -> int:
        return self.signed(bits) if self.bit() else 0


def quantisers(frame: bytes) -> list[tuple[int, float]]:
    """The luma quantiser indices of a VP8 key frame with the share of macroblocks each is for.

    Args:
        frame: the payload of the WebP file's VP8 chunk.

    Returns:
        [(index 0..127, share)], shares adding to 1.
    """
    if len(frame) < _FRAME_HEADER_BYTES + 2:
        raise MalformedMedia("The WebP file's picture is cut off; send the file whole.")
    decoder = _BoolDecoder(frame[_FRAME_HEADER_BYTES : _FRAME_HEADER_BYTES + 256])
    decoder.number(2)  # colour space and clamping
    levels, absolute, tree = [0, 0, 0, 0], False, [255, 255, 255]
    segmented = decoder.bit()
    if segmented:
        levels, absolute, tree = _segments(decoder)
    decoder.number(10)  # loop filter type, level, sharpness
    if decoder.bit() and decoder.bit():  # loop filter deltas, and their update
        for _ in range(8):
            decoder.optional(6)
    decoder.number(2)  # partitions
    base = decoder.number(7)
    if not segmented:
        return [(base, 1.0)]
    left, first, second = (p / 255 for p in tree)
    shares = (left * first, left * (1 - first), (1 - left) * second, (1 - left) * (1 - second))
    indices = (level if absolute else base + level for level in levels)
    return [(min(127, max(0, index)), share) for index, share in zip(indices, shares, strict=True)]


def _segments(decoder: _BoolDecoder) -> tuple[list[int], bool, list[int]]:
    """update_segmentation (RFC 6386, 9.3): quantiser of each, whether absolute, tree probabilities."""
    levels, absolute, tree = [0, 0, 0, 0], False, [255, 255, 255]
    update_map, update_data = decoder.bit(), decoder.bit()
    if update_data:
        absolute = bool(decoder.bit())
        levels = [decoder.optional(7) for _ in range(4)]
        for _ in range(4):
            decoder.optional(6)  # loop filter levels
    if update_map:
        tree = [decoder.number(8) if decoder.bit() else 255 for _ in range(3)]
    return levels, absolute, tree


def quality(frame: bytes) -> float:
    """The libwebp quality, 0..100, whose quantisers are nearest to the frame's."""
    log_c = sum(share * math.log(max(1 - (index + 0.5) / 127, 1e-3)) for index, share in quantisers(frame))
    linear = math.exp(3 * log_c)
    q = linear * 1.5 if linear < 0.5 else (linear + 1) / 2
    return min(100.0, max(0.0, 100 * q))
