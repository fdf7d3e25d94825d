"""Four presets at a tiny scale, through the code of the full ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import prunesweep as ps
from orchestrator import cli
from tests.support.tiny_presets import tiny
from workers.store import Store

OPTIONS = ps.RunOptions(in_process=True, quiet=True)


def run(spec, tmp_path: Path, only: str):
    """The results of a part of a preset, all of it done."""
    store = tmp_path / "store"
    assert ps.run(spec, store, only=only, options=OPTIONS).exit_code == 0
    frame = ps.frame(store)
    done = frame[frame["test_accuracy"].notna()]
    assert done["test_accuracy"].between(0, 1).all()
    return done


def test_one_shot(tmp_path):
    done = run(tiny("resnet20-one-shot"), tmp_path, "budget=100%,compression>9")
    assert len(done) == 1 + 5
    assert {(row.technique, row.step) for row in done.itertuples()} >= {("dense", 8), ("reinitialization", 16)}
    assert set(done["kept_weights"]) == {271_152, round(271_152 * 0.8**10)}


def test_iterative(tmp_path):
    done = run(tiny("resnet20-iterative"), tmp_path, "technique=weight_rewinding,budget=100%")
    assert sorted(done["round"]) == [0, 1, 2, 3]


def test_structured_densities_are_the_studys(tmp_path):
    done = run(tiny("resnet56-structured-b"), tmp_path, "technique=lr_rewinding,budget=100%")
    assert sorted(round(density, 10) for density in done["density"]) == [0.5879026956, 0.6998591152, 0.8711749789, 1.0]


def test_imagenet_from_a_folder(tmp_path):
    random = np.random.RandomState(0)
    for index in range(48):
        target = tmp_path / "data" / ("val" if index % 4 else "train") / "ab"[index // 4 % 2]
        target.mkdir(parents=True, exist_ok=True)
        pixels = random.randint(0, 256, (40, 36 + index % 3, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(target / f"{index}.jpg")
    spec = tiny("resnet34-structured-a", str(tmp_path / "data"))
    done = run(spec, tmp_path, "technique=lr_rewinding,budget=100%,compression<1.1")
    assert [(row.technique, row.step) for row in done.itertuples()] == [("dense", 12), ("lr_rewinding", 12)]
    settings = json.loads(Store(tmp_path / "store").records.read_all().table.to_pylist()[0]["settings"])
    recipe = settings["task"]["recipe"]
    assert (recipe["precision"], recipe["random_resized_crop"]) == ("bf16", True)


def test_a_scaled_down_preset_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["run", "--preset", "digits", "--scale", "0.02", "--in-process", "--quiet", "--only", "compression=8"]
    monkeypatch.setattr(sys, "argv", ["prunesweep", *words])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    _, stderr = capsys.readouterr()
    assert exit_.value.code == 0, stderr
    assert "training: 0.32ep instead of 16ep" in stderr
    assert ps.frame(tmp_path / "runs" / "digits-scale-0.02")["test_accuracy"].notna().any()
