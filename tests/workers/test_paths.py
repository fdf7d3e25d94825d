"""Paths as people write them."""

from __future__ import annotations

import os

import pytest

from orchestrator import api
from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import parse_spec
from workers.errors import InputError
from workers.paths import expanded
from workers.store import Store
from workers.store.filesystems.opening import absolute, open_files

SWEEP = """
version: 1
name: paths
store: {store}
dataset: {dataset}
network: {{name: mlp, hidden: [8]}}
dense: {{from: "{dense}"}}
recipe:
  duration: 2ep
  batch_size: 100
  optimizer: {{name: SGD, lr: 0.05}}
  schedule: {{name: constant}}
grid: {{technique: lr_rewinding, compression: 4, budget: 50%}}
"""


def sweep(store="runs", dataset="digits", dense="dense-{replicate}.safetensors"):
    return parse_spec(SWEEP.format(store=store, dataset=dataset, dense=dense))


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATA", "/data")
    monkeypatch.delenv("NOWHERE", raising=False)
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("~", "{home}"),
        ("~/runs/x", "{home}/runs/x"),
        ("$HOME/x", "{home}/x"),
        ("${HOME}/x", "{home}/x"),
        ("$DATA/a${DATA}", "/data/a/data"),
        ("runs/x", "runs/x"),
        ("runs/~x", "runs/~x"),
        ("/abs/cost$2020", "/abs/cost$2020"),
        ("a$", "a$"),
        ("a$ $-", "a$ $-"),
        ("gs://bucket/$DATA/~", "gs://bucket/$DATA/~"),
        ("file:///~/x", "file:///~/x"),
    ],
)
def test_home_and_variables_are_put_in_place(written, meant, home):
    assert expanded(written) == meant.format(home=home)


def test_the_home_of_a_user():
    assert expanded("~root/x") == os.path.expanduser("~root/x")
    with pytest.raises(InputError, match="home folder not found: ~nobody-of-this-name"):
        expanded("~nobody-of-this-name/x")


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(InputError, match=r"environment variable of path `\$DATA/\$\{NOWHERE\}` is not set: NOWHERE"):
        expanded("$DATA/${NOWHERE}")


@pytest.mark.parametrize("scheme", ["s3", "gs", "az", "file"])
def test_an_address_with_one_slash_is_refused(scheme, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"an address must begin with `{scheme}://`: {scheme}:/b/x"):
        expanded(f"{scheme}:/b/x")
    assert expanded(f"./{scheme}:/b/x") == f"./{scheme}:/b/x"
    (tmp_path / f"{scheme}:").mkdir()
    assert expanded(f"{scheme}:/b/x") == f"{scheme}:/b/x"


def test_a_file_with_such_a_name_can_still_be_named(tmp_path):
    (tmp_path / "a$NOWHERE").touch()
    (tmp_path / "~backup-of-nobody").touch()
    assert expanded("a$NOWHERE") == "a$NOWHERE"
    assert expanded("~backup-of-nobody") == "~backup-of-nobody"


def test_a_store_is_where_a_shell_would_put_it(home):
    for written in ("~/store", "$HOME/store", "${HOME}/store"):
        store = Store(written, create=True)
        assert store.location == f"{home}/store"
        assert absolute(written) == f"{home}/store"
        assert repr(open_files(written)) == f"{home}/store"
        assert api.status(written).to_json()["sweeps"] == []
    assert os.listdir(home) == ["store"]


def test_paths_of_a_sweep_file(home):
    spec = sweep(
        store="~/runs",
        dataset="[{name: cifar10, root: $DATA/cifar}, {name: image_folder, path: ~/images, image_size: 32}]",
        dense="${DATA}/dense-{replicate}.safetensors",
    )
    assert spec.store == f"{home}/runs"
    assert spec.dense is not None
    assert spec.dense.file(2) == "/data/dense-2.safetensors"
    assert [data.arguments for data in spec.datasets] == [
        {"root": "/data/cifar"},
        {"path": f"{home}/images", "image_size": 32},
    ]


def test_paths_among_the_arguments_of_a_users_own_data(home):
    spec = sweep(dataset='{name: "data:load", folder: ~/x, files: $DATA/y, pattern: "a$b", unit: $, path: z}')
    expected = {"folder": f"{home}/x", "files": "/data/y", "pattern": "a$b", "unit": "$", "path": "z"}
    assert spec.datasets[0].arguments == expected


def test_every_path_of_a_sweep_file_with_an_unknown_variable_is_reported():
    with pytest.raises(SpecError) as caught:
        sweep(store="$NOWHERE/x", dataset="{name: cifar10, root: $NOWHERE}", dense="$NOWHERE/d.safetensors")
    assert [problem.field for problem in caught.value.problems] == ["store", "dataset.root", "dense.from"]
    assert all("is not set: NOWHERE" in problem.message for problem in caught.value.problems)
