"""Every path of a store is read back as what it was built from, and nothing else is."""

from __future__ import annotations

import pytest

from tests.support.places import GOLDEN
from workers.store import layout
from workers.store.filesystems.local import LocalFiles
from workers.store.layout import RecordKey
from workers.trial import Stop

KEY = RecordKey("a", 12, "e")
STOP = Stop("a", 12)


def test_records_and_their_details():
    assert layout.record_path(KEY) == "results/a-00000012-e.parquet"
    assert layout.detail_path(KEY) == "details/a-00000012-e.parquet"
    assert layout.conflict_path(KEY, "0123456789") == "conflicts/a-00000012-e-01234567.parquet"
    for path in (layout.record_path(KEY), layout.detail_path(KEY)):
        assert layout.parse_record_path(path) == KEY


def test_states():
    assert layout.checkpoint_path(STOP) == "checkpoints/a/00000012.safetensors"
    assert layout.partial_state_path(STOP) == "progress/a/00000012.safetensors"
    for path in (layout.checkpoint_path(STOP), layout.partial_state_path(STOP)):
        assert layout.parse_state_path(path) == STOP


def test_failures_failed_attempts_and_facts():
    paths = [layout.failure_path("a"), layout.failed_attempts_path("a"), layout.facts_path("a")]
    assert paths == ["failures/a.json", "attempts/a.json", "facts/a.json"]
    assert [layout.parse_data_path(path) for path in [*paths, "losses/a.json"]] == ["a"] * 4


def test_sweeps():
    folder = layout.sweep_folder(3, "my-sweep")
    assert folder == "0003-my-sweep"
    assert (layout.sweep_number(folder), layout.sweep_name(folder)) == (3, "my-sweep")
    for path in (layout.sweep_path(folder), layout.cells_path(folder)):
        assert layout.parse_sweep_path(path) == folder
    retirement = layout.retirement_path(folder)
    assert (layout.parse_retirement_path(retirement), layout.parse_sweep_path(retirement)) == (folder, None)
    assert layout.parse_retirement_path("sweeps/other/retired.json") is None


def test_logs():
    assert layout.log_path("a", 7) == "logs/a/0007.log"
    assert layout.parse_log_path("logs/a/0007.log") == ("a", 7)
    assert layout.parse_log_path(layout.log_path("a", 12345)) == ("a", 12345)


@pytest.mark.parametrize(
    "path",
    [
        "results/a-12-e.parquet",
        "results/a-00000012-e",
        "results/a-00000012-e-f.parquet",
        "conflicts/a-00000012-e.parquet",
        "results/x/a-00000012-e.parquet",
        "checkpoints/a/12.safetensors",
        "checkpoints/a/0000001x.safetensors",
        "checkpoints/00000012.safetensors",
        "states/a/00000012.safetensors",
        "failures/a.txt",
        "cache/a.json",
        "facts/x/a.json",
        "sweeps/0003-s/notes.txt",
        "sweeps/s/sweep.json",
        "logs/a/7.log",
        "logs/a/0007.txt",
        "",
    ],
)
def test_other_paths_are_not_parsed(path):
    parsers = ("record", "state", "data", "sweep", "log")
    assert [getattr(layout, f"parse_{name}_path")(path) for name in parsers] == [None] * len(parsers)


def test_what_must_be_made_again_together():
    assert layout.companion(layout.record_path(KEY)) == layout.detail_path(KEY)
    assert layout.companion(layout.detail_path(KEY)) == layout.record_path(KEY)
    assert layout.companion("sweeps/0001-s/sweep.json") == "sweeps/0001-s/cells.parquet"
    assert layout.companion("sweeps/0001-s/cells.parquet") == "sweeps/0001-s/sweep.json"
    assert layout.companion("sweeps/0001-s/notes.txt") is None
    assert layout.companion("facts/a.json") is None


@pytest.mark.parametrize("version", ["store-v1", "store-v2"])
def test_every_file_of_a_store_has_a_name_of_the_layout(version):
    parsers = (layout.parse_record_path, layout.parse_state_path, layout.parse_data_path, layout.parse_sweep_path)
    paths = set(LocalFiles(GOLDEN.parent / version).sizes("")) - {layout.MARKER, layout.RECORD_CACHE}
    assert len(paths) > 10
    assert all(any(parse(path) is not None for parse in parsers) for path in paths)
