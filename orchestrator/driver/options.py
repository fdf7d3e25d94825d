"""How a run is asked to work: where, for how long, and which failed trials again."""

from __future__ import annotations

from dataclasses import dataclass

from workers.errors import FAILURES, InputError
from workers.registry import closest


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How to run: on a local Ray (the default), on the cluster at `address`, or `in_process` without Ray.

    `retry` says which failed trials run again: outcome classes, `all`, or none (InputError for another word).
    `stop_after` is in seconds.
    `cpus` and `gpus` are those of this machine that a local Ray may use (None: all).
    """

    in_process: bool = False
    address: str | None = None
    cpus: int | None = None
    gpus: int | None = None
    max_concurrent: int | None = None
    wait_for_resources: bool = False
    stop_after: float | None = None
    checkpoint_seconds: float = 60.0
    retry: tuple[str, ...] = ()
    quiet: bool = False

    def __post_init__(self) -> None:
        for word in self.retry:
            if word not in ("all", *FAILURES):
                raise InputError(f"`{word}` is not an outcome of a failed trial", hint=closest(word, FAILURES))
        of_ray = {
            "cpus": self.cpus,
            "gpus": self.gpus,
            "max-concurrent": self.max_concurrent,
            "wait-for-resources": self.wait_for_resources or None,
        }
        for flag, value in of_ray.items():
            if self.in_process and value is not None:
                raise InputError(f"`--{flag}` is for Ray, and `--in-process` runs without it", hint="drop one of them")
