"""A bucket that does not answer, answers with errors, loses answers, or does not exist."""

from __future__ import annotations

import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from obstore.store import S3Store

from tests.support.buckets import KEYS, OPTIONS, Proxy
from workers.errors import InputError, StoreError
from workers.store import Store
from workers.store.filesystems import bucket, bucket_settings
from workers.store.filesystems.bucket import BucketFiles
from workers.store.filesystems.opening import open_files
from workers.store.lease import Lease
from workers.store.lease_owner import read_owner
from workers.waiting import NoAnswer


class Silent:
    """A bucket whose requests end only at the end of the test."""

    def __init__(self):
        self.end = threading.Event()

    def __getattr__(self, request):
        return lambda *_words, **_named: self.end.wait()


@pytest.fixture
def silent():
    silent = Silent()
    yield BucketFiles(silent, "s3://bucket/prefix", seconds=0.05)
    silent.end.set()


@pytest.fixture
def proxy(s3):
    proxy = Proxy(s3)
    yield proxy
    proxy.close()


@pytest.fixture
def files(proxy, monkeypatch, tmp_path):
    """A store's files as users open them."""
    for name in ("access_key_id", "secret_access_key"):
        monkeypatch.setenv(f"AWS_{name.upper()}", "test")
    return open_files(f"s3://bucket/{tmp_path.name}?endpoint_override={proxy.address[7:]}&scheme=http")


@pytest.mark.parametrize(
    "request_",
    [
        lambda files: files.read("a"),
        lambda files: files.tail("a", 3),
        lambda files: files.write("a", b"x"),
        lambda files: files.publish("a", b"x"),
        lambda files: files.replace("a", b"x", {}),
        lambda files: files.exists("a"),
        lambda files: files.names(""),
        lambda files: files.kinds(""),
        lambda files: files.sizes(""),
        lambda files: files.delete("a"),
        lambda files: files.move("a", "b"),
    ],
    ids=["read", "tail", "write", "publish", "replace", "exists", "names", "kinds", "sizes", "delete", "move"],
)
def test_no_request_waits_for_longer_than_its_deadline(silent, request_):
    with pytest.raises(NoAnswer, match=r"no answer within 0\.05 s"):
        request_(silent)


@pytest.mark.parametrize(
    ("location", "credentials"),
    [
        ("gs://bucket/prefix", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("s3://bucket/prefix", "AWS_ACCESS_KEY_ID"),
        ("az://container/prefix", "AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_a_store_in_it_cannot_be_opened_and_the_error_says_what_to_check(silent, location, credentials):
    with pytest.raises(StoreError) as caught:
        Store(location, files=silent)
    assert caught.value.message == f"store `{location}`: cannot read it: no answer within 0.05 s"
    assert caught.value.hint.startswith("check the name of the bucket, the credentials")
    assert credentials in caught.value.hint


def test_opening_a_location_has_a_deadline_too(monkeypatch):
    end = threading.Event()
    monkeypatch.setattr(bucket_settings, "region_of", lambda _: end.wait())
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    with pytest.raises(StoreError, match=r"store `s3://bucket/p`: cannot open it: no answer within 0\.05 s"):
        open_files("s3://bucket/p", seconds=0.05)
    end.set()


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("ftp://host/p", r"its scheme is unknown: ftp"),
        ("hdfs://host/p", r"its scheme is unknown: hdfs"),
        ("s3://bucket/p?endpoint=x", r"its query has an unknown name: endpoint"),
    ],
)
def test_a_location_that_cannot_be_is_wrong_input(location, message):
    with pytest.raises(InputError, match=message):
        open_files(location)


def test_without_obstore_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(InputError) as caught:
        open_files("s3://bucket/p")
    assert "prunesweep[cloud]" in caught.value.hint


def test_a_bucket_that_does_not_exist_is_not_an_empty_store(files, proxy):
    missing = open_files(f"s3://missing/p?endpoint_override={proxy.address[7:]}&scheme=http")
    for work in (lambda: Store("s3://missing/p", files=missing), lambda: Store("x", files=missing, create=True)):
        with pytest.raises(StoreError, match="the bucket does not exist"):
            work()


def test_each_operation_is_one_request(files, proxy):
    files.write("a/b", b"x")
    version = files.read_version("a/b")[1]
    files.replace("a/b", b"y", version)
    files.publish("a/c", b"x")
    for operation in (files.read, files.exists, files.names, files.kinds, files.sizes, files.delete):
        operation("a/b")
    methods = [line.partition(" ")[0] for line in proxy.requests]
    assert methods == ["PUT", "GET", "PUT", "PUT", "GET", "HEAD", "GET", "GET", "GET", "POST"]


@pytest.mark.parametrize("status", [500, 503])
def test_errors_of_the_server_are_waited_out(files, proxy, status):
    proxy.faults = [status, status]
    files.write("a", b"x")
    proxy.faults = [status]
    assert files.publish("b", b"y")
    proxy.faults = [status, None, status]
    assert (files.read("a"), files.names("")) == (b"x", ["a", "b"])
    assert not proxy.faults


def test_an_error_is_one_line_without_the_inside_of_the_library(s3, monkeypatch):
    monkeypatch.setitem(OPTIONS, "retry_config", {"max_retries": 1, "retry_timeout": timedelta(seconds=1)})
    proxy = Proxy(s3)
    files = BucketFiles(S3Store("bucket", endpoint=proxy.address, **KEYS, **OPTIONS), "s3://bucket")
    proxy.faults = [503, 503]
    with pytest.raises(OSError, match=r"^\[Errno 5\] Error performing PUT \S+ - Server returned [^\n]*503[^\n]*$"):
        files.write("a", b"x")
    proxy.close()


def test_what_was_written_and_not_confirmed_counts_as_written(files, proxy):
    proxy.faults = ["lost"]
    assert files.publish("a", b"mine")
    version = files.read_version("a")[1]
    proxy.faults = ["lost"]
    assert files.replace("a", b"again", version)
    assert not files.publish("a", b"of another")
    assert not files.replace("a", b"of another", version)
    assert files.read("a") == b"again"


def test_an_answer_that_breaks_off_is_asked_for_again(files, proxy):
    files.write("a", b"x" * 10_000)
    proxy.faults = ["cut", "lost"]
    assert files.read("a") == b"x" * 10_000


def test_a_large_file_that_changes_while_it_is_read_is_read_again(files, monkeypatch):
    monkeypatch.setattr(bucket, "_PART", 3)
    files.write("a", b"first content")
    parts, part = [], files._part

    def replaced_meanwhile(path, bounds, e_tag):
        parts.append(bounds)
        if len(parts) == 2:
            files.write("a", b"second content")
        return part(path, bounds, e_tag)

    monkeypatch.setattr(files, "_part", replaced_meanwhile)
    assert files.read("a") == b"second content"


def test_an_empty_file_that_marks_a_folder_is_not_a_file_in_it(s3, s3_files):
    s3_files.write("a/b", b"x")
    plain = S3Store("bucket", endpoint=s3, **KEYS, **OPTIONS)
    prefix = s3_files.location.rpartition("/")[2]
    for key in (f"{prefix}/", f"{prefix}/a/"):
        urllib.request.urlopen(urllib.request.Request(f"{s3}/bucket/{key}", data=b"", method="PUT"))
    assert plain.head(f"{prefix}/a/b")["size"] == 1
    assert (s3_files.kinds(""), s3_files.kinds("a")) == ({"a": "folder"}, {"b": "file"})
    assert s3_files.sizes("a") == {"a/b": 1}


def test_of_drivers_that_start_together_exactly_one_drives(s3_files):
    store = Store("a store", files=s3_files, create=True)
    inside = threading.Event()
    refused = []

    def drive(_):
        try:
            with Lease(store, period=0.5):
                inside.wait()
                return True
        except StoreError as error:
            refused.append(error)
            if len(refused) == 3:
                inside.set()
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(drive, range(4))) == [False, False, False, True]
    assert read_owner(s3_files) is None
    with Lease(store, period=30) as held:  # the empty file of the released lease is in the way of nobody
        assert read_owner(s3_files).token == held.token


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"AWS_REGION": "eu-west-1"}, {"region": "eu-west-1"}),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, {"region": "eu-west-2"}),
        ({"AWS_ENDPOINT_URL": "http://host:1"}, {"endpoint": "http://host:1", "region": "us-east-1"}),
        ({"AWS_ENDPOINT_URL_S3": "https://host", "AWS_ENDPOINT_URL": "http://no"}, {"endpoint": "https://host"}),
        ({}, {"region": "found"}),
    ],
)
def test_settings_come_from_the_usual_variables(monkeypatch, variables, expected):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(bucket_settings, "region_of", lambda bucket: "found")
    for name, value in (variables | {"AWS_ACCESS_KEY_ID": "test"}).items():
        monkeypatch.setenv(name, value)
    settings = bucket_settings.settings("s3://bucket/p")
    assert settings.items() >= expected.items()
    assert settings["client_options"].get("allow_http", False) == ("http://host:1" in variables.values())


def test_credentials_come_from_a_profile(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    (tmp_path / "credentials").write_text("[other]\naws_access_key_id = me\naws_secret_access_key = s\n")
    (tmp_path / "config").write_text("[profile other]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "other")
    settings = bucket_settings.settings("s3://bucket/p")
    assert settings["region"] == "eu-north-1"
    assert settings["credential_provider"]()["access_key_id"] == "me"


@pytest.mark.parametrize("status", [200, 403])
def test_the_region_of_a_bucket_is_asked_for(status):
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(status)
            self.send_header("x-amz-bucket-region", "ap-south-1")
            self.end_headers()

        def log_message(self, *words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    assert bucket_settings.region_of("bucket", f"http://127.0.0.1:{server.server_port}") == "ap-south-1"
    server.server_close()
