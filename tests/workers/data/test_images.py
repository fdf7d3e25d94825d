from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from workers.data.cifar import cifar10, cifar100
from workers.data.digits import digits
from workers.data.images import Images
from workers.data.loading import load_facts, load_source, open_data
from workers.data.synthetic import synthetic
from workers.errors import BadInput, InputError
from workers.trial import Dataset

CPU = torch.device("cpu")


def tiny(**changes: object) -> Images:
    parts: dict = {
        "train_images": torch.zeros(3, 1, 2, 2, dtype=torch.uint8),
        "train_labels": torch.tensor([0, 1, 0]),
        "test_images": torch.zeros(2, 1, 2, 2, dtype=torch.uint8),
        "test_labels": torch.tensor([1, 0]),
        "classes": 2,
    }
    return Images(**(parts | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": torch.zeros(3, 1, 2, 2)}, "train images must be uint8"),
        ({"test_images": torch.zeros(2, 2, 2, dtype=torch.uint8)}, r"test images must be .* \(2, 2, 2\)"),
        ({"test_images": torch.zeros(0, 1, 2, 2, dtype=torch.uint8)}, r"test images must not be empty: \(0, 1"),
        ({"train_labels": ["0", "1", "0"]}, "train labels must be a torch tensor, not list"),
        ({"train_labels": torch.tensor([0, 1])}, r"train labels must be int64 of shape \(3,\)"),
        ({"train_labels": torch.tensor([0.0, 1, 0])}, "train labels must be int64"),
        ({"train_labels": torch.tensor([0, 2, 0])}, r"train labels must be from 0 to 1 \(2 classes\), not 0 to 2"),
        ({"test_labels": torch.tensor([-1, 0])}, "test labels must be from 0 to 1 .* not -1 to 0"),
        ({"test_images": torch.zeros(2, 3, 2, 2, dtype=torch.uint8)}, r"same shape, not \(1, 2, 2\) and \(3, 2, 2\)"),
    ],
)
def test_images_of_another_form_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        tiny(**changes)


def test_fingerprint_sees_every_part() -> None:
    changed = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    changed[2, 0, 1, 1] = 1
    variants = [
        tiny(),
        tiny(train_images=changed),
        tiny(train_labels=torch.tensor([0, 0, 1])),
        tiny(test_images=changed[1:]),
        tiny(test_labels=torch.tensor([0, 1])),
        tiny(classes=3),
        tiny(
            train_images=torch.zeros(3, 1, 1, 4, dtype=torch.uint8),
            test_images=torch.zeros(2, 1, 1, 4, dtype=torch.uint8),
        ),
    ]
    fingerprints = {images.fingerprint() for images in variants}
    assert len(fingerprints) == len(variants)
    assert all(len(fingerprint) == len("sha256:") + 32 for fingerprint in fingerprints)


def test_fingerprint_sees_values_not_memory() -> None:
    images = torch.arange(24, dtype=torch.uint8).view(2, 3, 2, 2)
    strided = images.contiguous(memory_format=torch.channels_last)
    one, other = (tiny(train_images=images[:1].expand(3, 3, 2, 2), test_images=part) for part in (images, strided))
    assert one.fingerprint() == other.fingerprint()


def test_digits_are_fixed_for_ever() -> None:
    images = digits()
    assert images.train_images.shape == (1000, 1, 8, 8)
    assert images.test_images.shape == (797, 1, 8, 8)
    assert images.train_images.max() == 255
    assert torch.bincount(images.train_labels).min() > 80
    assert images.fingerprint() == "sha256:421608efa11d0e5b407ed8a462679a3a"


def test_digits_are_all_of_scikit_learns_once() -> None:
    from sklearn.datasets import load_digits

    images = digits()
    ours = torch.cat((images.train_images, images.test_images)).flatten(1).double() * 16 / 255
    theirs = torch.from_numpy(load_digits().data)
    assert sorted(map(tuple, ours.round().tolist())) == sorted(map(tuple, theirs.tolist()))


def test_synthetic_images_are_fixed_for_ever_and_vary_by_seed() -> None:
    first, other = synthetic(train_images=9, test_images=4), synthetic(train_images=9, test_images=4, seed=1)
    assert first.fingerprint() == "sha256:8381d4d0515d28323026c19a176fb8e9"
    assert first.fingerprint() != other.fingerprint()


def test_synthetic_images_can_be_learned() -> None:
    images = synthetic(train_images=500, test_images=200, channels=3, size=8)
    train, test = (part.flatten(1).double() for part in (images.train_images, images.test_images))
    means = torch.stack([train[images.train_labels == label].mean(0) for label in range(10)])
    nearest = torch.cdist(test, means).argmin(1)
    assert (nearest == images.test_labels).double().mean() > 0.9


@pytest.mark.parametrize(("name", "value"), [("classes", 0), ("size", -1), ("train_images", 0), ("seed", -1)])
def test_impossible_synthetic_images_are_refused(name: str, value: int) -> None:
    with pytest.raises(InputError, match=f"`{name}`"):
        synthetic(**{name: value})


def test_loaded_images_stay_in_memory() -> None:
    one = Dataset(name="synthetic", arguments={"train_images": 20, "seed": 5})
    other = Dataset(name="synthetic", arguments={"seed": 5, "train_images": 20}, holdout=3)
    assert load_source(one) is load_source(other)
    assert open_data(one, CPU) is open_data(one, CPU)


def test_resident_images_leave_out_the_holdout() -> None:
    dataset = Dataset(name="digits", holdout=100)
    images, data = load_source(dataset), open_data(dataset, CPU)
    assert (len(data.train), len(data.heldout), len(data.test)) == (900, 100, 797)
    assert data.facts.train_images == 1000
    together = torch.cat((data.train.images, data.heldout.images)).flatten(1)
    assert sorted(map(tuple, together.tolist())) == sorted(map(tuple, images.train_images.flatten(1).tolist()))
    assert len(open_data(dataclasses.replace(dataset, holdout=0), CPU).heldout) == 0


@pytest.mark.parametrize("holdout", [1000, -1])
def test_holdout_must_leave_training_images(holdout: int) -> None:
    with pytest.raises(InputError, match=f"`holdout` must be .* below the 1,000 training images: {holdout:,}"):
        load_source(Dataset(name="digits", holdout=holdout))


def test_changed_data_are_refused() -> None:
    planned = load_facts(Dataset(name="synthetic", arguments={"seed": 1})).fingerprint
    assert load_source(Dataset(name="synthetic", arguments={"seed": 1}, fingerprint=planned))
    with pytest.raises(BadInput, match=r"the data have changed .*`synthetic` \(seed `2`\)") as raised:
        load_source(Dataset(name="synthetic", arguments={"seed": 2}, fingerprint=planned))
    assert f"not `{planned}`\n\nhint:" in str(raised.value)


def test_unknown_data_and_arguments_are_named() -> None:
    with pytest.raises(InputError, match="unknown data set: `digit`"):
        load_source(Dataset(name="digit"))
    with pytest.raises(InputError, match=r"data set `digits`: .*'size'"):
        load_source(Dataset(name="digits", arguments={"size": 8}))


def test_missing_data_are_bad_input_once_planned(tmp_path: Path) -> None:
    dataset = Dataset(name="image_parquet", arguments={"path": str(tmp_path / "gone")})
    with pytest.raises(InputError, match="`path` not found"):
        load_source(dataset)
    with pytest.raises(BadInput, match="`path` not found"):
        load_source(dataclasses.replace(dataset, fingerprint="sha256:0"))


def test_missing_cifar_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"CIFAR10 cannot be read from .*\n\nhint: .*`download: true`"):
        cifar10(root=str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_torchvision_that_does_not_fit_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("workers.torchvision_import.importlib.import_module", broken)
    with pytest.raises(InputError, match=rf"{torch.__version__[:3]}.*nms does not exist\n\nhint: install"):
        cifar10()


def test_cifar_is_transposed(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.arange(2 * 32 * 32 * 3, dtype=np.uint32).astype(np.uint8).reshape(2, 32, 32, 3)

    def torchvisions(root: str, train: bool, download: bool) -> SimpleNamespace:
        return SimpleNamespace(data=pixels if train else pixels[:1], targets=[3, 99] if train else [0])

    datasets = SimpleNamespace(CIFAR100=torchvisions)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    images = cifar100()
    assert images.train_images.shape == (2, 3, 32, 32)
    assert images.train_images[1, 2, 5, 7] == pixels[1, 5, 7, 2]
    assert images.train_labels.tolist() == [3, 99]
    assert images.classes == 100
    first = cifar100(train_images=1)
    assert (first.train_labels.tolist(), len(first.train_images), len(first.test_images)) == ([3], 1, 1)
    with pytest.raises(InputError, match=r"`train_images` must be from 1 to 2 \(all of `data`\): 3"):
        cifar100(train_images=3)
    part = Dataset(name="cifar100", arguments={"train_images": 1})
    assert load_facts(part).train_images == 1
    assert load_facts(part).fingerprint != load_facts(Dataset(name="cifar100")).fingerprint


BRIGHT = """
import torch
from workers.data.images import Images
def load(path):
    with open(path) as file:
        part = torch.full((4, 1, 2, 2), int(file.read()), dtype=torch.uint8)
    part[:, :, 0] = 0
    labels = torch.tensor([0, 1, 0, 1])
    return Images(train_images=part, train_labels=labels, test_images=part, test_labels=labels, classes=2)
"""


def test_a_relative_path_means_the_folder_that_a_sweep_is_run_in_and_files_as_they_are_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    (tmp_path / "bright_data.py").write_text(BRIGHT)
    dataset = Dataset(name="bright_data:load", arguments={"path": "brightness"})
    fingerprints = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        Path("brightness").write_text("100" if folder == "one" else "200")
        fingerprints.append(load_facts(dataset).fingerprint)
        planned = dataclasses.replace(dataset, fingerprint=fingerprints[-1])
        assert int(open_data(planned, CPU).test.images.max()) == (100 if folder == "one" else 200)
    assert fingerprints[0] != fingerprints[1]
    Path("brightness").write_text("100")  # the sweep is planned again, in another process
    planned = dataclasses.replace(dataset, fingerprint=fingerprints[0])
    assert int(open_data(planned, CPU).test.images.max()) == 100
    with pytest.raises(BadInput, match="the data have changed since the sweep was planned"):
        open_data(dataclasses.replace(dataset, fingerprint=fingerprints[1]), CPU)
