"""The facts of a plan that only torch or the data can tell: sizes, fingerprints, weights by layer.

`gather` asks `workers.describe` in a subprocess, so that nothing here imports torch; `pin` keeps the answers in the
store, so that a plan made later, or on another machine, is the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

from orchestrator.planning.own_techniques import RetrainingChoice, TechniqueQuestion
from orchestrator.planning.request import Request
from workers.describe.apart import describe_apart
from workers.errors import CorruptFile, InputError
from workers.machine.terminal import say
from workers.store import Store, layout
from workers.trial import Dataset, Network, Pruning, Recipe, Task


@dataclass(frozen=True, slots=True)
class Question(Request):
    """A data set and a network to train on it with a recipe; `pretrained` are the files of trained weights.

    A new `code_version` makes a new question.
    """

    dataset: Dataset
    network: Network
    recipe: Recipe
    pruning: Pruning
    code_version: str | None = None
    pretrained: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The facts of one question. `dataset` has its fingerprint; `layers` counts each parameter's prunable weights."""

    dataset: Dataset
    training_examples: int
    layers: dict[str, int]
    checkpoint_bytes: int
    facts: dict[str, Any]

    @property
    def checksums(self) -> dict[str, str]:
        """The checksums of the question's pretrained files, by path."""
        return dict(self.facts["pretrained"])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the prunable weights, in order."""
        return {layer["name"]: tuple(layer["shape"]) for layer in self.facts["network"]["layers"]}

    def steps_per_epoch(self, batch_size: int) -> Fraction:
        return Fraction(self.training_examples, batch_size)


def examples_of(dataset: dict[str, Any], part: str) -> int | None:
    """How many examples the part `train` or `test` of a data set has, by its facts; older stores may not say."""
    count: int | None = dataset.get(f"{part}_examples", dataset.get(f"{part}_images"))
    return count


def _settled(dataset: Dataset, facts: dict[str, Any]) -> dict[str, Any]:
    """The arguments that were taken from the data. Facts of older versions have none: their image folders had 224."""
    if "settled" not in facts and dataset.name == "image_folder" and "height" in facts:
        return {"image_size": facts["height"]}
    return dict(facts.get("settled", {}))


def task_of(question: Question, answer: Answer) -> Task:
    """The task of the trials that a question is about."""
    return Task(
        dataset=answer.dataset,
        network=question.network,
        recipe=question.recipe,
        code_version=question.code_version,
    )


class Unanswered(NamedTuple):
    """A question without an answer, and why; `about` is the part of the question that is wrong."""

    question: Question
    about: str
    error: InputError


class Undescribed(InputError):
    """Some data sets or networks cannot be described."""

    def __init__(self, unanswered: list[Unanswered]) -> None:
        super().__init__("\n".join(dict.fromkeys(error.message for *_, error in unanswered)))
        self.unanswered = unanswered


class Facts:
    """Answers by question. `loaded` are the fingerprints of the data sets that were loaded just now.

    `in_store` are the keys of those that were read from a store, `unreadable` the damaged ones (path: reason).
    """

    def __init__(self, answers: dict[str, dict[str, Any]], store: Store | None = None) -> None:
        self._answers = answers
        self._store = store
        self.in_store: set[str] = set()
        self.loaded: set[str] = set()
        self.unreadable: dict[str, str] = {}

    def __getitem__(self, question: Question) -> Answer:
        facts = self._answers[question.key]
        dataset, network = facts["dataset"], facts["network"]
        training_examples = examples_of(dataset, "train")
        assert training_examples is not None
        return Answer(
            dataset=replace(
                question.dataset,
                fingerprint=dataset["fingerprint"],
                arguments=question.dataset.arguments | _settled(question.dataset, dataset),
            ),
            training_examples=training_examples - question.dataset.holdout,
            layers=dict(network["prunable"]),
            checkpoint_bytes=network["checkpoint_bytes"],
            facts=facts,
        )

    def choice(self, question: TechniqueQuestion) -> RetrainingChoice:
        """What a technique of the user's own chooses. Raises CorruptFile if that is missing or damaged in the store."""
        self._read(question)
        if question.key not in self._answers:
            raise CorruptFile(layout.facts_path(question.key), "not found")
        return RetrainingChoice.of_json(self._answers[question.key])

    def ask(self, questions: Sequence[TechniqueQuestion]) -> list[tuple[TechniqueQuestion, InputError]]:
        """Have the questions answered that are not. Returns the errors."""
        for question in questions:
            self._read(question)
        unknown = [question for question in questions if question.key not in self._answers]
        answers = list(zip(unknown, describe_apart([question.to_json() for question in unknown]), strict=True))
        self._answers |= {question.key: answer["facts"] for question, answer in answers if "facts" in answer}
        return [
            (question, InputError(answer["error"], hint=answer["hint"]))
            for question, answer in answers
            if "error" in answer
        ]

    def _read(self, question: TechniqueQuestion) -> None:
        if question.key not in self._answers and self._store is not None:
            try:
                answer = self._store.sweeps.facts(question.key)
            except CorruptFile as error:
                self.unreadable[error.path] = str(error)
                return
            if answer is not None:
                self._answers[question.key] = answer
                self.in_store.add(question.key)

    def add(self, question: Question, answer: dict[str, Any]) -> None:
        """Keep an answer, unless the question has one."""
        self._answers.setdefault(question.key, answer)

    def _forget_rehearsed_otherwise(self, rehearsal: dict[str, Any] | None) -> None:
        """Forget answers that were rehearsed on another device or with another evaluation."""
        for key, answer in list(self._answers.items()):
            done = answer.get("rehearsal")
            if done and rehearsal and any(done.get(name) != value for name, value in rehearsal.items()):
                del self._answers[key]
                self.in_store.discard(key)


def gather(
    questions: Iterable[Question],
    store: Store | None = None,
    known_before: Facts | None = None,
    rehearsal: dict[str, Any] | None = None,
) -> Facts:
    """Answers from the store, else from `known_before`, else from `workers.describe`.

    `rehearsal` is the `evaluation` and the `device` of trials: what the answer to a question was rehearsed with, if it
    needed a rehearsal.

    Raises Undescribed with every question that has no answer, InputError where `workers.describe` fails.
    """
    wanted = {question.key: question for question in questions}
    facts = _pinned(wanted, store) if store is not None else Facts({})
    if known_before is not None:
        facts._answers = known_before._answers | facts._answers
    facts._forget_rehearsed_otherwise(rehearsal)
    unknown = [question for key, question in wanted.items() if key not in facts._answers]
    more = {} if rehearsal is None else {"rehearsal": rehearsal}
    answers = list(zip(unknown, describe_apart([question.to_json() | more for question in unknown]), strict=True))
    unanswered = [
        Unanswered(question, answer["about"], InputError(answer["error"], hint=answer["hint"]))
        for question, answer in answers
        if "error" in answer
    ]
    if unanswered:
        raise Undescribed(unanswered)
    facts._answers |= {question.key: answer["facts"] for question, answer in answers}
    _name_skipped(answer["facts"] for _, answer in answers)
    facts.loaded |= {answer["facts"]["dataset"]["fingerprint"] for _, answer in answers}
    return facts


def _name_skipped(answers: Iterable[dict[str, Any]]) -> None:
    """Say which rehearsals were not possible."""
    for reason in dict.fromkeys(answer.get("rehearsal", {}).get("skipped") for answer in answers):
        if reason:
            say(f"Rehearsed only on the nodes of a cluster, before the first trial: {reason}")


def pinned(questions: Iterable[Question], store: Store) -> Facts:
    """The answers in a store. Raises CorruptFile for one that is missing or damaged."""
    keys = [question.key for question in questions]
    facts = _pinned(keys, store)
    for key in keys:
        if key not in facts._answers:
            path = layout.facts_path(key)
            raise CorruptFile(path, facts.unreadable.get(path, "not found"))
    return facts


def pin(facts: Facts, store: Store) -> None:
    """Keep the answers in the store that were not read from it, in place of damaged ones."""
    for key, answer in facts._answers.items():
        if key not in facts.in_store:
            store.sweeps.pin_facts(key, answer)


def _pinned(keys: Iterable[str], store: Store) -> Facts:
    facts = Facts({}, store)
    for key in keys:
        try:
            answer = store.sweeps.facts(key)
        except CorruptFile as error:
            facts.unreadable[error.path] = str(error)
            continue
        if answer is not None:
            facts._answers[key] = answer
            facts.in_store.add(key)
    return facts
