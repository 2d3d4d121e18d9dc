"""Lines on a page: a small SVG plot without a plotting library, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

COLOURS = ("#1b6ca8", "#c1442e", "#2f8f5b", "#8a5aa8", "#b8860b", "#444444", "#d36ba6", "#5f7f8f")
WIDTH, HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 210, 34, 48

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axes:
    """What is plotted against what, and where it ends."""

    title: str
    x: str
    y: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_step: float
    y_step: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Numbers -> pixels of the page, kept inside the frame."""
        across = (x - self.x_range[0]) / (self.x_range[1] - self.x_range[0])
        up = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0])
        across, up = min(max(across, 0), 1), min(max(up, 0), 1)
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)


def _steps(low: float, high: float, step: float) -> list[float]:
    return [low + n * step for n in range(int((high - low) / step + 1.5)) if low + n * step <= high + 1e-9]


def _text(x: float, y: float, words: str, **attributes: str) -> str:
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(words)}</text>'


def svg(axes: Axes, lines: Mapping[str, Points], dashed: frozenset[str] = frozenset()) -> str:
    """A plot of named lines; those named in `dashed` are drawn so."""
    left, bottom = axes.place(axes.x_range[0], axes.y_range[0])
    right, top = axes.place(axes.x_range[1], axes.y_range[1])
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(left, _TOP - 14, axes.title, font_size="14", font_weight="bold"),
    ]
    for x in _steps(*axes.x_range, axes.x_step):
        at = axes.place(x, 0)[0]
        out.append(f'<line x1="{at:.1f}" y1="{top:.1f}" x2="{at:.1f}" y2="{bottom:.1f}" stroke="#e4e4e4"/>')
        out.append(_text(at, bottom + 16, f"{x:g}", text_anchor="middle"))
    for y in _steps(*axes.y_range, axes.y_step):
        at = axes.place(0, y)[1]
        out.append(f'<line x1="{left:.1f}" y1="{at:.1f}" x2="{right:.1f}" y2="{at:.1f}" stroke="#e4e4e4"/>')
        out.append(_text(left - 8, at + 4, f"{y:g}", text_anchor="end"))
    out.append(_text((left + right) / 2, HEIGHT - 12, axes.x, text_anchor="middle"))
    middle = (top + bottom) / 2
    out.append(_text(16, middle, axes.y, text_anchor="middle", transform=f"rotate(-90 16 {middle:.0f})"))
    for n, (name, points) in enumerate(lines.items()):
        colour = COLOURS[n % len(COLOURS)]
        dash = ' stroke-dasharray="6 4"' if name in dashed else ""
        path = " ".join("{:.1f},{:.1f}".format(*axes.place(*p)) for p in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        at = _TOP + 8 + 18 * n
        out.append(
            f'<line x1="{right + 14:.0f}" y1="{at}" x2="{right + 38:.0f}" y2="{at}" stroke="{colour}" '
            f'stroke-width="2"{dash}/>'
        )
        out.append(_text(right + 44, at + 4, name))
    return "\n".join([*out, "</svg>"]) + "\n"
