"""How much of the code the tests run, with a floor: a plugin of pytest, `-p tests.support.coverage`.

SlipCover watches lines by code that it adds to them, which costs about a tenth of a test's time; tracing would nearly
double it. The tests' own processes are measured, not those that they start.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from slipcover import FileMatcher, ImportManager, Slipcover, merge_coverage

FLOOR = 95
"""Percent of the lines."""

_ROOT = Path(__file__).parents[2]
_PACKAGES = [str(_ROOT / name) for name in ("prunesweep", "orchestrator", "workers")]
# A high threshold: to stop watching lines, all functions are searched, which takes longer than to watch them.
_slipcover = Slipcover(source=_PACKAGES, d_miss_threshold=10_000, exclude_also=[r"^\s*\.\.\.$"])
ImportManager(_slipcover, FileMatcher(_PACKAGES)).__enter__()  # before a conftest imports what is to be measured
_of_workers: list[dict[str, Any]] = []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Keep what a worker of xdist has measured."""
    if measured := getattr(node, "workeroutput", {}).get("coverage"):
        _of_workers.append(json.loads(measured))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["coverage"] = json.dumps(_slipcover.get_coverage())
    elif session.exitstatus == pytest.ExitCode.OK and _summary()["percent_covered"] < FLOOR:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    summary = _summary()
    share, lines = summary["percent_covered"], summary["covered_lines"] + summary["missing_lines"]
    terminalreporter.line(f"{share:.1f}% of {lines:,} lines were run; at least {FLOOR}% must be")


@cache  # once all workers have ended
def _summary() -> dict[str, Any]:
    """Of all workers of xdist, or of this process where it runs the tests itself."""
    coverage: dict[str, Any] = _of_workers[0] if _of_workers else _slipcover.get_coverage()
    for measured in _of_workers[1:]:
        merge_coverage(coverage, measured)
    return coverage["summary"]
