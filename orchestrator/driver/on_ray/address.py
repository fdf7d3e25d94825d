"""Whether a Ray cluster answers at an address. Ray itself tries for many minutes, and prints what it tries."""

from __future__ import annotations

import os
import socket

from orchestrator.driver.on_ray.ray_output import ray_output_apart
from workers.errors import InputError
from workers.waiting import ANSWER_SECONDS, NoAnswer, within

LOCAL_ADDRESSES = (None, "local")
"""With such an address, a run starts a local Ray."""

_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # RFC 9113, 3.4: and an empty SETTINGS frame
_SETTINGS_TYPE = 4
_HEADER_BYTES = 9  # of a frame: length (3), type, flags, stream (4)

_LISTEN_SECONDS = 5.0

_FORMS = "use `--address HOST:PORT`, or `--address auto` on a machine of the cluster"


class TokenWanted(InputError):
    """A cluster wants a token for Ray, or another one than it is shown."""


def resolve(address: str, seconds: float = ANSWER_SECONDS) -> str:
    """The `host:port` of an address, once a cluster has answered there.

    Raises InputError for anything else than `auto` or `host:port`, without an answer within `seconds`, and if Ray does
    not run on this machine, where it would be searched for a minute; TokenWanted if the cluster refuses the token.
    """
    from ray._private import services  # not above: `cluster` prepares Ray's import

    if address.startswith("ray://"):
        raise InputError(
            f"Ray Client addresses are not supported: {address}",
            hint="run the command on a machine of the cluster, with `--address auto`",
        )
    try:
        place: str | None = services.canonicalize_bootstrap_address(address)
    except ValueError as error:
        raise InputError(f"not the address of a Ray cluster: {address}", hint=_FORMS) from error
    except ConnectionError as error:
        hint = f"start one (`ray start --head`); {_FORMS}; without `--address`, a local Ray is started"
        raise InputError("no Ray cluster found on this machine: auto", hint=hint) from error
    if place is None or not place.rpartition(":")[2].isdecimal():
        raise InputError(f"not the address of a Ray cluster: {address}", hint=_FORMS)
    try:
        with ray_output_apart():
            within(seconds, lambda: _ask(place))
    except OSError as error:
        reason = str(error) if isinstance(error, NoAnswer) else error.strerror or str(error)
        wants_token = isinstance(error, PermissionError)
        remedy = "set $RAY_AUTH_TOKEN" if wants_token else "check the host and the port"
        kind = TokenWanted if wants_token else InputError
        raise kind(
            f"cannot reach a Ray cluster at `{address}`: {reason}",
            hint=f"{remedy}, and check that `ray status` works there",
        ) from error
    if not services.find_node_ids():
        raise InputError(
            f"this machine is not a node of the Ray cluster: {address}",
            hint="run the command on one of its machines, or submit it from here with `prunesweep launch --via job`",
        )
    return place


def listens(place: str) -> bool:
    """Whether a place accepts connections: the answer to them may take long on a busy machine."""
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_LISTEN_SECONDS).close()
    except OSError:
        return False
    return True


def answers(place: str, seconds: float) -> bool:
    """Whether a cluster says anything to a new connection within some seconds."""
    try:
        _greet(place, seconds)
    except OSError:
        return False
    return True


def _ask(place: str) -> None:
    """Wait for an answer. Raises OSError."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.exceptions import AuthenticationError, RayError

    _greet(place)
    if not _can_show_token():
        raise PermissionError("no token for Ray is in $RAY_AUTH_TOKEN, $RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token")
    try:
        GcsClient(address=place).cluster_id  # noqa: B018  (an attribute that asks the cluster)
    except AuthenticationError as error:
        raise PermissionError("it refuses the token for Ray of this process, or wants one") from error
    except RayError as error:
        raise ConnectionError("what answers there is not a cluster of this version of Ray") from error


def _can_show_token() -> bool:
    """Whether there is the token that Ray is to show, if any: without it, Ray's client ends the process."""
    from ray._raylet import (  # type: ignore[attr-defined]
        AuthenticationMode,
        AuthenticationTokenLoader,
        get_authentication_mode,
    )
    from ray.exceptions import AuthenticationError

    if get_authentication_mode() != AuthenticationMode.TOKEN:
        return True
    try:
        return bool(AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True))
    except AuthenticationError:  # nothing is at $RAY_AUTH_TOKEN_PATH
        return False


def _greet(place: str, seconds: float | None = None) -> None:
    """Connect and wait for the first words of an HTTP/2 server, as Ray's is. Raises OSError."""
    host, _, port = place.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds) as connection:
        if os.environ.get("RAY_USE_TLS", "0") != "0":
            return  # an encrypted server says nothing to a plain greeting
        connection.sendall(_GREETING)
        header = b""
        while len(header) < _HEADER_BYTES:
            part = connection.recv(_HEADER_BYTES - len(header))
            if not part:
                raise ConnectionError("the connection was closed, so it is not a Ray cluster")
            header += part
    if header[3] != _SETTINGS_TYPE:
        raise ConnectionError("what answers there is another service")
