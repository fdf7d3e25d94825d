"""What functions take as results: a store, the published study, or rows; anything else is refused with its remedy."""

from __future__ import annotations

import pandas as pd
import pytest

import prunesweep as ps
from tests.support.report_store import build

WRONG = (None, 3, ["runs/a"])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return build(tmp_path_factory.mktemp("store") / "runs").location


@pytest.mark.parametrize("read", [ps.table, ps.headline, lambda results: ps.compare(results, results)])
def test_a_store_and_its_frame_give_the_same(read, store):
    assert read(store).rows() == read(ps.frame(store)).rows()


def test_frames_of_other_libraries_are_read(store):
    class Frame:
        def __init__(self, table):
            self.__arrow_c_stream__ = table.__arrow_c_stream__

    import pyarrow as pa

    rows = pa.Table.from_pandas(ps.frame(store), preserve_index=False)
    assert ps.table(Frame(rows)).rows() == ps.table(store).rows()


def test_two_sweeps_of_a_store_are_compared(store):
    compared = ps.compare(store, store, sweep="digits", other_sweep="digits")
    assert compared.settings["ours"] == f"{store}, sweep digits"
    with pytest.raises(ps.InputError, match="no sweep `other`"):
        ps.compare(store, store, sweep="digits", other_sweep="other")


def test_sweeps_are_not_selected_from_rows(store):
    with pytest.raises(ps.InputError, match="`sweep` selects from a store, but rows were given") as refusal:
        ps.table(ps.frame(store), sweep="digits")
    assert refusal.value.hint == "pass it to `frame`"


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize(
    "name", ["table", "headline", "figure", "accuracy_vs_cost", "budget_curves", "safe_zone", "pareto"]
)
def test_what_is_not_a_result_is_refused(name, wrong):
    with pytest.raises(ps.InputError, match=f"results must be a store or its rows: {type(wrong).__name__}"):
        getattr(ps, name)(wrong)


@pytest.mark.parametrize("name", ["frame", "report", "status", "sweep_file", "sweeps", "resume", "load", "plan", "run"])
def test_what_is_not_a_place_is_refused(name):
    with pytest.raises(ps.InputError, match="a path or an address must be text or a `Path`: DataFrame"):
        getattr(ps, name)(pd.DataFrame())


def test_rows_without_the_columns_of_results_are_refused():
    with pytest.raises(ps.InputError, match="the rows lack 17 columns of results: dataset, network, recipe"):
        ps.table(pd.DataFrame({"accuracy": [0.9]}))
    with pytest.raises(ps.InputError, match="only a figure can be saved: str"):
        ps.save_figure("figure", "out")
