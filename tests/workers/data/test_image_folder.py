"""Images in files, made here from scikit-learn's digits: layout, crops, batches, and trials on them."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from workers.data.batches.share import BatchShare
from workers.data.files.file_stream import EVALUATION_BATCH
from workers.data.image_files import ImageFiles
from workers.data.image_folder import image_folder
from workers.data.loading import load_facts, open_data
from workers.data.source import Data
from workers.describe.answers import answer
from workers.errors import BadInput, InputError
from workers.models.build import build
from workers.schedules import piecewise
from workers.training.evaluation import evaluate
from workers.training.states.state import dump_state
from workers.training.trainer import Trainer
from workers.trial import Dataset, Evaluation, Network, Pruning, Recipe, Task, Trial, canonical

CPU = torch.device("cpu")
CROPPED = Recipe(
    batch_size=16,
    optimizer="SGD",
    optimizer_arguments={"momentum": 0.9, "nesterov": True},
    random_resized_crop=True,
    horizontal_flip=True,
    normalization=[[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]],
    batch_norm_momentum=0.1,
)
PLAIN = Recipe(batch_size=16, optimizer="SGD", normalization="none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 training and 130 test images of three digits, PNG or JPEG, gray or color, wider or higher than long."""
    path = tmp_path_factory.mktemp("digits")
    digits = load_digits(n_class=3)
    for index in range(170):
        part = "train" if index < 40 else "val"
        target = path / part / "abc"[digits.target[index]]
        target.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray((digits.images[index] * 15.9).astype(np.uint8))
        image = image.resize((18 + index % 5, 22 - index % 3))
        if index % 2:
            image.convert("RGB").save(target / f"{index}.jpg", quality=95)
        else:
            image.save(target / f"{index}.png")
    return path


def dataset(folder: Path, holdout: int = 0, **arguments: Any) -> Dataset:
    arguments = {"path": str(folder), "image_size": 16, "workers": 0} | arguments
    return Dataset(name="image_folder", arguments=arguments, holdout=holdout)


def opened(folder: Path, **changes: Any) -> Data:
    return open_data(dataset(folder, **changes), CPU)


def test_facts(folder: Path) -> None:
    facts = load_facts(dataset(folder))
    assert (facts.train_images, facts.test_images, facts.classes, facts.input_shape) == (40, 130, 3, (3, 16, 16))


def test_a_part_of_the_files_has_a_share_of_every_class(folder: Path) -> None:
    whole, part = (
        image_folder(path=str(folder), image_size=16, **some) for some in ({}, {"train_images": 10, "test_images": 13})
    )
    assert part.train_paths == whole.train_paths[::4]
    assert part.test_labels == whole.test_labels[::10]
    assert (set(part.train_labels), part.classes) == ({0, 1, 2}, 3)
    with pytest.raises(InputError, match=r"`test_images` must be from 1 to 130 .*: 131"):
        image_folder(path=str(folder), image_size=16, test_images=131)


def test_the_fingerprint_knows_files_labels_and_sizes(folder: Path, tmp_path: Path) -> None:
    def fingerprint(path: Path, **arguments: Any) -> str:
        return image_folder(path=str(path), **({"image_size": 16} | arguments)).fingerprint()

    first = fingerprint(folder)
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    assert fingerprint(moved, workers=7) == first
    assert fingerprint(moved, image_size=17) != first
    (moved / "train" / "a" / "0.png").rename(moved / "train" / "b" / "0.png")
    other = fingerprint(moved)
    assert other != first
    with (moved / "train" / "b" / "0.png").open("ab") as file:
        file.write(b"0")
    assert fingerprint(moved) not in (first, other)


def test_the_order_in_which_files_are_listed_changes_nothing(folder: Path) -> None:
    found = image_folder(path=str(folder), image_size=16, workers=0)

    def shuffled(paths: Sequence[str], labels: Sequence[int]) -> dict[str, Any]:
        pairs = random.Random(0).sample(list(zip(paths, labels, strict=True)), len(paths))
        return {"paths": [path for path, _ in pairs], "labels": [label for _, label in pairs]}

    train, test = (
        shuffled(found.train_paths, found.train_labels),
        shuffled(found.test_paths, found.test_labels),
    )
    other = dataclasses.replace(
        found,
        train_paths=train["paths"],
        train_labels=train["labels"],
        test_paths=test["paths"],
        test_labels=test["labels"],
    )
    assert list(other.train_paths) != list(found.train_paths)
    assert other.fingerprint() == found.fingerprint()
    one, same = (files.on(CPU, 8, files.facts()) for files in (found, other))
    for first, second in [
        (one.stream(CROPPED, 0, "dense").batch(3), same.stream(CROPPED, 0, "dense").batch(3)),
        (next(iter(one.heldout.batches(PLAIN))), next(iter(same.heldout.batches(PLAIN)))),
        (next(iter(one.test.batches(PLAIN))), next(iter(same.test.batches(PLAIN)))),
    ]:
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_folder_may_be_written_in_any_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    expected = image_folder(path=str(folder), image_size=16).fingerprint()
    for path in (folder.name, f"./{folder.name}", f"{folder.name}//", f"{folder.name}/."):
        assert image_folder(path=path, image_size=16).fingerprint() == expected


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("train", "cannot read images in .*: no folder of training images found; the folders are: val"),
        ("val/b", "/train and /val differ: only one has b"),
    ],
)
def test_folders_that_are_missing(part: str, message: str, folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    shutil.rmtree(broken / part)
    with pytest.raises(InputError, match=message):
        image_folder(path=str(broken))


def test_labels_must_fit() -> None:
    with pytest.raises(BadInput, match=r"train labels must be from 0 to 1 \(2 classes\), not 0 to 2"):
        ImageFiles(root="", train_paths=["a", "b"], train_labels=[0, 2], test_paths=["c"], test_labels=[0], classes=2)
    with pytest.raises(BadInput, match=r"every test file must have a label.*: 0 files, 1 label"):
        ImageFiles(root="", train_paths=["a"], train_labels=[0], test_paths=[], test_labels=[0], classes=2)


def test_batches_are_functions_of_replicate_stage_and_index(folder: Path) -> None:
    data = opened(folder)
    in_order = data.stream(CROPPED, 0, "dense")
    batches = [in_order.batch(index) for index in range(4)]
    jumping = data.stream(CROPPED, 0, "dense")
    for index in (3, 0, 1, 3):
        for one, other in zip(batches[index], jumping.batch(index), strict=True):
            assert torch.equal(one, other)
    inputs, labels = batches[0]
    assert (inputs.shape, inputs.dtype, labels.dtype) == ((16, 3, 16, 16), torch.float32, torch.int64)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    for replicate, stage in ((1, "dense"), (0, "1")):
        assert not torch.equal(inputs, data.stream(CROPPED, replicate, stage).batch(0)[0])


def test_shares_of_a_batch_are_the_batch(folder: Path) -> None:
    data = opened(folder)
    whole = data.stream(CROPPED, 0, "dense").batch(2)
    shares = [data.stream(CROPPED, 0, "dense", BatchShare(rank, 4)).batch(2) for rank in range(4)]
    for parts, together in zip(zip(*shares, strict=True), whole, strict=True):
        assert torch.equal(torch.cat(parts), together)


def test_every_image_comes_once_an_epoch(folder: Path) -> None:
    data = opened(folder)
    stream = data.stream(PLAIN, 0, "dense")
    assert stream.steps_per_epoch == Fraction(40, 16)
    images = torch.cat([stream.batch(index)[0] for index in range(5)])
    keys = [image.flatten().numpy().tobytes() for image in images]
    assert sorted(keys[:40]) == sorted(keys[40:])
    assert len(set(keys[:40])) == 40
    assert keys[:40] != keys[40:]


def test_decoding_processes_change_nothing(folder: Path) -> None:
    alone, helped = (opened(folder, workers=workers) for workers in (0, 2))
    before = torch.get_rng_state()
    one, other = (data.stream(CROPPED, 0, "dense") for data in (alone, helped))
    for index in (2, 3, 4):
        for mine, theirs in zip(one.batch(index), other.batch(index), strict=True):
            assert torch.equal(mine, theirs)
    assert torch.equal(before, torch.get_rng_state())


def test_parts_to_evaluate_on(folder: Path) -> None:
    data = opened(folder)
    sizes = [len(labels) for _, labels in data.test.batches(PLAIN)]
    assert sizes == [EVALUATION_BATCH, 30]
    images, labels = next(data.test.batches(PLAIN))
    assert (images.shape, images.dtype) == ((100, 3, 16, 16), torch.float32)
    some, their_labels = next(data.test.select(np.array([5, 2])).batches(PLAIN))
    assert torch.equal(some, images[[5, 2]])
    assert torch.equal(their_labels, labels[[5, 2]])


def test_heldout_images_are_not_trained_on(folder: Path) -> None:
    data = opened(folder, holdout=10)
    (held, _), *_ = data.heldout.batches(PLAIN)
    stream = data.stream(dataclasses.replace(PLAIN, batch_size=30), 0, "dense")
    assert stream.steps_per_epoch == 1
    trained = {image.numpy().tobytes() for image in stream.batch(0)[0]}
    heldout = {image.numpy().tobytes() for image in held}
    assert (len(trained), len(heldout), len(trained & heldout)) == (30, 10, 0)


def test_evaluation_of_both_kinds_of_validation(folder: Path) -> None:
    task = Network(name="resnet8", arguments={"width": 2})
    for holdout, share, counts in ((0, Fraction(1, 5), (26, 104)), (10, None, (10, 130))):
        data = opened(folder, holdout=holdout)
        network = build(task, data.facts, CROPPED, 0, "dense")
        stream = data.stream(CROPPED, 0, "dense")
        evaluation = Evaluation(validation_share=share, batch_norm_batches=2)
        scores = evaluate(network, data, CROPPED, evaluation, stream)
        assert (scores.validation.examples, scores.test.examples) == counts


def test_a_resumed_trial_gives_the_same_bits(folder: Path) -> None:
    source = dataset(folder)
    task = Task(dataset=source, network=Network(name="resnet8", arguments={"width": 2}), recipe=CROPPED)
    trial = Trial(task=task, replicate=0, stage="dense", rates=piecewise(Fraction("0.05"), [], [], Fraction(3)))
    whole, part = (Trainer(trial, open_data(source, CPU), CPU) for _ in range(2))
    for _ in range(6):
        whole.advance()
    for _ in range(4):
        part.advance()
    again = Trainer(trial, open_data(source, CPU), CPU)
    again.restore(part.state())
    for _ in range(2):
        again.advance()
    assert dump_state(again.state())[1] == dump_state(whole.state())[1]


def test_damaged_files_are_named(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    for path in (broken / "train").rglob("*.png"):
        path.write_bytes(b"no image")
    for workers in (0, 1):
        with pytest.raises(BadInput, match=r"^.*broken/train/./\d+\.png: not an image of a known format$"):
            opened(broken, workers=workers).stream(CROPPED, 0, "dense").batch(0)


def test_random_crops_need_files(folder: Path) -> None:
    asked = {
        "dataset": Dataset(name="digits"),
        "network": Network(name="mlp"),
        "recipe": dataclasses.replace(CROPPED, normalization="none"),
        "pruning": Pruning(),
    }
    said = answer({key: canonical(value) for key, value in asked.items()})
    assert "`random_resized_crop` needs images that stream from files" in said["error"]
    with pytest.raises(InputError, match="stream from files"):
        open_data(Dataset(name="digits"), CPU).stream(CROPPED, 0, "dense")
    asked["dataset"] = dataset(folder)
    assert answer({key: canonical(value) for key, value in asked.items()})["facts"]["dataset"]["train_images"] == 40
