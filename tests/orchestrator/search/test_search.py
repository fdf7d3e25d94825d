"""When a search stops and what it keeps, by hand-made records; and which sweeps can be searched at all."""

from __future__ import annotations

from fractions import Fraction

import pytest

from orchestrator.planning.expand import make_plan
from orchestrator.results.tolerance import Tolerance
from orchestrator.search.rounds import Round, kept_round
from orchestrator.search.search import Search
from orchestrator.search.settings import SearchSettings
from orchestrator.search.sweep import chain_sweep, has_grid, load_without_grid, most_rounds, parse_rate, with_rounds
from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import spec_from_dict
from tests.support.records import record
from tests.support.sweeps import answered, sweep
from workers.errors import InputError, StoreError
from workers.metrics.facts import KNOWN_ACCURACY
from workers.store import Store
from workers.store.layout import RecordKey
from workers.trial import Stop

RATE = Fraction(1, 5)
KNOWN = {
    "dataset": {"train_images": 1000, "fingerprint": "sha256:0"},
    "network": {"prunable": [["a", 1000]], "checkpoint_bytes": 1000},
}


def rounds(*changes):
    """Rounds by their changes of validation accuracy, a number or one for each replicate; the dense network first."""
    values = [change if isinstance(change, tuple) else (change,) for change in (0.0, *changes)]
    return [
        Round(
            number=number,
            density=0.8**number,
            stops=tuple(Stop(f"trial{number}-{replicate}", 10) for replicate in range(len(each))),
            validation_scores=tuple(0.9 + change / 100 for change in each),
            metric=KNOWN_ACCURACY,
            dense_scores=(0.9,) * len(each),
            test_scores=(0.5,) * len(each),
            validation_change=each,
            test_change=(-40.0,) * len(each),
            epochs=10.0,
        )
        for number, each in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("changes", "tolerance", "kept"),
    [
        ((0.2, -0.4, -0.6, -2.0), 0.5, 2),
        ((0.2, -0.6, 0.3, -2.0), 0.5, 1),  # what comes after the first that is beyond does not count
        ((-0.5, -0.51), 0.5, 1),  # by more than the tolerance
        ((0.0, 0.1, -0.01), 0.0, 2),
        ((-1.0,), 0.5, 0),
        ((0.0, 0.0), 0.5, 2),
        (((-0.6, 0.0, -0.4), (-0.6, 0.0, -0.6)), 0.5, 1),  # the median of replicates
    ],
)
def test_the_last_round_before_the_first_beyond_the_tolerance_is_kept(changes, tolerance, kept):
    assert kept_round(rounds(*changes), Tolerance.of(tolerance)).number == kept


def test_of_several_replicates_the_best_of_the_better_half_is_kept():
    one = rounds((-0.5, 0.1, 0.3))[1]
    assert one.best_stop() == one.stops[2]
    # the highest accuracy, but it fell further than the median from its dense network
    high = Round(**{name: getattr(one, name) for name in one.__slots__} | {"validation_scores": (0.99, 0.8, 0.7)})
    assert high.best_stop() == high.stops[1]


def chain(replicates=1):
    return chain_sweep(spec_from_dict(sweep(name="small")), RATE, replicates)


def whole_plan(limit, replicates=1):
    spec = with_rounds(chain(replicates), limit)
    return make_plan(answered(spec, KNOWN))


class Records:
    """A store in which rounds are published by hand."""

    def __init__(self, folder):
        self.store = Store(folder / "store", create=True)

    def publish(self, plan, accuracies):
        """A record of each cell of a plan that has none; `accuracies` are by round."""
        for cell in plan.cells:
            key = RecordKey(*cell.stop, plan.evaluation.key)
            if not self.store.records.has(key):
                given = accuracies[cell.round]
                accuracy = given[cell.replicate] if isinstance(given, tuple) else given
                values = {"validation_score": accuracy, "test_score": 0.5, "replicate": cell.replicate}
                self.store.records.publish(record(**key._asdict(), **values), {"layers": [], "curve": []})


def asking(tolerance):
    return SearchSettings(name="small", tolerance=tolerance)


def searched(folder, accuracies, tolerance, limit=6, replicates=1):
    """How many rounds a search asks for one after the other, until it asks for no more."""
    records, asked, seen = Records(folder), [], []
    search = Search(whole_plan(limit, replicates), limit, asking(tolerance), records.store, seen.append)
    for plan in search.plans():
        assert search.reason is None
        asked.append(max(cell.round for cell in plan.cells))
        records.publish(plan, accuracies)
    assert search.reason == ("nothing_left" if search.rounds[-1].is_within(Tolerance.of(tolerance)) else "tolerance")
    assert [each.number for each in seen] == [each.number for each in search.rounds] == [0, *asked]
    return asked, records.store


@pytest.mark.parametrize(
    ("accuracies", "tolerance", "asked"),
    [
        ((0.985, 0.99, 0.98, 0.979, 0.99), 0.5, [1, 2, 3]),  # 98.5 to 98 is by 0.5, and not more
        ((0.9, 0.9, 0.899), 0.0, [1, 2]),
        ((0.9, 0.7), 0.5, [1]),
        ((0.9,) * 7, 0.5, [1, 2, 3, 4, 5, 6]),  # the limit
    ],
)
def test_a_search_asks_for_a_round_at_a_time_until_one_is_beyond_the_tolerance(tmp_path, accuracies, tolerance, asked):
    assert searched(tmp_path, accuracies, tolerance)[0] == asked


def test_replicates_decide_together(tmp_path):
    asked, _ = searched(tmp_path, {0: 0.9, 1: (0.8, 0.9, 0.9), 2: (0.8, 0.9, 0.8)}, 1.0, replicates=3)
    assert asked == [1, 2]


def test_every_round_is_part_of_one_sweep_that_grows_and_never_shrinks(tmp_path):
    _, store = searched(tmp_path, (0.9, 0.9, 0.9, 0.8), 1.0)
    assert store.sweeps.folders() == ["0001-small-pruned"]
    assert store.sweeps.read_cells("0001-small-pruned").num_rows == 4
    kept = spec_from_dict(store.sweeps.read("0001-small-pruned")["spec"])
    assert kept == with_rounds(chain(), 3)
    stricter = Search(whole_plan(6), 6, asking(0.0), store, lambda made: None)
    next(stricter.plans())
    assert store.sweeps.read_cells("0001-small-pruned").num_rows == 4
    store.sweeps.add("other", {"spec": {"grid": [{"technique": ["dense"]}]}}, whole_plan(1).table())
    next(stricter.plans())
    assert store.sweeps.folders() == ["0001-small-pruned", "0002-other", "0003-small-pruned"]


def test_a_round_without_its_record_is_an_error_not_an_end(tmp_path):
    records = Records(tmp_path)
    plans = Search(whole_plan(3), 3, asking(1.0), records.store, lambda made: None).plans()
    records.publish(next(plans), (0.9, 0.9))
    path = next((tmp_path / "store" / "results").iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="verify --repair"):
        next(plans)


def test_the_chain_is_algorithm_1():
    """Learning-rate rewinding for the whole training, 20% a round, each from the end of the one before."""
    plan = whole_plan(3)
    assert [float(cell.density) for cell in plan.cells] == [1.0, 0.8, 0.64, 0.512]
    stops = [cell.stop for cell in plan.cells]
    trials = [plan.trials[stop.trial].trial for stop in stops]
    assert [(trial.start, trial.mask.source) for trial in trials[1:]] == [(stop, stop) for stop in stops[:-1]]
    assert all(trial.rates == trials[0].rates for trial in trials)
    assert {stop.step for stop in stops} == {200}


@pytest.mark.parametrize(("weights", "rate", "most"), [(1000, "20%", 34), (10, "50%", 4), (10**9, "0.1%", 1000)])
def test_there_are_as_many_rounds_as_leave_a_weight(weights, rate, most):
    assert most_rounds(weights, parse_rate(rate)) == most


def test_rates_that_leave_nothing_are_refused():
    with pytest.raises(InputError, match="none of the 10 prunable weights"):
        most_rounds(10, parse_rate("97%"))
    for text in ("0%", "100%", "20", "a fifth", "-0.2"):
        with pytest.raises(InputError, match="must be a share of the weights between 0% and 100%"):
            parse_rate(text)


def test_what_cannot_be_searched_is_shown_where_it_is_written(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(
        "version: 1\nname: s\ndataset: digits\nnetwork: [resnet8, resnet20]\n"
        "recipe: {duration: 2ep, batch_size: 100, optimizer: {name: SGD, lr: 0.1}}\n"
        "pruning: {structure: filters, layers: resnet56_a}\n"
    )
    with pytest.raises(SpecError) as error:
        chain_sweep(load_without_grid(path), RATE, 1)
    assert [(problem.where, problem.field) for problem in error.value.problems] == [
        (f"{path}:4:20", "network[1]"),
        (f"{path}:6:22", "pruning.structure"),
    ]


def test_the_grid_may_be_left_out_or_is_not_used(tmp_path):
    text = "version: 1\nname: s\ndataset: digits\nnetwork: resnet8\n"
    text += "recipe: {duration: 2ep, batch_size: 100, optimizer: {name: SGD, lr: 0.1}}\n"
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    without = load_without_grid(path)
    path.write_text(text + "grid: {technique: fine_tuning, compression: 4, budget: 50%}\n")
    given = load_without_grid(path)
    assert (has_grid(without), has_grid(given)) == (False, True)
    assert chain_sweep(without, RATE, 2) == chain_sweep(given, RATE, 2)
    path.write_text(text.replace("resnet8", "resnet9"))
    with pytest.raises(SpecError, match="did you mean"):
        load_without_grid(path)
