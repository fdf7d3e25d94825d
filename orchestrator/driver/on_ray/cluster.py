"""The connection to Ray: a local one on this machine, or a cluster, and how many trials fit at once."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",  # with verbose=0 the only silent mode
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_preload_python_modules": "prunesweep",  # its packages come before those of a user's PYTHONPATH
}
for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # noqa: E402
from ray.exceptions import RayError  # noqa: E402
from ray.job_config import JobConfig  # noqa: E402

from orchestrator.driver.interrupt import Interrupt  # noqa: E402
from orchestrator.driver.on_ray.address import LOCAL_ADDRESSES, TokenWanted, resolve  # noqa: E402
from orchestrator.driver.on_ray.capacity import fitting_nodes, slots_of  # noqa: E402
from orchestrator.driver.on_ray.nodes import Nodes  # noqa: E402
from orchestrator.driver.on_ray.ray_output import ray_output_apart  # noqa: E402
from orchestrator.driver.on_ray.shapes import ONE_CPU, Shapes  # noqa: E402
from orchestrator.driver.situation import tell  # noqa: E402
from workers.errors import ClusterLost, InputError  # noqa: E402
from workers.machine.device import HUGE_PAGES  # noqa: E402

_LOCAL_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",  # Ray listens on every network of the machine, and whoever reaches it can run programs
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "GLIBC_TUNABLES": HUGE_PAGES,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """Where to run: the `address` of a Ray cluster (None: a local Ray), and the `shapes` of trials."""

    address: str | None = None
    shapes: Shapes = ONE_CPU
    local_cpus: int | None = None
    local_gpus: int | None = None
    max_concurrent: int | None = None
    wait_for_resources: bool = False

    @property
    def is_local(self) -> bool:
        return self.address in LOCAL_ADDRESSES


def check_address(address: str | None) -> None:
    """Raise InputError unless a cluster answers at an address, or none is needed."""
    _variables_for(address)


@contextmanager
def connected(cluster: Cluster, interrupt: Interrupt) -> Iterator[int]:
    """Connect to Ray for the block; yields how many trials can run at once, 0 if interrupted before any could.

    Raises InputError if the cluster cannot be reached or no node of it can hold a trial, and ClusterLost if Ray dies
    without taking this process with it. In the block, stdout is stderr.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    if ray.is_initialized():
        raise InputError("this process is connected to Ray already", hint="call `ray.shutdown()` first")
    with _environment(_variables_for(cluster.address)), ray_output_apart():
        if not _connect(cluster, interrupt):
            yield 0
            return
        tell(ray=ray.get_runtime_context().gcs_address)
        try:
            yield slots_of(
                cluster.shapes,
                interrupt,
                is_local=cluster.is_local,
                waits=cluster.wait_for_resources,
                most=cluster.max_concurrent,
            )
        except RayError as error:
            raise ClusterLost(f"Ray has died: {error}", hint="finished work is saved; run the command again") from error
        finally:
            tell(ray="")
            ray.shutdown()


def _connect(cluster: Cluster, interrupt: Interrupt) -> bool:
    """Start a local Ray or connect to a cluster; False at SIGTERM. A supervisor ends this process if it takes too long.

    Raises InputError for a cluster, and ClusterLost for a local Ray.
    """
    options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False, "configure_logging": True}
    options["job_config"] = _InstalledFirst()
    if cluster.is_local:
        options |= {"num_cpus": cluster.local_cpus, "num_gpus": cluster.local_gpus, "include_dashboard": False}
    tell(connecting=cluster.address or "local")
    try:
        with _own_process_groups():
            ray.init(address="local" if cluster.is_local else cluster.address, **options)
        return True
    except SystemExit:  # from Ray's own handler of SIGTERM
        interrupt.signal = signal.SIGTERM
        return False
    except Exception as error:  # Ray raises a plain one for a node that starts too slowly
        hint = "check the memory, the disk and the load of the machine, and run the command again"
        reason = " ".join(str(error).split())
        if cluster.is_local:
            raise ClusterLost(f"Ray cannot be started on this machine: {reason}", hint=hint) from error
        raise InputError(f"cannot reach a Ray cluster at `{cluster.address}`: {reason}", hint=hint) from error
    finally:
        interrupt.install()  # Ray replaced the handlers
        tell(connecting="")


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables in the block that are not set."""
    new = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(new)
    _read_authentication()
    try:
        yield
    finally:
        for name in new:
            del os.environ[name]
        _read_authentication()


def _variables_for(address: str | None) -> Mapping[str, str]:
    """The environment variables with which Ray connects to an address. Raises InputError unless a cluster answers."""
    if address is None or address in LOCAL_ADDRESSES:
        return _LOCAL_ENVIRONMENT
    mode = "disabled"  # if it is not set, `ray.init` shows `auto` a token: a cluster that wants none loses its workers
    try:
        resolve(address)
    except TokenWanted:
        if not _has_token_for(address):
            raise
        mode = "token"
        with _environment({"RAY_AUTH_MODE": mode}):
            resolve(address)
    return {"RAY_AUTH_MODE": mode}


def _has_token_for(address: str) -> bool:
    """Whether there is a token for a cluster that wants one, where `RAY_AUTH_MODE` does not say if one is shown.

    Ray makes ~/.ray/auth_token for any local Ray: as in `ray.init`, only a cluster found on this machine is shown that.
    """
    if "RAY_AUTH_MODE" in os.environ:
        return False
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return True
    is_found_here = address == "auto" and not os.environ.get("RAY_ADDRESS")
    return is_found_here and bool(AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True))


def _read_authentication() -> None:
    """Let Ray read again from the environment whether clusters want a token, and which, as it does when it starts."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


class _InstalledFirst(JobConfig):
    """Keeps Ray from putting the driver's folders in front of everything in its workers.

    A `random.py` or a `workers` of the user's own would hide what a worker needs. `TrialActor` adds their folder last.
    """

    def _serialize(self) -> str:
        self._py_driver_sys_path.clear()
        serialized: str = super()._serialize()
        return serialized


@contextmanager
def _own_process_groups() -> Iterator[None]:
    """Start each process in the block in its own process group.

    A signal to the group of this process (Ctrl-C, `timeout`, `kill -TERM -PGID`) then does not reach Ray's processes,
    so that trials can save their states.
    """
    start = subprocess.Popen.__init__

    def start_apart(self: Any, *words: Any, **named: Any) -> None:
        start(self, *words, **(named if named.get("start_new_session") else {"process_group": 0} | named))

    subprocess.Popen.__init__ = start_apart  # type: ignore[method-assign]
    try:
        yield
    finally:
        subprocess.Popen.__init__ = start  # type: ignore[method-assign]


def nodes_of(cluster: Cluster, interrupt: Interrupt) -> Nodes:
    """The living nodes of the cluster that this process is connected to."""
    return fitting_nodes(cluster.shapes, interrupt)
