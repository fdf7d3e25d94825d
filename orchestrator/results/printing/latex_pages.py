"""How high the parts of a table in LaTeX are, and on which page each belongs: a float does not break across pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from orchestrator.results.printing.latex_text import wrapped

_PAGE_HEIGHT = 540.0  # points: 10 fewer than a letter page of `article` has
_LEAST_ROOM = 100.0  # for a table under an endless caption
_CAPTION_EM, _CAPTION_LINE, _CAPTION_SKIPS = 10.5, 12.0, 16.0  # at \\normalsize
_NOTE_EM, _NOTE_LINE, _NOTE_SKIP = 8.0, 8.0, 4.0  # at \\scriptsize
_LINE = 9.5  # at \\footnotesize
_RULES = 18.0  # the rules of booktabs, and the space between two tables
_MOST_WAITING = 12  # LaTeX keeps 52 floats (18 before 2015) that wait for room on a page, the document's own included


class Piece(NamedTuple):
    """LaTeX that stays on one page, and its height in points."""

    text: str
    height: float


def room_below(caption: str, width: float) -> float:
    """The height that a caption of this width leaves on a page, in points."""
    lines = len(wrapped(caption, width, _CAPTION_EM))
    return max(_LEAST_ROOM, _PAGE_HEIGHT - _CAPTION_SKIPS - _CAPTION_LINE * lines)


def note_height(note: str, width: float) -> float:
    return _NOTE_SKIP + _NOTE_LINE * len(wrapped(note, width, _NOTE_EM))


def table_height(header: int, lines: Iterable[int]) -> float:
    """The height of a table, from the number of text lines in its header and in each of its lines."""
    return _RULES + _LINE * (header + sum(lines))


def parts_of(header: int, lines: Sequence[int], room: float) -> list[slice]:
    """The lines of a table in parts that fit the room, each with one line at least and its own header."""
    starts = [0]
    for stop in range(1, len(lines)):
        if table_height(header, lines[starts[-1] : stop + 1]) > room:
            starts.append(stop)
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True)]


def pages_of(pieces: Iterable[Piece], room: float) -> list[list[Piece]]:
    """Pieces in order, as many on each page as fit the room, with one at least."""
    pages: list[list[Piece]] = [[]]
    for piece in pieces:
        if pages[-1] and sum(placed.height for placed in pages[-1]) + piece.height > room:
            pages.append([])
        pages[-1].append(piece)
    return pages


def flushed(tables: Iterable[Sequence[str]]) -> Iterator[str]:
    """The environments of all tables, with `\\clearpage` before LaTeX has too many that wait for a page.

    A table in several environments stays together, if it has not too many itself.
    """
    waiting = 0
    for environments in tables:
        for number, environment in enumerate(environments):
            together = min(len(environments), _MOST_WAITING) if number == 0 else 1
            if waiting + together > _MOST_WAITING:
                yield r"\clearpage"
                waiting = 0
            yield environment
            waiting += 1
