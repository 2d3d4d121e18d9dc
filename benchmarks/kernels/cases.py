"""The cases that are timed and whose memory is measured: arrays in, answer out, prepared once, answers known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import cycle

import numpy as np
from PIL import Image, ImageOps

from benchmarks import attacks, pipeline
from waarmerk.core.arrays import Luma, Planes
from waarmerk.core.keys import KeyRing, TagKey
from waarmerk.detection.images import read, verify_known

TENANTS = 1000
EMBED, UPRIGHT, VERIFY = "embed", "detect, upright", "verify a known mark"
SEARCH, NEGATIVE, THOROUGH = "detect, searched", "no mark there", "no mark there, thorough"
MANY_UPRIGHT, MANY_NEGATIVE = (f"{name}, {TENANTS:,} keys" for name in (UPRIGHT, NEGATIVE))
TURNED = attacks.chain(attacks.rotated(7), attacks.cropped(0.75), attacks.jpeg(75))
_DRAWS = 16  # ids, patterns and places that embedding goes through


def many_tenants() -> KeyRing:
    """The same epoch with 1,000 tenants, ours the last to be tried."""
    keys = pipeline.RING.current
    others = {f"tenant {i}": TagKey(sha256(f"tenant {i}".encode()).digest()) for i in range(TENANTS - 1)}
    return KeyRing((replace(keys, tags=others | {pipeline.TENANT: keys.tags[pipeline.TENANT]}),))


def fitted(image: Image.Image, height: int, width: int) -> Planes:
    """A picture's middle at exactly that size: (height, width, 3) uint8."""
    if (image.width > image.height) != (width > height) and width != height:
        image = image.transpose(Image.Transpose.ROTATE_90)
    return np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS))


def luma_of(image: Image.Image) -> Luma:
    """What detection is given."""
    return np.asarray(image.convert("L")).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Case:
    """One picture, prepared.

    Attributes:
        planes: (H, W, 3) uint8, unmarked.
        marked: the same with the mark of `draw`.
        lumas: of the unmarked, the marked, and the marked picture turned by 7 degrees, cropped and written as JPEG 75.
    """

    planes: Planes
    marked: Planes
    draw: pipeline.Draw
    lumas: dict[str, Luma]

    @classmethod
    def of(cls, planes: Planes, *seed: int | str) -> Case:
        draw = pipeline.Draw.of("kernels", *seed)
        marked = pipeline.marked_planes(planes, draw)
        image = Image.fromarray(marked)
        shown = {"none": Image.fromarray(planes), "marked": image, "turned": TURNED(image)}
        return cls(planes, marked, draw, {name: luma_of(im) for name, im in shown.items()})

    def contenders(self) -> dict[str, Callable[[], object]]:
        """What is timed, by name."""
        draws = cycle([pipeline.Draw.of("kernels", i) for i in range(_DRAWS)])
        many = many_tenants()
        return {
            EMBED: lambda: pipeline.marked_planes(self.planes, next(draws)),
            UPRIGHT: lambda: self.reads("marked"),
            SEARCH: lambda: self.reads("turned"),
            NEGATIVE: self.finds_nothing,
            THOROUGH: lambda: self.finds_nothing(thorough=True),
            VERIFY: self.verifies,
            MANY_UPRIGHT: lambda: self.reads("marked", many),
            MANY_NEGATIVE: lambda: self.finds_nothing(many),
        }

    def reads(self, which: str, ring: KeyRing = pipeline.RING) -> bool:
        """Whether the very id comes back; another one stops the run."""
        found = read(self.lumas[which], ring).mark_id
        assert found in (None, self.draw.mark_id)
        return found is not None

    def finds_nothing(self, ring: KeyRing = pipeline.RING, *, thorough: bool = False) -> None:
        assert read(self.lumas["none"], ring, thorough=thorough).mark_id is None

    def verifies(self) -> None:
        draw = self.draw
        keys = pipeline.RING.current
        log10_p = verify_known(
            self.lumas["marked"],
            keys,
            tenant=pipeline.TENANT,
            mark_id=draw.mark_id,
            pattern=draw.pattern,
            offset=draw.offset,
        )
        assert log10_p < -12
