"""Text in LaTeX: escaped, and about how wide it is."""

from __future__ import annotations

import re
from functools import lru_cache

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"{\char96}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "·": r"\textperiodcentered{}",
    "…": r"\dots{}",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "¶": r"\P{}",
}
_SIGN = re.compile(r"(?<![\w.])([+-])(?=\d)")
_CODE = re.compile(r"`([^`]*)`")
_ACCENTED = re.compile("[À-ÅÇ-ÏÑ-ÖÙ-Ýà-åç-ïñ-öù-ýÿ]")  # what pdflatex has in its default encoding

_WIDTHS = (  # of characters, in ems of Computer Modern
    (re.compile(r"\d"), 0.50),
    (re.compile(r"[-+−×±=<>]"), 0.78),
    (re.compile(r"[\[\].,;:!|'ilj]"), 0.28),
    (re.compile(r"[() /tfI]"), 0.39),
    (re.compile(r"[A-Zmw%&]"), 0.80),
)
_OTHER_WIDTH = 0.53


def escaped(text: str) -> str:
    """Text in which nothing has a meaning in LaTeX; the signs of numbers become minus signs."""
    pieces = _CODE.split(" ".join(text.split()))
    quoted = [_plain(piece) if index % 2 == 0 else rf"\texttt{{{_plain(piece)}}}" for index, piece in enumerate(pieces)]
    return _SIGN.sub(r"$\1$", "".join(quoted))


def _plain(text: str) -> str:
    return "".join(_SPECIAL.get(character) or _visible(character) for character in text)


def _visible(character: str) -> str:
    """A character, or its number if a plain LaTeX cannot typeset it."""
    if character in _SPECIAL or (character.isascii() and character.isprintable()) or _ACCENTED.match(character):
        return character
    return f"(U+{ord(character):04X})"


def width_of(text: str, em: float) -> float:
    """About how wide a text is, in points."""
    return em * sum(map(_width, text))


@lru_cache(maxsize=4096)
def _width(character: str) -> float:
    """About how wide a character is, or the number that stands for it, in ems."""
    return sum(
        next((width for characters, width in _WIDTHS if characters.match(letter)), _OTHER_WIDTH)
        for letter in _visible(character)
    )


def wrapped(text: str, width: float, em: float) -> list[str]:
    """A text in lines of at most this width, in points, unless a word is wider."""
    words = text.split()
    lines = words[:1] or [""]
    for word in words[1:]:
        if width_of(f"{lines[-1]} {word}", em) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
