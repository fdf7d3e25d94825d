"""What the data sets of a sweep hold, and what a person should know before believing them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.planning.crossing import Crossing, Setting
from orchestrator.planning.facts import Answer
from workers.data import missing_folder
from workers.text import plural, several
from workers.trial import Dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedImages:
    """A set of images. `train_images` are without the `holdout`; `settled` are arguments taken from the data."""

    dataset: str
    train_images: int
    holdout: int
    test_images: int
    channels: int
    height: int
    width: int
    classes: int
    class_names: list[str]
    settled: dict[str, Any]
    notes: list[str]

    def __str__(self) -> str:
        held = f" ({self.holdout:,} more held out)" if self.holdout else ""
        line = (
            f"  Data {self.dataset}: {plural(self.train_images, 'training image')}{held}, "
            f"{plural(self.test_images, 'test image')} of {self.width}×{self.height} pixels in "
            f"{plural(self.channels, 'channel')}, {self.classes:,} classes{_names(self.class_names)}"
        )
        return _with_notes(line, self.settled, self.notes)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedExamples:
    """A data set that is not of images; `noun` is what an example of it is called.

    `train_examples` are without the `holdout`, `validation_examples` those of a validation split of the data (0: they
    have none), `inputs` and `targets` the types and shapes of one example, `offers` what networks may ask for.
    """

    dataset: str
    noun: str
    train_examples: int
    holdout: int
    validation_examples: int
    test_examples: int
    inputs: str
    targets: str
    offers: dict[str, Any]
    class_names: list[str]
    settled: dict[str, Any]
    notes: list[str]

    def __str__(self) -> str:
        held = f" ({self.holdout:,} more held out)" if self.holdout else ""
        parts = [f"{plural(self.train_examples, f'training {self.noun}')}{held}"]
        if self.validation_examples:
            parts.append(plural(self.validation_examples, f"validation {self.noun}"))
        parts.append(plural(self.test_examples, f"test {self.noun}"))
        line = f"  Data {self.dataset}: {', '.join(parts)}; inputs {self.inputs}, targets {self.targets}"
        return _with_notes(f"{line}{_names(self.class_names)}", self.settled, self.notes)


Planned = PlannedImages | PlannedExamples


def _with_notes(line: str, settled: dict[str, Any], notes: list[str]) -> str:
    lines = [
        line,
        *(f"    from the data: `{name}: {value}`" for name, value in settled.items()),
        *(f"    note: {note}" for note in notes),
    ]
    return "\n".join(lines)


def _names(class_names: list[str]) -> str:
    if not class_names:
        return ""
    rest = ", …" if len(class_names) > 3 else ""
    return f" ({', '.join(class_names[:3])}{rest})"


def data_facts(crossing: Crossing) -> list[Planned]:
    """The data sets of a sweep, each once; none whose facts are not complete."""
    by_name: dict[str, Planned] = {}
    for setting, answer in crossing:
        facts = answer.facts["dataset"]
        name = setting.dataset.label
        if name not in by_name and ("classes" in facts or "inputs" in facts):
            by_name[name] = _planned(name, facts, setting.question.dataset)
        if name in by_name:
            by_name[name].notes.extend(
                note for note in _batch_notes(setting, answer) if note not in by_name[name].notes
            )
    return list(by_name.values())


def _planned(name: str, facts: dict[str, Any], dataset: Dataset) -> Planned:
    missing = missing_folder(dataset.name, dataset.arguments)
    common: dict[str, Any] = {
        "dataset": name,
        "holdout": dataset.holdout,
        "class_names": list(facts.get("class_names", ())),
        "settled": dict(facts.get("settled", {})),
        "notes": [*facts.get("notes", ()), *([f"not found on this machine: `{missing}`"] if missing else [])],
    }
    if "inputs" in facts:
        return PlannedExamples(
            noun=facts["noun"],
            train_examples=facts["train_examples"] - dataset.holdout,
            validation_examples=facts.get("validation_examples", 0),
            test_examples=facts["test_examples"],
            inputs=facts["inputs"],
            targets=facts["targets"],
            offers=facts["offers"],
            **common,
        )
    return PlannedImages(
        train_images=facts["train_images"] - dataset.holdout,
        test_images=facts["test_images"],
        channels=facts["channels"],
        height=facts["height"],
        width=facts["width"],
        classes=facts["classes"],
        **common,
    )


def _batch_notes(setting: Setting, answer: Answer) -> Iterator[str]:
    """A batch that is larger than the training set has examples twice, which is rarely meant."""
    size, examples = setting.question.recipe.batch_size, answer.training_examples
    if size > examples:
        noun = answer.facts["dataset"].get("noun", "image")
        yield (
            f"`batch_size: {size}` of recipe `{setting.recipe.name}` is larger than the training set, so every batch "
            f"has {several(noun)} more than once: {plural(examples, noun)}"
        )
