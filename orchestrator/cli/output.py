"""What commands print beside their data, and how they end. stdout carries data, stderr everything else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.options import Format
from workers.text import printable

if TYPE_CHECKING:
    from orchestrator.results.report import Report


def terminal_width() -> int | None:
    """Columns of the terminal; tables that go elsewhere are not folded."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def show(report: Report, format_: Format, as_json: bool) -> None:
    """Print a report; `--json` is short for that format."""
    writers: dict[Format, Callable[[], str]] = {
        "text": lambda: report.to_text(terminal_width()),
        "markdown": report.to_markdown,
        "csv": report.to_csv,
        "latex": report.to_latex,
        "html": report.to_html,
        "json": report.to_json,
    }
    print(writers["json" if as_json else format_]())


def note_published(locations: Sequence[str]) -> None:
    """Say so where the name of the published study hides a store."""
    for location in locations:
        if location == "renda2020" and Path(location, "store.json").exists():
            say(f"note: `{location}` is the published study; the store in this folder is `./{location}`")


def name_unreadable(unreadable: Mapping[str, str]) -> None:
    """Say which files were skipped, and exit with 3 if any were."""
    for reason in unreadable.values():
        say(f"warning: skipped {printable(reason)}")
    if unreadable:
        sys.exit(3)


def say(message: str) -> None:
    print(message, file=sys.stderr)


def finish(work: Callable[[], Any], store: str | None) -> None:
    """Run, say how it went and how to go on, and exit with the summary's code."""
    summary = work()
    say(f"{summary.cells_done:,} of {summary.cells:,} cells done")
    if summary.failed:
        say(f"{summary.failed:,} trials failed ({summary.classes}) and block {summary.blocked:,} more")
        say(f"\nSee why:    prunesweep status {store}\nTry again:  prunesweep resume {store} --retry-failed")
    elif summary.cells_done < summary.cells:
        say(f"\nContinue with:  prunesweep resume {store}")
    else:
        say(f"\nNext:  prunesweep table {store}\n       prunesweep export {store}")
    name_unreadable(summary.unreadable)
    sys.exit(summary.exit_code)
