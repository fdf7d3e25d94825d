"""Aligned text files: line i of one is the translation of line i of the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from workers.errors import BadInput, InputError
from workers.text import plural


class SentencePair(NamedTuple):
    """A sentence, its translation as it is to be learned, and as people write it."""

    source: str
    target: str
    reference: str


def read_pairs(
    source: Path, target: Path, reference: Path | None = None, limit: int | None = None
) -> list[SentencePair]:
    """The lines of two files, or the first `limit` of them, without those of which a side is empty.

    `reference` has the target as people write it (None: `target` has). Raises InputError for a file that is missing or
    cannot be read, BadInput for files that are not UTF-8 or do not have the same number of lines.
    """
    paths = [source, target, *([reference] if reference else [])]
    columns = [read_lines(path)[:limit] for path in paths]
    if len({len(lines) for lines in columns}) > 1:
        counts = " and ".join(plural(len(lines), "line") for lines in columns)
        names = " and ".join(f"`{path}`" for path in paths)
        raise BadInput(f"{names} must have the same number of lines, not {counts}")
    lines = [SentencePair(row[0], row[1], row[-1]) for row in zip(*columns, strict=True) if all(row)]
    if not lines:
        raise BadInput(f"no sentence pairs in `{source}` and `{target}`")
    return lines


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without white space around them, and without a byte order mark.

    Raises the errors of `read_pairs`.
    """
    try:
        text = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except FileNotFoundError as error:
        raise InputError(f"text file not found: `{path}`") from error
    except OSError as error:
        raise InputError(f"cannot read text file `{path}`: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"text file `{path}` is not UTF-8: {error.reason} at byte {error.start:,}") from error
    return [line.strip() for line in text.removesuffix("\n").split("\n")]


def spaced(lines: Sequence[SentencePair], argument: str, count: int | None) -> Sequence[SentencePair]:
    """`count` lines, evenly spaced (None: all). Raises InputError for fewer than one or more than there are."""
    if count is None:
        return lines
    if not 1 <= count <= len(lines):
        raise InputError(f"`{argument}` must be from 1 to {len(lines):,}: {count:,}")
    return [lines[index * len(lines) // count] for index in range(count)]
