"""Data sets by name: loaded, checked against what was planned, and kept on a device."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from typing import Any

import torch

from workers.data import DATASETS, DEFAULT_ROOT, missing_folder
from workers.data.image_facts import ImageFacts
from workers.data.source import Data, DataFacts, Source
from workers.errors import BadInput, InputError
from workers.registry import call, is_own, lookup
from workers.text import plural, several
from workers.trial import Dataset


def load_source(dataset: Dataset) -> Source:
    """What the factory of a data set returns; the last two sets stay in memory.

    Raises InputError for an unknown data set, missing files, and arguments that do not fit. If the data set has a
    fingerprint, raises BadInput instead, and for any other data: a trial was planned with it.
    """
    return _load_checked(dataset)[0]


def load_facts(dataset: Dataset) -> DataFacts:
    """The facts of a data set, registered or found by loading it. Raises the errors of `load_source`.

    Registered facts need no data, since a sweep may be planned elsewhere; but a `root` of the user's must have them.
    """
    registered = _registered_facts(dataset.name, dataset.arguments)
    if registered:
        _check_root(dataset)
    if not registered:
        return _inspected(dataset)
    facts = ImageFacts(**registered)
    _check_holdout(dataset, facts)
    return facts


def _inspected(dataset: Dataset) -> DataFacts:
    """The facts of a data set that is worth training on. Raises InputError for data that cannot be meant."""
    source, _ = _load_checked(dataset)
    source.check_held_out(dataset.holdout)
    facts = source.inspected().facts()
    if facts.settled and is_own(dataset.name):
        arguments = ", ".join(f"{name}={value}" for name, value in facts.settled.items())
        raise InputError(
            f"the files of data set `{dataset.name}` need other arguments: ImageFiles({arguments})",
            hint="; ".join(facts.notes),
        )
    return facts


def open_data(dataset: Dataset, device: torch.device) -> Data:
    """A data set for trials on a device; the last two stay there. Raises the errors of `load_source`."""
    _load_checked(dataset)
    return _open(dataset.name, _key(dataset), os.getcwd(), dataset.holdout, device)


def forget_loaded() -> None:
    """Load data sets again when they are needed next."""
    _load.cache_clear()
    _open.cache_clear()


def _load_checked(dataset: Dataset) -> tuple[Source, DataFacts]:
    try:
        source, facts = _load(dataset.name, _key(dataset), os.getcwd())
        if dataset.fingerprint not in ("", facts.fingerprint):  # what was loaded before may be out of date
            forget_loaded()
            source, facts = _load(dataset.name, _key(dataset), os.getcwd())
    except InputError as error:
        if dataset.fingerprint:
            raise BadInput(error.message, hint=error.hint) from error
        raise
    if dataset.fingerprint not in ("", facts.fingerprint):
        where = ", ".join(f"{key} `{value}`" for key, value in dataset.arguments.items()) or "no arguments"
        raise BadInput(
            f"the data have changed since the sweep was planned: data set `{dataset.name}` ({where}) has fingerprint "
            f"`{facts.fingerprint}`, not `{dataset.fingerprint}`",
            hint="restore the old data, or use another store",
        )
    _check_holdout(dataset, facts)
    return source, facts


def _registered_facts(name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The registered facts of a data set, unless only a part of it is asked for."""
    if arguments.keys() & {"train_images", "test_images"}:
        return {}
    return lookup(DATASETS, name, "data set").facts


def _check_root(dataset: Dataset) -> None:
    """Raise InputError if data are neither in the `root` that a data set gives nor to be downloaded.

    The default is what presets name, which are planned without data.
    """
    place = missing_folder(dataset.name, dataset.arguments)
    root = dataset.arguments.get("root", DEFAULT_ROOT)
    if place is not None and root != DEFAULT_ROOT:
        raise InputError(
            f"data set `{dataset.name}` not found: `{place}`",
            hint=f"set `root` to the folder that holds it, or `download: true` to fetch it into `{root}`",
        )


def _check_holdout(dataset: Dataset, facts: DataFacts) -> None:
    if not 0 <= dataset.holdout < facts.train_examples:
        limit = f"at least 0 and below the {plural(facts.train_examples, f'training {facts.noun}')}"
        raise InputError(
            f"`holdout` must be {limit}: {dataset.holdout:,}",
            hint=f"hold out fewer {several(facts.noun)}",
            about="evaluation",
        )


@functools.lru_cache(maxsize=2)
def _load(name: str, key: str, folder: str) -> tuple[Source, DataFacts]:
    """A data set and its facts. `folder` is the current one, which relative paths begin in."""
    entry = lookup(DATASETS, name, "data set")
    source = call(entry, "data set", name, json.loads(key))
    if isinstance(source, type) or not isinstance(source, Source):
        hint = "return `prunesweep.Images(...)`, `ImageFiles`, `Arrays` or `Datasets`, an object and not its class"
        raise BadInput(
            f"data set `{name}` returned {type(source).__name__}, not one of prunesweep's data sets", hint=hint
        )
    facts = source.facts()
    if registered := _registered_facts(name, json.loads(key)):  # the factory has verified the data by other means
        facts = ImageFacts(**registered)
    return source, facts


@functools.lru_cache(maxsize=2)
def _open(name: str, key: str, folder: str, holdout: int, device: torch.device) -> Data:
    source, facts = _load(name, key, folder)
    return source.on(device, holdout, facts)


def kept_datasets() -> int:
    """How many data sets this process keeps on its device for trials to come."""
    return _open.cache_info().currsize


def _key(dataset: Dataset) -> str:
    return json.dumps(dataset.arguments, sort_keys=True)
