"""Data that cannot be meant are refused, whatever data set they are from."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.parquet import PAIR, deep, write_pair
from workers.data.images import Images
from workers.data.loading import load_facts
from workers.data.plausible import class_notes, pixel_notes, pixel_range
from workers.errors import InputError
from workers.trial import Dataset


def images(pixels: torch.Tensor, labels: list[int], classes: int = 2) -> Images:
    return Images(
        train_images=pixels,
        train_labels=torch.tensor(labels),
        test_images=pixels,
        test_labels=torch.tensor(labels),
        classes=classes,
    )


RAMPS = torch.arange(32, dtype=torch.uint8).view(2, 1, 4, 4) * 8


@pytest.mark.parametrize("value", [0, 77, 255])
def test_blank_images_are_refused(value: int) -> None:
    blank = torch.full((2, 3, 4, 4), value, dtype=torch.uint8)
    with pytest.raises(InputError, match=rf"all training images are blank.*: {value}\n\nhint: check how they are"):
        images(blank, [0, 1]).inspected()


def test_images_that_are_each_of_one_color_are_refused() -> None:
    flat = torch.tensor([10, 20], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    with pytest.raises(InputError, match=r"all training images are blank.*: 10 to 20"):
        images(flat, [0, 1]).inspected()


def test_blank_test_images_are_refused() -> None:
    with pytest.raises(InputError, match="all test images are blank"):
        pixel_notes("test", [pixel_range(np.zeros((1, 16), np.uint8))])


def test_a_single_class_is_refused() -> None:
    with pytest.raises(InputError, match="all 2 training images have the same label: 1"):
        images(RAMPS, [1, 1]).inspected()
    with pytest.raises(InputError, match="all 2 training images have the same label: tabby"):
        class_notes([1, 1], [1], 2, ["lion", "tabby"])


def test_what_is_odd_is_noted() -> None:
    assert images(RAMPS, [0, 1]).inspected().notes == ()
    assert images(RAMPS, [0, 1], classes=5).inspected().notes == ("only 2 of 5 classes have training images",)
    assert class_notes([0, 1], [1, 2], 3)[1] == "classes of test images without training images: 1"
    some = torch.cat((RAMPS, torch.zeros(1, 1, 4, 4, dtype=torch.uint8)))
    notes = images(some, [0, 1, 0]).inspected().notes
    assert notes[0] == "1 of 3 sampled training images are blank"
    dark = images(RAMPS // 248, [0, 1]).inspected().notes
    assert "the pixels of the training images are only from 0 to 1, of 0 to 255" in dark


def test_classes_that_may_be_one_are_noted() -> None:
    names = ["Cat", "cat", "dog", " tabby  cat", "tabby Cat"]
    assert class_notes([0, 1, 2, 3, 4], [0], 5, names) == [
        "classes whose names differ only in case or spaces: `Cat`, `cat`; ` tabby  cat`, `tabby Cat`"
    ]


def test_a_label_that_often_means_none_is_noted() -> None:
    note = "the label -1, which often means unlabeled, is a class: 2 training images"
    assert class_notes([0, 0, 1, 2], [1], 3, ["-1", "0", "1"]) == [note]


def test_notes_do_not_change_the_fingerprint() -> None:
    plain = images(RAMPS, [0, 1], classes=5)
    assert plain.inspected().fingerprint() == plain.fingerprint()


def test_images_of_one_pixel_are_judged_together() -> None:
    assert pixel_notes("training", [pixel_range(np.array([[value]], np.uint8)) for value in (0, 200)]) == []


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        ("torch.zeros(4, 1, 2, 2)", "[0, 1, 0, 1]", "all training images are blank"),
        ("torch.rand(4, 1, 2, 2)", "[0, 1, 0, 1]", "all training images are blank"),
        ("torch.arange(16).view(4, 1, 2, 2)", "[0, 0, 0, 0]", "all 4 training images have the same label: 0"),
    ],
)
def test_data_of_the_user_are_inspected_too(
    pixels: str, labels: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = f"odd_data_{abs(hash((pixels, labels)))}"
    (tmp_path / f"{name}.py").write_text(
        "import torch\nfrom prunesweep import Images\ndef load():\n"
        f"    pixels, labels = {pixels}.to(torch.uint8), torch.tensor({labels})\n"
        "    return Images(train_images=pixels, train_labels=labels, test_images=pixels, test_labels=labels,"
        " classes=2)\n"
    )
    with pytest.raises(InputError, match=message):
        load_facts(Dataset(name=f"{name}:load"))


def test_parquet_images_are_inspected_too(tmp_path: Path) -> None:
    for pixels in (PAIR, [deep(np.full((4, 4), 3))] * 2):
        path = write_pair(tmp_path, pixels)
        with pytest.raises(InputError, match="all training images are blank"):
            load_facts(Dataset(name="image_parquet", arguments={"path": path}))
