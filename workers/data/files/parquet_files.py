"""The Parquet files of the parts (splits) of a data set, by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from workers.data.files.class_folders import is_foreign
from workers.data.files.damage import listed, refuse_folder
from workers.errors import InputError

TRAIN = "train"
TEST = ("test", "validation", "valid", "val")
"""The first of these that exists is the test set."""

_SHARD = re.compile(r"(?P<index>\d+)[-_]of[-_](?P<count>\d+)(?!\d)")
_NUMBERED = re.compile(r"(?P<prefix>\D*)(?P<number>\d+)(?!\d)")
_UNFINISHED = (".incomplete", ".part", ".crdownload", ".aria2", ".tmp")


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files under a folder by name, hidden ones left out.

    Raises InputError if it is not a folder, or if one in it cannot be listed.
    """
    if not folder.is_dir():
        what = "must be a folder, not a file" if folder.exists() else "not found"
        raise InputError(f"`path` {what}: `{folder}`", hint="give the folder that holds `train*.parquet` and others")
    files = []
    for place, folders, names in os.walk(folder, onerror=refuse_folder):
        folders[:] = [name for name in folders if not is_foreign(name)]
        files += [Path(place, name) for name in names if name.endswith(".parquet") and not name.startswith(".")]
    return sorted(files)


def training_files(folder: Path, split: str | None) -> list[Path]:
    """The training files under a folder. Raises InputError if files or shards are missing."""
    files = parquet_files(folder)
    return _checked(folder, files, _named(folder, files, split) if split else _part(folder, files, TRAIN), "training")


def test_files(folder: Path, split: str | None) -> list[Path]:
    """The test files under a folder. Raises InputError if files or shards are missing."""
    files = parquet_files(folder)
    usual = next((part for prefix in TEST if (part := _part(folder, files, prefix))), [])
    return _checked(folder, files, _named(folder, files, split) if split else usual, "test")


def gap_note(files: Sequence[Path], what: str) -> str | None:
    """A note of the numbers that lie between those in the names of files and that none has: `0000`, `0002`."""
    matches = [match for file in files if (match := _NUMBERED.match(file.name))]
    if not matches or len(matches) < len(files) or len({match["prefix"] for match in matches}) > 1:
        return None
    numbers = {int(match["number"]) for match in matches}
    missing = sorted(set(range(min(numbers), max(numbers))) - numbers)
    if not missing:
        return None
    listed_numbers = ", ".join(map(str, missing[:10]))
    return f"the numbers of the {what} files have gaps, so files may be missing: {listed_numbers}"


def _part(folder: Path, files: Sequence[Path], prefix: str) -> list[Path]:
    """Files whose name begins with a prefix, or else that of their folder below this one."""
    part = []
    for file in files:
        name = next((name for name in _names(folder, file) if name.startswith((TRAIN, *TEST))), "")
        if name.startswith(prefix):
            part.append(file)
    return part


def _named(folder: Path, files: Sequence[Path], split: str) -> list[Path]:
    """Files of exactly this split: `val` is neither `validation` nor `valuable`."""
    pattern = re.compile(re.escape(split) + r"(?!\w)")
    return [file for file in files if any(pattern.match(name) for name in _names(folder, file))]


def _names(folder: Path, file: Path) -> list[str]:
    return [file.name] if file.parent == folder else [file.name, file.parent.name]


def _checked(folder: Path, files: Sequence[Path], part: list[Path], what: str) -> list[Path]:
    if not part:
        names = ", ".join(str(file.relative_to(folder)) for file in files[:10]) or "none"
        raise InputError(
            f"no {what} images found in `path` `{folder}`, which has these Parquet files: {names}",
            hint="names must begin with `train` and with `test`, `validation` or `val`; choose others with "
            "`train_split` and `test_split`, or set aside a part of the training images with `split: {test: 20%}`",
        )
    folders = sorted({str(file.parent) for file in part})
    if len(folders) > 1:
        raise InputError(
            f"`path` `{folder}` holds several data sets: {', '.join(folders)}", hint="give one of these folders"
        )
    _check_shards(part)
    return part


def _check_shards(part: Sequence[Path]) -> None:
    """All shards of a part must be there once, with or without a hash in their names."""
    folder = part[0].parent
    unfinished = [file.name for file in sorted(folder.iterdir()) if file.name.endswith(_UNFINISHED)]
    if unfinished:
        raise InputError(
            f"`{folder}` has unfinished downloads:\n{listed(unfinished)}", hint="finish the download or remove them"
        )
    shards = [match for file in part if (match := _SHARD.search(file.name))]
    if not shards:
        return
    count = max(int(shard["count"]) for shard in shards)
    indices = sorted(int(shard["index"]) for shard in shards)
    if len(part) != len(shards) or len({int(shard["count"]) for shard in shards}) > 1 or len(part) > count:
        names = listed([file.name for file in part])
        raise InputError(
            f"`{folder}` has the files of several versions of a data set:\n{names}",
            hint="keep those of one version, or choose a part with `train_split` or `test_split`",
        )
    first = 1 if count in indices else 0  # some programs count from 1
    if indices != list(range(first, first + count)):
        names = ", ".join(file.name for file in part[:10])
        missing = ", ".join(str(index) for index in sorted(set(range(first, first + count)) - set(indices))[:10])
        raise InputError(
            f"`{folder}` has only {len(part)} of {count} shards: {names}", hint=f"fetch the others: {missing}"
        )
