"""KubeRay: a RayJob, with a cluster that lives as long as it does, and a ConfigMap with the sweep."""

from __future__ import annotations

import importlib.metadata
import posixpath
import shlex
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import yaml

from orchestrator.launching.order import SWEEP_NAME, LaunchOrder
from orchestrator.launching.submission import Directions, Submission
from orchestrator.launching.templates import template
from workers.errors import InputError
from workers.paths import is_uri

MOST_BYTES = 900_000
"""A ConfigMap holds 1 MiB if the server applies it; `kubectl` would add a copy as an annotation: 256 KiB at most."""

_MOUNT = "/store"
_SWEEPS = "/sweeps"
_INSTANCE = "app.kubernetes.io/instance"  # pods do not get the labels by which KubeRay finds what belongs to a job
_HINT = "check that `kubectl get rayjobs` works here (KubeRay 1.5.1 or newer); `--dry-run` prints what is applied"


class _WithoutAliases(yaml.SafeDumper):
    """Writes what the template shares between pods out in each of them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_WithoutAliases.add_representer(str, _text)


def as_ray_job(order: LaunchOrder, image: str, claim: str, namespace: str | None) -> Submission:
    """A RayJob whose pods run an `image` and mount the volume of a `claim`, unless the store is in a bucket.

    Raises InputError for a store that pods would not see.
    """
    in_bucket = is_uri(order.store)
    if not in_bucket and not f"{posixpath.normpath(order.store)}/".startswith(f"{_MOUNT}/"):
        raise InputError(
            f"a store on Kubernetes must be a bucket, or below `{_MOUNT}`, where the volume is: {order.store}",
            hint=f"for example `--store {_MOUNT}/{order.spec.name}`",
        )
    sweep, job = yaml.safe_load_all(template("rayjob.yaml"))
    sweep["metadata"]["name"] = job["metadata"]["name"] = order.name
    files = order.files(MOST_BYTES)
    sweep["data"] = {_key(path): text for path, text in files.items()}
    driver = shlex.join([*order.run_command(SWEEP_NAME), "--address", "auto", "--wait-for-resources"])
    job["spec"]["entrypoint"] = shlex.join(["sh", "-c", f"cd {_SWEEPS} && exec {driver}"])  # next to the user's modules
    cluster = job["spec"]["rayClusterSpec"]
    cluster["headGroupSpec"]["template"]["metadata"]["labels"] = {_INSTANCE: order.name}
    cluster["rayVersion"] = importlib.metadata.version("ray")
    [workers] = cluster["workerGroupSpecs"]
    workers["replicas"] = workers["minReplicas"] = workers["maxReplicas"] = order.nodes
    for pod in (cluster["headGroupSpec"]["template"]["spec"], workers["template"]["spec"]):
        _fill_pod(pod, order.name, files, image, None if in_bucket else claim)
    _fill_worker(workers["template"]["spec"]["containers"][0], order)
    return _submission(
        yaml.dump_all([sweep, job], Dumper=_WithoutAliases, sort_keys=False, allow_unicode=True, width=120),
        order,
        namespace,
    )


def _key(path: str) -> str:
    """The key of a file in a ConfigMap, which has neither folders nor letters beyond ASCII."""
    return quote(path.replace("/", ".")).replace("%", "-")


def _fill_pod(pod: dict[str, Any], name: str, files: Iterable[str], image: str, claim: str | None) -> None:
    [container] = pod["containers"]
    container["image"] = image
    volumes = {volume["name"]: dict(volume) for volume in pod["volumes"]}
    volumes["sweep"]["configMap"] = {"name": name, "items": [{"key": _key(path), "path": path} for path in files]}
    if claim is None:
        del volumes["store"]
    else:
        volumes["store"]["persistentVolumeClaim"] = {"claimName": claim}
    pod["volumes"] = list(volumes.values())
    container["volumeMounts"] = [mount for mount in container["volumeMounts"] if mount["name"] in volumes]


def _fill_worker(container: dict[str, Any], order: LaunchOrder) -> None:
    """The CPUs and GPUs of a worker."""
    resources = container["resources"]
    amounts = {"cpu": str(order.cpus_of_node)}
    if order.gpus_of_node:
        amounts["nvidia.com/gpu"] = str(order.gpus_of_node)
    container["resources"] = {kind: resources[kind] | amounts for kind in ("requests", "limits")}
    container["env"] = [{"name": "PRUNESWEEP_MPS", "value": "1" if order.shares_gpus else "0"}]


def _submission(document: str, order: LaunchOrder, namespace: str | None) -> Submission:
    kubectl = ["kubectl", *(["--namespace", namespace] if namespace else [])]
    pods = f"{_INSTANCE}={order.name},ray.io/node-type=head"
    follow = ["logs", "--follow", "--selector", pods, "--container", "ray-job-submitter", "--tail=-1"]
    patch = ["patch", "rayjob", order.name, "--type=merge", "--patch"]
    directions = Directions(
        follow=shlex.join([*kubectl, *follow]),
        stop=shlex.join([*kubectl, *patch, '{"spec": {"suspend": true}}']),
        resume=shlex.join([*kubectl, *patch, '{"spec": {"suspend": false}}'])
        + f"\nor, after its end:  {shlex.join(order.given)}",
    )
    return Submission(
        command=[*kubectl, "apply", "--server-side", *order.extra, "--filename", "-"],
        document=document,
        directions=lambda _: directions,
        hint=_HINT,
    )
