"""What obstore has to be told about a bucket: its address, region and credentials, from the usual places."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from workers.errors import InputError

_RETRIES = {
    "max_retries": 1000,  # the time is what ends them: pauses are random and may be short
    "retry_timeout": timedelta(seconds=100),  # a server that is away for a minute is waited for
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2.0},
}
_CLIENT = {"timeout": "30s", "connect_timeout": "5s"}  # of one attempt, which moves a few megabytes at most
_QUERY = ("endpoint_override", "region", "scheme")
_AMAZON = "https://s3.amazonaws.com"


def settings(location: str) -> dict[str, Any]:
    """The keyword arguments of `obstore.store.from_url` for a URI; they may be asked for in the network.

    A URI may end with `?endpoint_override=HOST:PORT&scheme=http&region=NAME`, for servers that speak S3. Raises
    InputError for other names there.
    """
    address = urlsplit(location)
    query = dict(parse_qsl(address.query))
    unknown = sorted(query.keys() - set(_QUERY))
    if unknown:
        raise InputError(
            f"store `{location}`: its query has an unknown name: {unknown[0]}", hint=f"use {', '.join(_QUERY)}"
        )
    settings: dict[str, Any] = {"retry_config": _RETRIES, "client_options": _CLIENT}
    if address.scheme == "s3":
        settings |= _amazon(address.netloc, query)
    elif address.scheme in ("az", "abfs", "abfss") and not _azure_is_configured() and shutil.which("az"):
        settings |= {"use_azure_cli": True}
    if str(settings.get("endpoint", "")).startswith("http://"):
        settings["client_options"] = _CLIENT | {"allow_http": True}
    return settings


def _amazon(bucket: str, query: dict[str, str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    endpoint = query.get("endpoint_override") or _variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    if endpoint:
        settings["endpoint"] = endpoint if "://" in endpoint else f"{query.get('scheme', 'https')}://{endpoint}"
    session = None if _variable("AWS_ACCESS_KEY_ID") else _boto3_session()
    if session is not None and session.get_credentials() is not None:
        from obstore.auth.boto3 import Boto3CredentialProvider

        settings["credential_provider"] = Boto3CredentialProvider(session)
    settings["region"] = (
        query.get("region")
        or _variable("AWS_REGION", "AWS_DEFAULT_REGION")
        or (session.region_name if session is not None else None)
        or ("us-east-1" if endpoint else region_of(bucket))
    )
    return settings


def region_of(bucket: str, server: str = _AMAZON) -> str:
    """The region of a bucket, which S3 tells without credentials, also where it refuses everything else."""
    request = urllib.request.Request(f"{server}/{bucket}", method="HEAD")
    try:
        headers = urllib.request.urlopen(request, timeout=5).headers
    except urllib.error.HTTPError as error:
        headers = error.headers
    except OSError:
        return "us-east-1"  # the next request says what is wrong
    return str(headers.get("x-amz-bucket-region", "us-east-1"))


def _boto3_session() -> Any:
    """What finds profiles, single sign-on and the roles of machines; None where boto3 is not installed."""
    try:
        import boto3
    except ImportError:
        return None
    return boto3.Session()


def _azure_is_configured() -> bool:
    return any(
        name.startswith("AZURE_") and ("KEY" in name or "TOKEN" in name or "SECRET" in name) for name in os.environ
    )


def _variable(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)
