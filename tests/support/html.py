"""An HTML page as data: its elements with their attributes and text, its tables, and its figures."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "br"}
_CLOSED_BY = {"td": {"td", "th", "tr"}, "th": {"td", "th", "tr"}, "tr": {"tr"}}
"""The elements whose end tags may be left out, and what begins after them."""


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str | None = None) -> list[Element]:
        """The elements of a tag in this one, or all of them, in order."""
        inner = [child for child in self.children if isinstance(child, Element)]
        return [match for child in inner for match in ([child] if tag in (None, child.tag) else []) + child.all(tag)]

    def one(self, identifier: str) -> Element:
        [match] = [element for element in self.all() if element.attributes.get("id") == identifier]
        return match

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while tag in _CLOSED_BY.get(self._open[-1].tag, ()):
            self._open.pop()
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self._open[-1].tag != tag and self._open[-1].tag in _CLOSED_BY:
            self._open.pop()
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def parse(text: str) -> Element:
    """A page as a tree. Fails if an element is closed that is not the innermost open one."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader._open == [reader.root]
    return reader.root


def rows(table: Element) -> list[list[str]]:
    """The cells of a table's body as text, without the small print of a cell."""
    [body] = table.all("tbody")
    return [[_own_text(cell) for cell in row.children if isinstance(cell, Element)] for row in body.all("tr")]


def table(page: Element, caption: str) -> Element:
    """The first table whose caption begins like this."""
    return next(table for table in page.all("table") if table.all("caption")[0].text.startswith(caption))


def coordinates(figure: Element) -> list[tuple[str, list[float]]]:
    """The text of each label and the numbers of each path of a figure, in order."""
    shapes = []
    for element in figure.all():
        if element.tag == "text":
            places = " ".join(element.attributes.get(name, "") for name in ("x", "y", "transform"))
            shapes.append((element.text, _numbers(places)))
        elif element.tag == "path":
            shapes.append(("", _numbers(element.attributes["d"])))
    return shapes


def _numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]


def _policy(tree: Element) -> dict[str, str]:
    [meta] = [m for m in tree.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in meta.attributes["content"].split(";"))


def _checksum(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def assert_closed(tree: Element) -> None:
    """Nothing is loaded or run but the page's own style and script, whose checksums its policy has."""
    [script], [style] = tree.all("script"), tree.all("style")
    rules = _policy(tree)
    assert rules["default-src"] == "'none'"
    assert (rules["script-src"], rules["style-src"]) == (_checksum(script.text), _checksum(style.text))
    assert script.attributes == {}
    assert "url(" not in re.sub(r"url\(#\w+\)", "", style.text)
    for element in tree.all():
        assert element.tag not in {"iframe", "object", "embed", "img", "form", "base", "audio", "video"}
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src", "xlink:href", "action"):
            assert element.attributes.get(name, "#").startswith(("#", "data:,")), element


def _own_text(cell: Element) -> str:
    small = [child.text for child in cell.children if isinstance(child, Element) and child.tag == "small"]
    return cell.text.strip().removesuffix("".join(small).strip()).strip()
