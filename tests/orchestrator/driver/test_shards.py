"""Several drivers on one store: each runs its shard, and together they give what one driver gives."""

from __future__ import annotations

import signal
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

import prunesweep as ps
from orchestrator.driver import in_process, other_shards, session
from orchestrator.driver.division import Assignment
from orchestrator.driver.other_shards import OtherShards
from orchestrator.driver.work import Work
from orchestrator.sweep.spec import spec_from_dict
from tests.support.jobs import jobs
from tests.support.stores import attempts, results, undisturbed_run, with_facts
from tests.support.sweeps import grid, tiny_sweep
from workers import crashpoints
from workers.errors import StoreError
from workers.store import Store, layout
from workers.store.failures import Failure
from workers.store.lease_owner import Owner, live_owners
from workers.store.shard import Shard
from workers.trial import Stop

SPEC = spec_from_dict(tiny_sweep(grid=grid(compression=[2, 4, 8], budget="50%")))


undisturbed = undisturbed_run(SPEC)


@pytest.fixture
def store(tmp_path, undisturbed):
    return with_facts(tmp_path / "store", undisturbed)


@pytest.fixture
def while_idle(monkeypatch):
    """Has a waiting driver do something in its pauses: each time it waits, the next of what it is given."""
    acts = []

    def rest(seconds):
        if acts:
            acts.pop(0)()

    monkeypatch.setattr(in_process, "time", SimpleNamespace(sleep=rest))
    monkeypatch.setattr(session, "_alone", nullcontext)  # the drivers of a test take turns
    monkeypatch.setattr(other_shards, "FIRST_PAUSE", 0.0)
    return acts


def run(store, shard=None, spec=SPEC, quiet=True, **options):
    return ps.run(spec, store, shard=shard, options=ps.RunOptions(in_process=True, quiet=quiet, **options))


@contextmanager
def killed_at(point):
    """A crash in place of the first `point`, and of whatever would come after it."""
    crashed = []

    def hook(name):
        if crashed or name == point:
            crashed.append(name)
            raise crashpoints.Crash(name)

    crashpoints.watch(hook)
    try:
        yield
    finally:
        crashpoints.watch(None)


def test_two_shards_give_the_table_of_one_driver_and_train_a_shared_dense_network_once(
    store, undisturbed, while_idle, capfd
):
    summaries = []
    while_idle.append(lambda: summaries.append(run(store, "1/2")))  # which trains the dense network
    summaries.append(run(store, "2/2", quiet=False))
    assert results(store) == results(undisturbed)
    assert [summary.exit_code for summary in summaries] == [0, 0]
    assert sum(summary.trained for summary in summaries) == 4
    assert sum(summary.cells_done for summary in summaries) == ps.status(store).sweeps[0].done == 4
    assert [sweep.sweep for sweep in ps.status(store).sweeps] == ["0001-tiny"]
    said = capfd.readouterr().err
    assert said.count("Waiting for 1 dense network of shard 1/2 (") == 1
    assert "), which is not at work: start it, too" in said
    assert live_owners(Store(store).files) == {}
    before = attempts(store)
    assert run(store).trained == run(store, "1/2").trained == 0
    assert attempts(store) == before


# On a busy machine it dies within a trial, which cannot save its state as it is cut off
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_of_four_shards_one_that_died_is_taken_over_by_any_later_run(store, undisturbed):
    with killed_at("dispatcher.reached"), pytest.raises(crashpoints.Crash):
        run(store, "1/4", checkpoint_seconds=0)
    dead = replace(Owner.this_process("another division"), process_start="1")
    Store(store).files.write(layout.lease_path(Shard(1, 4)), dead.to_bytes())
    assert run(store, "1/4").exit_code == 0
    assert run(store, "3/4").exit_code == 0
    assert run(store, "4/4").exit_code == 0
    Store(store).files.write(layout.lease_path(Shard(2, 4)), dead.to_bytes())
    assert run(store).trained == 1
    assert results(store) == results(undisturbed)
    assert live_owners(Store(store).files) == {}


def test_while_a_shard_is_at_work_everything_else_is_refused(store, while_idle):
    refusals = []

    def disturb():
        for attempt in (
            lambda: run(store),
            lambda: run(store, "2/2"),
            lambda: run(store, "1/3"),
            lambda: ps.run(SPEC, store, shard="1/2", only="compression=4", options=ps.RunOptions(in_process=True)),
            lambda: ps.retire(store, "tiny"),
        ):
            with pytest.raises(StoreError, match=r"in use by another driver of shard 2/2: host") as refusal:
                attempt()
            refusals.append(refusal)

    while_idle += [disturb, lambda: run(store, "1/2")]
    assert run(store, "2/2").exit_code == 0
    assert len(refusals) == 5


def test_a_signal_ends_the_wait(store, while_idle):
    while_idle.append(lambda: signal.raise_signal(signal.SIGINT))
    summary = run(store, "2/2")
    assert (summary.exit_code, summary.trained) == (130, 0)


def test_a_dense_network_that_fails_elsewhere_blocks_what_starts_from_it(store, while_idle, capfd):
    dense = next(trial for trial, planned in ps.plan(SPEC, store).trials.items() if not planned.trial.parents)
    failures = Store(store, create=True).failures
    failures.write(dense, Failure(outcome="bad_input", reason="before"))  # which runs again
    while_idle += [lambda: None, lambda: failures.write(dense, Failure(outcome="diverged", reason="now"))]
    summary = run(store, "2/2", quiet=False)
    assert (summary.exit_code, summary.trained, summary.blocked) == (3, 0, 2)
    assert f"Trial {dense} of shard 1/2 has failed (diverged); 2 trials of this shard" in capfd.readouterr().err
    assert while_idle == []


def test_states_that_nobody_needs_any_longer_stay_until_the_last_shard_is_done(store, undisturbed):
    spec = SPEC.model_copy(update={"keep": "results_only"})
    for shard in ("1/2", "2/2"):
        assert run(store, shard, spec).exit_code == 0
        assert bool(Store(store).states.checkpoint_sizes()) == (shard == "1/2")
    assert results(store) == results(undisturbed)


def test_there_may_be_nothing_to_do_for_a_shard(store):
    summary = run(store, "9/9")
    assert (summary.exit_code, summary.cells, summary.trained) == (0, 0, 0)


def test_polls_become_rare_and_outlast_a_store_that_fails(tmp_path):
    """A shard of one trial, which starts from a dense network of the other shard."""
    planned = jobs(dense=((5,),), child=((3,), ("dense", 5)))
    part = Assignment(Shard(2, 2), {"dense": 1, "child": 2})
    plan = SimpleNamespace(
        missing=lambda records, checkpoints: planned,
        with_cells_of=lambda owns: SimpleNamespace(trials=dict.fromkeys(planned, SimpleNamespace(checkpoint_bytes=1))),
    )
    store, now, said = Store(tmp_path / "new", create=True), 0.0, []
    work = Work(iter([plan]), store, part=part)
    others = OtherShards(work, store, said.append, clock=lambda: now)
    looks, exists = [], store.files.exists

    def failing(path):
        looks.append(now)
        raise OSError("the store does not answer")

    store.files.exists = failing
    for second in range(600):
        now = second
        others.poll()
    pauses = [after - before for before, after in pairwise(looks)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1], said) == (1, 30, [])
    store.files.exists = exists
    assert not work.agenda.exhausted
    store.states.write_checkpoint(Stop("dense", 5), b"")
    now += 30
    others.poll()
    assert work.agenda.next() == work.agenda.jobs["child"]
    assert work.agenda.awaited == set()


def test_the_command_line_names_the_shard(store, main, tmp_path):
    code, _, stderr = main("run", "sweep.yaml", "--shard", "0/2", "--in-process")
    assert (code, "parts are counted from 1" in stderr) == (2, True)
    run(store, "1/2", stop_after=0.0)
    code, _, stderr = main("resume", store, "--shard", "1/2", "--in-process", "--stop-after", "0s")
    assert code == 130
    assert "0 of 2 cells of shard 1/2 done\nStopped by `--stop-after`\n" in stderr
    assert f"Continue with:  prunesweep resume {store} --shard 1/2" in stderr
