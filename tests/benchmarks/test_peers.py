"""The comparison with other marks: that it counts right, reads its peers' answers right and hides no loss.

No peer's package is needed here; `runner.serve` is given marks made for the purpose.
"""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from benchmarks.peers import client, published

STAND_INS = Path(client.__file__).with_name("stand_ins")


def _module(path: Path) -> ModuleType:
    """A file that is no part of a package."""
    spec = importlib.util.spec_from_file_location(f"apart_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    return _module(client.RUNNER)


class _Corner:
    """Writes its payload into the first pixels' least bits; refuses black pictures, raises on tiny ones."""

    bits = 16

    def embed(self, rgb: np.ndarray, payload: int) -> np.ndarray:
        marked = rgb.copy()
        for i in range(self.bits):
            marked[0, i, 0] = marked[0, i, 0] & 0xFE | payload >> i & 1
        return marked

    def detect(self, rgb: np.ndarray, cropped: bool) -> int | None:
        if rgb.shape[1] < self.bits:
            raise ValueError("too small")
        if cropped or not rgb.any():
            return None
        return sum(int(rgb[0, i, 0] & 1) << i for i in range(self.bits))


def _answers(runner: ModuleType, *requests: dict[str, object]) -> list[dict[str, object]]:
    out = io.StringIO()
    runner.serve(io.StringIO("\n".join(json.dumps(r) for r in requests)), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_request_a_line_brings_an_answer_a_line(
    runner: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runner.PEERS, "corner", _Corner)
    source, target, small = (str(tmp_path / f"{name}.png") for name in ("a", "b", "small"))
    Image.new("RGB", (40, 20), (200, 10, 90)).save(source)
    Image.new("RGB", (8, 8)).save(small)
    bits, marked, found, missed, failed, unknown = _answers(
        runner,
        {"do": "bits", "peer": "corner"},
        {"do": "embed", "peer": "corner", "source": source, "target": target, "payload": "beef"},
        {"do": "detect", "peer": "corner", "source": target, "cropped": False},
        {"do": "detect", "peer": "corner", "source": target, "cropped": True},
        {"do": "detect", "peer": "corner", "source": small, "cropped": False},
        {"do": "detect", "peer": "nobody", "source": source, "cropped": False},
    )
    assert bits == {"bits": 16}
    assert marked["seconds"] >= 0
    assert found["payload"] == "beef"
    assert missed["payload"] is None
    assert failed == {"error": "ValueError: too small"}
    assert "KeyError" in str(unknown["error"])


def test_bits_go_out_and_come_back_most_significant_first(runner: ModuleType) -> None:
    assert runner._to_bits(0b0110, 4).tolist() == [0, 1, 1, 0]
    assert runner._from_bits(runner._to_bits(0x9F3A5C77E1D2B488, 64)) == 0x9F3A5C77E1D2B488


def test_the_stand_in_for_torch_reorders_and_scales_as_torch_does() -> None:
    torch = _module(STAND_INS / "torch.py")
    frame = np.arange(24, dtype=np.float32).reshape(1, 2, 4, 3)
    moved = (torch.from_numpy(frame) / 127.5 - 1.0).permute(3, 0, 1, 2).unsqueeze(0)
    due = (np.moveaxis(frame, 3, 0) / 127.5 - 1.0)[None]
    assert np.allclose(moved.detach().cpu().numpy(), due)
    back = ((torch.clamp(moved, min=-0.9, max=0.5)[0, :, 0, :, :].permute(1, 2, 0) + 1.0) * 127.5).numpy()
    assert np.allclose(back, np.clip(frame[0], 12.75, 191.25), atol=1e-4)


def test_every_published_figure_names_a_source_and_none_is_left_blank() -> None:
    used = {key for scheme in published.SCHEMES for key in scheme.sources}
    assert used == set(published.SOURCES)
    page = published.markdown()
    for scheme in published.SCHEMES:
        row = next(line for line in page.splitlines() if line.startswith(f"| {scheme.name} |"))
        assert all(cell.strip() for cell in row.split("|")[1:-1])
    assert "not found" in page
    assert "regeneration by diffusion" in page
