"""Sources of batches: where data come from, in which order and how augmented. This module lists the data sets.

Importing this module imports no torch. The room imports no store, no network and no training code.

A factory returns a `workers.data.source.Source`: images in memory (`workers.data.images.Images`) or in files
(`workers.data.image_files.ImageFiles`), examples of any kind (`workers.data.examples`)
or sentence pairs (`workers.data.translation`).
"""

import os
from collections.abc import Mapping
from typing import Any

from workers.registry import Entry

DEFAULT_ROOT = "data"
"""Where torchvision's data sets are, unless `root` says otherwise."""


def _cifar(classes: int, archive_md5: str, folder: str) -> Entry:
    """The facts hold without reading the data: torchvision checks the MD5 of each file when it loads it."""
    return Entry(
        factory=f"workers.data.cifar:cifar{classes}",
        summary=f"CIFAR-{classes} through torchvision, from `root`; `download: true` fetches it",
        folder=folder,
        arguments={"root": str, "download": bool, "train_images": int, "test_images": int},
        facts={
            "train_images": 50_000,
            "test_images": 10_000,
            "channels": 3,
            "height": 32,
            "width": 32,
            "classes": classes,
            "fingerprint": f"md5:{archive_md5}",
        },
    )


DATASETS = {
    "digits": Entry(
        factory="workers.data.digits:digits",
        summary="scikit-learn's handwritten digits, 8×8, from its package: 1,000 to train on, 797 to test",
    ),
    "cifar10": _cifar(10, "c58f30108f718f92721af3b95e74349a", "cifar-10-batches-py"),
    "cifar100": _cifar(100, "eb9058c3a382ffc7106e4002c42a8d85", "cifar-100-python"),
    "image_parquet": Entry(
        factory="workers.data.image_parquet:image_parquet",
        summary="Parquet files with encoded images and labels (the Hugging Face layout), under `path`",
        arguments={
            "path": str,
            "image_column": str,
            "label_column": str,
            "train_split": str,
            "test_split": str,
            "split": dict,
            "image_size": int,
            "bit_depth": int,
            "train_images": int,
            "test_images": int,
        },
        required=("path",),
    ),
    "image_folder": Entry(
        factory="workers.data.image_folder:image_folder",
        summary="a folder per class under `path`/train and `path`/val (ImageNet), streamed by `workers` processes",
        arguments={
            "path": str,
            "train_split": str,
            "test_split": str,
            "split": dict,
            "image_size": int,
            "bit_depth": int,
            "workers": int,
            "train_images": int,
            "test_images": int,
        },
        required=("path",),
        streams=True,
    ),
    "image_table": Entry(
        factory="workers.data.image_table:image_table",
        summary="image files that a CSV or Parquet file lists with labels, streamed by `workers` processes",
        arguments={
            "path": str,
            "test_path": str,
            "root": str,
            "path_column": str,
            "label_column": str,
            "split_column": str,
            "train_split": str,
            "test_split": str,
            "split": dict,
            "image_size": int,
            "bit_depth": int,
            "workers": int,
            "train_images": int,
            "test_images": int,
        },
        required=("path",),
        streams=True,
    ),
    "arrays": Entry(
        factory="workers.data.examples.array_file:arrays",
        summary="arrays of a safetensors or .npz file: inputs and targets of any shape, in memory",
        arguments={"path": str, "split": dict, "noun": str},
        required=("path",),
    ),
    "table": Entry(
        factory="workers.data.examples.table:table",
        summary="rows of numbers and categories in a CSV or Parquet file, of which column `target` is predicted",
        arguments={
            "path": str,
            "target": str,
            "target_type": str,
            "test_path": str,
            "split": dict,
            "split_column": str,
            "columns": list,
            "leave_out": list,
            "categories": list,
        },
        required=("path", "target"),
    ),
    "text_pairs": Entry(
        factory="workers.data.translation.text_pairs:text_pairs",
        summary="sentences and their translations in aligned text files under `path`, such as train.en and train.de",
        arguments={
            "path": str,
            "source": str,
            "target": str,
            "vocabulary": int,
            "longest": int,
            "train_pairs": int,
            "test_pairs": int,
        },
        required=("path", "source", "target"),
    ),
    "wmt16_en_de": Entry(
        factory="workers.data.translation.wmt16:wmt16_en_de",
        summary="English and German of WMT16 as MLPerf's script prepares it under `path`, checked by MD5",
        arguments={"path": str, "train_pairs": int, "test_pairs": int},
        required=("path",),
    ),
    "synthetic": Entry(
        factory="workers.data.synthetic:synthetic",
        summary="random but learnable images of any size, for tests and benchmarks",
        arguments={
            "train_images": int,
            "test_images": int,
            "classes": int,
            "channels": int,
            "size": int,
            "seed": int,
        },
    ),
}

TRAIN_IMAGES = {"digits": 1000, "synthetic": 1000} | {
    name: int(entry.facts["train_images"]) for name, entry in DATASETS.items() if entry.facts
}
"""The number of training images of a data set, unless `train_images` asks for fewer, if known without loading it."""


def missing_folder(name: str, arguments: Mapping[str, Any]) -> str | None:
    """The folder in which this machine lacks the data of a registered set; None if it has them or will fetch them."""
    entry = DATASETS.get(name)
    if entry is None or not entry.folder or arguments.get("download"):
        return None
    folder = os.path.join(arguments.get("root", DEFAULT_ROOT), entry.folder)
    return None if os.path.isdir(folder) else folder
