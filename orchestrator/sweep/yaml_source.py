"""YAML text as plain data, with the place of every value.

Strict on purpose: one UTF-8 document of at most 1 MB, no tags (a file never makes objects), no repeated keys,
limits on nesting and aliases. Scalars follow YAML 1.2's core schema: `1e-4` is a number, `no` and `on` are text,
and there are no dates, base-60 numbers or octals. Merge keys are those of YAML 1.1: `<<: *defaults`.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from orchestrator.sweep.document import Document, Mark
from orchestrator.sweep.problems import KeyPath, Problem

MOST_BYTES = 1_000_000
MOST_VALUES = 20_000
MOST_DEPTH = 32

_NULL = re.compile(r"(?:null|Null|NULL|~|)")
_TRUTH = re.compile(r"(?:true|True|TRUE|false|False|FALSE)")
_INTEGER = re.compile(r"[-+]?[0-9]{1,1000}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MERGE = "tag:yaml.org,2002:merge"  # what PyYAML makes of a plain `<<`
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def read_yaml(content: bytes | str, name: str) -> Document:
    """The one document of a file. Raises SpecError where it cannot be read; lesser faults are its `problems`."""
    text = _decode(content, name)
    document = Document(None, name, _LINE_END.split(text))
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        tab = "'\\t'" in message
        hint = "indent with spaces, not tabs" if tab else "check indentation, brackets and quotes here and just before"
        place = (mark.line, mark.column) if mark else (0, 0)
        raise document.error(*place, f"cannot be read as YAML: {message}", hint) from None
    except yaml.reader.ReaderError as error:
        before = _LINE_END.split(text[: error.position])
        message = f"cannot be read as YAML: character U+{error.character:04X} is not allowed"
        raise document.error(len(before) - 1, len(before[-1]), message, "remove it, or write it as an escape") from None
    except (ValueError, OverflowError):
        mark = loader.get_mark()
        message = "cannot be read as YAML: an escape or a number is not valid"
        raise document.error(mark.line, mark.column, message, "check the escapes in quoted text just before") from None
    if root is not None:
        document.data = _Construction(document, loader.tagged).value(root, ())
    return document


def _decode(content: bytes | str, name: str) -> str:
    unread = Document(None, name)
    if len(content) > MOST_BYTES:
        raise unread.error(0, 0, "is larger than 1 MB", "check the path: a sweep file takes a few kB")
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        message = "is UTF-16, not UTF-8" if utf_16 else f"is not UTF-8: byte 0x{content[error.start]:02X}"
        before = content[: error.start].split(b"\n")
        raise unread.error(len(before) - 1, len(before[-1]), message, "save the file as UTF-8 in your editor") from None


class _Loader(yaml.SafeLoader):
    """PyYAML's parser up to nodes, with bounds on size and nesting; remembers which nodes had a tag."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.tagged: set[int] = set()
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if self._depth > MOST_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested more than {MOST_DEPTH} deep", event.start_mark)
        self._nodes += 1
        if self._nodes > MOST_VALUES:
            raise yaml.composer.ComposerError(None, None, f"more than {MOST_VALUES:,} values", event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and getattr(event, "tag", None):
            self.tagged.add(id(node))
        return node


class _Construction:
    """Builds plain data from nodes: writes aliases out and notes the place of every value."""

    def __init__(self, document: Document, tagged: set[int]) -> None:
        self.document = document
        self.tagged = tagged
        self.values = 0

    def value(self, node: Node, path: KeyPath) -> Any:
        self._count(node, len(path))
        self.document.marks[path] = _mark(node)
        if id(node) in self.tagged:
            self._add_problem(path, "tags are not allowed", "remove the `!…`; write a number in quotes to make it text")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        if _UNPRINTABLE.search(node.value):
            self._add_problem(path, "contains a control character", "remove it")
        return _scalar(node)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in self._pairs(node, path, len(path)):
            key = _scalar(key_node) if isinstance(key_node, ScalarNode) else None
            here = (*path, key if isinstance(key, str) else str(key_node.value)[:60])
            self.document.key_marks[here] = _mark(key_node)
            if not isinstance(key, str):
                self._add_problem(here, "keys must be text", "write it in quotes", at_key=True)
            elif key in data:
                self._add_problem(here, "is given twice", "keep one of them", at_key=True)
            else:
                data[key] = self.value(value_node, here)
        return data

    def _pairs(self, node: MappingNode, path: KeyPath, depth: int) -> list[tuple[Node, Node]]:
        """The keys and values of a map: its own, then those of the maps that it merges, without keys given before."""
        pairs = [(key, value) for key, value in node.value if key.tag != _MERGE]
        merges = [(key, value) for key, value in node.value if key.tag == _MERGE]
        given = {str(key.value) for key, _ in pairs}
        for position, (merge, value) in enumerate(merges):
            sources = value.value if isinstance(value, SequenceNode) else [value]
            if position > 0:
                self._add_merge_problem(path, merge, "is given twice", "write one list: `<<: [*first, *second]`")
            elif not all(isinstance(source, MappingNode) for source in sources):
                hint = "write the alias of a mapping, such as `<<: *defaults`"
                self._add_merge_problem(path, merge, "must be a mapping or a list of mappings", hint)
            else:
                for source in sources:
                    self._count(source, depth + 1)
                    merged = self._pairs(source, path, depth + 1)
                    pairs += [pair for pair in merged if str(pair[0].value) not in given]
                    given.update(str(key.value) for key, _ in merged)
        return pairs

    def _count(self, node: Node, depth: int) -> None:
        """Count a value. Raises SpecError if aliases make too many of them or nest them too deeply."""
        self.values += 1
        if self.values > MOST_VALUES or depth > MOST_DEPTH:
            message = f"aliases expand to more than {MOST_VALUES:,} values or {MOST_DEPTH} in depth"
            raise self.document.error(node.start_mark.line, node.start_mark.column, message, "write it without aliases")

    def _add_merge_problem(self, path: KeyPath, key: Node, message: str, hint: str) -> None:
        self.document.key_marks[(*path, "<<")] = _mark(key)
        self._add_problem((*path, "<<"), message, hint, at_key=True)

    def _add_problem(self, path: KeyPath, message: str, hint: str, at_key: bool = False) -> None:
        self.document.problems.append(Problem(path, message, hint, show=False, at_key=at_key))


def _mark(node: Node) -> Mark:
    start, end = node.start_mark, node.end_mark
    one_line = isinstance(node, ScalarNode) and start.line == end.line
    return Mark(start.line, start.column, max(1, end.column - start.column) if one_line else 1)


def _scalar(node: ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:
        return text
    if _NULL.fullmatch(text):
        return None
    if _TRUTH.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text
