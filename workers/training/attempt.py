"""One execution of a trial: in chunks, with a log and a time limit. Says how it ended."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from workers.errors import Outcome, StoreError, TimedOut
from workers.machine.device import Device
from workers.machine.printed import Printed
from workers.store import Store
from workers.store.failures import Failure
from workers.store.filesystems.opening import is_bucket
from workers.store.layout import LEASE, parse_lease_path
from workers.store.lease import PERIOD, LeaseWatch
from workers.store.local_copies import LocalCopies
from workers.store.logs import HUNG, AttemptLog
from workers.store.records import Row
from workers.training.last_words import printed_path, rescue
from workers.training.outcomes import failure_of, is_disk_full
from workers.trial import Job, trial_id

LONGEST_GRACE = 30.0
"""The most seconds that a chunk may take to return once the time limit is reached (and no more than that limit)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What ends an attempt early: `timeout` seconds, or a driver that has lost its `lease` (its token).

    `lease_path` is where the driver's lease lies in the store.
    `period` is how often (seconds) the lease is checked: see `workers.store.lease`.
    """

    lease: str
    lease_path: str = LEASE
    period: float = PERIOD
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, and at which step.

    `interrupted`, `disk_full` and `store_failed` say nothing about the trial: its next attempt continues from the last
    saved state. The store fails if nothing can be read from it or written to it. Every outcome but `done` and
    `interrupted` has a `failure`.
    """

    outcome: Literal["interrupted", "disk_full", "store_failed"] | Outcome
    step: int | None = None
    failure: Failure | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Ending:
        failure = data["failure"]
        return cls(data["outcome"], data["step"], None if failure is None else Failure.of_json(failure))


def not_begun(error: OSError | StoreError) -> Ending:
    """How an attempt ended that cannot begin, because its store cannot be opened or read."""
    return Ending("disk_full" if is_disk_full(error) else "store_failed", None, failure_of(error, None))


class Report(NamedTuple):
    """What a trial tells of a step: its training loss there, and the scores of new records by step (see `Reached`).

    `published` are the records that its process has published since the report before.
    """

    loss: float | None = None
    scores: dict[int, dict[str, float]] = {}  # noqa: RUF012  (never changed)
    published: Sequence[Row] = ()

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Report:
        return cls(data["loss"], {int(step): scores for step, scores in data["scores"].items()}, data["published"])


NOTHING = Report()


class Attempt:
    """An attempt at a trial: `step` is the last step reached. Nothing happens before the first `advance`.

    What its code prints is in its log: see `workers.machine.printed.Printed` for what an `own_process` changes. Raises
    OSError if the store cannot be read.
    """

    def __init__(self, job: Job, store: Store, device: Device, bounds: Bounds, own_process: bool = False) -> None:
        from workers.training.run import run  # brings in torch, which a driver can do without

        self.trial = trial_id(job.trial)
        self.step: int | None = None
        self._loss: float | None = None
        self._scores: dict[int, dict[str, float]] = {}
        self._job = job
        self._store = store
        self._bounds = bounds
        copies = LocalCopies(store.location, bounds.lease) if is_bucket(store.location) else None
        self._chunks = run(job, store, device, copies)
        self._watch = LeaseWatch(store.files, bounds.lease, bounds.period, path=bounds.lease_path)
        shard = parse_lease_path(bounds.lease_path)
        self._log = AttemptLog(store.files, self.trial, is_first=job.is_new, shard=shard)
        if self._log.before is not None:
            rescue(store.location, self._log.before, certainly=False)
        self._printed = Printed(own_process, printed_path(store.location, self._log.path))
        self._begun = time.monotonic()
        self._interrupted: str | None = None
        self._ended = False

    def interrupt(self, reason: str) -> None:
        """Save the state and end the attempt at the end of this chunk. Safe in a signal handler."""
        self._interrupted = reason

    @contextlib.contextmanager
    def ended_if_hung(self) -> Iterator[None]:
        """End this process if the block takes longer than what is left of `timeout`, plus a grace period.

        The log then says where it hung. Only for workers that have a process to themselves.
        """
        if self._bounds.timeout is None:
            yield
            return
        left = self._bounds.timeout - (time.monotonic() - self._begun)
        grace = min(self._bounds.timeout, LONGEST_GRACE)
        timer = threading.Timer(max(0.0, left) + grace, self._abandon)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _abandon(self) -> None:
        with tempfile.TemporaryFile() as file:
            faulthandler.dump_traceback(file)
            file.seek(0)
            where = file.read().decode("utf-8", "replace")
        self._log.printed(self._printed.take())
        self._log.end(HUNG, self.step, f"thread stacks:\n{where}")
        self._printed.close()
        os._exit(1)

    def advance(self, seconds: float) -> Ending | None:
        """Train for about so many seconds. Returns how the attempt ended, None while it runs."""
        with self._recording():
            ending = self._advance(time.monotonic() + seconds)
            self._log.printed(self._printed.take())
            if ending is None:
                self._log.flush()
                if self._log.is_written:
                    self._printed.forget()
            else:
                self._ended = True
                self._log_end(ending)
                self._printed.close()
        return ending

    def report(self) -> Report:
        """What there is to tell since the last call."""
        scores, self._scores = self._scores, {}
        return Report(self._loss, scores, self._store.records.take_published())

    def close(self) -> None:
        """Save the state if possible, and end the attempt if it has not ended."""
        with self._recording(), contextlib.suppress(OSError):
            self._chunks.close()
        self._log.printed(self._printed.take())
        if not self._ended:
            self._ended = True
            self._log.end("interrupted", self.step, self._interrupted or "the driver stops")
        self._printed.close()

    @contextlib.contextmanager
    def _recording(self) -> Iterator[None]:
        with self._log.recording(), self._printed.capturing():
            yield

    def _log_end(self, ending: Ending) -> None:
        if ending.failure is not None:
            self._log.end(ending.outcome, ending.failure.step, ending.failure.explanation)
        elif ending.outcome == "interrupted":
            self._log.end(ending.outcome, ending.step, self._interrupted or "")
        else:
            self._log.end(ending.outcome, ending.step)

    def _advance(self, deadline: float) -> Ending | None:
        try:
            for step, loss, scores in self._chunks:
                self.step, self._loss = step, loss
                if scores is not None:
                    self._scores[step] = scores
                self._log.printed(self._printed.take())
                if step >= self._job.last_step:
                    continue
                self._check()
                if self._interrupted is not None:
                    self._chunks.close()
                    return Ending("interrupted", step)
                if time.monotonic() >= deadline:
                    return None
        except (Exception, SystemExit) as error:  # the user's code may exit
            return self._ending_of(error)
        return Ending("done", self._job.last_step)

    def _ending_of(self, error: BaseException) -> Ending:
        failure = failure_of(error, self.step, self._log.path)
        if is_disk_full(error):
            return Ending("disk_full", self.step, failure)
        if failure.outcome == "io" and not self._store_works():
            return Ending("store_failed", self.step, failure)
        return Ending(failure.outcome, self.step, failure)

    def _store_works(self) -> bool:
        try:
            self._store.check_writable()
        except StoreError:
            return False
        return True

    def _check(self) -> None:
        timeout = self._bounds.timeout
        if timeout is not None and time.monotonic() - self._begun > timeout:
            self._chunks.close()
            raise TimedOut(f"timed out after {timeout:,.0f} s", hint="raise `limits.trial_timeout` in the sweep file")
        if self._watch.orphaned:
            self.interrupt("the driver is gone")
