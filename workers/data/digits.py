"""Handwritten digits: real images from the package scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from workers.data import TRAIN_IMAGES
from workers.data.images import Images
from workers.data.split import shuffled


def digits() -> Images:
    """1,797 gray images of 1×8×8 pixels in 10 classes, 1,000 to train on and 797 to test, in a fixed order.

    Source: Alpaydin & Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998); 0 to 16 becomes 0 to 255.
    """
    data = load_digits()
    count = TRAIN_IMAGES["digits"]
    pixels = np.rint(data.images * (255 / 16)).astype(np.uint8)
    order = shuffled(len(pixels), "digits")
    images = torch.from_numpy(pixels[order]).unsqueeze(1)
    labels = torch.from_numpy(data.target[order].astype(np.int64))
    return Images(
        train_images=images[:count],
        train_labels=labels[:count],
        test_images=images[count:],
        test_labels=labels[count:],
        classes=10,
    )
