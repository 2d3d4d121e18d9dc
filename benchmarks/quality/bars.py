"""Bars on a page: groups of shares as a small SVG, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from benchmarks.quality.curves import COLOURS

WIDTH, LEFT, BAR, GAP, TOP = 760, 130, 15, 14, 60
_SPAN = WIDTH - LEFT - 150


def svg(title: str, groups: Mapping[str, Mapping[str, tuple[int, int]]]) -> str:
    """One group of bars a name; each bar is (how many, of how many), drawn as a share of 1."""
    names = list(dict.fromkeys(bar for bars in groups.values() for bar in bars))
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
    height = TOP + sum(BAR * len(bars) + GAP for bars in groups.values()) + 10
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
    ]
    for n, name in enumerate(names):
        left = LEFT + n * 130
        out.append(f'<rect x="{left}" y="32" width="11" height="11" fill="{colours[name]}"/>')
        out.append(f'<text x="{left + 17}" y="42">{escape(name)}</text>')
    for percent in range(0, 101, 20):
        x = LEFT + _SPAN * percent / 100
        out.append(f'<line x1="{x:.0f}" y1="{TOP - 8}" x2="{x:.0f}" y2="{height - 10}" stroke="#e4e4e4"/>')
    y = TOP
    for group, bars in groups.items():
        middle = y + BAR * len(bars) / 2 + 4
        out.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(group)}</text>')
        for name, (good, of) in bars.items():
            share = good / of if of else 0.0
            wide = f'width="{share * _SPAN:.1f}" height="{BAR - 2}"'
            out.append(f'<rect x="{LEFT}" y="{y}" {wide} fill="{colours[name]}"/>')
            words = f"{share:.1%} of {of:,}"
            out.append(
                f'<text x="{LEFT + share * _SPAN + 6:.0f}" y="{y + BAR - 4}" font-size="11">{words}</text>'
            )
            y += BAR
        y += GAP
    return "\n".join([*out, "</svg>"]) + "\n"
