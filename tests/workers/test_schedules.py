"""Learning rates against values worked out by hand from the paper's schedules."""

import math
from fractions import Fraction as F

import pytest

from workers.schedules import after, constant, constant_end, piecewise, ramp, rate, then, warm_up_steps
from workers.techniques import TECHNIQUES, DenseTraining

T = 71_108
CIFAR = piecewise(F("0.1"), [F(91) * F("390.625"), F(136) * F("390.625")], [F("0.1"), F("0.01")], F(0))
PER_EPOCH = F(1_281_167, 1024)
IMAGENET = piecewise(
    F("0.4"), [30 * PER_EPOCH, 60 * PER_EPOCH, 80 * PER_EPOCH], [F("0.1"), F("0.01"), F("0.001")], 5 * PER_EPOCH
)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.1), (35_546, 0.1), (35_547, 0.01), (53_125, 0.01), (53_126, 0.001), (71_107, 0.001), (10**9, 0.001)],
)
def test_cifar_schedule_at_its_boundary_steps(step, expected):
    assert rate(CIFAR, step) == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.0),
        (1, 0.4 / (5 * 1_281_167 / 1024)),
        (6_255, 0.4 * 6_255 / (5 * 1_281_167 / 1024)),
        (6_256, 0.4),
        (37_534, 0.4),
        (37_535, 0.04),
        (75_068, 0.04),
        (75_069, 0.004),
        (100_091, 0.004),
        (100_092, 0.0004),
        (112_589, 0.0004),
    ],
)
def test_imagenet_schedule_at_its_boundary_steps(step, expected):
    assert rate(IMAGENET, step) == pytest.approx(expected, rel=1e-15, abs=0)


GNMT = piecewise(
    F("0.002"), [F(6_471), F(7_190), F(7_909), F(8_628)], [F(1, 2**i) for i in range(1, 5)], F(200), F("0.01")
)
"""The rate of the study's code, 0.002 · 0.01^((200 − s)/200), then 0.002 · 0.5^⌊(s − 5,753)/719⌋."""


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.00002),
        (199, 0.002 * 0.01 ** (1 / 200)),
        (200, 0.002),
        (6_471, 0.002),
        (6_472, 0.001),
        (7_190, 0.001),
        (7_191, 0.0005),
        (7_910, 0.00025),
        (8_628, 0.00025),
        (8_629, 0.000125),
    ],
)
def test_gnmt_schedule_at_its_boundary_steps(step, expected):
    assert rate(GNMT, step) == pytest.approx(expected, rel=1e-15, abs=0)


def test_gnmt_holds_another_rate_after_its_last_step():
    dense = DenseTraining(schedule=GNMT, steps=8_630, last_rate=0.00025)
    assert rate(TECHNIQUES["fine_tuning"].rates(dense, 6_904), 0) == 0.00025
    again = TECHNIQUES["reinitialization"].rates(dense, 6_904)
    assert [rate(again, step) for step in (8_629, 8_630, 10_355)] == [0.000125, 0.00025, 0.00025]


def test_an_exponential_warm_up_is_one_for_every_schedule_and_technique():
    program = ramp("linear", F(1), F(0), F(10), 20, warmup_from=F(1, 100))
    assert [rate(program, step) for step in (0, 5, 10)] == [0.01, pytest.approx(0.1), 1]
    assert rate(after(program, 3), 2) == rate(program, 5)
    assert warm_up_steps(program) == 11


def test_cosine_with_warm_up():
    program = ramp("cosine", F(1), F(0), F(10), 110)
    assert rate(program, 0) == 0
    assert rate(program, 5) == 0.5
    assert rate(program, 10) == 1
    assert rate(program, 60) == pytest.approx(0.5)
    assert rate(program, 109) == pytest.approx((1 + math.cos(math.pi * 0.99)) / 2)
    with pytest.raises(ValueError, match="ends 1 steps before"):
        rate(program, 110)


def test_cosine_without_warm_up_equals_torch():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.01)
    program = ramp("cosine", F("0.3"), F("0.01"), F(0), 20)
    for step in range(20):
        assert rate(program, step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        reference.step()


def test_linear_ramp_ends_at_its_final_rate():
    program = ramp("linear", F(1), F("0.2"), F(0), 4)
    assert [rate(program, step) for step in range(4)] == pytest.approx([1.0, 0.8, 0.6, 0.4])


@pytest.mark.parametrize("program", [CIFAR, IMAGENET, ramp("cosine", F(1), F(0), F(7, 2), 90)])
@pytest.mark.parametrize("begin", [0, 1, 5, 40])
def test_the_rest_of_a_program_gives_the_same_rates(program, begin):
    rest = after(program, begin)
    assert [rate(rest, step) for step in range(49)] == [rate(program, begin + step) for step in range(49)]


def test_programs_that_give_the_same_rates_are_equal():
    assert after(CIFAR, 53_126) == constant(0.001)
    assert after(CIFAR, 53_125) != constant(0.001)
    assert then(CIFAR, T, 0.001) == CIFAR
    assert piecewise(F(1), [F(3), F(5)], [F(1), F("0.1")], F(0)) == piecewise(F(1), [F(5)], [F("0.1")], F(0))


def test_only_a_constant_end_has_a_last_rate():
    assert constant_end(CIFAR) == 0.001
    assert constant_end(ramp("cosine", F(1), F(0), F(0), 10)) is None


def program_of(technique, rewind_step):
    dense = DenseTraining(schedule=CIFAR, steps=T, last_rate=0.001)
    rule = TECHNIQUES[technique]
    return rule.rates(dense, rewind_step), rule.steps(dense, rewind_step), rule.start


@pytest.mark.parametrize("technique", ["fine_tuning", "low_lr_weight_rewinding"])
def test_last_rate_techniques_train_for_t_at_the_last_rate(technique):
    program, steps, _ = program_of(technique, 35_951)  # t = 90 epochs
    assert steps == 35_157
    assert {rate(program, step) for step in (0, 17_000, steps - 1)} == {0.001}


@pytest.mark.parametrize("technique", ["weight_rewinding", "lr_rewinding"])
def test_rewinding_replays_the_rates_from_the_rewind_point(technique):
    program, steps, _ = program_of(technique, 35_951)
    assert steps == 35_157
    assert rate(program, 0) == rate(program, 53_125 - 35_951) == 0.01
    assert rate(program, 53_126 - 35_951) == rate(program, steps - 1) == 0.001
    program, steps, _ = program_of(technique, 0)
    assert (steps, rate(program, 35_546), rate(program, 35_547)) == (T, 0.1, 0.01)


def test_reinitialization_trains_for_the_whole_schedule_and_t_more():
    program, steps, start = program_of("reinitialization", 35_951)
    assert (steps, start) == (T + 35_157, "fresh")
    assert [rate(program, step) for step in (0, 35_546, 35_547, 53_126, T, steps - 1)] == [
        0.1, 0.1, 0.01, 0.001, 0.001, 0.001,
    ]  # fmt: skip


def test_where_the_weights_start():
    starts = {name: technique.start for name, technique in TECHNIQUES.items()}
    assert starts == {
        "fine_tuning": "final",
        "weight_rewinding": "rewind",
        "lr_rewinding": "final",
        "low_lr_weight_rewinding": "rewind",
        "reinitialization": "fresh",
        "scaled_lr_restarting": "final",
        "cyclic_lr_restarting": "final",
        "linear_lr_restarting": "final",
        "adaptive_linear_lr_restarting": "final",
    }
