"""The states of a store: the checkpoints of stops, and the partial states of trials that are not finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from workers.crashpoints import crash_point
from workers.store import layout
from workers.store.filesystems.files import Files
from workers.trial import Stop


class States:
    """See `workers.store.store.Store`, of which this is a part. States are bytes; `workers.training` parses them."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def write_checkpoint(self, stop: Stop, data: bytes) -> None:
        """Write (or replace) the checkpoint of a stop in one step."""
        crash_point("checkpoint.before")
        self._files.write(layout.checkpoint_path(stop), data)
        crash_point("checkpoint.after")

    def has_checkpoint(self, stop: Stop) -> bool:
        return self._files.exists(layout.checkpoint_path(stop))

    def read_checkpoint(self, stop: Stop) -> bytes:
        """The checkpoint of a stop. Raises FileNotFoundError."""
        return self._files.read(layout.checkpoint_path(stop))

    def checkpoint_sizes(self, sizes: Mapping[str, int] | None = None) -> dict[Stop, int]:
        """Bytes of every checkpoint; `sizes` are those of all files of the store, if they have been listed."""
        return _of_states(layout.CHECKPOINTS, self._files.sizes(layout.CHECKPOINTS) if sizes is None else sizes)

    def partial_sizes(self) -> dict[Stop, int]:
        """Bytes of every partial state."""
        return _of_states(layout.PARTIAL_STATES, self._files.sizes(layout.PARTIAL_STATES))

    def write_partial(self, stop: Stop, data: bytes) -> None:
        """Write a partial state, then delete all but the two newest ones up to its step.

        Later ones are neither counted nor deleted: this attempt skipped them, because they are damaged or past a
        missing stop.
        """
        crash_point("progress.before")
        self._files.write(layout.partial_state_path(stop), data)
        crash_point("progress.after")
        steps = [step for step in self._steps(layout.PARTIAL_STATES, stop.trial) if step <= stop.step]
        for step in steps[:-2]:
            self._files.delete(layout.partial_state_path(Stop(stop.trial, step)))
            crash_point("progress.deleted")

    def delete_partial(self, trial: str) -> None:
        """Delete the partial states of a trial."""
        for step in self._steps(layout.PARTIAL_STATES, trial):
            crash_point("progress.forgetting")
            self._files.delete(layout.partial_state_path(Stop(trial, step)))

    def resumable(self, trial: str, limit: int) -> Iterator[tuple[Stop, bytes]]:
        """The states from which a trial can continue: those at steps up to `limit`, the latest first."""
        paths: list[tuple[int, str]] = []
        for folder, path_of in _FOLDERS.items():
            paths += [(step, path_of(Stop(trial, step))) for step in self._steps(folder, trial) if step <= limit]
        for step, path in sorted(paths, reverse=True):
            try:
                data = self._files.read(path)
            except FileNotFoundError:  # another attempt at the trial deleted it meanwhile
                continue
            yield Stop(trial, step), data

    def _steps(self, folder: str, trial: str) -> list[int]:
        kinds = self._files.kinds(f"{folder}/{trial}")
        stops = (layout.parse_state_path(f"{folder}/{trial}/{name}") for name, kind in kinds.items() if kind == "file")
        return sorted(stop.step for stop in stops if stop is not None)


def _of_states(folder: str, sizes: Mapping[str, int]) -> dict[Stop, int]:
    stops = {layout.parse_state_path(path): size for path, size in sizes.items() if layout.folder_of(path) == folder}
    return {stop: size for stop, size in stops.items() if stop is not None}


_FOLDERS: dict[str, Callable[[Stop], str]] = {
    layout.PARTIAL_STATES: layout.partial_state_path,
    layout.CHECKPOINTS: layout.checkpoint_path,
}
