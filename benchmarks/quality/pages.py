"""Pages of text and screens, drawn from numbers and from whatever text is handed in.

Real screenshots are rare in packages; what they are made of (a font, lines, flat panels, hard edges) is not.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, PAPER = (24, 24, 30), (255, 255, 255)
_PANEL, _LINE, _ACCENT = (240, 241, 244), (205, 208, 214), (38, 110, 200)


class Fonts:
    """The three faces of a folder with the DejaVu fonts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, face: str, size: int) -> ImageFont.FreeTypeFont:
        """`face` is Sans, Sans-Bold, SansMono or Serif."""
        return ImageFont.truetype(self._folder / f"DejaVu{face}.ttf", size)


Drawing = Callable[[Sequence[str], Fonts], Image.Image]


def _column(
    draw: ImageDraw.ImageDraw,
    text: Sequence[str],
    box: tuple[int, int, int, int],
    font: ImageFont.FreeTypeFont,
) -> None:
    """Fill a box with paragraphs, broken at the box' width."""
    left, top, right, bottom = box
    step = round(font.size * 1.45)
    letters = max(10, int((right - left) / font.getlength("n")))
    y = top
    for paragraph in text:
        for line in [*textwrap.wrap(paragraph, letters), ""]:
            if y + step > bottom:
                return
            draw.text((left, y), line, INK, font)
            y += step


def article(text: Sequence[str], fonts: Fonts) -> Image.Image:
    """A page of a book: black serif on white, one column."""
    page = Image.new("RGB", (900, 1270), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((90, 80), text[0][:40], INK, fonts("Sans-Bold", 30))
    _column(draw, text[1:], (90, 150, 810, 1180), fonts("Serif", 17))
    return page


def two_columns(text: Sequence[str], fonts: Fonts) -> Image.Image:
    """A page of a paper: two columns, a figure with a grey frame, a rule."""
    page = Image.new("RGB", (1000, 1414), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((80, 70), text[0][:44], INK, fonts("Sans-Bold", 28))
    draw.line((80, 120, 920, 120), _LINE, 2)
    half = len(text) // 2
    _column(draw, text[1:half], (80, 150, 480, 1340), fonts("Serif", 14))
    draw.rectangle((520, 150, 920, 420), _PANEL, _LINE)
    x = np.arange(380)
    for k, colour in enumerate(((200, 60, 40), _ACCENT, (40, 150, 70))):
        y = 285 + 90 * np.sin(x / (30 + 20 * k) + k) * np.exp(-x / 300)
        draw.line([(530 + float(a), float(b)) for a, b in zip(x, y, strict=True)], colour, 2)
    _column(draw, text[half:], (520, 450, 920, 1340), fonts("Serif", 14))
    return page


def editor(text: Sequence[str], fonts: Fonts) -> Image.Image:
    """A dark editor: numbered lines, words in a few colours."""
    screen = Image.new("RGB", (1280, 800), (30, 31, 38))
    draw = ImageDraw.Draw(screen)
    font = fonts("SansMono", 15)
    draw.rectangle((0, 0, 1280, 34), (44, 46, 56))
    draw.rectangle((0, 34, 52, 800), (38, 39, 47))
    colours = ((212, 212, 220), (120, 170, 250), (230, 150, 110), (140, 200, 130))
    lines = [line for paragraph in text for line in [*textwrap.wrap(paragraph, 100), ""]]
    for n, line in enumerate(lines[:35]):
        y = 44 + 21 * n
        draw.text((10, y), f"{n + 1:3d}", (110, 112, 124), font)
        x = 64.0 + 24 * (n % 4)
        for word in line.split():
            draw.text((x, y), word, colours[(len(word) * 7 + n) % len(colours)], font)
            x += font.getlength(word + " ")
    return screen


def terminal(text: Sequence[str], fonts: Fonts) -> Image.Image:
    """Black on a light terminal, no frame: nothing but letters."""
    screen = Image.new("RGB", (1100, 760), (253, 246, 227))
    draw = ImageDraw.Draw(screen)
    font = fonts("SansMono", 14)
    lines = [line for paragraph in text for line in textwrap.wrap(paragraph, 120)]
    for n, line in enumerate(lines[:40]):
        draw.text((12, 8 + 18.5 * n), ("$ " if n % 9 == 0 else "") + line, (60, 80, 90), font)
    return screen


def table(text: Sequence[str], fonts: Fonts) -> Image.Image:
    """A spreadsheet: a grid, numbers, one coloured column."""
    screen = Image.new("RGB", (1280, 820), PAPER)
    draw = ImageDraw.Draw(screen)
    font = fonts("Sans", 14)
    words = " ".join(text).split()
    numbers = np.random.Generator(np.random.Philox(11)).integers(0, 100_000, (33, 9))
    draw.rectangle((0, 0, 1280, 28), _PANEL)
    draw.rectangle((370, 28, 500, 820), (226, 240, 226))
    for row in range(33):
        y = 28 + 24 * row
        draw.line((0, y, 1280, y), _LINE)
        draw.text((10, y + 4), " ".join(words[3 * row : 3 * row + 3])[:30], INK, font)
        for column in range(8):
            draw.text((300 + 122 * column, y + 4), f"{numbers[row, column]:,}", INK, font)
    for x in range(250, 1280, 122):
        draw.line((x, 0, x, 820), _LINE)
    return screen


def chat(text: Sequence[str], fonts: Fonts) -> Image.Image:
    """A telephone's screen: rounded balloons with a few lines each."""
    screen = Image.new("RGB", (720, 1280), (229, 221, 213))
    draw = ImageDraw.Draw(screen)
    font = fonts("Sans", 21)
    draw.rectangle((0, 0, 720, 96), (7, 94, 84))
    draw.text((110, 32), text[0][:24], PAPER, fonts("Sans-Bold", 27))
    y = 120
    for n, paragraph in enumerate(text[1:]):
        lines = textwrap.wrap(paragraph, 40)[:4]
        if y + 30 * len(lines) > 1230:
            break
        x = 24 if n % 2 else 150
        draw.rounded_rectangle(
            (x, y, x + 540, y + 30 * len(lines) + 22), 14, PAPER if n % 2 else (220, 248, 198)
        )
        for k, line in enumerate(lines):
            draw.text((x + 16, y + 10 + 30 * k), line, INK, font)
        y += 30 * len(lines) + 44
    return screen


def form(text: Sequence[str], fonts: Fonts) -> Image.Image:
    """A settings page: labels, fields, buttons, large light panels."""
    screen = Image.new("RGB", (1200, 800), _PANEL)
    draw = ImageDraw.Draw(screen)
    font = fonts("Sans", 16)
    draw.rectangle((0, 0, 240, 800), PAPER)
    words = " ".join(text).split()
    for n in range(14):
        draw.text(
            (24, 90 + 44 * n), " ".join(words[2 * n : 2 * n + 2])[:22], _ACCENT if n == 2 else INK, font
        )
    for n in range(9):
        y = 80 + 70 * n
        draw.text((290, y), " ".join(words[40 + 4 * n : 44 + 4 * n])[:36], INK, font)
        draw.rounded_rectangle((620, y - 8, 1140, y + 30), 6, PAPER, _LINE, 2)
        draw.text((634, y), " ".join(words[100 + 5 * n : 104 + 5 * n])[:46], (110, 110, 120), font)
    draw.rounded_rectangle((980, 720, 1140, 766), 8, _ACCENT)
    draw.text((1025, 732), words[5][:9], PAPER, font)
    return screen


def slide(text: Sequence[str], fonts: Fonts) -> Image.Image:
    """A slide: a coloured bar, large letters, much white."""
    page = Image.new("RGB", (1280, 720), PAPER)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1280, 110), (32, 56, 100))
    draw.text((50, 30), text[0][:40], PAPER, fonts("Sans-Bold", 42))
    for n, paragraph in enumerate(text[1:6]):
        draw.ellipse((70, 196 + 92 * n, 84, 210 + 92 * n), _ACCENT)
        draw.text((110, 184 + 92 * n), paragraph[:56], INK, fonts("Sans", 30))
    return page


PAGES: dict[str, Drawing] = {
    drawing.__name__: drawing
    for drawing in (article, two_columns, editor, terminal, table, chat, form, slide)
}


# ------------------------------------------------------------------------------------------ gradients, no text


def sky(width: int, height: int) -> Image.Image:
    """A clear sky at dusk: a smooth gradient in both directions, rounded to eight bits without dither."""
    y, x = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[None, :, None]
    top, low, glow = np.array([38, 70, 150.0]), np.array([180, 205, 235.0]), np.array([70, 25, -20.0])
    plane = top + (low - top) * y**1.3 + glow * np.exp(-((x - 0.7) ** 2) * 9 - (y - 1) ** 2 * 6)
    return Image.fromarray(np.clip(np.rint(plane), 0, 255).astype(np.uint8))


def spotlight(width: int, height: int) -> Image.Image:
    """A product shot's backdrop: near white in the middle, light grey in the corners."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    plane = 252 - 46 * np.clip(np.hypot(x, y) / 1.3, 0, 1) ** 2
    return Image.fromarray(np.repeat(np.rint(plane).astype(np.uint8)[..., None], 3, 2))


GRADIENTS: dict[str, Callable[[int, int], Image.Image]] = {"sky": sky, "spotlight": spotlight}
