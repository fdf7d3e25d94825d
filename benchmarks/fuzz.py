"""Read thousands of mutated sweep files, records and checkpoints: `python benchmarks/fuzz.py`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.support.fuzz import store_files, sweep_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name, outcomes in (
        ("sweep files", sweep_files(arguments.sweeps, arguments.seed)),
        ("records and checkpoints", store_files(arguments.files, arguments.seed)),
    ):
        begun = time.monotonic()
        counts = Counter(outcomes)
        listed = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
        print(f"{name}: {counts.total():,} mutated, {listed}, in {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
