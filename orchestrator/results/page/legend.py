"""The legend of all figures: each technique's color, dash and marker in a line of SVG.

On a screen it stays at the top of the window. On paper it would be on the first page only, so each view with figures
prints the part of it that its figures use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from orchestrator.results.figures.looks import Look
from orchestrator.results.page.canvas import PAPER, Ink


class LegendEntry(NamedTuple):
    """A technique in the legend: its name, its look as the content of a 34 × 12 SVG, and its class in figures."""

    name: str
    look: str
    kind: str


def legend(ink: Ink) -> list[LegendEntry]:
    """The entry of each technique."""
    return [LegendEntry(look.name, _sample(look), ink.group(technique)) for technique, look in ink.looks.items()]


def used_in(figures: Sequence[str], entries: Sequence[LegendEntry]) -> list[LegendEntry]:
    """The entries of the techniques that some figures show."""
    return [entry for entry in entries if any(f'class="t {entry.kind}"' in figure for figure in figures)]


def _sample(look: Look) -> str:
    color = f"var(--c{look.color[1:].lower()})"
    dash = "" if look.dash == "solid" else f' stroke-dasharray="{" ".join(f"{1.6 * part:g}" for part in look.dash[1])}"'
    return (
        f'<path d="M0 6H34" stroke="{color}" stroke-width="1.8"{dash}/>'
        f'<path d="{_marker(look.marker)}" transform="translate(17 6)" fill="{color}" stroke="var(--c{PAPER[1:]})"/>'
    )


def _marker(marker: str) -> str:
    """matplotlib's own outline of a marker, 9 units wide."""
    from matplotlib.markers import MarkerStyle
    from matplotlib.path import Path

    style = MarkerStyle(marker)
    outline = style.get_path().transformed(style.get_transform())
    commands = []
    for points, code in outline.iter_segments(curves=False):
        x, y = (9 * value for value in points[-2:])
        commands.append("z" if code == Path.CLOSEPOLY else f"{'M' if code == Path.MOVETO else 'L'}{x:.1f} {-y:.1f}")
    return "".join(commands)
