"""A search through Ray, from where another driver left off, equal to a search that nothing happened to.

It is run from a thread, as notebook servers and web back ends do.
"""

from __future__ import annotations

import json

import pytest

import prunesweep as ps
from orchestrator.driver.options import RunOptions
from tests.support.command import SWEEP
from tests.support.stores import attempts, with_facts
from tests.support.threads import in_thread


class Death(Exception):
    pass


def die(made):
    if made.number == 1:
        raise Death


@pytest.mark.timeout(1800)
def test_a_search_is_finished_through_ray_with_the_same_files(prunesweep, tmp_path):
    (tmp_path / "sweep.yaml").write_text(SWEEP.partition("grid:")[0])
    asked = {"tolerance": 20, "rate": "50%", "options": RunOptions(in_process=True, quiet=True)}
    whole = ps.prune(tmp_path / "sweep.yaml", tmp_path / "whole", **asked)
    with_facts(tmp_path / "store", tmp_path / "whole")
    with pytest.raises(Death):
        ps.prune(tmp_path / "sweep.yaml", tmp_path / "store", on_round=die, **asked)
    before = attempts(tmp_path / "store")
    assert len(before) == 2 < len(whole.rounds) - 1
    in_thread(
        lambda: ps.prune(
            tmp_path / "sweep.yaml", tmp_path / "store", **asked | {"options": RunOptions(cpus=1, quiet=True)}
        )
    )
    for name in ("tiny.safetensors", "tiny.json"):
        assert (tmp_path / "store-pruned" / name).read_bytes() == (tmp_path / "whole-pruned" / name).read_bytes()
    after = attempts(tmp_path / "store")
    assert {name: after[name] for name in before} == before
    arguments = ("--store", "store", "--tolerance", "20", "--rate", "50%", "--in-process", "--json")
    assert json.loads(prunesweep.here("prune", "sweep.yaml", *arguments)) == whole.model.card
