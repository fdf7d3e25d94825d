"""The command line: a thin shell over `orchestrator.api`. Data go to stdout, the rest to stderr.

Commands import what they need inside their functions, so that `--help` and tables start quickly. Nothing else imports
this package.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from orchestrator.cli import (  # isort: skip  (in the order in which `--help` lists the commands)
    sweeps,
    tables,
    comparisons,
    page,
    models,
    upkeep,
)
from orchestrator.cli.app import app
from orchestrator.cli.output import leave
from orchestrator.cli.startup import spare_pandas
from orchestrator.cli.stuck import Interrupted
from workers.errors import FAILURES, PrunesweepError

__all__ = ["app", "comparisons", "main", "models", "page", "sweeps", "tables", "upkeep"]


_OLD_NAMES = {"--cpu": "--on-cpu"}
_RETRY = "--retry-failed"


def main() -> None:
    """The entry point: prints errors as messages and exits with the codes that the README lists."""
    spare_pandas()
    try:
        app(args=_spelled_out(sys.argv[1:]))
    except PrunesweepError as error:
        _fail(error, error.exit_code)
    except Interrupted:
        print("\nInterrupted", file=sys.stderr)
        leave(130)
    except BrokenPipeError:  # `prunesweep table | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        _fail(error, 4)


def _spelled_out(words: Sequence[str]) -> list[str]:
    """The words of a command line with `--retry-failed`, which may be without its value, as one word with it."""
    result: list[str] = []
    for word in words:
        if result and result[-1] == _RETRY:
            names_outcomes = not {"all", *FAILURES}.isdisjoint(word.split(","))
            result[-1] = f"{_RETRY}={word if names_outcomes else 'all'}"
            if names_outcomes:
                continue
        result.append(_OLD_NAMES.get(word, word))
    return [f"{_RETRY}=all" if word == _RETRY else word for word in result]


def _fail(error: Exception, code: int) -> None:
    reports = error.reports() if isinstance(error, PrunesweepError) else [str(error)]
    print("\n\n".join(f"error: {report}" for report in reports), file=sys.stderr)
    leave(code)
