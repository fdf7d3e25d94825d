"""Figures as SVG, for a file or an HTML page: with a title, a description and marks of what belongs to a technique."""

from __future__ import annotations

import hashlib
import io
import re
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from orchestrator.results.figures.tags import tag_of
from workers.text import printable

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_HEX_COLOR = re.compile(r"#([0-9a-f]{6})\b")


def to_svg(figure: Figure, *, inline: bool = False) -> str:
    """A figure as SVG with a `<title>` and a `<desc>`, those of a `chart.Chart`.

    `inline` makes an element for an HTML page or a notebook, which may have several: a unique prefix is in front
    of every id. Its text is text, it has no background, and each color is a CSS variable,
    `var(--c-d55e00, #d55e00)`, which a dark page can set. In both, what belongs to a technique has the class
    `technique`, `data-technique` and `data-part` (`line`, `band`, `replicate`, `name`).
    """
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    drawn = _drawn(figure, "none" if inline else "path")
    prefix = f"f{hashlib.sha256(drawn).hexdigest()[:8]}-" if inline else ""
    root = ElementTree.fromstring(drawn)
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    _name_ids(root, prefix)
    _describe(root, figure, prefix)
    if inline:
        _theme(root)
        return ElementTree.tostring(root, encoding="unicode")
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _drawn(figure: Figure, text: str) -> bytes:
    data = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "prunesweep", "svg.fonttype": text}):
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    return data.getvalue()


def _name_ids(root: ElementTree.Element, prefix: str) -> None:
    """Put a prefix in front of ids and of references to them, and turn tags into classes."""
    for element in root.iter():
        name = element.attrib.pop("id", None)
        tagged = None if name is None else tag_of(name)
        if tagged is not None:
            element.attrib |= {"class": "technique", "data-technique": tagged[0], "data-part": tagged[1]}
        elif name is not None:
            element.set("id", prefix + name)
        for attribute, value in element.attrib.items():
            if attribute == f"{{{_XLINK}}}href":
                element.set(attribute, f"#{prefix}{value[1:]}")
            elif "url(#" in value:
                element.set(attribute, _REFERENCE.sub(rf"url(#{prefix}\1)", value))


def _describe(root: ElementTree.Element, figure: Figure, prefix: str) -> None:
    title, caption = getattr(figure, "title", ""), getattr(figure, "caption", "")
    for position, (tag, text) in enumerate((("title", title), ("desc", caption))):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", id=f"{prefix}{tag}")
        element.text = printable(text)
        root.insert(position, element)
    root.attrib |= {"role": "img", "aria-label": printable(title), "aria-describedby": f"{prefix}desc"}


def _theme(root: ElementTree.Element) -> None:
    for element in root.iter():
        style = element.get("style")
        if style:
            element.set("style", _HEX_COLOR.sub(r"var(--c-\1, #\1)", style))
