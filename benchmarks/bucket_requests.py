"""How many requests a sweep makes to a bucket: a trial, and `status` and `table` while a sweep runs and after it.

    python benchmarks/bucket_requests.py [--quick]

The bucket is an S3 server on loopback (moto) behind a proxy that counts. What a sweep asks for once, and what only time
brings about (renewals of the lease, and checks of it), does not count as a request of a trial: that is what a sweep of
twice as many trials makes more.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import Figure, arguments, finish, prunesweep, wait, write_sweep
from scale import detail, large_sweep, record, trivial_sweep

import prunesweep as ps
from orchestrator.driver.consolidation import MOST_APART
from orchestrator.planning import changes, expand
from orchestrator.planning.crossing import find_out
from tests.support.buckets import KEYS, Proxy, s3_server
from workers.store import Store
from workers.store.checksummed import to_parquet
from workers.store.layout import RecordKey, record_path
from workers.store.record import whole_table

TRIALS_A_REPLICATE = 25


def main() -> None:
    quick = arguments(__doc__ or "").quick
    replicates = 1 if quick else 4
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as folder, counted_bucket() as proxy:
        figures = [
            *trials(Path(folder), proxy, "through Ray", ["--cpus", "2"], "results_only", replicates, at_most=3),
            *trials(Path(folder), proxy, "in process", ["--in-process"], "results_only", replicates, at_most=3),
            *trials(Path(folder), proxy, "with its state", ["--in-process"], "all", replicates, at_most=3),
            *reading(Path(folder), proxy, replicates=1 if quick else 7),
        ]
    finish("bucket_requests", quick, figures)


@contextmanager
def counted_bucket() -> Iterator[Proxy]:
    """A proxy in front of a bucket to which every command is led by its environment."""
    with s3_server() as address:
        proxy = Proxy(address)
        os.environ |= {
            "AWS_ENDPOINT_URL": proxy.address,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": KEYS["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": KEYS["secret_access_key"],
        }
        yield proxy
        proxy.close()


def trials(
    folder: Path, proxy: Proxy, how: str, options: list[str], keep: str, replicates: int, at_most: float
) -> list[Figure]:
    """What trials that do next to nothing ask for."""
    name = how.lower().replace(" ", "-")
    fewer = run(folder, proxy, f"{name}-fewer", options, trivial_sweep(replicates) | {"keep": keep})
    more = run(folder, proxy, f"{name}-more", options, trivial_sweep(2 * replicates) | {"keep": keep})
    more.subtract(fewer)
    print_requests(f"a trial, {how}", more, TRIALS_A_REPLICATE * replicates)
    return [Figure(f"requests a trial, {how}", more.total() / TRIALS_A_REPLICATE / replicates, "", at_most=at_most)]


def run(folder: Path, proxy: Proxy, name: str, options: list[str], sweep: dict[str, Any]) -> Counter[str]:
    file = write_sweep(folder / f"{name}.yaml", sweep)
    with counting(proxy) as requests:
        wait([prunesweep("run", file, "--store", f"s3://bucket/{name}", "--quiet", *options)])
    return Counter({kind: count for kind, count in requests.items() if "lease" not in kind})


def reading(folder: Path, proxy: Proxy, replicates: int) -> list[Figure]:
    """What reading commands ask for, while a sweep of about 300 cells a replicate runs and when it is consolidated."""
    spec = ps.load(write_sweep(folder / "large.yaml", large_sweep(compressions=15, budgets=4, replicates=replicates)))
    plan = expand.make_plan(find_out(spec, None))
    store = Store("s3://bucket/large", create=True)
    store.sweeps.add(spec.name, {"version": 1, "spec": spec.canonical(), "tasks": changes.tasks(plan)}, plan.table())
    records = list({cell.stop: record(cell, plan.evaluation.key) for cell in plan.cells}.values())
    publish(store, records)
    figures = [Figure("records read", len(records), "records"), *commands(proxy, "while a sweep runs")]
    store.records.consolidate()
    return figures + commands(proxy, "after it")


def publish(store: Store, records: Iterable[dict[str, Any]]) -> None:
    """Write records, and consolidate them as a driver does; some stay apart."""
    apart = []
    for row in records:
        key = RecordKey(row["trial"], row["step"], row["evaluation"])
        store.files.write(record_path(key), to_parquet(whole_table(row, detail(density=0.5))))
        apart.append(key)
        if len(apart) == MOST_APART:
            store.records.consolidate_some(apart)
            apart = []


def commands(proxy: Proxy, when: str) -> list[Figure]:
    figures = []
    for command in ("status", "table"):
        with counting(proxy) as requests:
            wait([prunesweep(command, "s3://bucket/large")])
        print_requests(f"{command} {when}", requests, 1)
        figures.append(Figure(f"requests of {command} {when}", requests.total(), "", at_most=30))
    return figures


@contextmanager
def counting(proxy: Proxy) -> Iterator[Counter[str]]:
    """Counts the requests in the block, by kind."""
    before, kinds = len(proxy.requests), Counter[str]()
    yield kinds
    kinds.update(map(kind_of, proxy.requests[before:]))


def kind_of(request: str) -> str:
    """A request without the names of trials and numbers: `PUT results`."""
    method, _, address = request.partition(" ")
    path, _, query = address.partition("?")
    listed = re.search(r"prefix=([^&]*)", query)
    if listed is not None:
        method, path = "LIST", f"/{listed[1].replace('%2F', '/')}"
    parts = path.strip("/").removeprefix("bucket/").split("/")
    return f"{method} {parts[1] if len(parts) > 1 else '(store)'}"


def print_requests(title: str, kinds: Counter[str], trials: int) -> None:
    print(f"{title}:")
    for kind, count in sorted((+kinds).items()):
        print(f"    {kind:<20} {count / trials:8.2f}")


if __name__ == "__main__":
    main()
