"""Runs in the peers' environment and nowhere else: one request a line on standard input, one answer a line out.

    {"do": "embed",  "peer": "dwtDct", "source": "a.png", "target": "b.png", "payload": "9f..."}
        -> {"seconds": 0.19}
    {"do": "detect", "peer": "dwtDct", "source": "b.png", "cropped": false}
        -> {"payload": "9f...", "seconds": 0.12}; payload null where the peer says it found none

Pictures are RGB PNG files, payloads hexadecimal numbers of the peer's own number of bits, seconds the CPU time of the
whole process for the call alone, files not counted. A peer that raises answers {"error": "..."}. Nothing of the product
is imported here.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
from PIL import Image

Rgb = np.ndarray
"""(H, W, 3) uint8."""

sys.path.append(str(Path(__file__).resolve().parent / "stand_ins"))


class Peer(Protocol):
    """A mark as its own package offers it."""

    bits: int

    def embed(self, rgb: Rgb, payload: int) -> Rgb: ...

    def detect(self, rgb: Rgb, cropped: bool, /) -> int | None: ...


def _to_bits(payload: int, n: int) -> np.ndarray:
    return np.array([payload >> (n - 1 - i) & 1 for i in range(n)])


def _from_bits(bits: np.ndarray) -> int:
    return int("".join("1" if bit else "0" for bit in bits), 2)


def _swapped(picture: Rgb) -> Rgb:
    """RGB <-> BGR, which OpenCV's users speak."""
    return np.ascontiguousarray(picture[..., ::-1])


class InvisibleWatermark:
    """invisible-watermark with the settings it comes with; the decoder is told the payload's length."""

    def __init__(self, method: str, bits: int) -> None:
        import imwatermark

        self._library, self._method, self.bits = imwatermark, method, bits
        if method == "rivaGan":
            imwatermark.WatermarkEncoder.loadModel()

    def embed(self, rgb: Rgb, payload: int) -> Rgb:
        encoder = self._library.WatermarkEncoder()
        encoder.set_watermark("bits", _to_bits(payload, self.bits))
        return _swapped(encoder.encode(_swapped(rgb), self._method))

    def detect(self, rgb: Rgb, _cropped: bool, /) -> int | None:
        decoder = self._library.WatermarkDecoder("bits", self.bits)
        return _from_bits(decoder.decode(_swapped(rgb), self._method))


class BlindWatermark:
    """blind-watermark with the settings it comes with; the decoder is told the payload's length."""

    bits = 64

    def __init__(self) -> None:
        import blind_watermark

        blind_watermark.bw_notes.close()  # it greets on standard output
        self._library = blind_watermark

    def embed(self, rgb: Rgb, payload: int) -> Rgb:
        mark = self._library.WaterMark(password_wm=1, password_img=1)
        mark.read_img(img=_swapped(rgb))
        mark.read_wm(_to_bits(payload, self.bits).astype(bool), mode="bit")
        return _swapped(np.rint(mark.embed()).astype(np.uint8))

    def detect(self, rgb: Rgb, _cropped: bool, /) -> int | None:
        mark = self._library.WaterMark(password_wm=1, password_img=1)
        return _from_bits(mark.extract(embed_img=_swapped(rgb), wm_shape=self.bits, mode="bit"))


class Ghostmark:
    """ghostmark-image: a place, a height and a time, marked with its self-test.

    The reader is told whether the picture is a crop, since the package has a reader for those, and tries quarter turns.
    """

    _WIDTHS = (25, 26, 14, 29)
    _EPOCH = 1767225600
    bits = sum(_WIDTHS)

    def __init__(self) -> None:
        import ghostmark

        self._library = ghostmark

    def embed(self, rgb: Rgb, payload: int) -> Rgb:
        numbers = []
        for width in reversed(self._WIDTHS):
            numbers.append(payload & ((1 << width) - 1))
            payload >>= width
        t, alt, lon, lat = numbers
        record = self._library.Record(
            lat=lat / (2**25 - 1) * 180 - 90,
            lon=lon / (2**26 - 1) * 360 - 180,
            alt=alt - 500,
            t=self._EPOCH + t,
        )
        return self._library.mark_verified(rgb, record)[0]

    def detect(self, rgb: Rgb, cropped: bool, /) -> int | None:
        found = self._library.read(rgb, try_turns=True)
        if not found.ok and cropped:
            found = self._library.read_cropped(rgb)
        if found is None or not found.ok:
            return None
        record = found.l1
        if record["lat"] is None or record["alt"] is None or record["t"] is None:
            return 0
        numbers = (
            round((record["lat"] + 90) / 180 * (2**25 - 1)),
            round((record["lon"] + 180) / 360 * (2**26 - 1)),
            record["alt"] + 500,
            record["t"] - self._EPOCH,
        )
        payload = 0
        for number, width in zip(numbers, self._WIDTHS, strict=True):
            payload = payload << width | number
        return payload


class Traceless:
    """traceless-watermark with the settings it comes with, on the CPU; the decoder is told the payload's length."""

    bits = 64

    def __init__(self) -> None:
        import traceless_watermark

        mode = traceless_watermark.WatermarkExecutionMode.CPU
        self._mark = traceless_watermark.TracelessWatermark(execution_mode=mode)

    def embed(self, rgb: Rgb, payload: int) -> Rgb:
        result = asyncio.run(self._mark.encode_bytes(_swapped(rgb), payload.to_bytes(self.bits // 8, "big")))
        if not hasattr(result, "value"):
            raise ValueError(f"encode: {result.error}")
        return _swapped(result.value)

    def detect(self, rgb: Rgb, _cropped: bool, /) -> int | None:
        result = asyncio.run(self._mark.decode_bytes(_swapped(rgb), byte_count=self.bits // 8))
        return int.from_bytes(result.value.payload, "big") if hasattr(result, "value") else None


PEERS: dict[str, Callable[[], Peer]] = {
    "dwtDct": lambda: InvisibleWatermark("dwtDct", 64),
    "dwtDctSvd": lambda: InvisibleWatermark("dwtDctSvd", 64),
    "rivaGan": lambda: InvisibleWatermark("rivaGan", 32),
    "blind-watermark": BlindWatermark,
    "traceless-watermark": Traceless,
    "ghostmark-image": Ghostmark,
}


def _picture(path: str) -> Rgb:
    return np.asarray(Image.open(path).convert("RGB"))


def answer(request: dict[str, Any], peer: Peer) -> dict[str, Any]:
    """Carry out one request."""
    rgb = _picture(request["source"])
    start = time.process_time()
    if request["do"] == "embed":
        marked = peer.embed(rgb, int(request["payload"], 16))
        seconds = time.process_time() - start
        Image.fromarray(marked).save(request["target"], compress_level=1)
        return {"seconds": seconds}
    found = peer.detect(rgb, request["cropped"])
    seconds = time.process_time() - start
    return {"payload": None if found is None else f"{found:x}", "seconds": seconds}


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer until the requests end."""
    made: dict[str, Peer] = {}
    for line in requests:
        request = json.loads(line)
        try:
            name = request["peer"]
            if name not in made:
                made[name] = PEERS[name]()
            reply = {"bits": made[name].bits} if request["do"] == "bits" else answer(request, made[name])
        except (
            Exception
        ) as problem:  # whatever a peer raises is its answer, and the others still have theirs to give
            reply = {"error": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(reply), file=answers, flush=True)


def main() -> None:
    # Peers print; what they print must not look like an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
