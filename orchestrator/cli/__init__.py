"""The command line: a thin shell over `orchestrator.api`. stdout carries data, stderr everything else.

Commands import what they need inside their functions, so that `--help` and tables start quickly. Nothing else imports
this package.
"""

from __future__ import annotations

import os
import sys

from orchestrator.cli import (  # isort: skip  (in the order in which `--help` lists the commands)
    sweeps,
    tables,
    comparisons,
    models,
    upkeep,
)
from orchestrator.cli.app import app
from orchestrator.cli.startup import spare_pandas
from workers.errors import InputError, PrunesweepError, StoreError

__all__ = ["app", "comparisons", "main", "models", "sweeps", "tables", "upkeep"]


def main() -> None:
    """The entry point: errors as messages, exit codes as the README says."""
    spare_pandas()
    arguments = ["--retry-failed=all" if word == "--retry-failed" else word for word in sys.argv[1:]]
    try:
        app(args=arguments)
    except InputError as error:
        _fail(error, 2)
    except StoreError as error:
        _fail(error, 4)
    except PrunesweepError as error:
        _fail(error, 1)
    except KeyboardInterrupt:  # later ones are handled by the driver, which drains
        print("Stopped; nothing had begun", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `prunesweep table | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        _fail(error, 4)


def _fail(error: Exception, code: int) -> None:
    text = str(error)
    print(text if text.startswith("error:") else f"error: {text}", file=sys.stderr)
    sys.exit(code)
