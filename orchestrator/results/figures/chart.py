"""A figure of a fixed width, with a grid of panels, a caption and a legend that are measured against the canvas.

Two widths, which fit one column and two columns of the usual templates; no text is smaller than 7 points.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.textpath import text_to_path

from orchestrator.results.figures.looks import GRAY, INK, PALE
from orchestrator.results.figures.svg import to_svg
from workers.text import printable

ColumnCount = Literal[1, 2]

WIDTHS = {1: 3.25, 2: 6.75}  # inches, by columns of a page
TEXT = 7  # points
TITLE = 8
HEIGHT = 2.0  # inches of a panel
_LABEL_LENGTH = 1.3  # inches of a vertical label
_BESIDES = 0.65  # inches of a panel's width that its labels take
_SAMPLE = 0.6  # inches of a legend's line that are not text
_MOST_TITLE_LINES = 4
_HINTING = 1.04
LINE = 0.13  # inches of height for each further line of text
_LAYOUT = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.03)


class Chart(Figure):
    """A matplotlib figure that knows its `title`, and the `caption` that says how to read it.

    Files and pages use both as the figure's description. Notebooks show it as SVG. Axes move only in `lay_out`, because
    matplotlib draws a figure that has a layout engine twice whenever it is saved.
    """

    def __init__(self, columns: ColumnCount, height: float, *, title: str, caption: str = "") -> None:
        super().__init__(figsize=(WIDTHS[columns], height))
        self.set_layout_engine("none")  # whatever the settings of matplotlib are
        self.renderer = FigureCanvasAgg(self).get_renderer()
        self.title = title
        self.caption = caption

    def draw(self, renderer: Any) -> None:
        with glyphs_may_be_missing():
            super().draw(renderer)

    def _repr_svg_(self) -> str:
        return to_svg(self, inline=True)

    def lay_out(self) -> None:
        """Give the axes their places, without the cost of drawing."""
        with glyphs_may_be_missing():
            _LAYOUT.execute(self)


def panels(chart: Chart, count: int, per_row: int) -> list[Axes]:
    """Axes for `count` panels, in rows; those that remain in the last row are empty."""
    rows = math.ceil(count / per_row)
    grid = list(chart.subplots(rows, min(per_row, count), squeeze=False).flatten())
    for axes in grid[count:]:
        axes.set_visible(False)
    for axes in grid[:count]:
        style(axes)
    return grid[:count]


def style(axes: Axes) -> None:
    """Small text, thin gray axes at the left and the bottom, and a pale horizontal grid behind the data."""
    axes.tick_params(labelsize=TEXT, color=GRAY, labelcolor=INK, length=2.5, width=0.6, pad=2)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRAY)
    axes.spines[["left", "bottom"]].set_linewidth(0.6)


def label_axes(axes: Axes, x: str = "", y: str = "") -> None:
    """Name the axes, the vertical one in as many lines as its height needs; names of users are never formulas."""
    if x:
        axes.set_xlabel(x, fontsize=TEXT, color=INK, labelpad=2, parse_math=False)
    if y:
        lines = wrap(y, _LABEL_LENGTH, TEXT)
        axes.set_ylabel("\n".join(lines), fontsize=TEXT, color=INK, labelpad=2, parse_math=False)


def title_lines(text: str, width: float) -> list[str]:
    """The title of a panel of `width` inches, cut after four lines."""
    return wrap(text, width - _BESIDES, TITLE, most=_MOST_TITLE_LINES)


def set_title(axes: Axes, lines: Sequence[str]) -> None:
    """A title above a panel."""
    axes.set_title("\n".join(lines), loc="left", fontsize=TITLE, color=INK, pad=4, parse_math=False)


def write_caption(chart: Chart) -> None:
    """The caption below the panels, wrapped to the width of the canvas."""
    lines = wrap(chart.caption, chart.get_figwidth() - 0.1, TEXT)
    chart.supxlabel(
        "\n".join(lines),
        x=0.01,
        horizontalalignment="left",
        fontsize=TEXT,
        color=INK,
        linespacing=1.25,
        parse_math=False,
    )


def legend(chart: Chart, handles: Sequence[Any]) -> None:
    """A legend above the panels, in as many columns as fit the canvas, which becomes higher by it."""
    width = chart.get_figwidth() - _SAMPLE
    names = ["\n".join(wrap(handle.get_label(), width, TEXT, most=2)) for handle in handles]
    for columns in range(len(handles), 0, -1):
        box = chart.legend(
            handles=list(handles),
            labels=names,
            loc="outside upper left",
            ncols=columns,
            fontsize=TEXT,
            labelcolor=INK,
            frameon=False,
            handlelength=3,
            columnspacing=1.2,
            borderpad=0.2,
        )
        for text in box.get_texts():
            text.set_parse_math(False)
        extent = box.get_window_extent(chart.renderer)
        if columns == 1 or extent.width <= chart.bbox.width * 0.98:
            chart.set_figheight(chart.get_figheight() + extent.height / chart.dpi)
            return
        box.remove()


def wrap(text: str, width: float, size: float, most: int | None = None) -> list[str]:
    """A text as lines of at most `width` inches, broken at spaces; a longer word is broken anywhere.

    Of more than `most` lines, the last one ends in an ellipsis.
    """
    words = printable(" ".join(text.split())).replace(" ·", "\u00a0·").split(" ")  # a dot begins no line
    lines = [""]
    for piece in (piece for word in words for piece in _pieces(word, width, size)):
        longer = f"{lines[-1]} {piece}".strip()
        if text_width(longer, size) <= width:
            lines[-1] = longer
        elif len(lines) == most:
            lines[-1] = lines[-1][:-1] + "…"
            break
        else:
            lines.append(piece)
    return [line.replace("\u00a0", " ") for line in lines]


def text_width(text: str, size: float) -> float:
    """The width of a line in inches; hinted letters are a little wider than their outlines."""
    return sum(map(_letter_width, text)) * _HINTING * size / 72


def _pieces(word: str, width: float, size: float) -> Iterator[str]:
    """A word in pieces that fit."""
    piece = ""
    for letter in word:
        if piece and text_width(piece + letter, size) > width:
            yield piece
            piece = ""
        piece += letter
    yield piece


@lru_cache(maxsize=4096)
def _letter_width(letter: str) -> float:
    """In units of the font's size."""
    with glyphs_may_be_missing():
        return float(text_to_path.get_text_width_height_descent(letter, FontProperties(size=1), ismath=False)[0])


@contextmanager
def glyphs_may_be_missing() -> Iterator[None]:
    """Draw letters that the font lacks as boxes, without a warning for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield
