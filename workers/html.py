"""What notebooks show: small HTML fragments in which every text is escaped, without styles or scripts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from workers.text import printable


def escaped(text: object) -> str:
    """Text that means nothing in HTML, with its control characters as codes."""
    return html.escape(printable(str(text)))


def paragraph(text: object) -> str:
    return f"<p>{escaped(text)}</p>"


def preformatted(lines: Iterable[str]) -> str:
    return f"<pre>{chr(10).join(map(escaped, lines))}</pre>"


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose first column names its rows; whole numbers have thousands separators."""
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in header)
    body = "\n".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return (
        f"<table>\n<caption>{escaped(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
        "</table>"
    )


def _cells(row: Sequence[object]) -> str:
    name, *values = (f"{value:,}" if isinstance(value, int) else value for value in row)
    return f'<th scope="row">{escaped(name)}</th>' + "".join(f"<td>{escaped(value)}</td>" for value in values)
