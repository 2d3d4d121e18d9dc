"""benchmarks/results/*.json -> docs/benchmarks.md. Nothing is measured here and no figure is written by hand."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common import ROOT, Benchmark, Json, load
from benchmarks.kernels import bench_image
from benchmarks.load import soak
from benchmarks.quality import decodes, nulls, security

PAGE = ROOT / "docs" / "benchmarks.md"
ALL: tuple[Benchmark, ...] = (
    decodes.BENCHMARK,
    nulls.BENCHMARK,
    security.BENCHMARK,
    bench_image.BENCHMARK,
)
_LONG = ((decodes.BENCHMARK, "decodes_long"), (nulls.BENCHMARK, "nulls_long"))

_INTRODUCTION = """# What was measured

Made by `make bench` from benchmarks/results/*.json; do not edit. Real pictures are those of the folder that
`WAARMERK_CORPUS` names; made ones come from numbers and can be remade anywhere. Losses stand beside wins.

What the image mark survives, what it costs a picture and how other marks do: [image-quality.md](image-quality.md)."""


def conditions_line(result: Json) -> str:
    """When, where and on what a result was measured."""
    c = result["conditions"]
    versions = ", ".join(f"{name} {number}" for name, number in c["versions"].items())
    changed = " with uncommitted changes" if c["changed_since_commit"] else ""
    load_ = "{} at the start, {} at the end".format(
        c["load_average"][0], result.get("load_average_at_end", ["?"])[0]
    )
    threads = ", ".join(f"{name}={value}" for name, value in c["threads"].items())
    return (
        f"*{c['date']}, commit {c['commit']}{changed}, {result['seconds']} s. {c['processor']}, {c['cores']} cores, "
        f"{c['memory_gib']} GiB, {c['system']}; load {load_}; {threads}. Python {c['python']}, {versions}.*"
    )


def verdict(missed: Sequence[str]) -> str:
    """The bars that were missed, a sentence each."""
    return "\n".join(["Bars missed:", "", *(f"- {m}" for m in missed)]) if missed else "No bar was missed."


def _section(benchmark: Benchmark, name: str, title: str) -> list[str]:
    result = load(name)
    if result is None:
        return [f"## {title}", "Not run yet."]
    missed = benchmark.misses(result["results"])
    return [f"## {title}", conditions_line(result), verdict(missed), benchmark.markdown(result["results"])]


def write() -> None:
    """Write the page from the results at hand."""
    parts = [_INTRODUCTION]
    for benchmark in ALL:
        parts += _section(benchmark, benchmark.name, benchmark.title)
    for benchmark, name in _LONG:
        parts += _section(benchmark, name, f"{benchmark.title}, the long run (`make soak`)")
    parts += _section(soak.BENCHMARK, soak.BENCHMARK.name, f"{soak.BENCHMARK.title} (`make soak`)")
    PAGE.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    write()
