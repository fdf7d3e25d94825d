"""Ray's job server: the driver runs on the head of a cluster that is there already."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.launching.order import SWEEP_NAME, LaunchOrder
from orchestrator.launching.submission import Directions, Submission, in_shell
from workers.errors import InputError

MOST_BYTES = 20_000_000
"""Ray's head keeps what is sent along in memory, for every job."""

_PORT = 8265
_SECONDS = 10.0
_FORM = "give `--address http://HEAD:8265`, or set $RAY_API_SERVER_ADDRESS"
_HINT = "install prunesweep with its extra `cluster` here and on the head, and set $RAY_AUTH_TOKEN as there"


@dataclass(frozen=True, slots=True)
class JobServer:
    """The job server at an `address`, such as `http://head:8265`."""

    address: str

    @classmethod
    def parse(cls, address: str | None) -> JobServer:
        """Raises InputError for anything else than a web address."""
        if not address:
            raise InputError("no address of a Ray job server given", hint=_FORM)
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"not the address of a Ray job server: {address}", hint=_FORM)
        return cls(address.rstrip("/"))

    def check(self) -> None:
        """Raise InputError unless somebody listens at the address."""
        parts = urlsplit(self.address)
        try:
            port = parts.port or (443 if parts.scheme == "https" else _PORT)
            socket.create_connection((str(parts.hostname), port), timeout=_SECONDS).close()
        except (OSError, ValueError) as error:
            raise InputError(
                f"cannot reach a Ray job server at `{self.address}`: {error}",
                hint="check the host and the port; a head in a container listens only there: run `launch` inside it",
            ) from error


def on_cluster(order: LaunchOrder, server: JobServer, folder: str) -> Submission:
    """A job of a cluster, which gets a copy of `folder`: see `to_upload`."""
    at = ["--address", server.address]
    submit = ["ray", "job", "submit", *at, "--submission-id", order.name, "--working-dir", folder, "--no-wait"]
    driver = [*order.run_command(SWEEP_NAME), "--address", "auto"]
    variables = _token_mode()
    directions = Directions(
        follow=in_shell(["ray", "job", "logs", *at, "--follow", order.name], variables),
        stop=in_shell(["ray", "job", "stop", *at, order.name], variables),
        resume=shlex.join(order.given),
    )
    return Submission(
        command=[*submit, *order.extra, "--", *driver],
        directions=lambda _: directions,
        hint=_HINT,
        variables=variables,
    )


def _token_mode() -> dict[str, str]:
    """The variable without which `ray job` shows no token, if one is given for a cluster.

    The one in ~/.ray/auth_token, which Ray makes for any local Ray, stays on this machine.
    """
    is_given = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return {"RAY_AUTH_MODE": "token"} if is_given and "RAY_AUTH_MODE" not in os.environ else {}


@contextlib.contextmanager
def to_upload(order: LaunchOrder) -> Iterator[str]:
    """A folder with the files of an order, for the time of the submission."""
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as folder:
        for name, text in order.files(MOST_BYTES).items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        yield folder
