"""The table of techniques, and the restarting techniques of later papers against values worked out by hand."""

import math
from fractions import Fraction as F

import pytest

from workers.schedules import highest, piecewise, ramp, rate
from workers.techniques import TECHNIQUES, DenseTraining, in_order

STEPS = 200
FLAT = piecewise(F(1), [F(99), F(149)], [F("0.1"), F("0.01")], F(0))  # 100 steps at 1, 50 at 0.1, 50 at 0.01
WARM = piecewise(F(1), [F(99), F(149)], [F("0.1"), F("0.01")], F(20))  # the first 21 of them warm up


def program(technique, schedule, retraining):
    dense = DenseTraining(schedule=schedule, steps=STEPS, last_rate=0.01)
    rule = TECHNIQUES[technique]
    assert rule.start == "final"
    assert rule.steps(dense, STEPS - retraining) == retraining
    return rule.rates(dense, STEPS - retraining)


def rates(technique, schedule, retraining):
    return [rate(program(technique, schedule, retraining), step) for step in range(retraining)]


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.0), (2, 0.5), (4, 1.0), (21, 1.0), (22, 0.1), (30, 0.1), (31, 0.01), (39, 0.01)]
)
def test_scaled_restarting_squeezes_the_schedule_into_nine_tenths(step, expected):
    # 4 steps of warm-up; of the other 36 one half, a quarter and a quarter: until 22, 31 and 40
    assert rate(program("scaled_lr_restarting", FLAT, 40), step) == pytest.approx(expected, abs=1e-15)


def test_scaled_restarting_leaves_out_the_schedules_own_warm_up():
    # 20 steps of warm-up; then 180/179 of the dense training's steps 21 to 200: boundaries at 99.4 and 149.7
    found = rates("scaled_lr_restarting", WARM, 200)
    assert found[:3] == [0.0, pytest.approx(0.05), pytest.approx(0.1)]
    assert [found.index(0.1, 20), found.index(0.01)] == [100, 150]
    assert found[20:100] == [1.0] * 80


def test_scaled_restarting_of_a_ramp():
    cosine = ramp("cosine", F(1), F("0.2"), F(0), STEPS)
    found = rates("scaled_lr_restarting", cosine, 100)
    for step in (11, 37, 99):
        along = (step - 10) / 90
        assert found[step] == pytest.approx(0.2 + 0.8 * (1 + math.cos(math.pi * along)) / 2)
    assert found[10] == 1
    assert found[5] == 0.5


@pytest.mark.parametrize("steps", [1, 3, 9, 11, 25, 40, 199])
def test_cyclic_restarting_is_torchs_one_cycle(steps):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=steps, pct_start=0.1, div_factor=100, final_div_factor=100
    )
    expected = []
    for _ in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(expected) < steps:
            cycle.step()
    assert rates("cyclic_lr_restarting", WARM, steps) == pytest.approx(expected, rel=1e-9)


def test_cyclic_restarting_at_several_steps():
    found = rates("cyclic_lr_restarting", FLAT, 100)
    assert found[0] == pytest.approx(0.01)
    assert found[9] == 1
    assert found[54] == pytest.approx((1 + 0.0001) / 2)  # half way from step 9 to step 99
    assert found[99] == pytest.approx(0.0001)
    assert rates("cyclic_lr_restarting", FLAT, 10)[0] == 1  # its peak is step 10 · 0.1 − 1


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0), (1, 0.5 - math.sqrt(0.125)), (2, 0.5), (4, 1), (13, 0.75), (22, 0.5), (39, 1 / 36)]
)
@pytest.mark.parametrize("schedule", [FLAT, WARM])
def test_linear_restarting(schedule, step, expected):
    assert rate(program("linear_lr_restarting", schedule, 40), step) == pytest.approx(expected)


def test_adaptive_restarting_is_linear_restarting_lowered_by_the_worker():
    adaptive, linear = (TECHNIQUES[f"{kind}linear_lr_restarting"] for kind in ("adaptive_", ""))
    dense = DenseTraining(schedule=FLAT, steps=STEPS, last_rate=0.01)
    assert adaptive.rates(dense, 150) == linear.rates(dense, 150)
    assert adaptive.rate_floor(dense, 150) == F(50, 200)
    assert linear.rate_floor(dense, 150) is None


@pytest.mark.parametrize("technique", ["scaled_lr_restarting", "cyclic_lr_restarting", "linear_lr_restarting"])
@pytest.mark.parametrize("schedule", [FLAT, WARM, ramp("linear", F(1), F(0), F(7, 2), STEPS)])
def test_every_length_has_a_rate_at_every_step(technique, schedule):
    for retraining in (1, 2, 3, 9, 10, 11, 19, 20, 21, 99, 199, 200):
        found = rates(technique, schedule, retraining)
        assert all(0 <= value <= 1 for value in found)


def test_the_highest_rate_is_the_peak_whatever_the_warm_up():
    assert highest(FLAT) == highest(WARM) == 1
    assert highest(ramp("cosine", F("0.3"), F(0), F(5), 20)) == F(0.3)


def test_only_weight_rewinding_repeats_the_dense_training():
    assert [name for name, technique in TECHNIQUES.items() if technique.repeats_training] == ["weight_rewinding"]


def test_techniques_are_ordered_as_in_their_table_and_unknown_ones_follow():
    assert in_order(["b", "lr_rewinding", "a", "fine_tuning", "b"]) == ["fine_tuning", "lr_rewinding", "b", "a"]
