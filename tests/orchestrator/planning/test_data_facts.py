"""What `plan` says about data."""

from __future__ import annotations

import itertools
import json
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from orchestrator.planning import facts as facts_module
from orchestrator.planning.announcement import announce
from orchestrator.planning.crossing import Crossing, find_out
from orchestrator.planning.data_facts import data_facts
from orchestrator.planning.preview import preview
from orchestrator.sweep.spec import SpecError, spec_from_dict
from tests.support.parquet import encode, gray
from tests.support.sweeps import answered, sweep, tiny_sweep
from workers.data.loading import load_source
from workers.describe.answers import answer
from workers.describe.apart import describe_apart
from workers.errors import BadInput
from workers.trial import Dataset

DATA = {
    "train_images": 1000,
    "test_images": 797,
    "channels": 1,
    "height": 8,
    "width": 9,
    "classes": 10,
    "fingerprint": "sha256:0",
}
NETWORK = {"prunable": [["a", 100]], "checkpoint_bytes": 1}


def planned(images: dict[str, Any], **changes: Any) -> Crossing:
    return answered(spec_from_dict(sweep(**changes)), {"dataset": images, "network": NETWORK})


def test_data_are_described_in_a_line() -> None:
    [facts] = data_facts(planned(DATA))
    assert str(facts) == (
        "  Data digits: 1,000 training images, 797 test images of 9×8 pixels in 1 channel, 10 classes"
    )


def test_held_out_images_are_counted_apart() -> None:
    held_out = {"evaluation": {"validation": {"holdout": 100}}}
    [facts] = data_facts(planned(DATA, **held_out))
    assert "900 training images (100 more held out), 797 test" in str(facts)


def test_names_of_classes_and_what_the_data_decided_are_shown() -> None:
    more = {"class_names": ["ant", "bee", "cat", "dog"], "settled": {"image_size": 32}, "notes": ["odd"]}
    [facts] = data_facts(planned(DATA | more))
    assert str(facts).endswith("10 classes (ant, bee, cat, …)\n    from the data: `image_size: 32`\n    note: odd")


@pytest.mark.parametrize(("batch", "count"), [(100, 0), (1000, 0), (1001, 1)])
def test_a_batch_larger_than_the_training_set_is_noted(batch: int, count: int, capsys: Any) -> None:
    recipe = {"duration": "20ep", "batch_size": batch, "optimizer": {"name": "SGD", "lr": 0.1}}
    crossing = planned(DATA, recipe=recipe)
    [data] = data_facts(crossing)
    assert len(data.notes) == count
    announce(crossing, quiet=False)
    said = capsys.readouterr().err
    assert (
        said.count("is larger than the training set, so every batch has images more than once: 1,000 images") == count
    )
    announce(crossing, quiet=True)
    assert capsys.readouterr().err == ""


def test_facts_of_older_stores_are_left_out() -> None:
    assert data_facts(planned({"train_images": 1000, "fingerprint": "x"})) == []


def test_plan_shows_the_data() -> None:
    crossing = planned(DATA)
    shown = preview(crossing.spec, known_before=crossing.facts)
    assert "  Data digits: 1,000 training images" in str(shown)
    assert shown.to_json()["data"][0]["classes"] == 10


def test_a_root_without_its_data_is_refused(tmp_path: Any) -> None:
    spec = spec_from_dict(sweep(dataset={"name": "cifar10", "root": str(tmp_path)}))
    with pytest.raises(SpecError) as raised:
        preview(spec)
    [problem] = raised.value.problems
    assert f"data set `cifar10` not found: `{tmp_path}/cifar-10-batches-py`" in problem.message


def test_a_default_root_without_data_is_noted(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [data] = data_facts(planned(DATA, dataset="cifar10"))
    assert data.notes == ["not found on this machine: `data/cifar-10-batches-py`"]
    [data] = data_facts(planned(DATA, dataset={"name": "cifar10", "download": True}))
    assert data.notes == []


def test_a_split_is_a_mapping_in_a_sweep_file() -> None:
    dataset = {"name": "image_folder", "path": "birds", "split": {"test": "20%", "seed": 0}}
    crossing = planned(DATA | {"settled": {"image_size": 8}}, dataset=dataset)
    [data] = data_facts(crossing)
    assert data.dataset == "image_folder(path=birds, split={seed: 0, test: 20%})"  # the order of a resumed sweep
    [(setting, answer), *_] = crossing
    question = setting.question
    assert question.dataset.arguments["split"] == {"test": "20%", "seed": 0}
    assert answer.dataset.arguments == question.dataset.arguments | {"image_size": 8}


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("20%", "must be a mapping: 20%"),
        ({"test": {"share": 1}}, "must be a number, text, true, false, or a list of these"),
    ],
)
def test_a_split_of_another_form_is_refused(split: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec_from_dict(sweep(dataset={"name": "image_folder", "path": "birds", "split": split}))


@pytest.mark.parametrize(("images", "share", "refused"), [(4, "20%", True), (5, "20%", False), (1, "50%", True)])
def test_a_validation_share_without_images_is_refused(images: int, share: str, refused: bool) -> None:
    crossing = planned(DATA | {"test_images": images}, evaluation={"validation": share})
    if not refused:
        [(_, answer), *_] = find_out(crossing.spec, None, crossing.facts)
        assert answer.training_examples == 1000
        return
    with pytest.raises(SpecError) as raised:
        find_out(crossing.spec, None, crossing.facts)
    [problem] = raised.value.problems
    assert problem.field == "evaluation.validation"
    assert f"must leave images for validation and images for the test: {Fraction(share[:-1]) / 100} of" in str(problem)
    assert (f"`evaluation: {{validation: 1/{images}}}` or more" in problem.hint) == (images > 1)
    assert "or hold out training images" in f"or {problem.hint}"


def test_a_holdout_that_takes_a_whole_class_is_refused_at_its_line() -> None:
    spec = spec_from_dict(sweep(evaluation={"validation": {"holdout": 999}}))
    with pytest.raises(SpecError) as raised:
        find_out(spec, None)
    [problem] = raised.value.problems
    assert problem.field == "evaluation.validation"
    assert "`holdout` must leave training images of every class, but 9 of 10 classes would have none: 999" in str(
        problem
    )


def test_facts_of_an_older_version_keep_the_size_that_its_image_folders_had(tmp_path: Path) -> None:
    """Older versions read images at 224 pixels unless told otherwise, and facts did not say what was settled."""
    for place, level in itertools.product(("train/a", "train/b", "val/a", "val/b"), (60, 200)):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / f"{level}.png").write_bytes(encode(gray(level)))
    given = {"name": "image_folder", "path": str(tmp_path)}
    old = load_source(Dataset(name="image_folder", arguments={"path": str(tmp_path), "image_size": 224})).facts()
    facts = {name: getattr(old, name) for name in DATA}
    [(_, answer), *_] = planned(facts, dataset=given)
    dataset = answer.dataset
    assert load_source(dataset).facts().height == 224
    with pytest.raises(BadInput, match="the data have changed"):
        load_source(replace(dataset, arguments={"path": str(tmp_path)}))


def test_a_preview_writes_nothing_and_does_not_say_that_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], input: bytes, **_: object) -> subprocess.CompletedProcess[bytes]:
        asked = json.loads(input)
        Path(asked["answers"]).write_text(json.dumps([answer(request) for request in asked["requests"]]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(facts_module, "describe_apart", describe_apart)
    preview(spec_from_dict(tiny_sweep()), str(tmp_path / "store"))
    assert capsys.readouterr().err == "Inspecting data sets and networks (cached in the store once a sweep runs)\n"
    assert not (tmp_path / "store").exists()
