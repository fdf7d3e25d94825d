"""Options of the commands that read results; each means the same in all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import OUTPUT, Format
from orchestrator.results.statistics import Split, Statistic, Value
from workers.errors import InputError
from workers.paths import file_to_write

LAYOUT = "Layout"
"""A group of options in `--help`."""

Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help="A budget: one of the sweep, a length near one (`50%`, `90ep`), or a rule: `best` (chosen on validation), "
        "`longest`, or `single` (the longest, for weight_rewinding at most 90%). Default `best`, unless there is only "
        "one.",
    ),
]
ValueName = Annotated[Value, typer.Option("--value", help="`delta`: difference from the dense network, in points.")]
StatisticName = Annotated[
    Statistic,
    typer.Option("--statistic", help="Median (min, max), mean ± sd, or mean with its 95% confidence interval (`ci`)."),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        help="Baseline technique for significance tests, where intervals are shown (default: fine_tuning).",
    ),
]
SplitName = Annotated[Split, typer.Option("--split", help="Score on `test` or `validation` examples.")]

Rows = Annotated[
    str | None,
    typer.Option(
        "--rows",
        help="What a line is: `technique`, `compression`, `budget`, `network` …; several with commas.",
        show_default="technique",
        rich_help_panel=LAYOUT,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        help="What a column is, as in `--rows`; several with commas.",
        show_default="compression",
        rich_help_panel=LAYOUT,
    ),
]
Compact = Annotated[
    bool,
    typer.Option(
        "--compact",
        help="Only the numbers, without spreads and budgets; in LaTeX, fits one column of a two-column page.",
        rich_help_panel=LAYOUT,
    ),
]
OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Write to a file; its suffix is the format: .txt .md .csv .tex .html .json .xlsx.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
Label = Annotated[str | None, typer.Option("--label", help="LaTeX: the table's label.", rich_help_panel=OUTPUT)]
Caption = Annotated[
    str | None,
    typer.Option("--caption", help="LaTeX: a caption of your own, as LaTeX.", rich_help_panel=OUTPUT),
]

_SUFFIXES: dict[str, Format] = {
    ".txt": "text",
    ".md": "markdown",
    ".csv": "csv",
    ".tex": "latex",
    ".html": "html",
    ".json": "json",
    ".xlsx": "xlsx",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """How and where to print a report."""

    format: Format
    file: Path | None
    compact: bool
    label: str | None
    caption: str | None

    @classmethod
    def of(
        cls,
        format_: Format | None,
        as_json: bool,
        file: Path | None,
        *,
        compact: bool = False,
        label: str | None = None,
        caption: str | None = None,
    ) -> Output:
        """The output that the options ask for. Raises InputError for options that do not fit together."""
        path = None if file is None else file_to_write(file)
        chosen: Format = "json" if as_json else format_ or _by_suffix(path)
        if path is not None and _SUFFIXES.get(path.suffix, chosen) != chosen:
            raise InputError(
                f"the name of file `{path}` does not fit its format: {chosen}",
                hint="omit the format, or change the name",
            )
        if chosen == "xlsx" and path is None:
            raise InputError("a workbook cannot be printed", hint="name its file: `-o table.xlsx`")
        if chosen != "latex" and (label or caption):
            option = "--label" if label else "--caption"
            raise InputError(f"`{option}` needs the format `latex`: {chosen}", hint="add `--format latex`")
        if compact and chosen in ("csv", "json"):
            raise InputError(f"`--compact` does not change this format: {chosen}", hint="omit it")
        return cls(format=chosen, file=path, compact=compact, label=label, caption=caption)


def _by_suffix(path: Path | None) -> Format:
    if path is None:
        return "text"
    if path.suffix not in _SUFFIXES:
        raise InputError(
            f"cannot tell the format of `{path}`", hint=f"end its name in {', '.join(_SUFFIXES)}, or add `--format`"
        )
    return _SUFFIXES[path.suffix]
