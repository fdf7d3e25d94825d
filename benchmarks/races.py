"""How often two writers at once are both told that they won: records and leases, in every kind of store.

    python benchmarks/races.py [--rounds 10000 | --quick]

A bucket is an S3 server on loopback (moto, which serves one request at a time here); `no links` is a folder whose file
system refuses hard links. Exits with 1 if a race has another number of winners than one.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
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


def measure(name: str, files: Files, rounds: int) -> int:
    """Print the result of all races on one kind of store; returns how many did not have exactly one winner."""
    wrong = 0
    with ThreadPoolExecutor(WRITERS) as pool:
        for kind, race in (("records", publications), ("leases", takeovers)):
            begin = time.perf_counter()
            winners = race(files, rounds, pool)
            seconds = time.perf_counter() - begin
            both, none = sum(count > 1 for count in winners), winners.count(0)
            wrong += both + none
            print(f"{name:10} {kind:8} {rounds:6} races: {both} with two winners, {none} with none; {seconds:.0f} s")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="100 rounds")
    arguments = parser.parse_args()
    rounds = 100 if arguments.quick else arguments.rounds
    with tempfile.TemporaryDirectory() as folder:
        wrong = measure("local", LocalFiles(Path(folder) / "local"), rounds)
        link, os.link = os.link, refuse
        wrong += measure("no links", LocalFiles(Path(folder) / "unlinked"), rounds)
        os.link = link
    with s3_server() as address:
        bucket = S3Store("bucket", endpoint=address, **KEYS, **OPTIONS)
        wrong += measure("bucket", BucketFiles(bucket, "s3://bucket"), rounds)
    print(json.dumps({"rounds": rounds, "wrong": wrong}))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
