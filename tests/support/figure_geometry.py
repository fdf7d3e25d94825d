"""Where the texts and lines of a drawn figure are, which of them touch, and how light colors are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

_TOUCH = 0.5  # points that a box may reach into another, because boxes have room for letters that a text lacks


def faults(figure: Figure) -> list[str]:
    """Each text that leaves the canvas, overlaps another text, or is crossed by a line or a leader."""
    figure.draw_without_rendering()
    texts = {text: _shrunk(_box(text), figure) for text in _texts(figure)}
    complaints = [f"{text.get_text()!r} leaves the canvas" for text, box in texts.items() if not _within(box, figure)]
    complaints += [
        f"{first.get_text()!r} overlaps {second.get_text()!r}"
        for first, second in combinations(texts, 2)
        if texts[first].overlaps(texts[second])
    ]
    lines = list(_lines(figure))
    for text, box in texts.items():
        crossing = [name for name, path, clip in lines if _crosses(path, clip, box)]
        complaints += [f"{text.get_text()!r} is crossed by {name}" for name in crossing]
    return complaints


def smallest_text(figure: Figure) -> float:
    """In points."""
    return min(text.get_fontsize() for text in _texts(figure))


def _texts(figure: Figure) -> list[Text]:
    hidden = {text for axes in figure.axes if not axes.get_visible() for text in axes.findobj(Text)}
    hidden |= {text for axes in figure.axes for text in _undrawn_tick_labels(axes)}
    return [
        text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip() and text not in hidden
    ]


def _undrawn_tick_labels(axes: Axes) -> set[Text]:
    """Labels of ticks beyond the limits of an axis, which exist, but are not drawn."""
    labels = set()
    for axis in (axes.xaxis, axes.yaxis):
        drawn = axis._update_ticks()
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        labels |= {label for tick in ticks if tick not in drawn for label in (tick.label1, tick.label2)}
    return labels


def _box(text: Text) -> Bbox:
    """The box of the letters, without an annotation's arrow, in pixels."""
    return Text.get_window_extent(text)


def _shrunk(box: Bbox, figure: Figure) -> Bbox:
    by = _TOUCH * figure.dpi / 72
    return Bbox.from_extents(box.x0 + by, box.y0 + by, box.x1 - by, box.y1 - by)


def _within(box: Bbox, figure: Figure) -> bool:
    canvas = figure.bbox
    return canvas.x0 <= box.x0 and canvas.y0 <= box.y0 and box.x1 <= canvas.x1 and box.y1 <= canvas.y1


def _lines(figure: Figure) -> Iterator[tuple[str, Path, Bbox]]:
    """Lines, leaders and spines in pixels, and the box that clips each."""
    for axes in figure.axes:
        if not axes.get_visible():
            continue
        for line in axes.get_lines():
            path = line.get_transform().transform_path(line.get_path())
            yield f"line {line.get_gid() or line.get_label()}", path, axes.bbox
        for text in axes.texts:
            if isinstance(text, Annotation) and text.arrow_patch is not None:
                leader = text.arrow_patch
                path = leader.get_transform().transform_path(leader.get_path())
                yield f"the leader of {text.get_text()!r}", path, figure.bbox
        for name, spine in axes.spines.items():
            if spine.get_visible():
                path = spine.get_transform().transform_path(spine.get_path())
                yield f"the {name} spine", path, figure.bbox


def _crosses(path: Path, clip: Bbox, box: Bbox) -> bool:
    visible = Bbox.intersection(clip, box)
    ends = zip(path.vertices, path.vertices[1:], strict=False)
    return visible is not None and any(Path(segment).intersects_bbox(visible, filled=False) for segment in ends)


def luminance(color: Any) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(color)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
