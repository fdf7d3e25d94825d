"""A bucket whose server does not answer for 40 seconds in the middle of a sweep, in one process and under Ray.

    python benchmarks/bucket_outage.py [--quick]

The sweep must wait and end well: no trial fails or is trained twice, and the table is that of an undisturbed sweep.
The bucket is an S3 server on loopback (moto); during the outage, every connection is cut.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bucket_requests import counted_bucket
from chaos import table
from measure import Figure, arguments, finish, prunesweep, wait, write_sweep

from tests.support.buckets import Proxy
from workers.store import Store

OUTAGE_SECONDS = 40.0
FEWEST = 3  # records that exist when the outage begins


def main() -> None:
    quick = arguments((__doc__ or "").splitlines()[0]).quick
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as folder, counted_bucket() as proxy:
        file = write_sweep(Path(folder) / "outage.yaml", sweep())
        wait([prunesweep("run", file, "--store", Path(folder) / "undisturbed", "--in-process", "--quiet")])
        expected = table(Path(folder) / "undisturbed")
        ways = {"in process": ["--in-process"], "under Ray": ["--cpus", "2"]}
        figures = []
        for number, (name, options) in enumerate(list(ways.items())[: 1 if quick else 2]):
            figures += disturbed(file, f"s3://bucket/{number}", options, proxy, expected, name)
    finish("bucket_outage", quick, figures)


def disturbed(file: Path, place: str, options: list[str], proxy: Proxy, expected: bytes, name: str) -> list[Figure]:
    """How a sweep ends whose bucket is away for a while."""
    driver = prunesweep("run", file, "--store", place, "--quiet", *options)
    wait_for_records(driver, place)
    proxy.away = True
    time.sleep(OUTAGE_SECONDS)
    before = len(proxy.requests)
    assert driver.poll() is None, "the sweep has ended during the outage"
    proxy.away = False
    begin = time.monotonic()
    wait([driver])
    seconds, store = time.monotonic() - begin, Store(place)
    return [
        Figure(f"{name}: seconds from the server's return to the end", seconds, "s"),
        Figure(f"{name}: requests from the server's return to the end", len(proxy.requests) - before, ""),
        Figure(f"{name}: failed trials", len(store.files.names("failures")), "", at_most=0),
        Figure(f"{name}: trials that were trained twice", trained_twice(store), "", at_most=0),
        Figure(f"{name}: tables that differ", float(table(store) != expected), "", at_most=0),
    ]


def trained_twice(store: Store) -> int:
    logs = store.files.sizes("logs")
    ends = Counter(log.split("/")[1] for log in logs if b"ends: done" in store.files.read(log))
    assert ends
    return sum(count > 1 for count in ends.values())


def wait_for_records(driver: subprocess.Popen[bytes], place: str) -> None:
    store = Store(place, create=True)
    while driver.poll() is None:
        if len(store.records.all_keys()) >= FEWEST:
            return
        time.sleep(0.2)
    raise RuntimeError(f"the sweep has ended with {driver.returncode} before the outage")


def sweep() -> dict[str, Any]:
    data = {"name": "synthetic", "train_images": 400, "test_images": 200, "classes": 4, "channels": 1, "size": 8}
    return {
        "dataset": data,
        "network": {"name": "mlp", "hidden": [32, 16], "dropout": 0.1, "batch_norm": True},
        "recipe": {"duration": "40ep", "batch_size": 16, "optimizer": {"name": "SGD", "lr": 0.05, "momentum": 0.9}},
        "grid": [{"technique": ["fine_tuning", "lr_rewinding"], "compression": [4, 8], "budget": ["50%", "100%"]}],
    }


if __name__ == "__main__":
    main()
