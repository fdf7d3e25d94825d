"""What commands print, and how they end. Data go to stdout, everything else to stderr."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from orchestrator.cli.options import Format
from orchestrator.cli.reading import Output
from orchestrator.driver.situation import resume_command
from orchestrator.planning.cells import failures_in_words
from workers.machine.terminal import say
from workers.store.filesystems.output import write_output
from workers.store.layout import MARKER
from workers.text import plural, printable
from workers.waiting import is_anything_left

if TYPE_CHECKING:
    from orchestrator.driver.summary import Summary
    from orchestrator.results.printing.printable import Printable


def terminal_width() -> int | None:
    """Columns of the terminal; None for a pipe or a file, for which tables are not folded."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def show(report: Printable, output: Output) -> None:
    """Print a report, or write it to a file and print its path."""
    compact = output.compact
    writers: dict[Format, Callable[[], str | bytes]] = {
        "text": lambda: report.to_text(None if output.file else terminal_width(), compact=compact),
        "markdown": lambda: report.to_markdown(compact=compact),
        "csv": report.to_csv,
        "latex": lambda: report.to_latex(compact=compact, label=output.label, caption=output.caption),
        "html": lambda: report.to_html(compact=compact),
        "json": report.to_json,
        "xlsx": lambda: report.to_xlsx(compact=compact),
    }
    content = writers[output.format]()
    if output.file is None:
        print(content)
    else:
        _write(output, content)
        print(output.file)


def _write(output: Output, content: str | bytes) -> None:
    """Replace the file in one step; HTML becomes a complete page."""
    assert output.file is not None
    if isinstance(content, str):
        page = f'<!doctype html>\n<meta charset="utf-8">\n{content}' if output.format == "html" else content
        content = f"{page.rstrip()}\n".encode()
    write_output(output.file, content)


def note_published(locations: Sequence[str]) -> None:
    """Say so if the name of the published study hides a store."""
    from orchestrator.results.load import is_published

    for location in locations:
        if is_published(location) and Path(location, MARKER).exists():
            say(f"note: `{location}` is the published study; the store in this folder is `./{location}`")


def name_unreadable(unreadable: Mapping[str, str], code: int = 0) -> None:
    """Say which files were skipped, and exit if there are any: with `code`, or 3 if that is 0."""
    for reason in unreadable.values():
        say(f"warning: skipped {printable(reason)}")
    if unreadable:
        sys.exit(code or 3)


def leave(code: int) -> NoReturn:
    """Exit, at once if work was left behind: the interpreter would wait for it, in pyarrow's file systems for one."""
    if is_anything_left():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def finish(work: Callable[[], Any], store: str | None, shard: str | None = None) -> None:
    """Run, say how it went and how to continue, and exit with the code of the summary."""
    summary = work()
    place = shlex.quote(str(store))
    again = resume_command(str(store), shard)
    of_shard = f" of shard {shard}" if shard else ""
    say(f"{summary.cells_done:,} of {plural(summary.cells, 'cell')}{of_shard} done")
    if summary.cells_done < summary.cells:
        say_time_limit(summary)
    if summary.failed:
        say(failed_trials(summary))
        say(f"\nSee why:    prunesweep status {place}\nTry again:  {again} --retry-failed")
    elif summary.cells_done < summary.cells:
        say(f"\nContinue with:  {again}")
    else:
        say(f"\nNext:  prunesweep table {place}\n       prunesweep report {place}\n       prunesweep export {place}")
    name_unreadable(summary.unreadable, summary.exit_code)
    sys.exit(summary.exit_code)


def say_time_limit(summary: Summary) -> None:
    """Say of a run that is not done that its time limit ended it, if so: not failures alone."""
    if summary.out_of_time and summary.signal is None and (summary.cells_left or not summary.failed):
        say("Stopped by `--stop-after`")


def failed_trials(summary: Summary) -> str:
    """The failed trials of a run by outcome, and the cells that wait for them, as `status` says it."""
    return failures_in_words(summary.outcomes, summary.cells_held_up)
