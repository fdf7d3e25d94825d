"""The folders in which presets find their data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from orchestrator.presets.catalog import Preset
from workers.errors import InputError
from workers.paths import expanded

_CIFAR10 = "cifar-10-batches-py"
_WMT16 = "train.tok.clean.bpe.32000.en"
_SUBWORDS = {"vocabulary": 4000, "longest": 24}
_WITHOUT = ", or run it scaled down without data: `--scale 0.001 --dataset synthetic`"


def place(original: Preset, folder: str) -> str:
    """A preset's sweep file with its data in a folder. Raises InputError if they are not there."""
    if original.folder is None:
        raise InputError("`--data` has no effect: the digits are inside the package", hint="remove it")
    path = Path(expanded(folder))
    dataset = _dataset_in(path, original)
    line = yaml.safe_dump(dataset, sort_keys=False, default_flow_style=True, width=10_000, allow_unicode=True).strip()
    return re.sub("^dataset: .*$", lambda _: f"dataset: {line}", original.text, flags=re.MULTILINE)


def _dataset_in(path: Path, original: Preset) -> dict[str, Any]:
    if original.network == "gnmt":
        return _wmt16(path)
    if original.data.get("noun") == "sentence pair":
        return _help(path)
    return _imagenet(path) if original.data["classes"] == 1000 else _cifar10(path)


def _wmt16(path: Path) -> dict[str, Any]:
    if (path / _WMT16).is_file():
        return {"name": "wmt16_en_de", "path": str(path)}
    raise _missing("WMT16", path, f"`{_WMT16}` and the other files of MLPerf's `wmt16_en_de.sh`", or_without="")


def _help(path: Path) -> dict[str, Any]:
    if all((path / f"{part}.{language}").is_file() for part in ("train", "test") for language in ("en", "de")):
        return {"name": "text_pairs", "path": str(path), "source": "en", "target": "de"} | _SUBWORDS
    raise _missing("LibreOffice's help", path, "what `benchmarks/help_pages.py` writes", or_without="")


def _cifar10(path: Path) -> dict[str, Any]:
    if (path / _CIFAR10).is_dir():
        return {"name": "cifar10", "root": str(path)}
    if any(any(path.glob(pattern)) for pattern in ("*.parquet", "*/*.parquet")):
        return {"name": "image_parquet", "path": str(path)}
    raise _missing("CIFAR-10", path, f"`{_CIFAR10}`, or Parquet files `train...` and `test...`")


def _imagenet(path: Path) -> dict[str, Any]:
    if all((path / part).is_dir() for part in ("train", "val")):
        return {"name": "image_folder", "path": str(path), "image_size": 224, "workers": 8}
    raise _missing("ImageNet", path, "`train` and `val`, each with a folder for every class")


def _missing(what: str, path: Path, wanted: str, or_without: str = _WITHOUT) -> InputError:
    hint = f"give `--data` the folder that holds {wanted}{or_without}"
    return InputError(f"{what} not found in `{path}`", hint=hint)
