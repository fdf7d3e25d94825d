"""The part of a store that holds states: checkpoints of stops, and those of running trials on their way."""

from __future__ import annotations

from collections.abc import Iterator

from workers.crashpoints import crash_point
from workers.store.files import Files
from workers.trial import Stop

_SUFFIX = ".safetensors"


class States:
    """See `workers.store.store.Store`, of which this is a part."""

    files: Files

    def write_checkpoint(self, stop: Stop, data: bytes) -> None:
        """Write (or replace) the checkpoint of a stop, whole or not at all."""
        crash_point("checkpoint.before")
        self.files.write(state_path("checkpoints", stop), data)
        crash_point("checkpoint.after")

    def has_checkpoint(self, stop: Stop) -> bool:
        return self.files.exists(state_path("checkpoints", stop))

    def read_checkpoint(self, stop: Stop) -> bytes:
        """The bytes of a stop's checkpoint. Raises FileNotFoundError if there is none."""
        return self.files.read(state_path("checkpoints", stop))

    def delete_checkpoint(self, stop: Stop) -> None:
        self.files.delete(state_path("checkpoints", stop))

    def checkpoint_sizes(self) -> dict[Stop, int]:
        """Bytes of every checkpoint."""
        return self._sizes("checkpoints")

    def progress_sizes(self) -> dict[Stop, int]:
        """Bytes of every state on the way."""
        return self._sizes("progress")

    def write_progress(self, stop: Stop, data: bytes) -> None:
        """Write a state on the way and delete all but the two newest up to it.

        Later ones, which this execution found damaged or did not want, say nothing about which are needed.
        """
        crash_point("progress.before")
        self.files.write(state_path("progress", stop), data)
        crash_point("progress.after")
        for step in [step for step in self._steps("progress", stop.trial) if step <= stop.step][:-2]:
            self.delete_progress(Stop(stop.trial, step))
            crash_point("progress.deleted")

    def delete_progress(self, stop: Stop) -> None:
        self.files.delete(state_path("progress", stop))

    def forget_progress(self, trial: str) -> None:
        """Delete the states on the way of a trial that has reached its last stop."""
        for step in self._steps("progress", trial):
            crash_point("progress.forgetting")
            self.delete_progress(Stop(trial, step))

    def resumable(self, trial: str, limit: int) -> Iterator[tuple[Stop, bytes]]:
        """States from which a trial can go on: those at steps up to `limit`, the latest first."""
        found = [(step, kind) for kind in ("progress", "checkpoints") for step in self._steps(kind, trial)]
        for step, kind in sorted(found, reverse=True):
            if step <= limit:
                stop = Stop(trial, step)
                try:
                    data = self.files.read(state_path(kind, stop))
                except FileNotFoundError:  # deleted meanwhile by another execution of the trial
                    continue
                yield stop, data

    def _steps(self, kind: str, trial: str) -> list[int]:
        kinds = self.files.kinds(f"{kind}/{trial}")
        stops = (parse_state_path(f"{kind}/{trial}/{name}") for name, what in kinds.items() if what == "file")
        return sorted(stop.step for stop in stops if stop is not None)

    def _sizes(self, kind: str) -> dict[Stop, int]:
        sizes = {parse_state_path(path): size for path, size in self.files.sizes(kind).items()}
        return {stop: size for stop, size in sizes.items() if stop is not None}


def state_path(kind: str, stop: Stop) -> str:
    return f"{kind}/{stop.trial}/{stop.step:08d}{_SUFFIX}"


def parse_state_path(path: str) -> Stop | None:
    """The stop that a path under `checkpoints/` or `progress/` stands for; None if it is no such path."""
    kind, _, rest = path.partition("/")
    trial, _, name = rest.partition("/")
    step = name.removesuffix(_SUFFIX)
    if not (step.isascii() and step.isdecimal()):
        return None
    stop = Stop(trial, int(step))
    return stop if state_path(kind, stop) == path else None
