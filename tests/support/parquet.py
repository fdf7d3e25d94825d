"""Encoded images, and Parquet files of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def encode(pixels: Any, mode: str | None = None, kind: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels, np.uint8))
    if mode is not None:
        image = image.convert(mode)
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def gray(value: int, height: int = 4, width: int = 4) -> np.ndarray:
    return np.full((height, width), value, np.uint8)


def color(*rgb: int, height: int = 4, width: int = 4) -> np.ndarray:
    return np.broadcast_to(np.array(rgb, np.uint8), (height, width, 3)).copy()


def write(file: Path, images: list, labels: list | None = None, **more: Any) -> None:
    """One Parquet file: images as structs of bytes, columns `image` and `label` unless `more` replaces them."""
    structs = [{"bytes": data, "path": None} for data in images]
    labels = [index % 2 for index in range(len(images))] if labels is None else labels
    columns: dict = {"image": structs, "label": labels}
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns | more), file)


def write_pair(folder: Path, train: list, test: list | None = None, **more: Any) -> str:
    write(folder / "train.parquet", train, **more)
    write(folder / "test.parquet", train if test is None else test, **more)
    return str(folder)


def deep(values: Any) -> bytes:
    """A gray PNG of 16 bits."""
    return encode(Image.fromarray(np.asarray(values, np.uint16)))


PAIR = [encode(gray(10)), encode(gray(20))]
