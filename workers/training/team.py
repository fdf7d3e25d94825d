"""The processes of a trial that trains on several devices of a machine, seen from the first of them.

This process is rank 0: it makes masks, evaluates, and is the only one that uses the store. It starts the other ranks
(`workers.training.member`), which begin with a copy of its state, train on their part of each batch, and end with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import torch.distributed as dist

from workers.data.batches.share import WHOLE, BatchShare
from workers.errors import Outcome, TrialError
from workers.machine.device import Device
from workers.machine.memory_kills import memory_kills
from workers.machine.scratch import scratch_folder
from workers.machine.terminal import say
from workers.store.failures import Failure
from workers.training.exchange import Exchange, PeerLost, connect
from workers.training.outcomes import killed_worker
from workers.training.states.state import dump_state
from workers.training.trainer import Trainer
from workers.trial import Job, job_to_json

_MAIN = "import prunesweep; from workers.training.member import main; main()"
_FIRST_WAIT = 5.0  # seconds in which the reason of a failed exchange shows: the end of a rank
_LAST_WAIT = 30.0  # seconds after the end of a rank in which this process must notice it
_POLL = 0.02
_MOST_PRINTED = 2000  # characters of what a rank prints last


class RankFailed(TrialError):
    """Another rank has failed, or its process has ended."""

    def __init__(self, message: str, outcome: Outcome, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.outcome = outcome


class Alone:
    """A trial that this process trains without others."""

    share = WHOLE

    def join(self, trainer: Trainer) -> None:
        """Nothing to do."""

    def advance(self, trainer: Trainer) -> None:
        trainer.advance()

    def check_same(self, trainer: Trainer, digest: str) -> None:
        """Nothing to do."""


class Team(Alone):
    """The ranks of a trial. They begin to load data with `start`, and train from `join` on."""

    def __init__(self, ranks: int) -> None:
        self.share = BatchShare(0, ranks)
        self._files = contextlib.ExitStack()
        self._folder = self._files.enter_context(scratch_folder())
        self._closed = threading.Event()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._memory_kills = memory_kills()

    def start(self, job: Job, device: Device, stops: Sequence[int]) -> None:
        """Start the other ranks, which end after the last of the `stops`, of which this one decides."""
        wanted = {
            "job": job_to_json(job),
            "stops": list(stops),
            "device": device.name,
            "path": sys.path,
            "parent": os.getpid(),
        }
        for rank in range(1, job.ranks):
            self._processes.append(self._start(rank, wanted))

    def _start(self, rank: int, wanted: Mapping[str, object]) -> subprocess.Popen[bytes]:
        """A process that runs `main` of `workers.training.member`. It has its own signals: this one tells it to end."""
        path = self._folder / f"{rank}.json"
        path.write_text(json.dumps(wanted), "utf-8")
        with open(self._folder / f"{rank}.printed", "wb") as printed:
            return subprocess.Popen(
                [sys.executable, "-P", "-c", _MAIN, str(path), str(rank)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=printed,
                start_new_session=True,
            )

    def join(self, trainer: Trainer) -> None:
        """Let all ranks begin with the state of this one. Raises RankFailed if a rank has ended."""
        state = self._folder / "state"
        data, digest = dump_state(trainer.state())
        state.write_bytes(data)
        waiting = [self._folder / f"{rank}.ready" for rank in range(1, self.share.ranks)]
        while not all(path.exists() for path in waiting):
            self._check_alive()
            time.sleep(_POLL)
        with self._explained():
            connect(self.share, str(self._folder / "meeting"), trainer.device)
        trainer.exchange = Exchange(trainer.model, trainer.parameters, self.share, trainer.adds_up)
        self.check_same(trainer, digest)
        state.unlink()  # it may be large, and is left where this process is killed
        if trainer.device.type == "cuda":
            threading.Thread(target=self._end_if_stuck, name="ranks", daemon=True).start()

    def advance(self, trainer: Trainer) -> None:
        with self._explained():
            trainer.advance()

    def check_same(self, trainer: Trainer, digest: str) -> None:
        """Compare the state of this rank, by its digest, with those of the others. Raises TrialError if they differ."""
        assert trainer.exchange is not None
        with self._explained():
            trainer.exchange.check_same(digest, trainer.step)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise RankFailed for an error of the block that comes from the end of another rank."""
        try:
            yield
        except (PeerLost, dist.DistError) as error:
            deadline = time.monotonic() + _FIRST_WAIT
            while time.monotonic() < deadline:
                self._check_alive(error)
                time.sleep(_POLL)
            for rank in range(1, self.share.ranks):
                self._say_printed(rank)
            raise

    def _check_alive(self, cause: Exception | None = None) -> None:
        for rank, process in enumerate(self._processes, 1):
            if process.poll():  # 0 means that it is done, or that another rank has the reason
                raise self._failure(rank, process.returncode) from cause

    def _failure(self, rank: int, code: int) -> RankFailed:
        path = self._folder / f"{rank}.failed"
        if path.exists():
            failure = Failure.of_json(json.loads(path.read_text("utf-8")))
            say(f"rank {rank}: {failure.explanation}")  # in the trial's log
        elif code == -signal.SIGKILL and memory_kills() != self._memory_kills:
            failure = killed_worker(None)
        else:
            self._say_printed(rank)
            how = f"its process ended with exit code {code}"
            return RankFailed(f"rank {rank} of the trial was lost: {how}", "lost_worker")
        return RankFailed(f"rank {rank} of the trial failed: {failure.reason}", failure.outcome, failure.hint)

    def _say_printed(self, rank: int) -> None:
        """Put what a rank has printed last into the trial's log."""
        say((self._folder / f"{rank}.printed").read_text("utf-8", "replace")[-_MOST_PRINTED:])

    def _end_if_stuck(self) -> None:
        """End this process if another rank has ended and this one waits for it on a GPU, where it cannot notice."""
        while not any(process.poll() for process in self._processes):
            if self._closed.wait(1.0):
                return
        if not self._closed.wait(_LAST_WAIT):
            try:
                self._check_alive()
            except RankFailed as error:
                say(error.message)  # in the trial's log
            os._exit(1)

    def close(self) -> None:
        """End all other ranks."""
        self._closed.set()
        for process in self._processes:
            process.kill()
            process.wait()
        if dist.is_initialized():
            dist.destroy_process_group()
        self._files.close()


@contextlib.contextmanager
def team_of(job: Job, device: Device, stops: Sequence[int]) -> Iterator[Alone]:
    """The other ranks of a job, if it has more than one, as long as the block lasts."""
    if job.ranks == 1:
        yield Alone()
        return
    team = Team(job.ranks)
    try:
        team.start(job, device, stops)
        yield team
    finally:
        team.close()
