"""Settings of a recipe that only images have."""

from __future__ import annotations

from workers.errors import InputError
from workers.trial import Recipe


def refuse_image_settings(recipe: Recipe) -> None:
    """Raise InputError for a setting that would have no effect on examples that are not images."""
    settings = {
        "crop_padding": recipe.crop_padding,
        "horizontal_flip": recipe.horizontal_flip,
        "random_resized_crop": recipe.random_resized_crop,
        "normalization": recipe.normalization not in ("per_image", "none"),
    }
    for name, value in settings.items():
        if value:
            raise InputError(
                f"`{name}` works on images only, and these data are other examples",
                hint="remove it from the recipe; data of your own can be prepared by their own code",
                about="recipe",
            )
