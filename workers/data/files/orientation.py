"""The rotation that a camera notes in a file's EXIF data. It is not applied, as in torchvision's ImageFolder."""

from __future__ import annotations

from PIL import Image
from PIL.ExifTags import Base

from workers.text import plural

_TURNED = range(2, 9)  # 1 is upright, and other values mean nothing


def is_rotated(image: Image.Image) -> bool:
    """Whether the EXIF data of an opened image ask for a rotation or a reflection."""
    return "exif" in image.info and image.getexif().get(Base.Orientation) in _TURNED


def rotation_note(count: int) -> str:
    """What a person should know of `count` rotated images."""
    return f"{plural(count, 'image')} with an EXIF rotation, which is not applied: rotate the files if it matters"
