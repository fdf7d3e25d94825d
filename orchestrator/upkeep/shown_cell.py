"""Everything that a store knows of one cell, as data."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.planning.cells import in_words
from orchestrator.results.frame import IDENTITY, join
from orchestrator.results.picking import Row, pick
from orchestrator.results.score_columns import METRIC, metric_of
from orchestrator.upkeep import cell_text
from orchestrator.upkeep.cell_text import Link
from workers import html
from workers.errors import CorruptFile
from workers.store import Store, layout
from workers.store.failures import Failure
from workers.store.layout import RecordKey
from workers.text import printable, size

_RESULTS = (
    *("test_score", "dense_test_score", "delta_test_score", "test_loss", "test_examples"),
    *("validation_score", "dense_validation_score", "delta_validation_score", "validation_loss"),
    *("validation_examples", "train_score", "train_loss", "mixed_parents", "same_run_as"),
)
_COST = (
    *("search_cost_epochs", "epochs", "dense_epochs", "parameters", "prunable_weights", "kept_weights"),
    *("achieved_density", "collapsed_layers", "multiply_adds", "sparse_multiply_adds"),
    *("paper_flops", "sparse_paper_flops"),
)
_RUN = (
    *("host", "device", "instruction_set", "threads", "ranks", "attempts", "wall_seconds", "started_at"),
    *("metric_signature", "finished_at", "python_version", "torch_version", "prunesweep_version", "commit"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCell:
    """What `show` returns. Scores in percent are fractions, and differences of them points.

    `cell` says which one it is, `state` is `done`, `failed`, `blocked`, `unfinished` (begun) or `missing`, and `chain`
    has the trials that it builds on, the dense one first, and its own. `recipe` is that of the sweep file, and
    `settings` what the trial was trained with; `layers` and `curve` (a point for each epoch) are in the order of the
    network and of time. `files` are those of the trial in the store, in bytes, and `failed_attempts` counts them by
    outcome. What is not there is empty.
    """

    store: str
    cell: Mapping[str, Any]
    state: str
    chain: Sequence[Link]
    recipe: Mapping[str, Any]
    settings: Mapping[str, Any]
    result: Mapping[str, Any]
    curve: Sequence[Mapping[str, Any]]
    layers: Sequence[Mapping[str, Any]]
    cost: Mapping[str, Any]
    run: Mapping[str, Any]
    files: Mapping[str, int]
    failed_attempts: Mapping[str, int]
    failure: Failure | None
    unreadable: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """JSON data; times are ISO 8601."""
        data = asdict(self)
        run = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in self.run.items()}
        return data | {"run": run}

    def __str__(self) -> str:
        return printable("\n".join(self._lines()), kept="\n")

    def _repr_html_(self) -> str:
        return html.preformatted(str(self).split("\n"))

    def _lines(self) -> Iterator[str]:
        logs = f"prunesweep logs {shlex.quote(self.store)} {self.cell['trial']}"
        metric = metric_of(self.cell)
        waits = cell_text.waits_for(self.chain) if self.state == "blocked" else ()
        yield from cell_text.what(self.cell, self.state)
        yield from cell_text.sections(
            {
                "Result": cell_text.result_lines(self.result, metric),
                "Failure": [*cell_text.failure_lines(self.failure, self.failed_attempts, logs), *waits],
                "Chain": [cell_text.link_line(link, metric) for link in self.chain],
                "Learning curve": cell_text.curve_lines(self.curve),
                "Layers": cell_text.layer_lines(self.layers),
                "Cost": cell_text.cost_lines(self.cost),
                "Ran": cell_text.run_lines(self.run),
                "Settings": cell_text.setting_lines(self.recipe, self.settings),
                "Files": [f"{path}  {size(count)}" for path, count in self.files.items()],
            }
        )


def show_cell(store: Store, cell: str, sweep: str | None = None, *, retired: bool = False) -> ShownCell:
    """Everything known of one cell, which is named as in `results.picking`; of a sweep, if one is named.

    Cells of retired sweeps count only if `retired`, or if their sweep is named. Raises InputError unless that picks one
    cell.
    """
    joined = join(store, None if sweep is None else [sweep], retired=retired)
    rows = joined.rows.to_pylist()
    row = pick(rows, cell, store.location)
    failure = store.failures.read(row["trial"])
    recorded, damaged = _recorded(store, row)
    files = _files(store, row)
    return ShownCell(
        store=store.location,
        cell={
            name: row[name] for name in (*IDENTITY, "round", "density", "trial", "step", "evaluation", *METRIC, "sweep")
        },
        state=_state(row, files),
        chain=_chain(store, row, rows),
        recipe=_recipe(store, row),
        settings=json.loads(row["settings"] or "{}"),
        result=_result(row) | {"other_scores": recorded["other_scores"]} if row["done"] else {},
        curve=recorded["curve"],
        layers=recorded["layers"],
        cost={name: row[name] for name in _COST},
        run={name: row[name] for name in _RUN} if row["done"] else {},
        files=files,
        failed_attempts=store.failures.failed_attempts(row["trial"]) | dict(failure.attempts if failure else {}),
        failure=failure,
        unreadable=joined.unreadable | damaged,
    )


def _state(row: Row, files: Mapping[str, int]) -> str:
    if row["done"]:
        return "done"
    if row["failure"] is not None:
        return "blocked" if row["failure"] == "blocked" else "failed"
    return "unfinished" if any(layout.folder_of(path) == layout.PARTIAL_STATES for path in files) else "missing"


def _result(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _RESULTS}


def _recorded(store: Store, row: Row) -> tuple[dict[str, Any], dict[str, str]]:
    """What only the record's file has, and why it cannot be read (path: reason).

    Layers, learning curve, and the scores of the metrics that are recorded besides the primary one.
    """
    recorded: dict[str, Any] = {"layers": [], "curve": [], "other_scores": []}
    if not row["done"]:
        return recorded, {}
    try:
        record = store.records.whole(RecordKey(row["trial"], row["step"], row["evaluation"]))
    except CorruptFile as error:
        return recorded, {error.path: str(error)}
    return {name: record[name] or [] for name in recorded}, {}


def _chain(store: Store, row: Row, rows: Sequence[Row]) -> list[Link]:
    """The trials that a cell builds on, and its own."""
    cells = store.sweeps.read_cells(row["sweep"]).to_pylist()
    lineage = next(cell["lineage"] for cell in cells if (cell["trial"], cell["step"]) == (row["trial"], row["step"]))
    return [*(_link(trial, rows) for trial in lineage if trial != row["trial"]), _link_of(row)]


def _link(trial: str, rows: Sequence[Row]) -> Link:
    """A trial by its last cell; one without a cell only yields rewind points."""
    of_trial = [row for row in rows if row["trial"] == trial]
    if not of_trial:
        return Link(trial=trial, cell="no cell", done=False, failure=None, score=None)
    return _link_of(max(of_trial, key=lambda row: row["step"]))


def _link_of(row: Row) -> Link:
    return Link(
        trial=row["trial"], cell=in_words(row), done=row["done"], failure=row["failure"], score=row["test_score"]
    )


def _recipe(store: Store, row: Row) -> Mapping[str, Any]:
    """The recipe as the sweep file has it, with every default written out; empty if the sweep lacks it."""
    name = row["recipe"].removesuffix(f" ({row['sweep']})")  # added by `frame.join` to a recipe that was edited later
    recipes = store.sweeps.read(row["sweep"]).get("spec", {}).get("recipe", [])
    return next((recipe for recipe in recipes if recipe.get("name") == name), {})


def _files(store: Store, row: Row) -> dict[str, int]:
    """The files of a cell's trial and their sizes: its own record, and the states, logs and failures of the trial."""
    key = RecordKey(row["trial"], row["step"], row["evaluation"])
    paths = [layout.record_path(key), layout.detail_path(key)] if row["done"] else []
    paths += [layout.failure_path(row["trial"]), layout.failed_attempts_path(row["trial"])]
    files = {path: len(store.files.read(path)) for path in paths if store.files.exists(path)}
    folders = (f"{layout.CHECKPOINTS}/{row['trial']}", f"{layout.PARTIAL_STATES}/{row['trial']}")
    for folder in (*folders, layout.log_folder(row["trial"])):
        files |= store.files.sizes(folder)
    return files
