"""The style sheet: the page's own, the classes of its figures, and every color for a light and a dark theme."""

from __future__ import annotations

from importlib.resources import files

from orchestrator.results.page.canvas import ALARM, INK, MUTED, PAPER, RULE, Ink

_DARK_PAPER = "#15191e"
_DARK = {INK: "#e6edf3", MUTED: "#9da7b1", RULE: "#3a424b", PAPER: _DARK_PAPER, ALARM: "#ff7b72"}
_CONTRAST = 4.5  # of text on its background, WCAG AA


def style_sheet(ink: Ink) -> str:
    """The style sheet of a page whose figures are drawn."""
    own = (files("orchestrator.results.page") / "templates" / "page.css").read_text("utf-8")
    colors = sorted({*ink.styles.colors, *_DARK, *(look.color.lower() for look in ink.looks.values())})
    light = "".join(f"--c{color[1:]}:{color};" for color in colors)
    dark = "".join(f"--c{color[1:]}:{on_dark(color)};" for color in colors)
    classes = "".join(
        f".{name}{{{style.replace(': ', ':').replace('; ', ';')}}}" for style, name in ink.styles.classes.items()
    )
    return (
        f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f"@media print{{:root{{{light}}}}}\n{own}\n{classes}\n"
    )


def on_dark(color: str) -> str:
    """A color for the dark theme: lightened until it stands out from the dark background."""
    if color in _DARK:
        return _DARK[color]
    shares = (step / 20 for step in range(21))
    return next(mixed for share in shares if contrast(mixed := _lightened(color, share), _DARK_PAPER) >= _CONTRAST)


def contrast(first: str, second: str) -> float:
    """The contrast of two colors, 1 to 21 (WCAG 2.1)."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    channels = [value / 255 for value in _channels(color)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _lightened(color: str, share: float) -> str:
    return "#" + "".join(f"{round(value + (255 - value) * share):02x}" for value in _channels(color))


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
