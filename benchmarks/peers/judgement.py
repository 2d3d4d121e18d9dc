"""What the comparison shows: who reads what, what each mark costs a picture, and where we lose."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping

from benchmarks.common import Json, table
from benchmarks.peers.marks import ENTRIES, NOT_RUN, OURS, PACKAGE


def _ran(results: Json) -> dict[str, Json]:
    return {name: mark["pictures"] for name, mark in results["marks"].items() if "pictures" in mark}


def count(pictures: Iterable[Json], attack: str | None = None, outcome: str = "exact") -> tuple[int, int]:
    """(pairs of that outcome, all pairs), of one attack or of all."""
    found = [o for p in pictures for a, o in p["attacks"].items() if attack in (None, a)]
    return found.count(outcome), len(found)


def ours_on(results: Json, pictures: Mapping[str, Json]) -> list[Json]:
    """Our own results on a peer's pictures, of the attacks that it saw."""
    ours = _ran(results)[OURS]
    return [
        {**ours[name], "attacks": {a: ours[name]["attacks"][a] for a in theirs["attacks"]}}
        for name, theirs in pictures.items()
    ]


def behind(results: Json) -> list[tuple[str, str, int, int, int]]:
    """(attack, peer, theirs, ours, of) wherever a peer reads more of the same pictures than we do."""
    lost = []
    for peer, pictures in _ran(results).items():
        for attack in results["attacks"]:
            theirs, of = count(pictures.values(), attack)
            ours, _ = count(ours_on(results, pictures), attack)
            if theirs > ours:
                lost.append((attack, peer, theirs, ours, of))
    return lost


COSTS = {
    "psnr": ("PSNR", 1, True),
    "ssim": ("SSIM", 4, True),
    "ssimulacra2": ("SSIMULACRA 2", 1, True),
    "flat_rms": ("rms in flat blocks", 2, False),
    "largest": ("largest change", 0, False),
    "embed_s": ("seconds to mark", 3, False),
    "detect_s": ("seconds to read", 3, False),
}
"""What a mark costs: its name, digits, and whether more is better."""


def dearer(results: Json) -> list[tuple[str, str, float, float]]:
    """(cost, peer, theirs, ours), means over the same pictures, wherever ours is the dearer mark."""
    lost = []
    for peer, pictures in _ran(results).items():
        for key, (_, _, more) in COSTS.items():
            both = [
                (p[key], o[key])
                for p, o in zip(pictures.values(), ours_on(results, pictures), strict=True)
                if p.get(key) is not None and o.get(key) is not None
            ]
            if both:
                theirs, ours = (statistics.mean(values) for values in zip(*both, strict=True))
                if theirs > ours if more else theirs < ours:
                    lost.append((key, peer, theirs, ours))
    return lost


def misses(results: Json) -> list[str]:
    """The bar: over all attacks together we read more than every peer on its pictures, and never a wrong id."""
    missed = []
    for peer, pictures in _ran(results).items():
        if peer == OURS:
            continue
        theirs, of = count(pictures.values())
        ours, _ = count(ours_on(results, pictures))
        if theirs >= ours:
            missed.append(f"{peer} reads {theirs} of {of} pairs, we read {ours}")
    wrong, _ = count(_ran(results)[OURS].values(), outcome="wrong")
    if wrong:
        missed.append(f"{wrong} wrong ids of our own")
    return missed


def _mean(pictures: Iterable[Json], key: str, digits: int, pick: Callable = statistics.mean) -> str:
    values = [p[key] for p in pictures if p.get(key) is not None]
    return f"{pick(values):.{digits}f}" if values else "-"


def _marks_table(results: Json) -> str:
    rows = []
    for entry in ENTRIES:
        mark = results["marks"].get(entry.name)
        if mark is None:
            continue
        package = PACKAGE.get(entry.name)
        name = entry.name if package in (None, entry.name) else f"{package} {entry.name}"
        version = results["versions"].get(package or "")
        name = f"{name} ({version})" if version else name
        rows.append(
            [
                name,
                str(len(mark["pictures"])) if "pictures" in mark else f"not run: {mark['not_run']}",
                mark.get("date", "-"),
                entry.carries,
                entry.told,
                entry.refusal,
            ]
        )
    head = ["mark", "pictures", "measured", "carries", "reader is told", "before it answers"]
    return table(head, rows)


def _quality_table(results: Json) -> str:
    rows = []
    for name, pictures in _ran(results).items():
        done = [p for p in pictures.values() if "psnr" in p]
        answered = sum(p["unmarked"] != "none" for p in done)
        rows.append(
            [
                name,
                _mean(done, "psnr", 1),
                _mean(done, "psnr", 1, min),
                _mean(done, "ssim", 4),
                _mean(done, "ssim", 4, min),
                _mean(done, "ssimulacra2", 1),
                _mean(done, "ssimulacra2", 1, min),
                _mean(done, "flat_rms", 2),
                _mean(done, "largest", 0, max),
                f"{answered} of {len(done)}",
                _mean(done, "embed_s", 2),
                _mean(done, "detect_s", 2),
            ]
        )
    head = ["mark", "PSNR dB mean", "worst", "SSIM mean", "worst", "SSIMULACRA 2 mean", "worst"]
    more = ["rms in flat blocks", "largest change", "unmarked pictures answered", "embed s", "detect s"]
    return table([*head, *more], rows)


def _attack_table(results: Json) -> str:
    ran = _ran(results)
    rows = []
    for attack in results["attacks"]:
        counts = [count(p.values(), attack) for p in ran.values()]
        cells = [f"{exact} / {of}" if of else "-" for exact, of in counts]
        rows.append([attack, *cells])
    totals = ["**all**", *("**{} / {}**".format(*count(p.values())) for p in ran.values())]
    same = [
        "ours on the same",
        *("{} / {}".format(*count(ours_on(results, p))) for p in ran.values()),
    ]
    wrong = [
        "wrong payload given",
        *("{} / {}".format(*count(p.values(), outcome="wrong")) for p in ran.values()),
    ]
    return table(["attack", *ran], [*rows, totals, same, wrong])


def _behind_text(results: Json) -> str:
    lines = [
        f"- {attack}: {peer} {theirs} of {of}, we {ours}"
        for attack, peer, theirs, ours, of in behind(results)
    ]
    if not lines:
        return "There is no attack under which a peer reads more of the same pictures than we do."
    return "\n".join(["Where a peer reads more of the same pictures than we do:", "", *lines])


def _dearer_text(results: Json) -> str:
    lines = []
    for key, (name, digits, _) in COSTS.items():
        ahead = [
            f"{peer} {theirs:.{digits}f} (we {ours:.{digits}f})"
            for cost, peer, theirs, ours in dearer(results)
            if cost == key
        ]
        if ahead:
            lines.append(f"- {name}: {', '.join(ahead)}")
    if not lines:
        return "No peer's mark costs less than ours on the same pictures, in any of these measures."
    return "\n".join(["Where a peer's mark costs less than ours, means over the same pictures:", "", *lines])


def markdown(results: Json) -> str:
    """The section: what was compared, what it costs a picture, who reads what, where we lose."""
    sizes = [p["size"] for p in _ran(results)[OURS].values() if "size" in p]
    pixels = [w * h / 1e6 for w, h in sizes]
    return "\n\n".join(
        [
            "Each mark through its own package as it comes, in an environment of its own, on the same reporting "
            f"pictures ({min(pixels):.2f} to {max(pixels):.2f} MP) and the same attacks. An entry counts when the "
            "whole payload comes back exactly. A peer that takes seconds a picture saw the first few only, or only the "
            "first fifty attacks; the row 'ours on the same' is the fair comparison. Seconds are CPU time, those of "
            "reading a mean over all attacks.",
            _marks_table(results),
            _quality_table(results),
            _attack_table(results),
            _behind_text(results),
            _dearer_text(results),
            NOT_RUN,
        ]
    )
