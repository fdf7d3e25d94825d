"""Export of a cell's network: weights and masks as safetensors, and a JSON card that describes them."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.planning import facts
from orchestrator.planning.crossing import questions
from orchestrator.results.exports.folder import check_folder
from orchestrator.results.frame import join
from orchestrator.results.picking import pick
from orchestrator.results.score_columns import metric_of
from orchestrator.sweep.spec import spec_from_dict
from workers.errors import InputError, StoreError
from workers.store import Store
from workers.store.filesystems.files import Files
from workers.store.filesystems.opening import open_files
from workers.store.layout import RecordKey
from workers.techniques import DENSE
from workers.trial import ACCURACY, Stop, canonical

CARD_FORMAT = 1

_SIZES = (
    *("compression", "density", "achieved_density", "parameters"),
    *("prunable_weights", "kept_weights", "collapsed_layers"),
)

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedModel:
    """The two files of a network, and the content of its card.

    `replaced` is the card of another network that was replaced, empty if that card could not be read.
    """

    model: str
    card_file: str
    bytes: int
    card: dict[str, Any]
    replaced: dict[str, Any] | None = None


def export_cell(store: Store, cell: str, to: str, *, retired: bool = False) -> ExportedModel:
    """Write the network of one cell to a folder.

    `cell` names it as in `results.picking`; cells of retired sweeps count only if `retired`. Raises InputError unless
    that picks one cell, and if its result or state is missing.
    """
    joined = join(store, retired=retired)
    rows = joined.rows.to_pylist()
    row = pick(rows, cell, store.location)
    _check_done(row, cell, store)
    check_folder(to)
    name = f"{row['technique']}-{row['compression']:.4g}x-{row['trial'][:8]}-{row['step']}"
    return _export(store, row, rows, to, name, {})


def export_stop(store: Store, sweep: str, stop: Stop, to: str, name: str, more: Mapping[str, Any]) -> ExportedModel:
    """Write the network at a stop of a sweep to a folder, with `more` in its card."""
    rows = join(store, [sweep]).rows.to_pylist()
    row = next(row for row in rows if (row["trial"], row["step"]) == stop)
    return _export(store, row, rows, to, name, more)


def _check_done(row: Row, cell: str, store: Store) -> None:
    if not row["done"]:
        why = f"it failed: {row['failure']}" if row["failure"] else "it has not finished training"
        place = shlex.quote(store.location)
        hint = f"`prunesweep resume {place}` runs what is missing; `--retry-failed` repeats failed trials"
        raise InputError(f"cell `{cell}` has no result: {why}", hint=hint)


def _export(store: Store, row: Row, rows: Sequence[Row], to: str, name: str, more: Mapping[str, Any]) -> ExportedModel:
    from workers.training.states.model_file import model_file

    stop = Stop(row["trial"], row["step"])
    where = f"checkpoint of trial {stop.trial} at step {stop.step:,}"
    data, masks = model_file(_checkpoint(store, stop), where, stop)
    dense = next((cell for cell in rows if cell["trial"] == row["dense_trial"] and cell["technique"] == DENSE), None)
    card = {
        "format": CARD_FORMAT,
        "model": f"{name}.safetensors",
        "sha256": hashlib.sha256(data).hexdigest(),
        "masks": masks,
        **_identity(store, row),
        **{column: row[column] for column in _SIZES},
        **_scores(row),
        "cost": _cost(row, dense),
        "layers": _layers(store, row),
        **more,
        "made_with": {key: row[key] for key in ("device", "torch_version", "prunesweep_version")},
    }
    return _write(to, name, data, card)


def _checkpoint(store: Store, stop: Stop) -> bytes:
    try:
        return store.states.read_checkpoint(stop)
    except FileNotFoundError:
        raise InputError(
            f"the state of trial `{stop.trial}` at step {stop.step:,} is not in store `{store.location}`: it was "
            "deleted (`keep: results_only` in a sweep file, or `prunesweep gc`)",
            hint="run the sweep with `keep: all` in another store; the same trial gives the same network",
        ) from None


def _write(to: str, name: str, data: bytes, card: dict[str, Any]) -> ExportedModel:
    """Remove the old card first and write the new one last: weights never sit next to another network's card."""
    model, card_file = f"{name}.safetensors", f"{name}.json"
    files = open_files(to)
    old = _old_card(files, card_file)
    files.delete(card_file)
    files.write(model, data)
    files.write(card_file, json.dumps(card, indent=1).encode())
    return ExportedModel(
        model=f"{to}/{model}",
        card_file=f"{to}/{card_file}",
        bytes=len(data),
        card=card,
        replaced=None if old == card else old,
    )


def _old_card(files: Files, path: str) -> dict[str, Any] | None:
    """The card that a file has, or None without a file; empty if it cannot be read."""
    try:
        card = json.loads(files.read(path))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return card if isinstance(card, dict) else {}


def _identity(store: Store, row: Row) -> dict[str, Any]:
    """Which network it is, how it was trained, and which input it takes."""
    task = json.loads(row["settings"])["task"]
    sweep = store.sweeps.read(row["sweep"])["spec"]
    names = ("dataset", "network", "recipe", "pruning", "schedule", "technique", "budget", "round", "replicate")
    return {name: row[name] for name in (*names, "trial", "step", "state_digest")} | {
        "build": task["network"],
        "input": _input(store, row["sweep"], sweep, task),
        "training": _recipe(sweep, row),
    }


def _recipe(sweep: dict[str, Any], row: Row) -> dict[str, Any]:
    """The recipe as the sweep file has it, with every default written out."""
    name = row["recipe"].removesuffix(f" ({row['sweep']})")  # added by `frame.join` to a recipe that was edited later
    return next(recipe for recipe in sweep["recipe"] if recipe["name"] == name)


def _input(store: Store, folder: str, sweep: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """What the network takes, as pinned when the sweep was planned.

    Of images the shape, the number of classes and the normalization; of other data the types and shapes of inputs and
    targets, what the data offer to networks, and how inputs were made of a table's columns. Names of classes if they
    have any.
    """
    needed = questions(spec_from_dict(sweep))
    answers = facts.pinned(needed, store)
    for question in needed:
        data = answers[question].facts["dataset"]
        if data["fingerprint"] == task["dataset"]["fingerprint"] and canonical(question.network) == task["network"]:
            names = {"class_names": data["class_names"]} if "class_names" in data else {}
            if "channels" not in data:
                keys = ("inputs", "targets", "offers", "columns")
                return {name: data[name] for name in keys if name in data} | names
            shape = [data[name] for name in ("channels", "height", "width")]
            normalization = {"normalization": task["recipe"].get("normalization", "per_image")}
            return {"shape": shape, "classes": data["classes"]} | names | normalization
    raise StoreError(f"sweep `{folder}` does not describe the data of trial settings {task['dataset']}")


def _layers(store: Store, row: Row) -> list[dict[str, Any]]:
    """How much of each layer was kept, and its multiply-adds for one example."""
    return [
        {key: layer[key] for key in ("layer", "weights", "kept")}
        | {"density": layer["kept"] / layer["weights"], "multiply_adds": layer["multiply_adds"]}
        for layer in store.records.detail(RecordKey(row["trial"], row["step"], row["evaluation"]))["layers"]
    ]


def _scores(row: Row) -> dict[str, Any]:
    """The metric and the scores; changes are relative to the dense network of the same replicate.

    Scores in percent are fractions, and changes of them points. `precision` is that of training and of this evaluation:
    with `bf16`, in another precision scores may differ. Accuracies are there under their former names, too.
    """
    scores = {
        "precision": json.loads(row["settings"])["task"]["recipe"].get("precision", "fp32"),
        "validation": row["validation_score"],
        "test": row["test_score"],
        "dense_validation": row["dense_validation_score"],
        "dense_test": row["dense_test_score"],
        "validation_change": row["delta_validation_score"],
        "test_change": row["delta_test_score"],
    }
    examples = {f"{split}_examples": row[f"{split}_examples"] for split in ("validation", "test")}
    card = {"metric": asdict(metric_of(row)), "scores": scores | examples}
    if row["metric"] == ACCURACY:
        images = {f"{split}_images": row[f"{split}_examples"] for split in ("validation", "test")}
        card["accuracy"] = scores | images
    return card


def _cost(row: Row, dense: Row | None) -> dict[str, Any]:
    """Cost of one example, dense and sparse (theoretical: pruned weights cost nothing), and the epochs of training."""
    names = ("multiply_adds", "sparse_multiply_adds", "paper_flops", "sparse_paper_flops")
    dense_epochs = None if dense is None else dense["epochs"]
    return {name: row[name] for name in names} | {
        "dense_epochs": dense_epochs,
        "retraining_epochs": row["search_cost_epochs"],
        "epochs": None if dense_epochs is None else dense_epochs + row["search_cost_epochs"],
    }
