"""What a plan must know that only torch or the data can tell: sizes, fingerprints, weights by layer.

`gather` asks `workers.describe` in a subprocess (so that nothing here imports torch) and pins the answers in the
store: a plan made later, or elsewhere, is the same plan.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from workers.errors import CorruptFile, InputError
from workers.store.store import Store
from workers.trial import Dataset, Network, Pruning, Recipe, canonical, digest


@dataclass(frozen=True, slots=True)
class Question:
    """One data set, and a network to train on it in a certain way, or `pretrained`, from files.

    A new version of the user's code asks anew.
    """

    dataset: Dataset
    network: Network
    recipe: Recipe
    pruning: Pruning
    code_version: str | None = None
    pretrained: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = canonical(self)
        return data

    @property
    def key(self) -> str:
        return digest(self.to_json())[:16]


@dataclass(frozen=True, slots=True)
class Answer:
    """`dataset` has its fingerprint filled in; `layers` are the prunable weights of each parameter, in order."""

    dataset: Dataset
    training_images: int
    layers: dict[str, int]
    checkpoint_bytes: int
    facts: dict[str, Any]

    @property
    def checksums(self) -> dict[str, str]:
        """Of the files that were asked for, by path."""
        return dict(self.facts["pretrained"])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the prunable weights, in order."""
        return {layer["name"]: tuple(layer["shape"]) for layer in self.facts["network"]["layers"]}

    def steps_per_epoch(self, batch_size: int) -> Fraction:
        return Fraction(self.training_images, batch_size)


class Undescribed(InputError):
    """What was asked about cannot be had. `problems` are (question, the part of it that is at fault, message)."""

    def __init__(self, problems: list[tuple[Question, str, str]]) -> None:
        super().__init__("\n".join(dict.fromkeys(message for *_, message in problems)))
        self.problems = problems


class Facts:
    """Answers by question. `unreadable` names what the store had of them and could not be read (path: reason).

    `loaded` are the fingerprints of the data that were looked at just now.
    """

    def __init__(self, answers: dict[str, dict[str, Any]]) -> None:
        self._answers = answers
        self.loaded: set[str] = set()
        self.unreadable: dict[str, str] = {}

    def __getitem__(self, question: Question) -> Answer:
        facts = self._answers[question.key]
        dataset, network = facts["dataset"], facts["network"]
        return Answer(
            dataset=replace(question.dataset, fingerprint=dataset["fingerprint"]),
            training_images=dataset["train_images"] - question.dataset.holdout,
            layers=dict(network["prunable"]),
            checkpoint_bytes=network["checkpoint_bytes"],
            facts=facts,
        )

    def add(self, question: Question, answer: dict[str, Any]) -> None:
        """Keep an answer, unless there is one."""
        self._answers.setdefault(question.key, answer)


def gather(questions: Iterable[Question], store: Store | None = None, known_before: Facts | None = None) -> Facts:
    """Answers from the store where it has them, else those known before, else from `workers.describe`.

    Raises Undescribed with everything that could not be described, InputError if nothing could be looked at.
    """
    wanted = {question.key: question for question in questions}
    known = _pinned(wanted, store) if store is not None else Facts({})
    if known_before is not None:
        known._answers = known_before._answers | known._answers
    unknown = [question for key, question in wanted.items() if key not in known._answers]
    answers = _describe([question.to_json() for question in unknown])
    asked = list(zip(unknown, answers, strict=True))
    problems = [(question, answer["about"], answer["error"]) for question, answer in asked if "error" in answer]
    if problems:
        raise Undescribed(problems)
    known._answers |= {question.key: answer["facts"] for question, answer in asked}
    known.loaded |= {answer["facts"]["dataset"]["fingerprint"] for _, answer in asked}
    return known


def pinned(questions: Iterable[Question], store: Store) -> Facts:
    """Answers that a store has; describes nothing. Raises CorruptFile for one that it has not, or not whole."""
    wanted = {question.key: question for question in questions}
    known = _pinned(wanted, store)
    for key in wanted:
        if key not in known._answers:
            path = f"facts/{key}.json"
            raise CorruptFile(path, known.unreadable.get(path, "it is not there"))
    return known


def pin(facts: Facts, store: Store) -> None:
    """Keep answers in the store; what is damaged there is replaced."""
    there = _pinned(facts._answers, store)._answers
    for key, answer in facts._answers.items():
        if key not in there:
            store.pin_facts(key, answer)


def _pinned(keys: Iterable[str], store: Store) -> Facts:
    known = Facts({})
    for key in keys:
        try:
            answer = store.facts(key)
        except CorruptFile as error:
            known.unreadable[error.path] = str(error)
            continue
        if answer is not None:
            known._answers[key] = answer
    return known


def _describe(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not requests:
        return []
    print("Looking at data and networks, once", file=sys.stderr)
    command = [sys.executable, "-m", "workers.describe"]
    found = subprocess.run(command, input=json.dumps(requests), capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise InputError(f"could not look at data and networks:\n{found.stderr.strip()}")
    answers: list[dict[str, Any]] = json.loads(found.stdout)
    return answers
