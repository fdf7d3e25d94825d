"""Trackers: what they write, read back by the real packages, and that a bad one is not felt."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import time
from dataclasses import replace

import pytest

from orchestrator.tracking import audience as audience_module
from orchestrator.tracking import trackers
from orchestrator.tracking.delivery import Delivery
from orchestrator.tracking.events import TrialReached, from_json, to_json
from orchestrator.tracking.trackers import TrackerChoice, TrackerKind
from tests.support.places import ROOT
from tests.support.trackers import EVENTS, FAILED, STALLED, SUBJECT, end
from workers.errors import InputError

_STATUS = re.compile(r"^status: (\d)", re.M)  # MLflow's numbers: 3 finished, 4 failed, 5 killed


def needs(package):
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed: pip install 'prunesweep[{package}]'")


def tell(events, word):
    """Tell events to a tracker; returns how long the driver was kept while it ran."""
    begun = time.monotonic()
    with audience_module.audience(track=(word,)) as listeners:
        for event in events:
            for listener in listeners:
                listener.hear(event)
        return time.monotonic() - begun


@pytest.fixture
def patient(monkeypatch):
    """However busy the machine is, trackers finish."""
    monkeypatch.setattr(audience_module, "_TRACKER_SECONDS", 300)


@pytest.mark.parametrize("event", [*EVENTS, FAILED, STALLED, end(3, failed={"bug": 1})], ids=lambda e: type(e).__name__)
def test_events_survive_json(event):
    assert from_json(json.loads(json.dumps(to_json(event)))) == event


@needs("tensorboard")
@pytest.mark.usefixtures("patient")
def test_tensorboard_reads_the_losses_and_scores(tmp_path, capsys):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tell([*EVENTS, end()], f"tensorboard:{tmp_path}")
    [folder] = tmp_path.iterdir()
    assert folder.name == "mlp default lr_rewinding 16× 90%, replicate 0 01234567"
    run = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    run.Reload()
    read = {
        tag: [(e.step, float(e.tensor_proto.float_val[0])) for e in run.Tensors(tag)] for tag in run.Tags()["tensors"]
    }
    assert read == {"loss": [(5, 0.5), (10, 0.25)], "test_accuracy": [(10, 0.875)], "validation_accuracy": [(10, 0.75)]}
    assert capsys.readouterr().err == ""


@needs("mlflow")
@pytest.mark.usefixtures("patient")
def test_mlflow_has_a_run_for_each_trial_in_one_for_the_sweep(tmp_path, monkeypatch, capsys):
    silent = replace(SUBJECT, trial="silent", cell="dense")
    unfinished = [replace(EVENTS[0], sweep="unfinished"), TrialReached(subject=silent, step=5, loss=0.5)]
    tell([*EVENTS, end(), *unfinished], f"mlflow:file:{tmp_path}")  # its driver dies silently
    warnings = capsys.readouterr().err
    runs = [path.parent for path in tmp_path.glob("*/*/meta.yaml")]
    names = {(run / "tags" / "mlflow.runName").read_text(): run for run in runs}
    assert warnings == ""
    trial_name = "mlp · default · lr_rewinding 16× 90%, replicate 0"
    trial = names[trial_name]
    assert (trial / "tags" / "mlflow.parentRunId").read_text() == names["tiny"].name
    assert (trial / "params" / "technique").read_text() == "lr_rewinding"
    assert [line.split()[1:] for line in (trial / "metrics" / "loss").read_text().splitlines()] == [
        ["0.5", "5"],
        ["0.25", "10"],
    ]
    assert (trial / "metrics" / "test_accuracy").read_text().split()[1:] == ["0.875", "10"]
    statuses = {name: _STATUS.search((run / "meta.yaml").read_text())[1] for name, run in names.items()}
    assert statuses == {"tiny": "3", trial_name: "3", "unfinished": "4", "mlp · default · dense": "5"}


@needs("wandb")
@pytest.mark.usefixtures("patient")
def test_wandb_writes_a_run_offline(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    tell([*EVENTS, end()], "wandb:pruning")
    [file] = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    data = file.read_bytes()
    for part in (b"pruning", b"lr_rewinding", b"test_accuracy", b"0.875", b"tiny"):
        assert part in data
    assert capsys.readouterr().err == ""


@pytest.fixture
def bad(monkeypatch):
    """Trackers of `tests.support.trackers` by name."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    for name in ("Hanging", "Raising", "Dying"):
        monkeypatch.setitem(trackers.TRACKERS, name, TrackerKind(f"tests.support.trackers:{name}", "json", "X"))


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("Hanging", "did not finish within 0.2 s, and was abandoned"),
        ("Raising", "6 events not written, the first because of ConnectionError: the server is gone"),
        ("Dying", "no credentials"),
    ],
)
@pytest.mark.usefixtures("bad")
def test_a_tracker_that_hangs_raises_or_dies_costs_the_driver_nothing(monkeypatch, capsys, name, warning):
    monkeypatch.setattr(audience_module, "_TRACKER_SECONDS", 0.2 if name == "Hanging" else 300)
    assert tell([*EVENTS, end()], f"{name}:x") < 60
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    [line] = lines
    assert line == f"warning: {name}:x: {warning}"


@pytest.mark.usefixtures("bad")
def test_a_tracker_that_cannot_be_started_costs_the_driver_nothing(monkeypatch, capsys):
    def refuse(*_, **__):
        raise OSError("cannot allocate memory")

    monkeypatch.setattr("orchestrator.tracking.host.subprocess.Popen", refuse)
    assert tell([*EVENTS, end()], "Raising:x") < 60
    assert capsys.readouterr().err == "warning: Raising:x: OSError: cannot allocate memory\n"


class Blocked:
    """A receiver that waits for the test."""

    def __init__(self):
        import threading

        self.go, self.received = threading.Event(), []

    def receive(self, event):
        self.go.wait(60)
        self.received.append(event)

    def close(self): ...

    def abandon(self): ...


def test_a_slow_receiver_misses_reports_first_and_other_events_only_when_its_queue_is_full(capsys):
    receiver = Blocked()
    delivery = Delivery("slow", receiver, seconds=60, most=10)
    report = TrialReached(subject=SUBJECT, step=1, loss=0.5)
    for _ in range(100):
        delivery.hear(report)
    waiting = delivery._events.qsize()
    assert waiting <= 6
    for _ in range(20):
        delivery.hear(FAILED)
    receiver.go.set()
    while delivery._events.qsize():
        time.sleep(0.01)
    delivery.wait(delivery.end())
    failures = receiver.received.count(FAILED)
    assert 4 <= failures <= 10
    assert f"warning: slow: was too slow: {20 - failures} events not delivered" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "message"),
    [("tensorbord:x", "unknown tracker"), ("mlflow", "needs a target"), ("mlflow:", "needs a target")],
)
def test_trackers_that_cannot_be_are_refused(word, message):
    with pytest.raises(InputError, match=message):
        TrackerChoice.parse(word)


def test_a_database_needs_all_of_mlflow(monkeypatch):
    have = {"mlflow"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in have else None)
    with pytest.raises(InputError, match=r"full package of MLflow for a database: sqlite:///x.db") as refused:
        TrackerChoice.parse("mlflow:sqlite:///x.db")
    assert refused.value.hint.startswith("install it: pip install mlflow; or track to a server")
    assert TrackerChoice.parse("mlflow:file:runs").target == "file:runs"
    have |= {"sqlalchemy", "alembic"}
    assert TrackerChoice.parse("mlflow:sqlite:///x.db").target == "sqlite:///x.db"


def test_a_tracker_whose_package_is_missing_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setitem(trackers.TRACKERS, "odd", TrackerKind("x:y", "no_package_of_this_name", "X"))
    with pytest.raises(InputError, match="not installed") as refused:
        TrackerChoice.parse("odd:x")
    assert refused.value.hint == "install it: pip install 'prunesweep[odd]'"
