"""Folders of images as people have them: parts of any name or none, hidden and damaged files, sizes, depths."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.closed import close
from tests.support.parquet import deep
from workers.data.image_files import ImageFiles
from workers.data.image_folder import image_folder
from workers.data.loading import load_facts
from workers.errors import BadInput, InputError
from workers.trial import Dataset, Recipe

RAMP = np.arange(64).reshape(8, 8)


def save(file: Path, values: Any = RAMP, **options: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(file, **options)


def parts(root: Path, *names: str, classes: str = "ab", count: int = 3) -> str:
    """A folder of parts (an empty name: without parts) with `count` images of each class, 8×8 pixels."""
    for part in names:
        for name in classes:
            for number in range(count):
                save(root / part / name / f"{number}.png", RAMP + number)
    return str(root)


@pytest.mark.parametrize(
    ("names", "test"),
    [
        (("train", "val"), "val"),
        (("train", "val", "test"), "val"),
        (("train", "test"), "test"),
        (("training", "validation"), "validation"),
        (("train", "valid"), "valid"),
    ],
)
def test_parts_have_usual_names(names: tuple[str, ...], test: str, tmp_path: Path) -> None:
    files = image_folder(path=parts(tmp_path, *names))
    assert files.train_paths[0] == f"{names[0]}/a/0.png"
    assert files.test_paths[0] == f"{test}/a/0.png"
    assert files.class_names == ("a", "b")


def test_parts_can_be_chosen(tmp_path: Path) -> None:
    path = parts(tmp_path, "train", "val", "test", "extra")
    files = image_folder(path=path, train_split="extra", test_split="test")
    assert (files.train_paths[0], files.test_paths[0]) == ("extra/a/0.png", "test/a/0.png")
    with pytest.raises(InputError, match=r"`test_split` not found in .*: `tset`\n\nhint: the folders are extra, test"):
        image_folder(path=path, test_split="tset")


def test_folders_without_parts_are_split(tmp_path: Path) -> None:
    path = parts(tmp_path, "", count=10)
    with pytest.raises(InputError, match=r"no folder of training images found; the folders are: a, b\n\nhint: .*split"):
        image_folder(path=path)
    files = image_folder(path=path, split={"test": "20%"})
    assert (len(files.train_paths), sorted(files.test_labels)) == (16, [0, 0, 1, 1])
    assert not set(files.train_paths) & set(files.test_paths)
    assert all(
        name.split("/")[0] == "ab"[label] for name, label in zip(files.test_paths, files.test_labels, strict=True)
    )
    assert image_folder(path=path, split={"test": 0.2, "seed": 0}).fingerprint() == files.fingerprint()
    assert image_folder(path=path, split={"test": "20%", "seed": 1}).fingerprint() != files.fingerprint()


def test_the_folder_train_is_split_too(tmp_path: Path) -> None:
    files = image_folder(path=parts(tmp_path, "train", count=4), split={"test": "25%"})
    assert (len(files.train_paths), len(files.test_paths)) == (6, 2)
    assert all(path.startswith("train/") for path in (*files.train_paths, *files.test_paths))


def test_a_new_file_moves_no_other(tmp_path: Path) -> None:
    path = parts(tmp_path, "", count=10)
    before = image_folder(path=path, split={"test": "20%"})
    save(tmp_path / "a" / "new.png")
    after = image_folder(path=path, split={"test": "20%"})
    assert len(set(before.train_paths) & set(after.test_paths)) <= 1


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({}, "`split` needs `test`"),
        ("20%", "`split` must be a mapping with `test` and `seed`: 20%"),
        ({"test": "20%", "sed": 1}, "`split` does not take `sed`"),
        ({"test": "many"}, "must be a share above 0% and below 100%: many"),
        ({"test": "100%"}, "must be a share above 0% and below 100%: 100%"),
        ({"test": 20}, "must be a share above 0% and below 100%: 20"),
        ({"test": "20%", "seed": "x"}, "`split.seed` must be a whole number: x"),
    ],
)
def test_impossible_splits_are_refused(split: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        image_folder(path=parts(tmp_path, ""), split=split)


def test_a_class_with_one_image_cannot_be_split(tmp_path: Path) -> None:
    path = parts(tmp_path, "")
    save(tmp_path / "c" / "only.png")
    with pytest.raises(InputError, match=r"leaves no training images of the classes with these images:\n  c/only.png"):
        image_folder(path=path, split={"test": "20%"})


def test_hidden_and_system_files_are_left_out(tmp_path: Path) -> None:
    path = parts(tmp_path, "train", "val")
    before = image_folder(path=path)
    for part in ("train", "val"):
        for name in ("._0.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.jpg"):
            (tmp_path / part / "a" / name).write_bytes(b"of a system")
        for folder in (".ipynb_checkpoints", "__MACOSX", "@eaDir"):
            save(tmp_path / part / folder / "0.png")
            save(tmp_path / part / "a" / folder / "0.png")
    after = image_folder(path=path)
    assert (list(after.train_paths), after.classes) == (list(before.train_paths), 2)
    assert after.fingerprint() == before.fingerprint()


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, closed = parts(tmp_path, "train", "val"), tmp_path / "train" / "a" / "more"
    save(closed / "9.png")
    close(monkeypatch, closed)
    with pytest.raises(InputError, match=f"cannot read images in `{closed}`: Permission denied"):
        image_folder(path=path)


def test_classes_are_numbered_in_the_order_of_their_names_as_text(tmp_path: Path) -> None:
    for part in ("train", "val"):
        for name in ("2", "10", "1"):
            save(tmp_path / part / name / "0.png")
    assert image_folder(path=str(tmp_path)).class_names == ("1", "10", "2")


def test_images_of_other_formats_are_counted_by_ending(tmp_path: Path) -> None:
    path = parts(tmp_path, "train", "val")
    before = image_folder(path=path)
    for name in ("train/a/1.gif", "train/b/2.GIF", "val/a/3.heic", "val/a/notes.txt", "val/a/.hidden.gif"):
        (tmp_path / name).write_bytes(b"skipped")
    note = "3 image files skipped for their endings (convert them to PNG or JPEG to use them): .gif (2), .heic (1)"
    after = image_folder(path=path)
    assert (after.notes, after.fingerprint()) == ((note,), before.fingerprint())
    assert load_facts(Dataset(name="image_folder", arguments={"path": path})).notes[0] == note


def test_damaged_files_are_named_together_before_training(tmp_path: Path) -> None:
    path = parts(tmp_path, "train", "val")
    (tmp_path / "train" / "a" / "0.png").write_bytes(b"no image")
    (tmp_path / "train" / "b" / "1.png").write_bytes(b"")
    whole = (tmp_path / "val" / "b" / "2.png").read_bytes()
    (tmp_path / "val" / "b" / "2.png").write_bytes(whole[:-40])
    with pytest.raises(BadInput, match=r"^3 images cannot be read:\n.*/a/0.png: not an .*\n.*/b/1.png.*\n.*/b/2.png"):
        load_facts(Dataset(name="image_folder", arguments={"path": path}))


def test_the_size_is_that_of_the_images(tmp_path: Path) -> None:
    path = parts(tmp_path, "train", "val")
    files = image_folder(path=path)
    assert (files.image_size, files.settled) == (8, {"image_size": 8})
    given = image_folder(path=path, image_size=8)
    assert (given.fingerprint(), given.settled) == (files.fingerprint(), {})
    facts = load_facts(Dataset(name="image_folder", arguments={"path": path}))
    assert (facts.input_shape, facts.settled) == ((3, 8, 8), {"image_size": 8})


def test_images_of_several_sizes_need_a_size(tmp_path: Path) -> None:
    path = parts(tmp_path, "train", "val")
    save(tmp_path / "val" / "a" / "large.png", np.zeros((12, 10)))
    message = r"differ in size, so `image_size` must be given:\n  8×8: 12 images\n  10×12: 1 image\n\nhint: .*size: 8`"
    with pytest.raises(InputError, match=message):
        image_folder(path=path)
    assert image_folder(path=path, image_size=9).image_size == 9


def test_images_that_are_not_square_need_a_size(tmp_path: Path) -> None:
    for part in ("train", "val"):
        for name in "ab":
            save(tmp_path / part / name / "0.png", np.zeros((300, 400)))
    with pytest.raises(InputError, match=r"are not square, .*\n  400×300: 4 images\n\nhint: .*`image_size: 224`"):
        image_folder(path=str(tmp_path))


def test_16_bit_files_keep_their_real_range(tmp_path: Path) -> None:
    path = parts(tmp_path, "train", "val", count=1)
    for part in ("train", "val"):
        for name in "ab":
            (tmp_path / part / name / "0.png").write_bytes(deep(RAMP * 65))
    facts = load_facts(Dataset(name="image_folder", arguments={"path": path}))
    assert facts.settled == {"image_size": 8, "bit_depth": 12}
    assert facts.notes == ("16-bit images are read as 12 bits (`bit_depth`); their largest value is 4,095",)
    files = image_folder(path=path, **facts.settled)
    assert files.fingerprint() == facts.fingerprint
    recipe = Recipe(batch_size=1, optimizer="SGD", normalization="none")
    images, _ = next(iter(files.on(torch.device("cpu"), 0, facts).test.batches(recipe)))
    assert 255 * images.max() > 240
    with pytest.raises(InputError, match=r"`bit_depth: 10`, whose largest value is 1,023: 4,095\n\nhint: .*12`"):
        load_facts(Dataset(name="image_folder", arguments={"path": path, "bit_depth": 10}))
    assert image_folder(path=path, bit_depth=16).fingerprint() == image_folder(path=path).fingerprint()


def test_blank_files_and_single_classes_are_refused(tmp_path: Path) -> None:
    path = parts(tmp_path / "one", "train", "val", classes="a")
    with pytest.raises(InputError, match="all 3 training images have the same label"):
        load_facts(Dataset(name="image_folder", arguments={"path": path}))
    path = parts(tmp_path / "blank", "train", "val")
    for file in (tmp_path / "blank" / "train").rglob("*.png"):
        save(file, np.full((8, 8), 9))
    with pytest.raises(InputError, match="all training images are blank"):
        load_facts(Dataset(name="image_folder", arguments={"path": path}))


def test_rotations_are_counted(tmp_path: Path) -> None:
    path = parts(tmp_path, "train", "val")
    exif = Image.Exif()
    exif[0x0112] = 8
    save(tmp_path / "train" / "a" / "9.jpg", RAMP, exif=exif)
    facts = load_facts(Dataset(name="image_folder", arguments={"path": path}))
    assert facts.notes == ("1 image with an EXIF rotation, which is not applied: rotate the files if it matters",)


def test_missing_files_are_named_together(tmp_path: Path) -> None:
    files = ImageFiles(
        root=str(tmp_path), train_paths=["a", "b"], train_labels=[0, 1], test_paths=["c"], test_labels=[0], classes=2
    )
    with pytest.raises(BadInput, match=r"3 images cannot be read:\n.*/a: No such file or directory\n.*/b: No.*\n.*/c"):
        files.fingerprint()


def test_torchvision_finds_the_same_files(tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision.datasets")
    path = parts(tmp_path, "train", "val", classes="Ba", count=2)
    shutil.copytree(tmp_path / "train" / "a", tmp_path / "train" / "a" / "deeper")
    save(tmp_path / "train" / "a" / "Z.JPEG", RAMP)
    files = image_folder(path=path)
    theirs = torchvision.ImageFolder(str(tmp_path / "train"))
    assert [
        (str(tmp_path / name), label) for name, label in zip(files.train_paths, files.train_labels, strict=True)
    ] == (theirs.samples)
    assert list(files.class_names) == theirs.classes
