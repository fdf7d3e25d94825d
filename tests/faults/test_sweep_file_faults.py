"""The faults of sweep files, by their numbers in docs/reliability.md."""

from __future__ import annotations

import os

import pytest

from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import parse_spec, spec_from_dict
from tests.support.fuzz import store_files, sweep_files
from tests.support.sweeps import grid, messages_of, sweep


@pytest.mark.parametrize(
    "content",
    [
        b"name: [1, 2",
        b"name: a\nname: b",
        b"version: 1\ncolor: red",
        b"name: a\n\tb: 1",
        b"name: !!python/object/apply:os.mkdir [executed]",
        b"a0: &a0 [x, x]\n"
        + b"\n".join(b"a%d: &a%d [%s]" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)),
        b"#" * 50_000_000,
        "name: é".encode("latin-1"),
        "name: a".encode("utf-16"),
    ],
    ids=["syntax", "duplicate", "unknown", "tab", "tag", "aliases", "50 MB", "latin-1", "utf-16"],
)
def test_fault_01_unreadable_sweep_files(main, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.yaml").write_bytes(content)
    code, stdout, stderr = main("run", "sweep.yaml", "--store", "store")
    assert (code, stdout) == (2, "")
    assert "sweep.yaml:" in stderr
    assert "hint: " in stderr
    assert os.listdir(tmp_path) == ["sweep.yaml"]


def test_fault_01_and_15_seeded_mutations():
    """benchmarks/fuzz.py does many more."""
    assert sum(1 for _ in sweep_files(200, seed=7)) == 200
    assert sum(1 for _ in store_files(120, seed=7)) == 120


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"grid": grid(compression=0.5)}, "at least 1"),
        ({"grid": grid(compression=float("inf"))}, ""),
        ({"grid": grid(budget="0%")}, ""),
        ({"grid": grid(budget="130%")}, "longer"),
        ({"grid": grid(replicates=-1)}, ""),
        ({"grid": grid(replicates=[-3])}, ""),
        ({"grid": []}, "empty"),
        ({"dataset": "digits", "evaluation": {"validation": {"holdout": 5000}}}, ""),
        ({"grid": grid(technique="reinitialization", compression=None, iterative={"rounds": 2, "rate": "20%"})}, ""),
    ],
)
def test_fault_02_meaningless_settings(overrides, said):
    messages = messages_of(sweep(**overrides))
    assert any(said in message for message in messages.values())


def test_fault_03_a_huge_grid_is_counted_not_expanded():
    ratios = [2 + number / 100 for number in range(1000)]
    entry = grid(compression=ratios, budget=[f"{share}%" for share in range(1, 101)], replicates=100)
    with pytest.raises(SpecError, match=r"10,000,000|10,000,100") as caught:
        spec_from_dict(sweep(grid=entry))
    assert "max_cells" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../../x",
            "a/b",
            "CON",
            "com1.txt",
            "-rf",
            "two\nlines",
            "x" * 300,
            "😀",
            "\u202etxt",
            "é",
            "e\u0301",
            "",
            " ",
        ),
        *("A", ".hidden", "a\\b", "a:b", "nul"),
    ],
)
def test_fault_21_odd_names_are_refused(name):
    assert "name" in messages_of(sweep(name=name))


def test_a_sweep_file_that_is_a_folder_or_missing_is_bad_input(main, tmp_path):
    for path in (tmp_path, tmp_path / "missing.yaml"):
        assert main("run", path)[0] == 2
    with pytest.raises(SpecError):
        parse_spec("")
