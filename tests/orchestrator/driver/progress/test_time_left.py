"""The time left that is shown, against what it then took: on recorded and made-up sweeps, by a clock of the test."""

from __future__ import annotations

import heapq
import json
import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orchestrator.driver.agenda import Agenda
from orchestrator.driver.progress.time_left import TimeLeft
from orchestrator.planning.estimate import Ground, task_digest
from tests.support.jobs import TASK
from workers.trial import Job, MaskRule, Network, Pruning, Segment, Stop, Trial

RECORDED = Path(__file__).parent / "recorded" / "demo.json"
REPORTS = 2  # seconds between two reports of a trial


@dataclass
class Sweep:
    """Jobs, the seconds that each takes, and what is known of their tasks."""

    jobs: dict[str, Job] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    grounds: dict[str, Ground] = field(default_factory=dict)

    def add(self, name, records, seconds, parents=(), task=TASK, checkpoints=()):
        start, source = (*parents, *parents)[:2] if parents else (None, None)
        mask = MaskRule(source=source, density="1/2", pruning=Pruning()) if source else None
        trial = Trial(task=task, replicate=0, stage=name, rates=(Segment(rate=1.0),), start=start, mask=mask)
        self.jobs[name] = Job(trial=trial, records=tuple(records), checkpoints=tuple(checkpoints))
        self.seconds[name] = seconds


def demo() -> Sweep:
    """The demo as it once ran, on two busy CPUs that became idler on the way."""
    sweep = Sweep()
    rows = json.loads(RECORDED.read_text("utf-8"))
    starts = {(trial, step) for row in rows for trial, step in row["parents"]}
    for row in rows:
        name, parents = row["trial"], [Stop(*parent) for parent in row["parents"]]
        checkpoints = [step for trial, step in starts if trial == name]
        sweep.add(name, row["records"], row["seconds"], parents, checkpoints=checkpoints)
    return sweep


def unequal() -> Sweep:
    """Two networks, of which one takes ten times as long, chains of six rounds, and one-shot trials of many lengths."""
    sweep, luck = Sweep(), random.Random(0)
    for number, per_step in enumerate((0.01, 0.1)):
        task = replace(TASK, network=Network(name=f"network-{number}"))
        sweep.grounds[task_digest(task)] = Ground(multiply_adds=10.0**number)
        for replicate in range(3):
            parent = Stop(f"dense-{number}-{replicate}", 1000)
            sweep.add(parent.trial, [1000], 1000 * per_step, task=task, checkpoints=[500, 1000])
            for level in range(20):
                steps, name = luck.choice([100, 500, 900]), f"one-shot-{number}-{replicate}-{level}"
                seconds = 3 + 1.3 * steps * per_step * luck.uniform(0.8, 1.2)
                sweep.add(name, [steps], seconds, [parent], task=task)
            for round_ in range(6):
                name = f"chain-{number}-{replicate}-{round_}"
                seconds = 3 + 1.3 * 1000 * per_step * luck.uniform(0.8, 1.2)
                sweep.add(name, [1000], seconds, [parent], task=task, checkpoints=[1000])
                parent = Stop(name, 1000)
    return sweep


class Machine:
    """Runs a sweep on slots by a simulated clock, and notes the time left at shares of the records done."""

    def __init__(self, sweep: Sweep, slots: int, startup: float = 5.0) -> None:
        self.now, self.sweep, self.slots = 0.0, sweep, slots
        self.agenda = Agenda(sweep.jobs, set())
        self.left = TimeLeft(self.agenda, slots, sweep.grounds, clock=lambda: self.now)
        self.startup = startup
        self.staged: list[str] = []
        self.moments: list[tuple[float, str, int]] = []

    def run(self, shares):
        total, done, printed = sum(len(job.records) for job in self.sweep.jobs.values()), 0, {}
        busy, cold = 0, self.slots
        while True:
            while len(self.staged) < self.slots and (job := self.agenda.next()) is not None:
                self.staged.append(job.trial.stage)
            while busy < self.slots and self.staged:
                self.begin(self.staged.pop(0), self.startup if cold else 0.1)
                busy, cold = busy + 1, max(0, cold - 1)
            if not self.moments:
                assert self.agenda.exhausted
                return {share: (said, self.now - at) for share, (said, at) in printed.items()}
            self.now, trial, step = heapq.heappop(self.moments)
            job = self.sweep.jobs[trial]
            if step < 0:
                self.left.begun(trial)
                continue
            self.agenda.reach(trial, step)
            self.left.reached(trial, step)
            if step == job.last_step:
                busy, done = busy - 1, done + len(job.records)
                self.left.ended(trial, done=True)
                self.agenda.finish(trial)
            for share in shares:
                if done >= share * total and share not in printed:
                    printed[share] = (self.left.seconds(), self.now)

    def begin(self, trial, delay):
        job, seconds, begun = self.sweep.jobs[trial], self.sweep.seconds[trial], self.now + delay
        heapq.heappush(self.moments, (begun, trial, -1))
        reports = {
            min(job.last_step, int(time / seconds * job.last_step)) for time in range(REPORTS, int(seconds), REPORTS)
        }
        for step in sorted({*reports, job.last_step} - {0}):
            heapq.heappush(self.moments, (begun + step / job.last_step * seconds, trial, step))


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("sweep", [demo, unequal])
def test_the_time_left_can_be_believed(sweep, slots):
    printed = Machine(sweep(), slots).run([0.1, 0.3, 0.6])
    for share in (0.3, 0.6):
        said, took = printed[share]
        assert took / 1.5 < said < took * 1.5
