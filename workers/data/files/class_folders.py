"""Image files in one folder per class, found as torchvision's ImageFolder finds them, but without hidden files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from workers.data.files.damage import refuse_folder
from workers.errors import InputError
from workers.text import plural

_ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_OTHER_ENDINGS = (
    *(".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".jfif", ".jpe", ".svg", ".ico", ".tga", ".psd"),
    *(".apng", ".pbm", ".pnm", ".exr", ".hdr", ".dcm", ".raw", ".dng", ".cr2", ".nef", ".arw", ".npy"),
)
"""Endings of images that are not read."""

_SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found")


class Sample(NamedTuple):
    """A file's path below the folder of the data set, and the number of its class."""

    path: str
    label: int


class ClassFolders(NamedTuple):
    """The names of classes in order, and their files: class by class, in the order of folders and names.

    `skipped` are the paths of files that look like images, but have endings that are not read.
    """

    classes: list[str]
    samples: list[Sample]
    skipped: list[str]


def class_folders(root: Path, part: str) -> ClassFolders:
    """The images of the folder `part` below `root`; paths are relative to `root`.

    Raises InputError if there are no class folders, or if one of them is empty, or cannot be read in whole.
    """
    folder = root / part
    try:
        classes = subfolders(folder)
    except OSError as error:
        refuse_folder(error)
    if not classes:
        raise InputError(
            f"cannot read images in `{folder}`: no folders of classes found",
            hint="each class must be a folder of images",
        )
    files = [(label, path) for label, name in enumerate(classes) for path in _files(root, folder / name)]
    samples = [Sample(path, label) for label, path in files if path.lower().endswith(_ENDINGS)]
    filled = {sample.label for sample in samples}
    empty = [name for label, name in enumerate(classes) if label not in filled]
    if empty:
        raise InputError(
            f"cannot read images in `{folder}`: no images found in the folders {', '.join(empty[:10])}",
            hint=f"remove these folders, or fill them with files that end in {', '.join(_ENDINGS)}",
        )
    return ClassFolders(classes, samples, [path for _, path in files if not path.lower().endswith(_ENDINGS)])


def skipped_note(paths: Iterable[str]) -> str:
    """What to know of files that are skipped."""
    endings = Counter(os.path.splitext(path)[1].lower() for path in paths)
    counts = ", ".join(f"{ending} ({count:,})" for ending, count in endings.most_common())
    files = plural(endings.total(), "image file")
    return f"{files} skipped for their endings (convert them to PNG or JPEG to use them): {counts}"


def subfolders(folder: Path) -> list[str]:
    """The names of the folders in a folder, without hidden ones and those that operating systems make."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not is_foreign(entry.name))


def _files(root: Path, folder: Path) -> list[str]:
    paths = []
    for place, folders, names in os.walk(folder, followlinks=True, onerror=refuse_folder):
        folders[:] = [name for name in folders if not is_foreign(name)]
        paths.append((place, sorted(name for name in names if _is_image(name))))
    base = os.path.join(str(root), "")
    return [os.path.join(place, name).removeprefix(base) for place, names in sorted(paths) for name in names]


def _is_image(name: str) -> bool:
    return name.lower().endswith((*_ENDINGS, *_OTHER_ENDINGS)) and not name.startswith(".")


def is_foreign(name: str) -> bool:
    """Whether a folder of this name is hidden, or made by an operating system."""
    return name.startswith(".") or name in _SYSTEM_FOLDERS
