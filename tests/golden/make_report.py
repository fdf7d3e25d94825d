"""Writes tests/golden/report.html again, after a change that is meant to show: `python -m tests.golden.make_report`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from orchestrator.results.page.source import open_source
from orchestrator.results.page.write import page
from tests.support.report_store import GOLDEN, anonymous, build

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        store = build(Path(folder) / "runs").location
        GOLDEN.write_text(anonymous(page(open_source(store)), store), "utf-8")
