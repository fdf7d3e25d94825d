"""What the data sets of a sweep hold, and what a person should know before believing them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.planning.crossing import Crossing, Setting
from orchestrator.planning.facts import Answer
from workers.data import missing_folder
from workers.text import plural
from workers.trial import Dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedData:
    """A data set of a sweep. `train_images` are without the `holdout`; `settled` are arguments taken from the data."""

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
        lines = [
            f"  Data {self.dataset}: {plural(self.train_images, 'training image')}{held}, "
            f"{plural(self.test_images, 'test image')} of {self.width}×{self.height} pixels in "
            f"{plural(self.channels, 'channel')}, {self.classes:,} classes{self._names()}",
            *(f"    from the data: `{name}: {value}`" for name, value in self.settled.items()),
            *(f"    note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)

    def _names(self) -> str:
        if not self.class_names:
            return ""
        rest = ", …" if len(self.class_names) > 3 else ""
        return f" ({', '.join(self.class_names[:3])}{rest})"


def data_facts(crossing: Crossing) -> list[PlannedData]:
    """The data sets of a sweep, each once; none whose facts are not complete."""
    by_name: dict[str, PlannedData] = {}
    for setting, answer in crossing:
        facts = answer.facts["dataset"]
        name = setting.dataset.label
        if name not in by_name and "classes" in facts:
            by_name[name] = _data_facts(name, facts, setting.question.dataset)
        if name in by_name:
            by_name[name].notes.extend(
                note for note in _batch_notes(setting, answer) if note not in by_name[name].notes
            )
    return list(by_name.values())


def _data_facts(name: str, facts: dict[str, Any], dataset: Dataset) -> PlannedData:
    missing = missing_folder(dataset.name, dataset.arguments)
    return PlannedData(
        dataset=name,
        train_images=facts["train_images"] - dataset.holdout,
        holdout=dataset.holdout,
        test_images=facts["test_images"],
        channels=facts["channels"],
        height=facts["height"],
        width=facts["width"],
        classes=facts["classes"],
        class_names=list(facts.get("class_names", ())),
        settled=dict(facts.get("settled", {})),
        notes=[*facts.get("notes", ()), *([f"not found on this machine: `{missing}`"] if missing else [])],
    )


def _batch_notes(setting: Setting, answer: Answer) -> Iterator[str]:
    """A batch that is larger than the training set has images twice, which is rarely meant."""
    size, images = setting.question.recipe.batch_size, answer.training_images
    if size > images:
        yield (
            f"`batch_size: {size}` of recipe `{setting.recipe.name}` is larger than the training set, so every batch "
            f"has images more than once: {plural(images, 'image')}"
        )
