"""The options of a run: where, for how long, and which failed trials again."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.driver.on_ray.address import LOCAL_ADDRESSES
from orchestrator.tracking.notices import check_url
from orchestrator.tracking.trackers import TrackerChoice
from workers.errors import FAILURES, InputError, collecting, raise_all
from workers.registry import closest


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How to run: on a local Ray (the default), on a cluster, or in this process.

    in_process: run one trial after the other in this process, without Ray.
    address: the Ray cluster to use, such as `auto`; None and `local` start a local Ray.
    cpus, gpus: the number of this machine's CPUs and GPUs that a local Ray uses; None for all.
    max_concurrent: the maximum number of trials at once; None for as many as fit.
    wait_for_resources: wait for nodes to join the cluster, instead of refusing a trial that fits on none.
    stop_after: seconds after which the run stops and saves its state; None for no limit.
    checkpoint_seconds: seconds between saves of a running trial's state.
    retry: the failed trials to run again: outcomes such as `diverged`, or `all`.
    fail_fast: the outcomes at whose first failure the run stops, such as `bug`, or `all`.
    notify: a URL to which a JSON notice is posted at the end, at the first failure of each class, and at a stall.
    on_end: a shell command that runs at the end, with the outcome in its environment and as JSON on its stdin.
    track: trackers that hear of every event: `tensorboard:FOLDER`, `mlflow:URI`, `wandb:PROJECT`.
    quiet: show no progress.

    Notices, commands and trackers never slow or fail a run. Raises InputError for an unknown outcome, for a URL or a
    tracker that cannot be used, and for options that cannot be combined.
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
    fail_fast: tuple[str, ...] = ()
    notify: str | None = None
    on_end: str | None = None
    track: tuple[str, ...] = ()
    quiet: bool = False

    def __post_init__(self) -> None:
        outcomes = ("all", *FAILURES)
        errors = [
            InputError(f"`{flag}`: not an outcome of a failed trial: `{word}`", hint=closest(word, outcomes))
            for flag, words in (("--retry-failed", self.retry), ("--fail-fast", self.fail_fast))
            for word in words
            if word not in outcomes
        ]
        errors += self._combinations()
        if self.notify is not None:
            with collecting(errors):
                check_url(self.notify)
        if self.on_end is not None and not self.on_end.strip():
            errors.append(InputError("`--on-end` must be a shell command, not empty"))
        for word in self.track:
            with collecting(errors):
                TrackerChoice.parse(word)
        raise_all(errors)

    def checked(self) -> RunOptions:
        """These options. Raises InputError if no cluster answers at the address: before data are inspected."""
        if self.address is not None and not self.in_process:
            from orchestrator.driver.on_ray.cluster import check_address

            check_address(self.address)
        return self

    def _combinations(self) -> list[InputError]:
        """The errors of options that cannot be combined."""
        of_local: dict[str, int | None] = {"cpus": self.cpus, "gpus": self.gpus}
        wait: dict[str, int | None] = {"wait-for-resources": self.wait_for_resources or None}
        if self.in_process:
            refused = of_local | wait | {"max-concurrent": self.max_concurrent}
            reason, hint = "cannot be combined with `--in-process`, which runs without Ray", "drop one of them"
        elif self.address in LOCAL_ADDRESSES:
            refused, reason = wait, "needs `--address`: no node joins the local Ray that a run starts"
            hint = "drop it, or name a cluster"
        else:
            refused, reason = of_local, "cannot be combined with `--address` or $RAY_ADDRESS: it is for a local Ray"
            hint = "use `--address local` to run on this machine, or `--max-concurrent` to run fewer trials at once"
        return [InputError(f"`--{flag}` {reason}", hint=hint) for flag, value in refused.items() if value is not None]
