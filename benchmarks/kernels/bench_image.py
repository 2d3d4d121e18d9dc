"""How long marking and detecting take, beside Pillow's codecs on the same pictures.

All contenders of one size run in turns in one process on one thread; what is given is thread CPU time. A service
decodes and encodes every picture anyway, so a JPEG's decode and encode together are the yardstick.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable

import numpy as np
from PIL import Image

from benchmarks import attacks, pictures, pipeline
from benchmarks.common import REPEATS, Benchmark, Json, interleaved, peak_mib, table
from waarmerk.adapters.images import decode_luma
from waarmerk.core.arrays import Luma
from waarmerk.core.evidence import Status
from waarmerk.detection.images import read, verify_known

SIZES = {"512 x 512": (512, 512), "1 MP": (1000, 1000), "4 MP": (1800, 2222), "12 MP": (3000, 4000)}
YARDSTICK = ("JPEG decode", "JPEG encode q90")


def contenders_of(height: int, width: int) -> dict[str, Callable[[], object]]:
    """Everything that is timed at one size, set up and its answer checked once."""
    planes = pictures.photo(80, height, width)
    draw = pipeline.Draw.of("kernels", height, width)
    unmarked = Image.fromarray(planes)
    marked = Image.fromarray(pipeline.marked_planes(planes, draw))
    turned = attacks.chain(attacks.rotated(7), attacks.cropped(0.75), attacks.jpeg(75))(marked)
    lumas = {name: _luma(im) for name, im in (("none", unmarked), ("marked", marked), ("turned", turned))}
    files = {
        "JPEG": pipeline.written(marked, "JPEG", quality=90),
        "PNG": pipeline.written(marked, "PNG", compress_level=6),
    }
    known = {"mark_id": draw.mark_id, "pattern": draw.pattern, "offset": draw.offset}

    def detect(name: str, due: int | None) -> None:
        reading = read(lumas[name], pipeline.RING)
        assert reading.mark_id == due
        assert (reading.status is Status.FOUND) == (due is not None)

    def verify() -> None:
        keys = pipeline.RING.current
        assert verify_known(lumas["marked"], keys, tenant=pipeline.TENANT, **known) < -40

    return {
        "embed": lambda: pipeline.marked_planes(planes, draw),
        "verify_known": verify,
        "detect as it lies": lambda: detect("marked", draw.mark_id),
        "detect rotated 7, cropped, JPEG 75": lambda: detect("turned", draw.mark_id),
        "detect, no mark there": lambda: detect("none", None),
        "decode_luma of the JPEG": lambda: decode_luma(files["JPEG"], pipeline.LIMITS),
        "JPEG decode": lambda: _decode(files["JPEG"]),
        "JPEG encode q90": lambda: pipeline.written(marked, "JPEG", quality=90),
        "PNG decode": lambda: _decode(files["PNG"]),
        "PNG encode": lambda: pipeline.written(marked, "PNG", compress_level=6),
    }


def _luma(image: Image.Image) -> Luma:
    return np.asarray(image.convert("L")).astype(np.float32)


def _decode(data: bytes) -> None:
    Image.open(io.BytesIO(data)).convert("RGB").load()


def measure(_: argparse.Namespace) -> Json:
    results: Json = {}
    for label, (height, width) in SIZES.items():
        print(f"  {label}", file=sys.stderr, flush=True)
        contenders = contenders_of(height, width)
        timings = interleaved(contenders, REPEATS)
        results[label] = {
            "size": [width, height],
            "timings": {
                name: {**timing.as_json(), "peak_mib": peak_mib(contenders[name])}
                for name, timing in timings.items()
            },
        }
    return results


def yardstick(result: Json, which: str = "median_ms") -> float:
    """JPEG decode and encode together, ms."""
    return sum(result["timings"][name][which] for name in YARDSTICK)


def markdown(results: Json) -> str:
    parts = [
        "Thread CPU time on one thread. 'of JPEG' is the median over that of Pillow's JPEG decode and encode (q90) of "
        "the same picture in the same run. Peak memory is what one run adds to the process, MiB; the picture and "
        "its luma are not in it."
    ]
    for label, result in results.items():
        base = yardstick(result)
        mp = result["size"][0] * result["size"][1] / 1e6
        rows = [
            [
                name,
                f"{t['min_ms']:.1f}",
                f"{t['median_ms']:.1f}",
                f"{t['iqr_ms']:.1f}",
                f"{t['median_ms'] / mp:.1f}",
                f"{t['median_ms'] / base:.2f}",
                "-" if t["peak_mib"] is None else f"{t['peak_mib']:.0f}",
            ]
            for name, t in result["timings"].items()
        ]
        size = "{} x {}".format(*result["size"])
        head = ["what", "min ms", "median ms", "IQR ms", "median ms/MP", "of JPEG", "peak MiB"]
        parts += [f"### {label} ({size}), {_repeats(result)} repeats", table(head, rows)]
    return "\n\n".join(parts)


def _repeats(result: Json) -> int:
    return min(t["repeats"] for t in result["timings"].values())


def misses(_: Json) -> list[str]:
    """No bar on speed yet; wrong answers stop the run."""
    return []


BENCHMARK = Benchmark("kernels_image", "Time and memory of the image mark", measure, markdown, misses)

if __name__ == "__main__":
    raise SystemExit(BENCHMARK.main())
