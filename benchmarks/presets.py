"""Run every preset at a tiny scale, through the same code as at full scale. Exits with 1 if a cell is not done.

Images, their number and the batch are even smaller than with `--scale`, so that a CPU takes minutes.
"""

from __future__ import annotations

import sys
import tempfile
import time

import prunesweep as ps
from orchestrator.presets import presets
from orchestrator.sweep.spec import SweepSpec
from tests.support.tiny_presets import tiny
from workers.store import Store

QUICK = ("digits", "resnet20-one-shot", "resnet20-iterative", "resnet56-structured-b")


def two_budgets(spec: SweepSpec) -> str:
    """The two largest budgets: a rewind point within the dense training and one at its start."""
    return "budget=" + "|".join(sorted({str(budget) for grid in spec.grids for budget in grid.budgets[-2:]}))


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    failed = False
    print(f"{'preset':24}{'cells':>7}{'trials':>8}{'seconds':>9}  ok")
    for name in QUICK if quick else presets():
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory() as store:
            options = ps.RunOptions(in_process=True, quiet=True)
            spec = tiny(name)
            summary = ps.run(spec, f"{store}/store", only=two_budgets(spec), options=options)
            trials = len({record.trial for record in Store(f"{store}/store").records.all_keys()})
        seconds = time.perf_counter() - begin
        failed |= summary.exit_code != 0
        verdict = f"NO: {summary.cells_done} cells, {summary.outcomes}" if summary.exit_code else "yes"
        print(f"{name:24}{summary.cells:>7}{trials:>8}{seconds:>9.1f}  {verdict}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
