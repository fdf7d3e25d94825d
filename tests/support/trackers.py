"""Trackers as a sweep must never notice them, and events to tell them."""

from __future__ import annotations

import time

from orchestrator.tracking.events import (
    Event,
    Subject,
    SweepEnded,
    SweepStalled,
    SweepStarted,
    TrialEnded,
    TrialReached,
    TrialStarted,
)

SUBJECT = Subject(
    trial="0123456789abcdef0123",
    cell="lr_rewinding 16× 90%, replicate 0",
    place="mlp · default",
    settings={"network": "mlp", "technique": "lr_rewinding", "compression": 16.0, "budget": None},
    steps=10,
    steps_per_epoch=5.0,
)
FAILED = TrialEnded(subject=SUBJECT, outcome="diverged", seconds=2.0, reason="loss is nan at step 7")
STALLED = SweepStalled(kind="no_room", reason="the disk is full")
SCORES = {10: {"test_accuracy": 0.875, "validation_accuracy": 0.75}}
EVENTS: list[Event] = [
    SweepStarted(sweep="tiny", store="/store", cells=3, cells_done=1, trials=2),
    TrialStarted(subject=SUBJECT),
    TrialReached(subject=SUBJECT, step=5, loss=0.5),
    TrialReached(subject=SUBJECT, step=10, loss=0.25, scores=SCORES),
    TrialEnded(subject=SUBJECT, outcome="done", seconds=3.0, scores=SCORES),
]


def end(code: int = 0, **more) -> SweepEnded:
    """A sweep that has ended."""
    settings = {"cells": 3, "cells_done": 3, "failed": {}, "seconds": 90.0} | more
    return SweepEnded(sweep="tiny", store="/store", exit_code=code, **settings)


class Hanging:
    """A tracker that never comes back."""

    def __init__(self, target: str) -> None: ...

    def receive(self, event: Event) -> None:
        time.sleep(3600)

    def close(self) -> None: ...


class Raising:
    """A tracker that fails on everything."""

    def __init__(self, target: str) -> None: ...

    def receive(self, event: Event) -> None:
        raise ConnectionError("the server is gone")

    def close(self) -> None: ...


class Dying:
    """A tracker whose process ends."""

    def __init__(self, target: str) -> None:
        raise SystemExit("no credentials")
