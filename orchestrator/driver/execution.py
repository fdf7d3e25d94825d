"""How jobs are executed: one after the other in this process, or through Ray."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from orchestrator.driver.disk_space import Room
from orchestrator.driver.dispatcher import Dispatcher
from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.on_ray.newcomers import Newcomers
from orchestrator.driver.on_ray.nodes import AskingInterrupted, Nodes
from orchestrator.driver.on_ray.shapes import alone_on, asked_shapes
from orchestrator.driver.options import RunOptions
from orchestrator.driver.preflight import machine
from orchestrator.driver.preflight.node_checks import check_nodes
from orchestrator.driver.progress.display import Display
from orchestrator.driver.progress.progress import Progress
from orchestrator.driver.progress.time_left import TimeLeft
from orchestrator.driver.rehearsals import check_rehearsed
from orchestrator.driver.work import Work
from orchestrator.planning.crossing import rehearsal_of
from orchestrator.planning.estimate import grounds
from orchestrator.planning.facts import Facts
from orchestrator.tracking.events import Listener
from workers.errors import PrunesweepError
from workers.machine.device import Device
from workers.machine.installation import versions
from workers.store import Store
from workers.store.lease import Lease
from workers.text import parse_duration
from workers.training.attempt import Bounds
from workers.trial import Dataset

if TYPE_CHECKING:
    from orchestrator.driver.on_ray.cluster import Cluster


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """One execution of the work of a run, which was planned with `facts`."""

    work: Work
    store: Store
    lease: Lease
    interrupt: Interrupt
    options: RunOptions
    facts: Facts
    listeners: Sequence[Listener] = ()

    def run(self) -> PrunesweepError | None:
        """Run the jobs of the agenda; returns why the sweep cannot continue, if it cannot.

        Raises InputError before any job starts, where a machine lacks what the jobs need.
        """
        return self._in_process() if self.options.in_process else self._on_ray()

    def _in_process(self) -> PrunesweepError | None:
        from orchestrator.driver import in_process

        with self.interrupt.nothing_to_save():  # data are loaded
            machine.check_this_machine(self._most_gpus, self._unseen_data(self.facts.loaded), os.getcwd())
        with self._dispatching(slots=1) as dispatcher:
            in_process.drive(dispatcher, self.store, self._device, self._bounds)
        return dispatcher.problem

    def _on_ray(self) -> PrunesweepError | None:
        from orchestrator.driver.on_ray import ray_tune
        from orchestrator.driver.on_ray.cluster import connected, nodes_of

        cluster = self._cluster()
        with connected(cluster, self.interrupt) as slots:
            if slots == 0:  # interrupted
                return None
            nodes = nodes_of(cluster, self.interrupt)
            try:
                newcomers = self._check(nodes, local=cluster.is_local)
            except AskingInterrupted:
                return None
            alone = alone_on(nodes.for_trials, cluster.shapes.usual, slots)
            cluster = replace(cluster, shapes=replace(cluster.shapes, alone=alone))
            with self._dispatching(slots, can_be_alone=alone is not None) as dispatcher:
                ray_tune.drive(dispatcher, self.store, self._device, self._bounds, cluster, slots, newcomers)
        return dispatcher.problem

    def _check(self, nodes: Nodes, *, local: bool) -> Newcomers:
        """How nodes are checked that join later. Raises InputError unless the trials can run on every node."""
        plan, folder = self.work.plan, os.getcwd()
        data = self._unseen_data(self.facts.loaded if local else ())  # loaded here, which says nothing of other nodes
        checked = check_nodes(plan, data, folder, self.store, nodes, local=local)
        tasks = {id(job.trial.task): job.trial.task for job in self.work.agenda.jobs.values()}
        kinds = check_rehearsed(plan.spec, tasks.values(), self.store, folder, nodes)
        return Newcomers(checked=checked, versions=versions(), kinds=kinds, how=rehearsal_of(plan.spec))

    @contextmanager
    def _dispatching(self, slots: int, can_be_alone: bool = False) -> Iterator[Dispatcher]:
        """A dispatcher whose progress is shown; `slots` trials can run at once, or one alone where that is asked."""
        work = self.work
        places = {(cell.network, cell.recipe) for cell in work.plan.cells}
        progress = Progress(
            work.plan,
            work.agenda,
            time_left=TimeLeft(work.agenda, slots, grounds(work.plan.spec, self.facts, self.store), work.from_steps),
            display=Display(quiet=self.options.quiet, with_place=len(places) > 1),
            store=self.store.location,
            listeners=self.listeners,
            say_elsewhere=lambda line: setattr(self.lease, "says", line),
        )
        with progress:
            dispatcher = Dispatcher(
                work,
                self.store,
                interrupt=self.interrupt,
                progress=progress,
                room=Room(self.store.files, work.bytes_to_hold, progress.stalled),
                lease=self.lease,
                retries=dict(work.plan.spec.failures.retries),
                fail_fast=self.options.fail_fast,
                can_be_alone=can_be_alone,
            )
            yield dispatcher
            dispatcher.consolidation.settle()

    def _unseen_data(self, loaded: Collection[str]) -> list[Dataset]:
        return machine.unseen_data(self.work.agenda.jobs.values(), loaded)

    @property
    def _most_gpus(self) -> Fraction:
        """The GPUs of the job that has most of them: dense trainings may be done, by another machine."""
        resources, jobs = self.work.plan.spec.resources, self.work.agenda.jobs.values()
        return max(resources.gpus_of(is_dense) for is_dense in {job.trial.stage == "dense" for job in jobs})

    @property
    def _device(self) -> Device:
        gpus = self.work.plan.spec.resources.gpus
        return Device(name="cuda" if gpus else "cpu", checkpoint_seconds=self.options.checkpoint_seconds)

    @property
    def _bounds(self) -> Bounds:
        timeout = self.work.plan.spec.limits.trial_timeout
        seconds = parse_duration(timeout) if timeout else None
        return Bounds(lease=self.lease.token, lease_path=self.lease.path, period=self.lease.period, timeout=seconds)

    def _cluster(self) -> Cluster:
        from orchestrator.driver.on_ray.cluster import Cluster

        options = self.options
        return Cluster(
            address=options.address,
            shapes=asked_shapes(self.work.plan.spec.resources),
            local_cpus=options.cpus,
            local_gpus=options.gpus,
            max_concurrent=options.max_concurrent,
            wait_for_resources=options.wait_for_resources,
        )
