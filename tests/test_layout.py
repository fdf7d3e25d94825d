"""The layout of the code: which room may import what, and how long a file may be. Read from the source, not run."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support import import_graph
from tests.support.import_graph import room
from tests.support.places import ROOT
from workers.machine.version import PACKAGES

GRAPH = import_graph.read()
READERS = ("cli", "planning", "presets", "results", "search", "sweep", "upkeep")

LONGEST = 300  # lines
LONGER = {"workers/trial.py": 345}  # one subject, which two halves would only scatter
MOST_FILES = 19  # in a folder
MOST_LOOSE = 10  # in `workers`


def importers(*packages):
    """The rooms with an import of a package, anywhere in a module."""
    return {room(statement.module) for statement in GRAPH.imports if statement.target.partition(".")[0] in packages}


def test_only_the_driver_imports_ray():
    assert importers("ray") == {"orchestrator.driver"}


def test_the_orchestrator_imports_torch_in_functions_of_the_driver_only():
    assert {name for name in importers("torch") if name.startswith("orchestrator")} <= {"orchestrator.driver"}
    modules = [name for name in GRAPH.modules if name.startswith("orchestrator")]
    assert [name for name in modules if "torch" in GRAPH.brought_in(name)] == []


@pytest.mark.parametrize("name", ["", ".api", *(f".{name}" for name in READERS)])
def test_what_plans_or_reads_starts_without_ray_and_torch(name):
    modules = [module for module in GRAPH.modules if room(module) == f"orchestrator{name}"]
    assert modules
    assert [module for module in modules if GRAPH.brought_in(module) & {"ray", "torch"}] == []


def test_workers_import_neither_ray_nor_what_drives_them():
    assert not [name for name in importers("ray", "orchestrator", "prunesweep") if name.startswith("workers")]


def test_the_store_imports_no_torch():
    modules = [name for name in GRAPH.modules if room(name) == "workers.store"]
    assert len(modules) > 1
    assert "workers.store" not in importers("torch", "torchvision")
    assert not any("torch" in GRAPH.brought_in(name) for name in modules)


def test_what_people_read_is_printed_by_say():
    """A plain `print` would end a run whose terminal is gone; the display catches that itself."""
    programs = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    printing = [
        str(path.relative_to(ROOT)) for path in programs if re.search(r"file\W+sys\.stderr", path.read_text("utf-8"))
    ]
    assert sorted(printing) == ["orchestrator/driver/progress/display.py", "workers/machine/terminal.py"]


@pytest.mark.parametrize(
    "arrows", [GRAPH.arrows, GRAPH.inner_arrows, GRAPH.room_arrows], ids=["modules", "inner", "rooms"]
)
def test_there_are_no_circles(arrows):
    """Arrows between rooms lead down the map in docs/architecture.md: see test_architecture.py."""
    assert import_graph.circles(arrows) == []


def test_loose_modules_of_workers_lie_below_its_rooms():
    modules = [name for name in GRAPH.loose if name.startswith("workers.")]
    assert {name: GRAPH.room_arrows[name] & set(GRAPH.rooms) for name in modules} == {name: set() for name in modules}


@pytest.mark.parametrize("package", [*import_graph.PACKAGES, *GRAPH.rooms, *GRAPH.inner_rooms])
def test_every_package_says_what_it_is_for_and_what_it_does_not_import(package):
    text = ast.get_docstring(ast.parse(GRAPH.modules[package].read_text("utf-8")))
    assert text
    assert "import" in text.lower()


def test_no_file_is_too_long():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for folder in (*import_graph.PACKAGES, "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGER.get(path, LONGEST)} == {}


def test_no_room_is_too_full():
    files = Counter(str(path.parent.relative_to(ROOT)) for path in GRAPH.modules.values())
    assert {folder: count for folder, count in files.items() if count > MOST_FILES} == {}
    assert len([name for name in GRAPH.loose if name.startswith("workers.")]) <= MOST_LOOSE
    assert [name for name in GRAPH.loose if name.startswith("orchestrator.")] == []


def test_no_two_classes_have_the_same_name():
    """Not even private ones: a reader who searches for a name finds one thing."""
    places: dict[str, list[str]] = {}
    for module, path in GRAPH.modules.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name.lstrip("_"), []).append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def test_tests_import_neither_tests_nor_benchmarks():
    """What two of them need is in `tests/support`."""
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    for path in (ROOT / "tests").rglob("*.py"):
        for name in imported(path):
            words = name.split(".")
            assert words[0] not in {"benchmarks", "conftest", *scripts}, f"{path} imports {name}"
            assert words[:2] == ["tests", "support"] or words[0] != "tests", f"{path} imports {name}"
            assert not any(word.startswith("test_") for word in words), f"{path} imports {name}"


def imported(path: Path):
    """The full names that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture
def graph(tmp_path):
    """The graph of a small project, with imports of every kind."""
    for name, code in {
        "__init__": "",
        "top": "from workers.low import within\nfrom .low import within, at_top as x",
        "low/__init__": "",
        "low/at_top": "try:\n    import ray.tune\nexcept ImportError:\n    pass\n",
        "low/within": "def f():\n    from . import at_top\n    import torch",
        "low/typed": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from workers.top import Thing",
        "low/inner/__init__": "",
        "low/inner/one": "from workers.low import within",
        "low/inner/two": "",
    }.items():
        path = tmp_path / "workers" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
    return import_graph.read(tmp_path)


def test_imports_of_every_kind_are_seen(graph):
    assert graph.arrows == {
        "workers": set(),
        "workers.top": {"workers.low.within", "workers.low.at_top"},
        "workers.low": set(),
        "workers.low.at_top": set(),
        "workers.low.within": {"workers.low.at_top"},
        "workers.low.typed": {"workers.top"},
        "workers.low.inner": set(),
        "workers.low.inner.one": {"workers.low.within"},
        "workers.low.inner.two": set(),
    }
    assert (graph.rooms, graph.loose) == (["workers.low"], ["workers.top"])
    assert graph.inner_rooms == ["workers.low.inner"]
    assert graph.inner_arrows["workers.low.inner"] == {"workers.low.within"}
    assert graph.brought_in("workers.top") == {"ray"}


def test_circles_and_arrows_that_lead_up_are_found(graph):
    assert import_graph.circles(graph.arrows) == []
    assert import_graph.circles(graph.room_arrows) == [["workers.low", "workers.top"]]
    [wrong] = graph.upward([{"workers"}, {"workers.top"}, {"workers.low"}])
    assert wrong.endswith("typed.py:3 imports workers.top")
    chain = {"a": {"b", "c"}, "b": {"c"}, "c": set(), "d": {"a"}}
    assert import_graph.floors(chain) == [["c"], ["b"], ["a"], ["d"]]
    assert import_graph.circles(chain | {"c": {"b"}, "e": {"d", "e"}}) == [["b", "c"]]
