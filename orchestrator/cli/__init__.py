"""The command line: a thin shell over `orchestrator.api`. Data go to stdout, the rest to stderr.

Commands import what they need inside their functions, so that `--help` and tables start quickly. Nothing else imports
this package.
"""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Sequence

from orchestrator.cli import (  # isort: skip  (in the order in which `--help` lists the commands)
    sweeps,
    cells,
    tables,
    comparisons,
    models,
    launching,
    upkeep,
)
from orchestrator.cli.app import app
from orchestrator.cli.closed_output import quiet_end
from orchestrator.cli.output import leave
from orchestrator.cli.startup import spare_pandas
from orchestrator.cli.stuck import Interrupted
from orchestrator.driver.situation import situation, with_remedy
from workers.errors import FAILURES, PrunesweepError
from workers.machine.terminal import say

__all__ = ["app", "cells", "comparisons", "launching", "main", "models", "sweeps", "tables", "upkeep"]


_OLD_NAMES = {"--cpu": "--on-cpu"}


def main() -> None:
    """The entry point: prints errors as messages and exits with the codes that the README lists."""
    _escape_what_cannot_be_encoded()
    spare_pandas()
    with quiet_end():
        _run(sys.argv[1:])


def _escape_what_cannot_be_encoded() -> None:
    """Let stdout print as stderr does what the encoding of a locale does not have: `\\u2718` in place of `✘`."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # else a notebook's
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(words: Sequence[str]) -> None:
    try:
        app(args=_spelled_out(words))
    except PrunesweepError as error:
        _fail(error, error.exit_code)
    except Interrupted as interruption:
        say(f"\n{with_remedy('Interrupted', situation())}")
        leave(128 + interruption.number)
    except BrokenPipeError:  # which is an OSError
        raise
    except OSError as error:
        _fail(error, 4)
    except Exception:
        say(traceback.format_exc())
        _fail(
            PrunesweepError("this is a bug in prunesweep", hint="report it with the lines above"),
            PrunesweepError.exit_code,
        )


def _spelled_out(words: Sequence[str]) -> list[str]:
    """The words of a command line with each option that may be without its value as one word with it."""
    result: list[str] = []
    for word in words:
        if result and result[-1] in _OPTIONAL:
            default, is_value = _OPTIONAL[result[-1]]
            result[-1] += f"={word if is_value(word) else default}"
            if is_value(word):
                continue
        result.append(_OLD_NAMES.get(word, word))
    return [f"{word}={_OPTIONAL[word][0]}" if word in _OPTIONAL else word for word in result]


def _names_outcomes(word: str) -> bool:
    return not {"all", *FAILURES}.isdisjoint(word.split(","))


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdecimal()


_OPTIONAL = {"--retry-failed": ("all", _names_outcomes), "--watch": ("2", _is_number)}
"""Options that may be without a value: the one that then counts, and whether a word is one."""


def _fail(error: Exception, code: int) -> None:
    reports = error.reports() if isinstance(error, PrunesweepError) else [str(error)]
    say("\n\n".join(f"error: {report}" for report in reports))
    leave(code)
