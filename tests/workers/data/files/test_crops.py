"""Crops of images in files: the center, random boxes, and how they are resized."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from workers.data.files.crops import center_box, random_box, read


@pytest.mark.parametrize(
    ("size", "box"),
    [((256, 256), (16, 16, 240, 240)), ((500, 375), (86, 24, 414, 352)), ((1, 9), (0, 4, 1, 5))],
)
def test_the_center_is_seven_eighths_of_the_shorter_side(size: tuple[int, int], box: tuple[int, ...]) -> None:
    assert center_box(*size) == box


def test_random_boxes_by_hand() -> None:
    whole = math.log(4 / 3) / (math.log(4 / 3) - math.log(3 / 4))  # draws an aspect ratio of 1
    area = (0.25 - 0.08) / 0.92
    assert random_box(100, 100, [[area, whole, 0.0, 0.999]]) == (0, 50, 50, 100)
    too_wide = [0.9999, 1.0, 0.0, 0.0]
    assert random_box(100, 100, [too_wide, [area, whole, 0.5, 0.5]]) == (25, 25, 75, 75)
    assert random_box(100, 100, [too_wide] * 10) == center_box(100, 100)


def test_random_boxes_stay_inside_and_cover_all_areas() -> None:
    draws = torch.rand(2000, 10, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).tolist()
    shares = []
    for draw in draws:
        left, top, right, bottom = random_box(50, 40, draw)
        assert 0 <= left < right <= 50
        assert 0 <= top < bottom <= 40
        assert 0.7 <= (right - left) / (bottom - top) <= 1.43
        shares.append((right - left) * (bottom - top) / 2000)
    assert 0.075 <= min(shares) < 0.1
    assert max(shares) > 0.9


def test_an_image_of_the_right_size_is_cut_bicubically(tmp_path: Path) -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    ours = read(str(tmp_path / "a.png"), 28, None)
    assert np.array_equal(ours, pixels[2:30, 2:30])
    resized = Image.fromarray(pixels).crop((2, 2, 30, 30)).resize((14, 14), Image.Resampling.BICUBIC)
    assert np.array_equal(read(str(tmp_path / "a.png"), 14, None), np.asarray(resized))
