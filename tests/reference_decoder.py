"""A second reader of format 1, written from docs/format.md alone: slow, plain, and nothing imported from Waarmerk.

It reads upright pictures that were not resized, cut anywhere. Section numbers are those of the document. What it shares
with the real detector is the document and numpy, so a mistake in either shows as a difference.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

TILE, SUPER, PATTERNS = 128, 8, 16
POLYNOMIALS = (1389, 1779, 2035, 1913, 1341, 1259, 1107, 1389)
SPACING = 3
RINGS = 6
ACCEPT = -12.0

Plane = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]
Whole = npt.NDArray[np.int64]


# Section 1: keys


def hkdf(secret: bytes, info: bytes) -> bytes:
    """32 bytes of HKDF-SHA256 without salt: one round of extract, one of expand (RFC 5869)."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def pattern_key(secret: bytes, epoch: int) -> bytes:
    return hkdf(secret, b"waarmerk/pattern" + epoch.to_bytes(4, "big"))


def tag_key(secret: bytes, epoch: int, tenant: str) -> bytes:
    return hkdf(secret, b"waarmerk/tag" + epoch.to_bytes(4, "big") + tenant.encode("utf-8"))


# Section 2: payload


def tag_of(key: bytes, version: int, mark_id: int) -> int:
    message = version.to_bytes(1, "big") + mark_id.to_bytes(8, "big")
    return int.from_bytes(
        hashlib.blake2s(message, digest_size=4, key=key, person=b"waarmerk").digest(), "big"
    )


def payload_bits(version: int, mark_id: int, tag: int) -> Whole:
    """(100,) 0 and 1."""
    fields = ((version, 4), (mark_id, 64), (tag, 32))
    return np.array([value >> n & 1 for value, size in fields for n in reversed(range(size))], dtype=np.int64)


def number_of(bits: Whole) -> int:
    value = 0
    for bit in bits:
        value = 2 * value + int(bit)
    return value


# Section 3: code


def coded_bits(bits: Whole) -> Whole:
    """(100,) -> (800,)."""
    out = []
    for n in range(len(bits)):
        register = sum(int(bits[(n - i) % len(bits)]) << i for i in range(11))
        out += [(register & polynomial).bit_count() % 2 for polynomial in POLYNOMIALS]
    return np.array(out, dtype=np.int64)


def decoded_bits(soft: Plane) -> Whole:
    """(800,) positive for 0 -> (100,): Viterbi over three laps from any state; the middle lap is the answer."""
    registers = np.arange(2048)
    signs = np.array([[1 - 2 * ((int(r) & p).bit_count() % 2) for r in registers] for p in POLYNOMIALS])
    branches = np.tile(soft.reshape(-1, 8) @ signs, (3, 1))  # (300, 2048)
    metric = np.zeros(1024)
    came_from = np.empty((len(branches), 1024), dtype=np.int64)
    for step, branch in enumerate(branches):
        # A register's upper ten bits are the state before it, its lower ten the state after.
        arriving = (metric[registers >> 1] + branch).reshape(2, 1024)
        top = arriving.argmax(axis=0)
        came_from[step] = (np.arange(1024) + 1024 * top) >> 1
        metric = arriving.max(axis=0)
    state = int(metric.argmax())
    bits = []
    for step in reversed(range(len(branches))):
        bits.append(state & 1)
        state = int(came_from[step, state])
    return np.array(bits[::-1][100:200], dtype=np.int64)


# Sections 4 and 5: harmonics and phases


def harmonics() -> list[tuple[int, int]]:
    found = [
        (ky, kx)
        for ky in range(-38, 39)
        for kx in range(1, 39)
        if ky != 0 and 2.5 <= math.hypot(ky, kx) <= 38 and (ky % 16 or kx % 16)
    ]
    return sorted(found, key=lambda k: (k[0] ** 2 + k[1] ** 2, *k))


def stream(key: bytes, label: str, numbers: tuple[int, ...], n_bytes: int) -> bytes:
    seed = key + label.encode("ascii") + b"".join(n.to_bytes(2, "big") for n in numbers)
    return hashlib.shake_256(seed).digest(n_bytes)


def pilots_of(key: bytes) -> list[tuple[int, int]]:
    """In cell order."""
    everything = harmonics()
    draws = np.frombuffer(stream(key, "pilot cells", (), 4 * len(everything)), dtype=">u4")
    cells: dict[tuple[int, int], list[tuple[int, tuple[int, int]]]] = {}
    for draw, (ky, kx) in zip(draws, everything, strict=True):
        ring = math.floor(14 * math.log(math.hypot(ky, kx) / 5) / math.log(26 / 5))
        sector = math.floor(8 * (math.atan2(ky, kx) / math.pi + 0.5))
        if 0 <= ring < 14 and ky % 16 and kx % 16:
            cells.setdefault((ring, sector), []).append((int(draw), (ky, kx)))
    chosen: list[tuple[int, int]] = []
    for cell in sorted(cells):
        for _, k in sorted(cells[cell]):
            if all(math.dist(k, other) >= 1.5 for other in chosen):
                chosen.append(k)
                break
    return chosen


def coded_bit_of(payload_harmonic: int, tile_row: int, tile_column: int) -> int:
    q, r = divmod(payload_harmonic, 800)
    if q % 2:
        r = 799 - r
    r = (r + 604 * tile_row + 456 * tile_column) % 800
    return 8 * (r % 100) + r // 100


@dataclass(frozen=True)
class Shape:
    """Everything a pattern key fixes: (K, 2) rows (ky, kx) of each role, and (8, 8, K) coded bits."""

    key: bytes
    pilots: Whole
    sync: Whole
    payload: Whole
    coded_bit: Whole

    def angles(self, label: str, numbers: tuple[int, ...], shape: tuple[int, ...]) -> Whole:
        """Phases in 2^-16 of a turn."""
        raw = stream(self.key, label, numbers, 2 * math.prod(shape))
        return np.frombuffer(raw, dtype=">u2").astype(np.int64).reshape(shape)

    def pilot_angles(self) -> Whole:
        return self.angles("pilot", (), (len(self.pilots),))

    def sync_angles(self, pattern: int) -> Whole:
        """(8, 8, K): tile row, tile column, harmonic."""
        return self.angles("sync", (pattern,), (SUPER, SUPER, len(self.sync)))

    def payload_angles(self, pattern: int) -> Whole:
        return self.angles("payload", (pattern,), (SUPER, SUPER, len(self.payload)))


def shape_of(key: bytes) -> Shape:
    pilots = pilots_of(key)
    taken = set(pilots)
    rest = [k for k in harmonics() if k not in taken]
    sync, payload = rest[::8], [k for n, k in enumerate(rest) if n % 8]
    dealt = [
        [[coded_bit_of(p, i, j) for p in range(len(payload))] for j in range(SUPER)] for i in range(SUPER)
    ]
    return Shape(key, *(np.array(part, dtype=np.int64) for part in (pilots, sync, payload, dealt)))


def turned(angles: Whole) -> Complex:
    return np.asarray(np.exp(2j * np.pi * angles / 2**16))


# Sections 7 and 9: from pixels to a word


def canonical(luma: Plane) -> Plane:
    """Means of S x S pixels; a remainder is left out."""
    h, w = luma.shape
    size: int = 2 ** max(0, round(math.log2(math.sqrt(h * w / 2**20))))
    h, w = h // size, w // size
    return np.asarray(luma[: h * size, : w * size].reshape(h, size, w, size).mean(axis=(1, 3)))


def residual_of(luma: Plane) -> Plane:
    """Section 9.1, the Laplacian; zero on a border of 3 and beyond the last whole 8 x 8 block."""
    a = SPACING
    r = np.zeros_like(luma)
    r[a:-a, a:-a] = 4 * luma[a:-a, a:-a]
    r[a:-a, a:-a] -= luma[: -2 * a, a:-a] + luma[2 * a :, a:-a] + luma[a:-a, : -2 * a] + luma[a:-a, 2 * a :]
    r = r[: len(r) // 8 * 8, : r.shape[1] // 8 * 8]
    s = np.abs(r).reshape(len(r) // 8, 8, -1, 8).mean(axis=(1, 3))
    return r * np.kron((1.2 + 0.16 * s) / (s**2 + 2), np.ones((8, 8)))


def tiles_of(residual: Plane, row: int, column: int) -> Plane:
    """(rows, columns, 128, 128), zeros around; (row, column) is a tile's first pixel."""
    above, left = -row % TILE, -column % TILE
    h, w = residual.shape
    padded = np.pad(residual, ((above, -(above + h) % TILE), (left, -(left + w) % TILE)))
    return padded.reshape(padded.shape[0] // TILE, TILE, -1, TILE).swapaxes(1, 2)


def local_mean(power: Plane) -> Plane:
    """9 x 9 mean of a whole (128, 128) spectrum, wrapped around."""
    steps = range(-4, 5)
    mean = np.mean([np.roll(power, (i, j), axis=(0, 1)) for i in steps for j in steps], axis=0)
    return np.asarray(mean + 1e-9 * mean.max() + 1e-30)


def shift_of(residual: Plane, shape: Shape) -> tuple[int, int]:
    """Section 9.2, upright only."""
    spectrum = np.fft.fft2(tiles_of(residual, 0, 0).sum(axis=(0, 1)))
    white = spectrum / np.sqrt(local_mean(np.abs(spectrum) ** 2))
    places = shape.pilots[:, 0] % TILE, shape.pilots[:, 1]
    product = np.zeros((TILE, TILE), dtype=np.complex128)
    product[places] = white[places] * np.conj(turned(shape.pilot_angles()))
    row, column = np.unravel_index(np.abs(np.fft.ifft2(product).real).argmax(), product.shape)
    return int(row), int(column)


@dataclass(frozen=True)
class Spectra:
    """(8, 8, K) of sync and payload, tiles a super-tile apart added."""

    sync: Complex
    payload: Complex


def spectra_of(residual: Plane, shape: Shape, row: int, column: int) -> Spectra:
    """Section 9.3 without the affine fit; the residual filter's gain brings the harmonics back to one scale."""
    spectra = np.fft.fft2(tiles_of(residual, row, column))
    spectra = spectra / np.sqrt(local_mean((np.abs(spectra) ** 2).sum(axis=(0, 1))))

    def picked(k: Whole) -> Complex:
        # The gain of 4 x - x(+-3, 0) - x(0, +-3); it is never negative, so signs stay.
        gain = (2 - 2 * np.cos(2 * np.pi * SPACING * k / TILE)).sum(axis=1)
        folded = np.zeros((SUPER, SUPER, len(k)), dtype=np.complex128)
        for i, j in np.ndindex(*spectra.shape[:2]):
            folded[i % SUPER, j % SUPER] += spectra[i, j, k[:, 0] % TILE, k[:, 1]] * gain
        return folded

    return Spectra(picked(shape.sync), picked(shape.payload))


def rings_of(k: Whole) -> Whole:
    """(K,) 0..5, equal areas."""
    ring = np.floor((k**2).sum(axis=1) / 38**2 * RINGS).astype(np.int64)
    return np.asarray(np.minimum(ring, RINGS - 1))


def in_place(of_tiles: npt.NDArray[Any], offset: tuple[int, int]) -> npt.NDArray[Any]:
    """What a tile of the picture has of the super-tile: tile (i, j) lies at place (i, j) + offset."""
    return np.roll(of_tiles, (-offset[0], -offset[1]), axis=(0, 1))


def despread(values: Complex, angles: Whole, offset: tuple[int, int]) -> Plane:
    """(8, 8, K): each tile's values with its phases taken away."""
    return np.asarray((values * np.conj(in_place(turned(angles), offset))).real)


def place_of(spectra: Spectra, shape: Shape) -> tuple[int, tuple[int, int]]:
    """Section 9.4: the pattern and offset with the largest sync score, whatever its sign."""
    best, found = -1.0, (0, (0, 0))
    for pattern in range(PATTERNS):
        phases = turned(shape.sync_angles(pattern))
        for i, j in np.ndindex(SUPER, SUPER):
            score = abs(float(np.vdot(np.roll(phases, (-i, -j), axis=(0, 1)), spectra.sync).real))
            if score > best:
                best, found = score, (pattern, (i, j))
    return found


@dataclass(frozen=True)
class Reading:
    """What was read; `mark_id` is None where the tag or the bound fails."""

    mark_id: int | None
    log10_p: float
    pattern: int
    bits: Whole


def read(luma: npt.NDArray[np.generic], secret: bytes, epoch: int, tenant: str) -> Reading:
    """Read a (H, W) luma, 0..255."""
    shape = shape_of(pattern_key(secret, epoch))
    residual = residual_of(canonical(luma.astype(np.float64)))
    spectra = spectra_of(residual, shape, *shift_of(residual, shape))
    pattern, offset = place_of(spectra, shape)

    y_sync = despread(spectra.sync, shape.sync_angles(pattern), offset).sum(axis=(0, 1))
    of_sync, of_payload = rings_of(shape.sync), rings_of(shape.payload)
    gains = np.bincount(of_sync, y_sync, RINGS) / np.bincount(of_sync, minlength=RINGS)
    weights = gains[of_payload]
    y = weights * despread(spectra.payload, shape.payload_angles(pattern), offset)
    soft = np.bincount(in_place(shape.coded_bit, offset).ravel(), y.ravel(), 800).astype(np.float64)
    bits = decoded_bits(soft)

    # docs/statistics.md, one tenant, first try.
    score = float(np.sum(soft * (1 - 2 * coded_bits(bits))))
    variance = float(np.sum(weights**2 * (np.abs(spectra.payload) ** 2).sum(axis=(0, 1))))
    tail = score**2 / variance / math.log(10) if score > 0 and variance > 0 else 0.0
    log10_p = min(0.0, 64 * math.log10(2) + math.log10(2) - tail)
    version, mark_id, tag = number_of(bits[:4]), number_of(bits[4:68]), number_of(bits[68:])
    genuine = version == 1 and tag == tag_of(tag_key(secret, epoch, tenant), version, mark_id)
    return Reading(mark_id if genuine and log10_p <= ACCEPT else None, log10_p, pattern, bits)
