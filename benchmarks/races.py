"""How often two writers at once are both told that they won: records and leases, in every kind of store.

    python -m benchmarks.races [--rounds 10000]

A bucket is an S3 server on loopback (moto); `no links` is a folder on whose file system hard links are refused.
"""

from __future__ import annotations

import argparse
import errno
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from obstore.store import S3Store

from tests.support.buckets import KEYS, OPTIONS, s3_server
from workers.store.filesystems.bucket import BucketFiles
from workers.store.filesystems.files import Files
from workers.store.filesystems.local import LocalFiles

WRITERS = 2


def refuse(*_words: object, **_named: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def publications(files: Files, rounds: int, pool: ThreadPoolExecutor) -> list[int]:
    """How many of the writers of each record were told that they published it."""
    return [
        sum(pool.map(lambda writer, name=f"records/{number}": files.publish(name, b"%d" % writer), range(WRITERS)))
        for number in range(rounds)
    ]


def takeovers(files: Files, rounds: int, pool: ThreadPoolExecutor) -> list[int]:
    """How many drivers were told that they took over a lease, each time it was free."""
    files.write("lease", b"free")
    winners = []
    for number in range(rounds):
        version = files.read_version("lease")[1]
        data = [b"%d of round %d" % (driver, number) for driver in range(WRITERS)]
        winners.append(sum(pool.map(lambda mine, version=version: files.replace("lease", mine, version), data)))
    return winners


def measure(name: str, files: Files, rounds: int) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        for kind, race in (("records", publications), ("leases", takeovers)):
            begin = time.perf_counter()
            winners = race(files, rounds, pool)
            seconds = time.perf_counter() - begin
            both, none = sum(count > 1 for count in winners), winners.count(0)
            print(f"{name:10} {kind:8} {rounds:6} races: {both} with two winners, {none} with none; {seconds:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10_000)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        measure("local", LocalFiles(Path(folder) / "local"), rounds)
        link, os.link = os.link, refuse
        measure("no links", LocalFiles(Path(folder) / "unlinked"), rounds)
        os.link = link
    with s3_server() as address:
        bucket = S3Store("bucket", endpoint=address, **KEYS, **OPTIONS)
        measure("bucket", BucketFiles(bucket, "s3://bucket"), rounds)


if __name__ == "__main__":
    main()
