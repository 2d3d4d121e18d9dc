"""The comparison with other marks: that it counts right, reads its peers' answers right and hides no loss.

No peer's package is needed here; `runner.serve` and `compare.examine` are given marks made for the purpose.
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

from benchmarks import attacks, pictures
from benchmarks.common import Json
from benchmarks.peers import client, compare, judgement, marks, published
from benchmarks.quality import perceptual, sets

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


class _Remembers:
    """Reads what it wrote from any picture that still has its size; always answers, like most peers."""

    bits = 64

    def embed(self, source: Path, target: Path, payload: int) -> float:
        marked = np.asarray(Image.open(source)).copy()
        marked[0, 0] ^= 1
        Image.fromarray(marked).save(target)
        self._payload, self._size = payload, (marked.shape[1], marked.shape[0])
        return 0.25

    def detect(self, source: Path, *, cropped: bool) -> tuple[int | None, float]:
        with Image.open(source) as image:
            known = getattr(self, "_size", None) == image.size
        if cropped:
            raise client.PeerFailed("too small")
        return (self._payload if known else 7), 0.5


def test_a_mark_is_asked_about_every_attacked_picture_and_the_unmarked_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perceptual, "ssimulacra2", lambda *_: 88.0)
    image = Image.fromarray(pictures.photo(5, 120, 160))
    which = {
        "none": attacks.FIFTY["none"],
        "resize 50 %": attacks.scaled(0.5),
        "crop 50 %": attacks.cropped(0.5),
    }
    found = compare.examine(_Remembers(), "a", image, which, tmp_path)
    assert found["attacks"] == {"none": "exact", "resize 50 %": "wrong", "crop 50 %": "none"}
    assert found["unmarked"] == "wrong"
    assert (found["largest"], found["embed_s"], found["size"]) == (1, 0.25, [160, 120])


def _picture(kind: str, number: int) -> sets.Picture:
    path = Path(f"{kind}_{number}.png")
    return sets.Picture("reporting", kind, str(number), (), path, 1, 1, "", "", "")


def test_fewer_pictures_are_the_first_of_more() -> None:
    groups = {
        kind: [_picture(kind, i) for i in range(n)] for kind, n in (("photo", 4), ("flat", 1), ("text", 9))
    }
    order = ("photo", "flat", "photo", "text")
    names = [p.path.stem for p in compare.in_turns(groups, order, 7)]
    assert names == ["photo_0", "flat_0", "photo_1", "text_0", "photo_2", "photo_3", "text_1"]
    assert [p.path.stem for p in compare.in_turns(groups, order, 3)] == names[:3]
    assert len(compare.in_turns(groups, order, 99)) == 14


def _result(outcomes: str, *, unmarked: str = "none") -> Json:
    """Of three attacks, by their outcomes' first letters."""
    spelled = {"e": "exact", "w": "wrong", "n": "none"}
    return {
        "size": [1000, 700],
        "psnr": 44.0,
        "ssim": 0.99,
        "ssimulacra2": 85.0,
        "flat_rms": None,
        "largest": 9,
        "embed_s": 0.01,
        "detect_s": 0.02,
        "unmarked": unmarked,
        "attacks": dict(zip(("none", "jpeg q50", "flip"), (spelled[o] for o in outcomes), strict=True)),
    }


def _results(ours: tuple[str, ...], theirs: tuple[str, ...]) -> Json:
    outcomes_of = {marks.OURS: ours, "blind-watermark": theirs}
    return {
        "versions": {"blind-watermark": "0.4.4"},
        "attacks": ["none", "jpeg q50", "flip"],
        "marks": {
            name: {
                "bits": 64,
                "pictures": {str(i): _result(o, unmarked="wrong") for i, o in enumerate(outcomes)},
            }
            for name, outcomes in outcomes_of.items()
        }
        | {"rivaGan": {"not_run": "ModuleNotFoundError: onnxruntime"}},
    }


def test_a_peer_is_held_against_us_on_its_own_pictures() -> None:
    results = _results(("ene", "eee", "nnn"), ("eew", "eew"))
    assert judgement.behind(results) == [("jpeg q50", "blind-watermark", 2, 1, 2)]
    assert judgement.misses(results) == []
    page = judgement.markdown(results)
    assert "- jpeg q50: blind-watermark 2 of 2, we 1" in page
    assert "| **all** | **5 / 9** | **4 / 6** |" in page
    assert "| ours on the same | 5 / 9 | 5 / 6 |" in page
    assert "| wrong payload given | 0 / 9 | 2 / 6 |" in page
    assert "not run: ModuleNotFoundError: onnxruntime" in page


def test_a_peer_that_reads_as_much_misses_the_bar_and_so_does_a_wrong_id() -> None:
    assert judgement.misses(_results(("een",), ("een",))) == ["blind-watermark reads 2 of 3 pairs, we read 2"]
    assert judgement.misses(_results(("eew",), ("nnn",))) == ["1 wrong ids of our own"]


def test_a_mark_that_costs_less_than_ours_is_named_measure_by_measure() -> None:
    results = _results(("eee", "eee"), ("eee",))
    assert judgement.dearer(results) == []
    theirs = results["marks"]["blind-watermark"]["pictures"]["0"]
    theirs |= {"ssimulacra2": 91.0, "embed_s": 0.5, "largest": 4, "flat_rms": 0.1}
    assert judgement.dearer(results) == [
        ("ssimulacra2", "blind-watermark", 91.0, 85.0),
        ("largest", "blind-watermark", 4, 9),
    ]
    page = judgement.markdown(results)
    assert "- SSIMULACRA 2: blind-watermark 91.0 (we 85.0)" in page
    assert "- largest change: blind-watermark 4 (we 9)" in page


def test_a_peer_that_did_not_see_an_attack_is_not_judged_by_it() -> None:
    results = _results(("eee",), ("enn",))
    del results["marks"]["blind-watermark"]["pictures"]["0"]["attacks"]["flip"]
    page = judgement.markdown(results)
    assert "| flip | 1 / 1 | - |" in page
    assert "| ours on the same | 3 / 3 | 2 / 2 |" in page


def test_an_earlier_result_is_kept_until_a_picture_an_attack_or_the_version_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compare.environment, "versions", lambda: {"blind-watermark": "0.4.4"})
    suite = {"none": attacks.FIFTY["none"], "blur 1": attacks.FIFTY["blur 1"]}
    entry = marks.Entry("blind-watermark", 1, "", "", "", suite)
    shown = {"a": Image.fromarray(pictures.photo(6, 90, 90)), "b": Image.fromarray(pictures.photo(7, 90, 90))}
    mark = {"seen": compare.seen_by(entry, {"a": shown["a"]}, suite), "pictures": {}}
    earlier = {"results": {"marks": {"blind-watermark": mark}}}
    assert compare.kept(earlier, entry, shown) is mark
    assert compare.kept(None, entry, shown) is None
    assert compare.kept(earlier, entry, {"a": shown["b"]}) is None
    changed = suite | {"blur 1": attacks.FIFTY["blur 2"]}
    assert compare.kept(earlier, marks.Entry("blind-watermark", 1, "", "", "", changed), shown) is None
    monkeypatch.setattr(compare.environment, "versions", lambda: {"blind-watermark": "0.5"})
    assert compare.kept(earlier, entry, shown) is None
