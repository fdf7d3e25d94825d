"""Figures as files: equal figures give equal bytes."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.figure import Figure

from orchestrator.results.figures.svg import to_svg
from workers.errors import InputError
from workers.paths import expanded
from workers.store.filesystems.output import write_output

_METADATA = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
_DPI = 300


def save(figure: Figure, stem: str | os.PathLike[str]) -> list[Path]:
    """Write `<stem>.png`, `<stem>.svg` and `<stem>.pdf`, each in one step, and return their paths.

    Equal figures give equal bytes. Text is shapes in SVG, so that it looks the same everywhere, and embedded TrueType
    in PDF, as publishers want it.
    """
    if not isinstance(figure, Figure):
        raise InputError(
            f"only a figure can be saved: {type(figure).__name__}", hint="pass what `prunesweep.figure` returns"
        )
    stem = Path(expanded(stem))
    files = {"png": _drawn(figure, "png"), "svg": to_svg(figure).encode(), "pdf": _drawn(figure, "pdf")}
    for suffix, data in files.items():
        write_output(stem.parent / f"{stem.name}.{suffix}", data)
    return [stem.parent / f"{stem.name}.{suffix}" for suffix in files]


def _drawn(figure: Figure, format_: Literal["png", "pdf"]) -> bytes:
    data = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42}):  # TrueType
        figure.savefig(data, format=format_, dpi=_DPI, metadata=_METADATA[format_])
    return data.getvalue()
