"""`plan --probe`: the time and the price of a sweep, from what its tasks are measured to take."""

from __future__ import annotations

import pytest

from orchestrator.planning import expand
from orchestrator.planning import probe as module
from orchestrator.planning.crossing import find_out
from orchestrator.planning.preview import preview
from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import messages_of, recipe, tiny_sweep
from workers.errors import InputError

PRICED = {"resources": {"cpus": 2, "price_per_hour": 1.8}}
MEASURED = {"begin": 1.0, "step": 0.5, "evaluation": 2.0, "cpus": 6, "gpus": 0}


@pytest.fixture
def facts():
    return find_out(spec_from_dict(tiny_sweep()), None).facts


@pytest.fixture
def measured(monkeypatch):
    """Every task takes the same; returns what was asked."""
    asked = []
    monkeypatch.setattr(
        module, "describe_apart", lambda requests, *_: [asked.append(r) or {"probe": MEASURED} for r in requests]
    )
    return asked


def test_the_time_is_that_of_all_trials_and_of_the_longest_chain(facts, measured):
    shown = preview(spec_from_dict(tiny_sweep(**PRICED)), known_before=facts, probing=True)
    dense, pruned = 1 + 20 * 0.5 + 2, 1 + 10 * 0.5 + 2  # of 20 and 10 steps, with a record each
    assert shown.seconds == dense + 2 * pruned
    assert shown.slots == 3
    assert shown.seconds_on_this_machine == dense + pruned
    assert shown.price == pytest.approx((dense + 2 * pruned) / 3600 * 1.8)
    assert len(measured) == 1
    assert measured[0]["probe"]["device"] == "cpu"
    text = str(shown)
    assert "mlp(hidden=[16, 12]) · default     1.00 s    500.00 ms      2.000 s" in text
    assert text.endswith(
        "  Time: about 29 s of compute, as measured: on this machine about 21 s with 3 trials at once\n"
        "  Price: about 0.01, at 1.8 per trial-hour"
    )
    assert shown.to_json()["probed"] == [
        {"task": "mlp(hidden=[16, 12]) · default", "begin": 1.0, "step": 0.5, "evaluation": 2.0}
    ]


def test_each_task_is_measured_once(measured):
    recipes = [recipe(name=name, duration="4ep", batch_size=size) for name, size in (("small", 8), ("large", 16))]
    spec = spec_from_dict(tiny_sweep(recipe=recipes))
    shown = preview(spec, probing=True)
    assert [request["recipe"]["batch_size"] for request in measured] == [8, 16]
    assert [task.task for task in shown.probed] == ["mlp(hidden=[16, 12]) · small", "mlp(hidden=[16, 12]) · large"]


def test_a_task_that_cannot_be_measured_is_refused(facts, monkeypatch):
    refusal = {"error": "cannot probe: this machine has no `cuda` device", "hint": "elsewhere", "about": "network"}
    monkeypatch.setattr(module, "describe_apart", lambda requests, *_: [refusal for _ in requests])
    with pytest.raises(InputError, match="cannot probe"):
        preview(spec_from_dict(tiny_sweep()), known_before=facts, probing=True)


def test_the_price_is_in_no_id(facts):
    plans = [expand.make_plan(find_out(spec_from_dict(tiny_sweep(**more)), None, facts)) for more in ({}, PRICED)]
    assert plans[0].trials.keys() == plans[1].trials.keys()
    assert "price_per_hour" not in plans[0].spec.canonical()["resources"]
    assert plans[1].spec.canonical()["resources"]["price_per_hour"] == 1.8


@pytest.mark.parametrize("price", [0, -1, "free", True])
def test_a_price_must_be_positive(price):
    [message] = messages_of(tiny_sweep(resources={"price_per_hour": price})).values()
    assert "a positive price" in message


def test_without_a_probe_nothing_is_said_of_this_machine(facts):
    shown = preview(spec_from_dict(tiny_sweep(**PRICED)), known_before=facts)
    assert (shown.price, shown.slots, shown.probed) == (None, None, [])
    assert "Price" not in str(shown)
    assert "`--probe` measures" in str(shown)
