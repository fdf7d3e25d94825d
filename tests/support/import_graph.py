"""The imports of the packages, read from the source: `python -m tests.support.import_graph [FOLDER]` prints them.

An arrow goes from a module to each module that it imports: at its top, inside a function, or for type checkers only. So
two modules that import each other under `TYPE_CHECKING` are a circle, too: neither can be read without the other.
A room is a sub-package such as `workers.store`, with all that is in it; a loose module, directly in `orchestrator` or
`workers`, stands for itself. An inner room is a sub-package of a room, such as `workers.data.files`. FOLDER is any
checkout of the project, so that two versions can be compared.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import TopologicalSorter
from pathlib import Path

from tests.support.places import ROOT

PACKAGES = ("prunesweep", "orchestrator", "workers")

Arrows = Mapping[str, Set[str]]
"""The nodes that each node points to; every node is a key."""


@dataclass(frozen=True)
class Import:
    """One import of one module: `target` is a module of the project, or the top name of another package."""

    module: str
    target: str
    line: int
    at_top: bool  # runs when the module is imported: neither in a function nor for type checkers only


@dataclass(frozen=True)
class ImportGraph:
    """The modules of a checkout, by name, and all their imports."""

    modules: Mapping[str, Path]
    imports: tuple[Import, ...]

    @cached_property
    def arrows(self) -> Arrows:
        """Between modules."""
        return _arrows(self.modules.keys(), ((statement.module, statement.target) for statement in self.imports))

    @cached_property
    def room_arrows(self) -> Arrows:
        """Between rooms, and modules that are in no room."""
        return self._arrows_between(room)

    @cached_property
    def inner_arrows(self) -> Arrows:
        """Between inner rooms, and modules that are in none."""
        return self._arrows_between(inner_room)

    def _arrows_between(self, place: Callable[[str], str]) -> Arrows:
        pairs = ((place(statement.module), place(statement.target)) for statement in self.imports)
        return _arrows(set(map(place, self.modules)), pairs)

    @cached_property
    def rooms(self) -> list[str]:
        return sorted({room(name) for name in self.modules if name.count(".") == 2})

    @cached_property
    def inner_rooms(self) -> list[str]:
        return sorted({inner_room(name) for name in self.modules if name.count(".") == 3})

    @cached_property
    def loose(self) -> list[str]:
        """The modules in no room, without `__main__`."""
        return sorted(
            name for name in set(self.modules) - set(self.rooms) if name.count(".") == 1 and "__main__" not in name
        )

    def brought_in(self, module: str) -> set[str]:
        """The packages of others that importing a module imports, at once or through other modules of ours."""
        names: set[str] = set()
        waiting = {module}
        while waiting:
            name = waiting.pop()
            names.add(name)
            ends = {statement.target for statement in self._imports_at_top.get(name, ())}
            waiting |= (ends | {name.rpartition(".")[0]}) - names - {""}
        return names - self.modules.keys()

    @cached_property
    def _imports_at_top(self) -> dict[str, list[Import]]:
        by_module: dict[str, list[Import]] = {}
        for statement in self.imports:
            if statement.at_top:
                by_module.setdefault(statement.module, []).append(statement)
        return by_module

    def upward(self, floors: Sequence[Set[str]]) -> list[str]:
        """The imports between rooms on `floors`, the highest first, that do not lead to a lower one, in words."""
        floor = {name: number for number, names in enumerate(floors) for name in names}
        return [
            f"{self.modules[statement.module]}:{statement.line} imports {statement.target}"
            for statement in self.imports
            if {begin := room(statement.module), end := room(statement.target)} <= floor.keys()
            and begin != end
            and floor[begin] >= floor[end]
        ]


def room(module: str) -> str:
    """The sub-package that a module is in; a loose module stands for itself."""
    return ".".join(module.split(".")[:2])


def inner_room(module: str) -> str:
    """The sub-package of a room that a module is in; any other module stands for itself."""
    return ".".join(module.split(".")[:3])


@cache  # two test modules read the checkout when they are collected, in each worker of xdist
def read(folder: Path = ROOT) -> ImportGraph:
    """The import graph of a checkout."""
    modules = {
        _module_name(path.relative_to(folder)): path
        for package in PACKAGES
        for path in sorted((folder / package).rglob("*.py"))
    }
    imports = (statement for name, path in modules.items() for statement in _imports(name, path, modules.keys()))
    return ImportGraph(modules, tuple(imports))


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(module: str, path: Path, modules: Set[str]) -> Iterator[Import]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node, at_top in _import_statements(ast.parse(path.read_text("utf-8")), at_top=True):
        for target in _targets(node, package):
            yield Import(module, _known(target, modules), node.lineno, at_top)


def _import_statements(parent: ast.AST, at_top: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_top
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _import_statements(node, False)
        elif not isinstance(node, ast.expr):  # most nodes are expressions, which import nothing
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _import_statements(node, at_top and not is_function)


def _targets(node: ast.Import | ast.ImportFrom, package: str) -> list[str]:
    """The full names that a statement imports, whether they are modules or things in one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    parents = package.split(".")
    base = parents[: len(parents) - node.level + 1] if node.level else []
    source = ".".join([*base, *filter(None, [node.module])])
    return [f"{source}.{alias.name}" for alias in node.names]


def _known(target: str, modules: Set[str]) -> str:
    """The longest beginning of a name that is a module of ours; of the name of another package, its first part."""
    name = target
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or target.partition(".")[0]


def _arrows(nodes: Set[str], pairs: Iterable[tuple[str, str]]) -> Arrows:
    arrows: dict[str, set[str]] = {node: set() for node in nodes}
    for begin, end in pairs:
        if begin != end and end in arrows:
            arrows[begin].add(end)
    return arrows


def circles(arrows: Arrows) -> list[list[str]]:
    """The groups of nodes that reach each other (strongly connected components of two and more; Tarjan 1972)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(node: str) -> None:
        numbers[node] = lowest[node] = len(numbers)
        stack.append(node)
        for following in sorted(arrows[node]):
            if following not in numbers:
                visit(following)
            if following in stack:
                lowest[node] = min(lowest[node], lowest[following])
        if lowest[node] == numbers[node]:
            group = stack[stack.index(node) :]
            del stack[-len(group) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for node in sorted(arrows):
        if node not in numbers:
            visit(node)
    return sorted(groups)


def floors(arrows: Arrows) -> list[list[str]]:
    """The nodes of a graph without circles, each as low as what it points to allows, the lowest floor first."""
    sorter = TopologicalSorter(arrows)
    sorter.prepare()
    levels = []
    while sorter.is_active():
        levels.append(sorted(sorter.get_ready()))
        sorter.done(*levels[-1])
    return levels


def report(graph: ImportGraph) -> str:
    """What the command prints."""
    loose = Counter(name.partition(".")[0] for name in graph.loose)
    lines = [
        f"{len(graph.modules)} modules with {_count(graph.arrows)} arrows",
        f"{len(graph.rooms)} rooms with {_count(graph.room_arrows)} arrows, those of loose modules included",
        f"{len(graph.inner_rooms)} inner rooms: {', '.join(graph.inner_rooms)}",
        f"loose modules: {', '.join(f'{count} in {package}' for package, count in loose.items())}",
    ]
    for name, arrows in {
        "modules": graph.arrows,
        "inner rooms": graph.inner_arrows,
        "rooms": graph.room_arrows,
    }.items():
        groups = circles(arrows)
        lines += [f"circles of {name}: {len(groups)}", *(f"  {' <-> '.join(group)}" for group in groups)]
    lines += ["", *(f"{name} -> {', '.join(sorted(ends))}" for name, ends in sorted(graph.room_arrows.items()) if ends)]
    if not circles(graph.room_arrows):
        levels = enumerate(floors(graph.room_arrows), 1)
        lines += ["", *reversed([f"floor {number}: {', '.join(names)}" for number, names in levels])]
    return "\n".join(lines)


def _count(arrows: Arrows) -> int:
    return sum(map(len, arrows.values()))


def main() -> None:
    print(report(read(Path(*sys.argv[1:]) if sys.argv[1:] else ROOT)))


if __name__ == "__main__":
    main()
