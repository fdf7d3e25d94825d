"""What the tests of the store share."""

from __future__ import annotations

import secrets

import pytest
from obstore.store import S3Store

from tests.support.buckets import KEYS, OPTIONS, s3_server
from workers.store.filesystems.bucket import BucketFiles


@pytest.fixture(scope="session")
def s3():
    """The address of an S3 server with the bucket `bucket`."""
    with s3_server() as address:
        yield address


@pytest.fixture
def s3_files(s3):
    """Files below a prefix of the test's own."""
    prefix = secrets.token_hex(8)
    return BucketFiles(S3Store("bucket", prefix=prefix, endpoint=s3, **KEYS, **OPTIONS), f"s3://bucket/{prefix}")
