"""What a mark says <-> bits.

    bits 0..3    version, 4 bits
    bits 4..67   mark id, 64 bits, random
    bits 68..99  tag, 32 bits: TagKey.tag(u8 version || u64 mark id)

Most significant bit first. The tag takes the place of a CRC: code and CRC are linear, so anyone could combine
marked pictures into a valid mark with a new id; a keyed tag makes such a word fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .arrays import Bits
from .keys import TagKey

VERSION = 1
VERSION_BITS, ID_BITS, TAG_BITS = 4, 64, 32
PAYLOAD_BITS = VERSION_BITS + ID_BITS + TAG_BITS


@dataclass(frozen=True, slots=True)
class Payload:
    """A decoded or to be coded word; `tag` is as read, right or wrong."""

    version: int
    mark_id: int
    tag: int


def tag_message(version: int, mark_id: int) -> bytes:
    """The bytes a tag is computed over."""
    return bytes([version]) + mark_id.to_bytes(8, "big")


def sign(mark_id: int, key: TagKey, version: int = VERSION) -> Payload:
    """The payload that says `mark_id` (0 .. 2^64 - 1) under `key`."""
    return Payload(version, mark_id, key.tag(tag_message(version, mark_id)))


def signer_of(payload: Payload, keys: Iterable[tuple[str, TagKey]]) -> str | None:
    """The first tenant under whose key the tag is right; None where it is nobody's or the version unknown."""
    if payload.version != VERSION:
        return None
    message = tag_message(payload.version, payload.mark_id)
    return next((tenant for tenant, key in keys if key.tag(message) == payload.tag), None)


def to_bits(payload: Payload) -> Bits:
    """(100,) uint8 of 0 and 1."""
    word = (payload.version << (ID_BITS + TAG_BITS)) | (payload.mark_id << TAG_BITS) | payload.tag
    text = f"{word:0{PAYLOAD_BITS}b}"
    return np.frombuffer(text.encode(), dtype=np.uint8) - ord("0")


def from_bits(bits: Bits) -> Payload:
    """Inverse of `to_bits`; any (100,) bits give a payload."""
    word = int("".join("1" if bit else "0" for bit in bits), 2)
    return Payload(
        version=word >> (ID_BITS + TAG_BITS),
        mark_id=(word >> TAG_BITS) & ((1 << ID_BITS) - 1),
        tag=word & ((1 << TAG_BITS) - 1),
    )
