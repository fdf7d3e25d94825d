"""A driver that may die at a crash point: it runs a tiny sweep, in which one trial fails and is asked to run again.

Partial states, which it does not save: `crashing_worker`.
"""

from __future__ import annotations

import prunesweep as ps
from orchestrator.driver.options import RunOptions
from orchestrator.sweep.spec import spec_from_dict
from tests.support.describing import described_here
from tests.support.forks import serve
from tests.support.sweeps import grid, tiny_sweep

GOOD = tiny_sweep()["recipe"] | {"name": "good"}
DIVERGING = GOOD | {"name": "diverging", "optimizer": {"name": "SGD", "lr": 1e30}}
SWEEP = tiny_sweep(recipe=[GOOD, DIVERGING], grid=grid(compression=4, budget=["50%", "100%"]))
OPTIONS = RunOptions(in_process=True, quiet=True, retry=("all",))


def drive(location: str) -> None:
    ps.run(spec_from_dict(SWEEP), location, options=OPTIONS)


if __name__ == "__main__":
    with described_here():
        serve(drive)
