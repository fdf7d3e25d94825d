"""A server of S3 in the network of `cluster.py`, and a copy of its bucket in a folder, which the scenes look at.

python benchmarks/cluster_bucket.py HOST PORT FOLDER
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import boto3

from tests.support.buckets import s3_server

BUCKET = "bucket"
PORT = 9000


def variables(host: str) -> dict[str, str]:
    """The environment of whoever uses the server on a host."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return keys | {"AWS_ENDPOINT_URL": f"http://{host}:{PORT}"}


def main() -> None:
    host, port, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    with s3_server(host, port) as address:
        client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
        copied: dict[str, str] = {}
        while True:
            copied = copy(client, folder, copied)
            time.sleep(1)


def copy(client: Any, folder: Path, copied: dict[str, str]) -> dict[str, str]:
    """Make a folder like the bucket. `copied` are the versions of the files there by key; returns the new ones."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    listed = {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", ())}
    for key in copied.keys() - listed.keys():
        (folder / key).unlink()
    for key in [key for key, version in listed.items() if copied.get(key) != version]:
        try:
            data = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:  # deleted since the listing
            del listed[key]
            (folder / key).unlink(missing_ok=True)
            continue
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_name(f".{path.name}")
        whole.write_bytes(data)
        os.replace(whole, path)
    return listed


if __name__ == "__main__":
    main()
