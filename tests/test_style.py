"""The English of messages, help texts, docstrings, comments, names and pages keeps to docs/style.md."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.places import ROOT
from workers import errors

ISE = (
    "author|categor|character|custom|emphas|final|general|initial|local|material|maxim|minim|normal|optim|organ|penal|"
    "prior|quant|random|real|recogn|regular|serial|special|stabil|standard|summar|symbol|synchron|token|util|vector|"
    "visual|parallel"
)
BRITISH = (
    rf"(re|un|de)?({ISE})(it)?is(e[ds]?|ing|ers?|ations?)|analys(e[ds]?|ing)|artefacts?|behaviours?|catalogues?|centres?|"
    r"colour\w*|favour\w*|fulfil|grey|honour\w*|judgement|(?<!aria-)(un)?labell\w+|(mis)?spelt|learnt|licences?|modell\w+|"
    r"neighbour\w*|programmes?|signall\w+|travell\w+|whilst|amongst"
)
FORBIDDEN = {
    r"(?<!here )\b(is|are|was|were|be) no (?!longer|more|less|matter)": "is not a …",
    r"\b(is|are|was|were) none\b(?! of)|\bnone such\b": "say what is missing: no store, not found, does not exist",
    r"\bno such\b": "name the thing: no folder `x`, not found, unknown argument",
    r"\banew\b": "again",
    r"\bbeside\b": "next to, besides, in addition to, combined with",
    r"\b(go|goes|going|went|gone) on\b": "continue",
    r"\b(give|gives|gave|given|giving) up\b": "delete, stop",
    r"\blooked at\b": "inspected, read, checked",
    r"\bof (its|their) own\b": "its own …, separate, unique",
    r"\bwithout a word\b": "without a message, silently",
    r"\bnot named like\b": "not a valid name",
    r"\bhangs? up\b": "closes the connection",
    r"\bstands? on\b": "depends on, starts from",
    r"\{\} (trials|CPUs|GPUs)\b": "plural(count, noun)",
    rf"(?i:\b({BRITISH})\b)": "American spelling",
}
ANY_FORBIDDEN = re.compile("|".join(FORBIDDEN))
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}


def files(*patterns: str) -> list[Path]:
    """The files of the repository that match, those that git ignores excluded."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of all that people read: strings, comments and names in Python, whole lines in other files."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        yield from strings(text)
        yield from comments_and_names(text)
    else:  # in a page, what is in backticks may be quoted as a bad example
        for line, words in enumerate(text.splitlines(), 1):
            yield line, re.sub(r"(?<!`)(`+)(?!`)[^`]+\1", "", words) if path.suffix == ".md" else words


def strings(program: str) -> Iterator[tuple[int, str]]:
    """String literals, docstrings included; values in f-strings are `{}`."""
    tree = ast.parse(program)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) not in parts and (text := literal(node)) is not None:
            yield node.lineno, text


def literal(node: ast.AST) -> str | None:
    """The text of a string literal; None for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def comments_and_names(program: str) -> Iterator[tuple[int, str]]:
    """Comments, and each name once, with spaces in place of underscores."""
    names = set()
    for token in tokenize.generate_tokens(io.StringIO(program).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
        elif token.type == tokenize.NAME and token.string not in names:
            names.add(token.string)
            yield token.start[0], token.string.replace("_", " ")


@cache  # names are in many files
def forbidden(text: str) -> list[str]:
    """`the words → what to write`, for each forbidden pattern in a text."""
    flat = re.sub(r"\s+", " ", text)
    if not ANY_FORBIDDEN.search(flat):
        return []
    return [
        f"…{flat[max(0, match.start() - 20) : match.end() + 20]}… → {better}"
        for pattern, better in FORBIDDEN.items()
        for match in re.finditer(pattern, flat)
    ]


def complaints(path: Path) -> Iterator[str]:
    """`file:line: the words → what to write`, for each forbidden pattern in a file."""
    for line, text in sentences(path):
        for complaint in forbidden(text):
            yield f"{path.relative_to(ROOT)}:{line}: {complaint}"


def messages(program: str) -> Iterator[tuple[int, str]]:
    """The strings that our exceptions are raised with, hints included."""
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in ERRORS:
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                if (text := literal(argument)) is not None:
                    yield node.lineno, text


@pytest.mark.parametrize(
    "patterns",
    [
        ("prunesweep/*.py",),
        ("orchestrator/*.py",),
        ("orchestrator/templates/*", "demo.sh", "Makefile", ".ci/*", "docker/*", "pyproject.toml"),
        ("workers/*.py",),
        ("benchmarks/*",),
        ("tests/*.py",),
        ("*.md",),
    ],
    ids=["face", "orchestrator", "templates", "workers", "benchmarks", "tests", "pages"],
)
def test_english_keeps_to_the_style_page(patterns):
    paths = [path for path in files(*patterns) if path != Path(__file__)]
    assert [complaint for path in paths for complaint in complaints(path)] == []


def test_messages_do_not_end_in_a_period_and_keep_their_hint_apart():
    for path in files("prunesweep/*.py", "orchestrator/*.py", "workers/*.py"):
        for line, text in messages(path.read_text("utf-8")):
            assert not text.endswith((".", "!")), f"{path}:{line}: {text}"
            assert "hint:" not in text, f"{path}:{line}: pass the hint as `hint=`"


@pytest.mark.parametrize(
    "text",
    [
        "`x` is no network",
        "None if there is none",
        "no such folder",
        "solved anew",
        "written beside its place",
        "it goes on from step 3",
        "Behaviour of an optimiser",
        "reinitialised",
        "{} trials failed",
        "the state was\n    given up",
    ],
)
def test_bad_sentences_are_found(text):
    assert len(forbidden(text)) >= 1


@pytest.mark.parametrize(
    "text",
    ["it is no longer there", "is not a network", "there is no store", "None", "besides", "the optimizer's behavior"],
)
def test_good_sentences_pass(text):
    assert forbidden(text) == []
