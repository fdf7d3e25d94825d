"""Sweeps on simulated machines that fail in every way a seed thinks of: `python benchmarks/simulate.py --seeds 10000`.

Drivers (of a whole sweep, or of two or three shards), workers, lease and store are the product's; see
`tests/support/simulation.py`. Prints what was disturbed and checked, and exits with 1 if a promise was broken.
`--seed K` runs that seed alone, exactly as before. The seeds are divided among `--processes`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.support.simulation import Outcome, simulate

CHUNK = 20
"""How many seeds a process takes at a time."""


def outcomes(seeds: Sequence[int], processes: int) -> Iterator[Outcome]:
    """How the seeds went, as they end."""
    processes = min(processes, len(seeds) // CHUNK)
    if processes < 2:
        yield from map(simulate, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(simulate, seeds, CHUNK)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run one seed only")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="as many as there are cores by default")
    parser.add_argument("--quick", action="store_true", help="200 seeds")
    arguments = parser.parse_args()
    count = 200 if arguments.quick else arguments.seeds
    seeds = range(arguments.first, arguments.first + count) if arguments.seed is None else [arguments.seed]
    begin = time.perf_counter()
    faults: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    calls, hours, failing = 0, 0.0, []
    for outcome in outcomes(seeds, arguments.processes):
        faults += outcome.faults
        checks += outcome.checks
        calls, hours = calls + outcome.calls, hours + outcome.seconds / 3600
        if outcome.problem is not None:
            failing.append(outcome.seed)
            print(f"seed {outcome.seed}: {outcome.problem}", flush=True)
    seconds = time.perf_counter() - begin
    print(f"{len(seeds):,} seeds, {len(seeds) / seconds:.0f} a second: {calls:,} system calls in {hours:,.0f} h")
    for title, counts in (("faults", faults), ("checks", checks)):
        print(f"{title}: {', '.join(f'{count:,} × {name}' for name, count in counts.most_common())}")
    print(json.dumps({"seeds": len(seeds), "failing": sorted(failing)}))
    sys.exit(1 if failing else 0)


if __name__ == "__main__":
    main()
