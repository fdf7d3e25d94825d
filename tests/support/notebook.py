"""Run a Jupyter notebook cell by cell in this process: `python -m tests.support.notebook FILE` renews its outputs.

No kernel, so neither its seconds to start nor its dependencies: a cell shows what IPython would ask the value of its
last expression for, HTML, SVG or text.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

_REPRESENTATIONS = {"text/html": "_repr_html_", "image/svg+xml": "_repr_svg_"}


def executed(notebook: dict[str, Any]) -> dict[str, Any]:
    """A notebook with the outputs of its code cells, which run in one namespace and in the current folder."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            cell = cell | {"execution_count": count, "outputs": _outputs("".join(cell["source"]), namespace, count)}
        cells.append(cell)
    return notebook | {"cells": cells}


def kinds(notebook: dict[str, Any]) -> list[list[str]]:
    """What each code cell shows: the kinds of its outputs."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [
        [kind for output in cell["outputs"] for kind in output.get("data", {output["output_type"]: None})]
        for cell in cells
    ]


def _outputs(source: str, namespace: dict[str, Any], count: int) -> list[dict[str, Any]]:
    program = ast.parse(source)
    last = program.body.pop() if program.body and isinstance(program.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "<cell>", "exec"), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    if value is not None:
        result = {"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": _shown(value)}
        outputs.append(result)
    return outputs


def _shown(value: object) -> dict[str, list[str]]:
    rich = {kind: getattr(value, name)() for kind, name in _REPRESENTATIONS.items() if hasattr(value, name)}
    data = {kind: _lines(text) for kind, text in rich.items() if text is not None}
    return data | {"text/plain": _lines(repr(value))}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _renew(path: Path) -> None:
    notebook = json.loads(path.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        renewed = executed(notebook)
    path.write_text(json.dumps(renewed, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    _renew(Path(sys.argv[1]).resolve())
