"""Plans: sharing that is exact, counts worked out by hand from the paper, and what is missing."""

from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import api
from orchestrator.planning.cells import in_words
from orchestrator.planning.expand import make_plan
from orchestrator.planning.plan import steps_left
from orchestrator.planning.select import selector
from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import parse_spec
from tests.support.paper_plans import ONE_SHOT, plan, sweep
from tests.support.sweeps import answered
from workers.errors import InputError
from workers.store.layout import RecordKey
from workers.trial import Stop


def everything(a_plan):
    """The keys of all records, and all stops, that a finished plan leaves in a store."""
    jobs = a_plan.missing(set(), set())
    records = {RecordKey(name, step, a_plan.evaluation.key) for name, job in jobs.items() for step in job.records}
    return records, {Stop(name, step) for name, job in jobs.items() for step in job.checkpoints}


@pytest.fixture(scope="module")
def paper():
    budgets = [f"{epochs}ep" for epochs in range(10, 171, 20)] + ["100%"]
    densities = [f"0.8^{power}" for power in range(1, 11)]
    return plan({"technique": ONE_SHOT, "density": densities, "budget": budgets, "replicates": 3})


def test_the_papers_resnet20_grid_counts_what_was_worked_out_by_hand(paper):
    assert len(paper.cells) == 1500 + 3
    assert paper.shared_steps() == 40_552_194
    assert paper.unshared_steps() == 186_122_250


def test_fine_tuning_for_any_time_is_one_trajectory(paper):
    cells = [c for c in paper.cells if c.technique == "fine_tuning" and c.density == F(4, 5) and c.replicate == 0]
    assert len({cell.stop.trial for cell in cells}) == 1
    assert [cell.stop.step for cell in cells] == [
        3_907, 11_719, 19_532, 27_344, 35_157, 42_969, 50_782, 58_594, 66_407, 71_108,
    ]  # fmt: skip


def test_rewinding_within_the_last_constant_phase_is_the_same_work(paper):
    stops = {
        (cell.technique, cell.budget): cell.stop
        for cell in paper.cells
        if cell.density == F(4, 5) and cell.replicate == 0
    }
    for budget in ("10ep", "30ep"):  # the last phase is 46 epochs
        assert stops["lr_rewinding", budget] == stops["fine_tuning", budget]
        assert stops["weight_rewinding", budget] == stops["low_lr_weight_rewinding", budget]
    assert stops["lr_rewinding", "50ep"] != stops["fine_tuning", "50ep"]


def test_rewind_points_are_those_of_the_papers_code(paper):
    dense = next(cell.stop.trial for cell in paper.cells if cell.technique == "dense")
    assert sorted(paper.trials[dense].starts) == [
        0, 4_701, 12_514, 20_326, 28_139, 35_951, 43_764, 51_576, 59_389, 67_201, 71_108,
    ]  # fmt: skip


def test_the_dense_network_of_a_replicate_is_trained_once(paper):
    dense = {cell.stop for cell in paper.cells if cell.technique == "dense"}
    assert len(dense) == 3
    assert {cell.dense for cell in paper.cells} == dense


def test_parents_come_before_their_children(paper):
    seen = set()
    for name, planned in paper.trials.items():
        assert all(parent.trial in seen for parent in planned.trial.parents)
        seen.add(name)


def test_rounds_of_iterative_pruning_are_cells_of_one_chain():
    chain = plan(
        {"technique": "weight_rewinding", "iterative": {"rounds": 3, "rate": "20%"}, "budget": "90ep", "replicates": 1}
    )
    dense, *rounds = chain.cells
    assert [cell.density for cell in rounds] == [F(4, 5), F(16, 25), F(64, 125)]
    assert [cell.search_cost_epochs for cell in rounds] == pytest.approx([90, 180, 270], abs=0.01)
    for number, cell in enumerate(rounds, start=1):
        trial = chain.trials[cell.stop.trial].trial
        assert trial.stage == str(number)
        assert trial.start == Stop(dense.stop.trial, 35_951)
        assert trial.mask.source == (rounds[number - 2].stop if number > 1 else dense.stop)
        assert cell.lineage == tuple(c.stop.trial for c in [dense, *rounds][:number])
    assert chain.unshared_steps() == 3 * 71_108 + (1 + 2 + 3) * 35_157
    assert chain.shared_steps() == 71_108 + 3 * 35_157


def test_a_total_budget_is_split_over_the_rounds_and_the_last_takes_what_is_left():
    iterative = {"rounds": 3, "rate": "50%", "budget_is": "total"}
    grid = {"technique": ["linear_lr_restarting", "adaptive_linear_lr_restarting"], "iterative": iterative}
    chain = plan(grid | {"budget": "1000it"})
    linear, adaptive = chain.cells[1:4], chain.cells[4:]
    for rounds in (linear, adaptive):
        assert [cell.stop.step for cell in rounds] == [333, 333, 334]
        assert [cell.search_cost_epochs * 390.625 for cell in rounds] == pytest.approx([333, 666, 1000])
        assert {cell.budget for cell in rounds} == {"1000it/3"}
        assert {round(cell.budget_epochs * 390.625, 6) for cell in rounds} == {round(1000 / 3, 6)}
    trials = [chain.trials[cell.stop.trial].trial for cell in (linear[0], adaptive[0], adaptive[2])]
    assert [trial.rate_floor for trial in trials] == [None, F(333, 71_108), F(334, 71_108)]
    assert trials[0].rates == trials[1].rates
    per_round = plan(grid | {"budget": "333it", "iterative": iterative | {"budget_is": "per_round"}})
    assert per_round.cells[1].stop == linear[0].stop
    assert per_round.cells[3].stop != linear[2].stop


def test_a_total_budget_of_fewer_steps_than_rounds_is_refused():
    iterative = {"rounds": 3, "rate": "50%", "budget_is": "total"}
    with pytest.raises(InputError, match="is too short for 3 rounds: 2 steps"):
        plan({"technique": "lr_rewinding", "iterative": iterative, "budget": "2it"})


def test_cells_in_words():
    chain = {"technique": "lr_rewinding", "iterative": {"rounds": 2, "rate": "20%"}, "budget": "90ep"}
    once = {"technique": "fine_tuning", "compression": 9.31, "budget": "10ep"}
    dense, *rest = plan([chain, once]).rows()
    assert in_words(dense) == "dense, replicate 0"
    assert [in_words(row) for row in rest] == [
        "lr_rewinding 1.25× 90ep, round 1, replicate 0",
        "lr_rewinding 1.562× 90ep, round 2, replicate 0",
        "fine_tuning 9.31× 10ep, replicate 0",
    ]


def test_the_first_round_is_the_one_shot_cell_of_that_density():
    both = plan(
        [
            {"technique": "lr_rewinding", "iterative": {"rounds": 2, "rate": "20%"}, "budget": "90ep"},
            {"technique": "lr_rewinding", "density": "80%", "budget": "90ep"},
        ]
    )
    _, first, second, one_shot = both.cells
    assert (first.schedule, one_shot.schedule) == ("iterative", "one_shot")
    assert first.stop == one_shot.stop != second.stop


def test_reinitialization_costs_the_whole_training_and_the_budget():
    _, cell = plan({"technique": "reinitialization", "compression": 4, "budget": "90ep"}).cells
    assert cell.stop.step == 71_108 + 35_157
    assert cell.search_cost_epochs == pytest.approx(71_108 / 390.625 + 90, abs=0.01)


def test_a_cell_in_two_entries_in_other_words_is_one_cell():
    entry = {"technique": "fine_tuning", "budget": ["50%", "35554it"]}
    assert len(plan([entry | {"compression": 4}, entry | {"density": "25%"}]).cells) == 1 + 1


def test_nothing_is_missing_of_a_finished_plan(paper):
    assert paper.missing(*everything(paper)) == {}


def test_only_new_work_is_missing_after_an_extension():
    grid = {"technique": ["fine_tuning", "weight_rewinding"], "compression": [4, 8], "budget": "90ep", "replicates": 2}
    done = everything(plan(grid))
    another_replicate = plan(grid | {"replicates": 3}).missing(*done)
    assert {job.trial.replicate for job in another_replicate.values()} == {2}
    another_ratio = plan(grid | {"compression": [4, 8, 16]}).missing(*done)
    assert {job.trial.mask.density for job in another_ratio.values()} == {F(1, 16)}
    longer = plan(grid | {"technique": "fine_tuning", "budget": ["90ep", "100ep"]}).missing(*done)
    assert list(steps_left(longer, done[1]).values()) == [3_906] * 4


def test_a_parent_without_its_state_is_made_again_only_for_children_that_are_missing():
    grid = {"technique": "fine_tuning", "compression": [4, 8], "budget": "90ep"}
    small = plan(grid)
    records, _ = everything(small)
    assert small.missing(records, set()) == {}
    lost = {key for key in records if key.step == 35_157}
    left = small.missing(records - {next(iter(lost))}, set())
    assert [job.trial.stage for job in left.values()] == ["dense", "1"]
    dense_job = next(iter(left.values()))
    assert (dense_job.records, dense_job.checkpoints) == ((), (71_108,))


def test_results_only_keeps_just_what_children_begin_with():
    grid = {"technique": "weight_rewinding", "compression": 4, "budget": "90ep"}
    dense, child = plan(grid, keep="results_only").missing(set(), set()).values()
    assert dense.checkpoints == (35_951, 71_108)
    assert child.checkpoints == ()
    _, child = plan(grid).missing(set(), set()).values()
    assert child.checkpoints == (35_157,)


@pytest.mark.parametrize(
    ("expression", "picked"),
    [("compression=9.31", {0.8**10}), ("compression=1.95|4.8", {0.8**3, 0.8**7}), ("compression=9", set())],
)
def test_numbers_are_picked_as_tables_show_them(paper, expression, picked):
    rows = filter(selector(expression), paper.rows())
    assert sorted({row["density"] for row in rows}) == pytest.approx(sorted(picked))


def test_a_part_of_a_plan_keeps_its_dense_networks(paper):
    part = paper.only(selector("technique=lr_rewinding,compression=1.25,budget=90ep,replicate=1"))
    assert [(cell.technique, cell.replicate) for cell in part.cells] == [("dense", 1), ("lr_rewinding", 1)]
    assert len(part.missing(set(), set())) == 2


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"technique": "fine_tuning", "compression": 4, "budget": "183ep"}, "longer than the dense training"),
        ({"technique": "fine_tuning", "compression": 600_000, "budget": "90ep"}, "leaves none of the 271,152"),
    ],
)
def test_what_only_the_data_or_network_shows_to_be_impossible_is_refused(grid, message):
    with pytest.raises(InputError, match=message):
        plan(grid, dataset={"name": "image_parquet", "path": "of unknown size"})


IMPOSSIBLE = """\
version: 1
name: impossible
dataset: {name: synthetic, train_images: 80, test_images: 40, classes: 4, channels: 1, size: 6}
network:
  - {name: mlp, hidden: [16]}
  - {name: mlp, hidden: [16], dropout: 0.2}
recipe: {duration: 6ep, batch_size: 16, optimizer: {name: SGD, lr: 0.1}}
grid:
  - technique: lr_rewinding
    compression: [4, 2000]
    budget: 50%
  - technique: lr_rewinding
    iterative: {rounds: 20, rate: 50%}
    budget: 50%
"""


def test_what_facts_show_to_be_impossible_is_shown_in_the_file_all_at_once():
    with pytest.raises(SpecError) as caught:
        api.plan(parse_spec(IMPOSSIBLE, "its.yaml"))
    found = [(problem.where, problem.field) for problem in caught.value.problems]
    of_each_network = [("its.yaml:10:22", "grid[0].compression[1]"), ("its.yaml:13:25", "grid[1].iterative.rounds")]
    assert sorted(found) == sorted(2 * of_each_network)


def test_what_cannot_be_described_is_shown_in_the_file_all_at_once():
    text = IMPOSSIBLE.replace("0.2", "3").replace("SGD", "LBFGS")
    with pytest.raises(SpecError) as caught:
        api.plan(parse_spec(text, "its.yaml"))
    found = [(problem.where, problem.field) for problem in caught.value.problems]
    assert found == [("its.yaml:6:5", "network[1]"), ("its.yaml:7:52", "recipe.optimizer")]


def test_durations_of_fractional_steps_are_never_cut_short():
    recipe = {"duration": "20ep", "batch_size": 128, "optimizer": {"name": "SGD", "lr": 0.1}}
    spec = sweep({"technique": "lr_rewinding", "compression": 4, "budget": ["20ep", "18ep", "100%"]}, recipe=recipe)
    known = {
        "dataset": {"train_images": 1000, "fingerprint": "x"},
        "network": {"prunable": [["a", 100]], "checkpoint_bytes": 1},
    }
    small = make_plan(answered(spec, known))
    dense, *cells = small.cells
    assert dense.stop.step == 157  # 20 · 7.8125 = 156.25
    assert [cell.stop.step for cell in cells] == [157, 141, 157]


AXES = {
    "technique": st.lists(st.sampled_from(ONE_SHOT), min_size=1, unique=True),
    "compression": st.lists(st.sampled_from([2, 4, 8, 16]), min_size=1, unique=True),
    "budget": st.lists(st.sampled_from(["10%", "50%", "90ep"]), min_size=1, unique=True),
    "replicates": st.integers(1, 3),
}


@settings(max_examples=40)
@given(st.fixed_dictionaries(AXES))
def test_properties_of_every_plan(grid):
    whole = plan(grid)
    sizes = [len(grid[axis]) for axis in ("technique", "compression", "budget")]
    assert len(whole.cells) == sizes[0] * sizes[1] * sizes[2] * grid["replicates"] + grid["replicates"]
    reordered = plan(dict(reversed(grid.items())))
    assert set(reordered.trials) == set(whole.trials)
    assert set(plan(grid | {"replicates": grid["replicates"] + 1}).trials) > set(whole.trials)
    assert whole.shared_steps() <= whole.unshared_steps() + grid["replicates"] * 71_108
    assert whole.missing(*everything(whole)) == {}
