"""A table as Markdown, LaTeX and HTML; everything that users name is escaped, the best of a column is bold."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence

from orchestrator.results.table import Section, Table
from orchestrator.results.wording import caption, compression_labels, measure, notes, parts, protocol

_LATEX = {
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
    "×": r"$\times$",
    "±": r"$\pm$",
    "·": r"\textperiodcentered{}",
    "–": "--",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "¶": r"\P{}",
}
_SIGN = re.compile(r"(?<![\w.])([+-])(?=\d)")
_MARKDOWN_SPECIAL = re.compile(r"([\\`*<>|]|(?<!\w)_|_(?!\w)|(?<=\])\()")


def to_markdown(table: Table) -> str:
    """GitHub's tables, a heading for each section."""
    blocks = [f"**{escape_markdown(measure(table))}** ({escape_markdown(protocol(table))})"]
    for section in table.sections:
        blocks.append(f"### {escape_markdown(section.title)}")
        blocks.append(escape_markdown(caption(section, table)))
        header, *lines = _grid(section, table, escape_markdown, "**{}**")
        if len(header) > 1:
            blocks.append(markdown_grid(header, lines))
    blocks += [escape_markdown(note) for note in notes(table)]
    return "\n\n".join(blocks) + "\n"


def to_latex(table: Table) -> str:
    """A `table` environment for each section, with the rules of booktabs."""
    blocks = [r"% needs \usepackage{booktabs}"]
    for section in table.sections:
        header, *lines = _grid(section, table, escape_latex, r"\textbf{{{}}}")
        title = f"{section.title}. {measure(table)}: {protocol(table)}. {caption(section, table)}"
        blocks.append(latex_table(title, header, lines, notes(table)))
    return "\n\n".join(blocks) + "\n"


def markdown_grid(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Escaped text as one of GitHub's tables, the first column to the left and the others to the right."""
    rows = [header, ["---", *["---:"] * (len(header) - 1)], *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def latex_table(title: str, header: Sequence[str], lines: Iterable[Sequence[str]], notes: Iterable[str]) -> str:
    """Escaped cells as a `table` environment, with a title and notes that are escaped here."""
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(title)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
            r"\toprule",
            f"{' & '.join(header)} \\\\",
            r"\midrule",
            *(f"{' & '.join(line)} \\\\" for line in lines),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {escape_latex(note)}" for note in notes),
            r"\end{table}",
        ]
    )


def to_html(table: Table) -> str:
    """A fragment without style or script."""
    blocks = [f"<p><strong>{html.escape(measure(table))}</strong> ({html.escape(protocol(table))})</p>"]
    for section in table.sections:
        header, *lines = _grid(section, table, html.escape, "<strong>{}</strong>")
        title = f"{section.title}. {caption(section, table)}"
        heads = "".join(f'<th scope="col">{cell}</th>' for cell in header)
        rows = "\n".join(
            f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
            for name, *cells in lines
        )
        blocks.append(
            f"<table>\n<caption>{html.escape(title)}</caption>\n"
            f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
        )
    blocks += [f"<p>{html.escape(note)}</p>" for note in notes(table)]
    return "\n".join(blocks)


def _grid(section: Section, table: Table, escape: Callable[[str], str], bold: str) -> list[list[str]]:
    """Header and rows of escaped text; the number of a column's best cell is bold."""
    grid = [["technique", *map(escape, compression_labels(section.compressions))]]
    for technique in section.techniques:
        line = [escape(technique)]
        for compression in section.compressions:
            cell = section.cells.get((technique, compression))
            number, *rest = map(escape, parts(cell, section, table))
            best = bold.format(number) if cell is not None and cell.best else number
            line.append(" ".join(part for part in (best, *rest) if part))
        grid.append(line)
    return grid


def escape_markdown(text: str) -> str:
    """Text in which nothing means anything to GitHub's Markdown."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", text)


def escape_latex(text: str) -> str:
    """Text in which nothing means anything to LaTeX; the signs of numbers become minus signs."""
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return _SIGN.sub(r"$\1$", escaped)
