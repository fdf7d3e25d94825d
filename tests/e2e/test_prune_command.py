"""`prunesweep prune` interrupted without Ray and finished through it, equal to a search that nothing happened to."""

from __future__ import annotations

import json
import signal

from command import SWEEP
from test_sweep import attempts, wait_for_records, with_facts

import orchestrator as ps
from orchestrator.driver.session import RunOptions

ASKED = ("prune", "sweep.yaml", "--store", "store", "--tolerance", "20", "--rate", "50%")


def test_an_interrupted_search_is_finished_through_ray_with_the_same_files(prunesweep, tmp_path):
    (tmp_path / "sweep.yaml").write_text(SWEEP.partition("grid:")[0])
    whole = ps.prune(
        tmp_path / "sweep.yaml",
        tmp_path / "whole",
        tolerance=20,
        rate="50%",
        options=RunOptions(in_process=True, quiet=True),
    )
    assert whole.kept.number >= 1
    with_facts(tmp_path / "store", tmp_path / "whole")
    process = prunesweep.start(*ASKED, "--in-process", "--checkpoint-seconds", 0)
    wait_for_records(tmp_path / "store", 2, process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, ""), stderr
    assert "Continue with the same command: all that is done is kept" in stderr
    before = attempts(tmp_path / "store")
    assert 2 <= len(before) < len(whole.rounds)
    card = json.loads(prunesweep(*ASKED, "--cpus", 2, "--json"))
    assert card == whole.model.card
    for name in ("tiny.safetensors", "tiny.json"):
        assert (tmp_path / "store-pruned" / name).read_bytes() == (tmp_path / "whole-pruned" / name).read_bytes()
    after = attempts(tmp_path / "store")
    assert {name: after[name] for name in before} == before
