"""matplotlib's SVG as compact inline SVG: named by a title and a description, styled by the page.

Colors become custom properties of the page, so that a dark theme can change them, and repeated styles become classes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from workers.text import printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from matplotlib.figure import Figure

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+")
_COLOR = re.compile(r"#[0-9a-f]{6}\b")
_FONT = re.compile(r"font: (?:(\d+) )?([\d.]+)px [^;]*|font-family: [^;]*;? ?")
_WIDE = 600  # points
_KEPT = ("d", "x", "y", "transform")
_DOT = "; stroke-width: 3.6px; stroke-linecap: round"


@dataclass(slots=True)
class Styles:
    """The classes, colors and markers that the figures of a page share."""

    classes: dict[str, str] = field(default_factory=dict)
    colors: dict[str, None] = field(default_factory=dict)
    markers: dict[tuple[str, str], str] = field(default_factory=dict)  # the id of an outline of a class

    def name(self, style: str) -> str:
        """The class that stands for a style; no class for an empty one."""
        style = _FONT.sub(_font, style.strip("; "))
        for color in _COLOR.findall(style):
            self.colors[color] = None
        style = _COLOR.sub(lambda color: f"var(--c{color[0][1:]})", style)
        return self.classes.setdefault(style, f"s{len(self.classes)}") if style else ""

    def marker(self, outline: str, style: str) -> str:
        """The class of a path that has this marker at each of its points."""
        name = self.markers.setdefault((outline, self.name(style)), f"m{len(self.markers)}")
        return self.name(f"fill: none; stroke: none; marker: url(#{name})")

    @property
    def definitions(self) -> str:
        """All markers as the content of an SVG."""
        return "".join(
            f'<marker id="{name}" markerUnits="userSpaceOnUse" overflow="visible"><path d="{outline}" class="{style}"/>'
            "</marker>"
            for (outline, style), name in self.markers.items()
        )


def inline(figure: Figure, name: str, title: str, description: str, styles: Styles) -> str:
    """A figure as an `<svg>` element whose ids begin with `name`. Equal figures give equal text.

    An artist with the gid `t-3` becomes a group of that class, and the markers of one with the gid `replicates` or
    `points` become the dots of one path. Nothing is clipped at the axes.
    """
    import matplotlib

    data = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "prunesweep", "svg.fonttype": "none"}):
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(data.getvalue())
    drawn = _Compact(styles).children(root)
    body = "".join(ElementTree.tostring(element, encoding="unicode") for element in drawn).replace(" />", "/>")
    wide = ' class="wide"' if figure.get_figwidth() * 72 > _WIDE else ""
    return (
        f'<svg{wide} viewBox="{root.get("viewBox")}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{_text(title)}</title><desc id="{name}-d">{_text(description)}</desc>{body}</svg>'
    )


class _Compact:
    """Rewrites the elements of one figure."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._outlines: dict[str, str] = {}

    def children(self, parent: Element) -> Iterator[Element]:
        """The new elements of a parent, with each run of markers as one path."""
        marked: list[Element] = []
        for element in parent:
            if element.tag == f"{_SVG}use":
                marked.append(element)
                continue
            yield from self._marked(marked)
            marked = []
            yield from self._element(element)
        yield from self._marked(marked)

    def _element(self, old: Element) -> Iterator[Element]:
        tag = old.tag.removeprefix(_SVG)
        if tag == "g":
            yield from self._group(old)
        elif tag == "defs":
            self._outlines |= {path.get("id", ""): _short(path.get("d", "")) for path in old.iter(f"{_SVG}path")}
        elif tag in ("path", "text"):
            yield self._leaf(tag, old)

    def _group(self, old: Element) -> Iterator[Element]:
        """A group that an artist's gid names; any other is only its content."""
        content = list(self.children(old))
        name = old.get("id") or ""
        if name.startswith(("replicates", "points")):
            yield _new("g", {"class": name}, self._dots(old))
        elif name.startswith("t-"):
            yield _new("g", {"class": f"t {name}"}, content)
        else:
            yield from content

    def _dots(self, old: Element) -> list[Element]:
        """Markers as the round ends of lines without length: a quarter of the size."""
        marks: dict[str, list[str]] = {}
        for mark in old.iter(f"{_SVG}use"):
            fill = re.sub(r"stroke[^;]*;? ?", "", mark.get("style", "")).replace("fill", "stroke")
            marks.setdefault(fill, []).append(f"M{_place(mark)}h0")
        return [
            _new("path", {"d": "".join(marks[fill]), "class": self._styles.name(f"{fill}{_DOT}")}, []) for fill in marks
        ]

    def _marked(self, marks: Sequence[Element]) -> Iterator[Element]:
        """Markers as paths with a marker at each point."""
        for (target, style), run in groupby(marks, lambda mark: (mark.get(_HREF, ""), mark.get("style", ""))):
            outline = self._outlines.get(target[1:])
            if outline:
                path = "M" + "L".join(_place(mark) for mark in run)
                yield _new("path", {"d": path, "class": self._styles.marker(outline, style)}, [])

    def _leaf(self, tag: str, old: Element) -> Element:
        attributes = {name: _short(value) for name, value in old.attrib.items() if name in _KEPT}
        if attributes.get("transform", "").startswith("rotate(-0"):
            del attributes["transform"]
        if styled := self._styles.name(old.get("style", "")):
            attributes["class"] = styled
        new = _new(tag, attributes, [])
        new.text = old.text
        return new


def _new(tag: str, attributes: dict[str, str], content: list[Element]) -> Element:
    element = ElementTree.Element(tag, attributes)
    element.extend(content)
    return element


def _place(mark: Element) -> str:
    return f"{_short(mark.get('x', ''))} {_short(mark.get('y', ''))}"


def _font(match: re.Match[str]) -> str:
    """The size and weight of a font; its family is the page's."""
    weight, size = match.groups()
    if size is None:
        return ""
    return f"font-size: {size}px" + (f"; font-weight: {weight}" if weight and weight != "400" else "")


def _short(value: str) -> str:
    """Coordinates to a tenth, and no more space than they need."""
    text = _NUMBER.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), value)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", text).strip() if value[:1] == "M" else text


def _text(text: str) -> str:
    escaped = printable(text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        escaped = escaped.replace(character, entity)
    return escaped
