"""The size that all images of a data set have, from the headers of their files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from PIL import Image

from workers.data.files.damage import listed
from workers.data.plausible import SAMPLE
from workers.errors import BadInput, InputError
from workers.text import plural

_LARGE = 256
"""Side in pixels above which networks are usually given smaller images."""


def common_size(root: str, paths: Sequence[str]) -> int:
    """The side in pixels of square images of one size. Damaged files are skipped.

    Raises InputError if images are not square or differ in size: then a person must choose.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    for number, path in enumerate(paths):
        if number >= SAMPLE and len(sizes) > 1:  # the headers of a million files take long
            break
        if (size := _size(os.path.join(root, path))) is not None:
            sizes[size] += 1
    if not sizes:
        raise BadInput(
            f"no image can be read in `{root}`; its files are:\n{listed(paths)}",
            hint="check that the files are in this folder, or give another one",
        )
    (width, height), _ = sizes.most_common(1)[0]
    if len(sizes) == 1 and width == height:
        return width
    lines = [f"{width}×{height}: {plural(count, 'image')}" for (width, height), count in sizes.most_common()]
    least = min(min(size) for size in sizes)
    example = 224 if least > _LARGE else least
    problem = "differ in size" if len(sizes) > 1 else "are not square"
    raise InputError(
        f"images in `{root}` {problem}, so `image_size` must be given:\n{listed(lines)}",
        hint=f"set the side in pixels that all images get, for example `image_size: {example}`",
    )


def _size(path: str) -> tuple[int, int] | None:
    try:
        with Image.open(path) as image:
            return image.size
    except Exception:  # Pillow raises nearly anything for damaged files, which are reported together later
        return None
