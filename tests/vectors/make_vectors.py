"""Rebuild the golden vectors of the current format version: ``make vectors``.

Vectors of a released version are never rebuilt: old marks must still be read, so their files only grow.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import pictures
from waarmerk.core import codec, payload
from waarmerk.core.chips import chips_of
from waarmerk.core.keys import (
    EpochSecret,
    EpochState,
    KeyRing,
    MasterSecret,
    PatternKey,
    pattern_key,
    tag_key,
)
from waarmerk.marking.images import embed

HERE = Path(__file__).parent
FILE = HERE / "image_v1.json"
SECRET = bytes(range(32))
TENANT = "default"
EPOCH = 1
MARK_ID = 0x0123_4567_89AB_CDEF
PICTURE = HERE / "image_v1_marked.png"


def _ring() -> KeyRing:
    return KeyRing.build([EpochSecret(EPOCH, MasterSecret(SECRET), EpochState.ACTIVE)], [TENANT])


def _hex_bits(bits: np.ndarray) -> str:
    return np.packbits(bits).tobytes().hex()


def _key_vectors() -> list[dict[str, Any]]:
    secret = MasterSecret(SECRET)
    made = []
    for number, (epoch, tenant) in enumerate(
        ((0, "default"), (1, "default"), (1, "a tenant"), (2**32 - 1, "żółw"))
    ):
        made.append(
            {
                "id": f"keys-{number}",
                "comment": "HKDF-SHA256 with named purposes",
                "flags": [],
                "inputs": {"secret": SECRET.hex(), "epoch": epoch, "tenant": tenant},
                "result": "valid",
                "pattern_key": pattern_key(secret, epoch).reveal().hex(),
                "tag_key": tag_key(secret, epoch, tenant).reveal().hex(),
            }
        )
    return made


def _word_vectors() -> list[dict[str, Any]]:
    key = tag_key(MasterSecret(SECRET), EPOCH, TENANT)
    made = []
    for number, mark_id in enumerate((0, 1, MARK_ID, 2**64 - 1)):
        bits = payload.to_bits(payload.sign(mark_id, key))
        made.append(
            {
                "id": f"word-{number}",
                "comment": "payload bits and coded bits, most significant bit first, zero-padded to bytes",
                "flags": [],
                "inputs": {"tag_key": key.reveal().hex(), "mark_id": f"{mark_id:016x}"},
                "result": "valid",
                "bits": _hex_bits(bits),
                "coded": _hex_bits(codec.encode(bits)),
            }
        )
    good = payload.to_bits(payload.sign(MARK_ID, key))
    other = payload.to_bits(payload.sign(MARK_ID ^ 0xFF, key))
    third = payload.to_bits(payload.sign(7, key))
    tag_flipped, id_flipped, version_flipped = good.copy(), good.copy(), good.copy()
    tag_flipped[99] ^= 1
    id_flipped[20] ^= 1
    version_flipped[3] ^= 1
    for name, bits, flag in (
        ("one bit of the tag flipped", tag_flipped, "TagFailure"),
        ("one bit of the id flipped", id_flipped, "TagFailure"),
        ("xor of three valid words", good ^ other ^ third, "TagFailure"),
        ("version 0", version_flipped, "UnknownVersion"),
        ("all zero", np.zeros(100, dtype=np.uint8), "UnknownVersion"),
    ):
        made.append(
            {
                "id": f"word-{len(made)}",
                "comment": name,
                "flags": [flag],
                "inputs": {"tag_key": key.reveal().hex(), "bits": _hex_bits(bits)},
                "result": "invalid",
            }
        )
    return made


def _chip_vectors() -> list[dict[str, Any]]:
    made = []
    for number, seed in enumerate((b"\0" * 32, _ring().current.pattern.reveal())):
        chips = chips_of(PatternKey(seed))
        made.append(
            {
                "id": f"chips-{number}",
                "comment": "pilots in cell order, first sync and payload harmonics, and phases as digests",
                "flags": [],
                "inputs": {"pattern_key": seed.hex()},
                "result": "valid",
                "pilots": chips.pilot.k.tolist(),
                "sync": chips.sync.k[:16].tolist(),
                "payload": chips.payload.k[:16].tolist(),
                "counts": [len(chips.pilot.k), len(chips.sync.k), len(chips.payload.k)],
                "coded_bit": {
                    f"{i},{j}": chips.coded_bit[i, j, :16].tolist() for i, j in ((0, 0), (0, 1), (7, 5))
                },
                "pilot_angles": _angles(chips.pilot_phasor),
                "sync_angles": {str(m): _angles(chips.sync_phasors(m)) for m in (0, 15)},
                "payload_angles": {str(m): _angles(chips.payload_phasors(m)) for m in (0, 15)},
            }
        )
    return made


def _angles(phasors: np.ndarray) -> str:
    """SHA-256 of the phases as big-endian u16, 2 pi v / 65536."""
    v = np.rint(np.angle(phasors.astype(np.complex128)) / (2 * np.pi) * 65536).astype(np.int64) % 65536
    return hashlib.sha256(v.astype(">u2").tobytes()).hexdigest()


def marked_planes() -> np.ndarray:
    """(256, 320, 3) uint8: the picture that every later detector must read."""
    return embed(
        pictures.photo(2026, 256, 320),
        _ring().current,
        tenant=TENANT,
        mark_id=MARK_ID,
        pattern=11,
        offset=(777, 333),
        rgb=True,
    )


def _picture_vectors() -> list[dict[str, Any]]:
    inputs = {"file": PICTURE.name, "secret": SECRET.hex(), "epoch": EPOCH, "tenant": TENANT}
    return [
        {
            "id": "picture-0",
            "comment": "a marked picture",
            "flags": [],
            "inputs": inputs,
            "result": "valid",
            "mark_id": f"{MARK_ID:016x}",
        },
        {
            "id": "picture-1",
            "comment": "the same picture under another tenant's tag key",
            "flags": ["TagFailure"],
            "inputs": {**inputs, "tenant": "somebody else"},
            "result": "invalid",
        },
        {
            "id": "picture-2",
            "comment": "the same picture under another deployment's secret",
            "flags": ["NoMark"],
            "inputs": {**inputs, "secret": (b"\xff" * 32).hex()},
            "result": "invalid",
        },
    ]


def build() -> dict[str, Any]:
    """All vectors but the picture's bytes."""
    return {
        "format": "waarmerk image mark",
        "version": payload.VERSION,
        "keys": _key_vectors(),
        "words": _word_vectors(),
        "chips": _chip_vectors(),
        "pictures": _picture_vectors(),
    }


def main() -> None:
    FILE.write_text(json.dumps(build(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    Image.fromarray(marked_planes()).save(PICTURE, "PNG", optimize=True)


if __name__ == "__main__":
    main()
