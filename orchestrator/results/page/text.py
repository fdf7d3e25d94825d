"""Text from elsewhere as a page shows it: what cannot be seen is written out, and what is endless is cut."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from workers.text import cut, printable

_SHORT = 240
_LONG = 2_000


def safe(text: object) -> str:
    """Text without control and formatting characters, which could hide or reorder what follows; lines are kept."""
    return printable(str(text), kept="\n")


def short(text: object) -> str:
    """The same on one line, cut after some hundred characters with the length that it has."""
    shown = " ".join(safe(text).split()) or str(text)
    return cut(shown, _SHORT)


def long(text: object) -> str:
    """The same for a paragraph of our own, in which only names are from elsewhere."""
    shown = " ".join(safe(text).split())
    return cut(shown, _LONG)


def code(text: str) -> Markup:
    """A sentence of our own as HTML, with what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def first_upper(text: str) -> str:
    """Text that begins a sentence."""
    return text[:1].upper() + text[1:]
