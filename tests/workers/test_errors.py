"""Errors: their hints, and the way from a worker's process to the driver's."""

from __future__ import annotations

import pickle

import pytest

from orchestrator.sweep.problems import LocatedProblem, SpecError
from workers.errors import BadInput, CorruptFile, Diverged, InputError, NewerFile, PrunesweepError


def test_the_hint_follows_the_message() -> None:
    error = InputError("store cannot be used: x", hint="choose another one")
    assert (error.message, error.hint) == ("store cannot be used: x", "choose another one")
    assert str(error) == "store cannot be used: x\n\nhint: choose another one"
    assert str(InputError("store cannot be used: x")) == "store cannot be used: x"


@pytest.mark.parametrize(
    "error",
    [
        InputError("a", hint="b"),
        BadInput("a", hint="b"),
        CorruptFile("results/x.parquet", "is damaged"),
        NewerFile("results/x.parquet", "has version 9"),
        Diverged("the loss is not finite", 7),
        SpecError([LocatedProblem("a.yaml:1:1", "store", "1", "must be text", "write it in quotes")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling_whole(error: PrunesweepError) -> None:
    error.about = "dataset"
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)
