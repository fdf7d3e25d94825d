"""Reading YAML: scalars as in YAML 1.2, nothing executed, nothing unbounded, every fault at its place."""

from __future__ import annotations

import math

import pytest

from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import load_spec, parse_spec
from orchestrator.sweep.yaml_source import read_yaml
from workers.errors import InputError


def plain(text):
    return read_yaml(text, "sweep.yaml").data


def fault(content):
    with pytest.raises(SpecError) as caught:
        read_yaml(content, "sweep.yaml")
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2E3", 2000.0),
        ("4", 4),
        ("-4", -4),
        (".5", 0.5),
        ("5.", 5.0),
        ("true", True),
        ("False", False),
        ("", None),
        ("~", None),
        ("null", None),
        (".inf", math.inf),
        ("010", 10),
    ],
)
def test_scalars(text, value):
    result = plain(f"a: {text}")["a"]
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    "text", ["yes", "no", "on", "off", "NO", "y", "2020-01-01", "1:30", "0x10", "0o7", "1_000", "<<", "=", "0.8^5"]
)
def test_what_older_yaml_would_convert_stays_text(text):
    assert plain(f"a: {text}") == {"a": text}


def test_quoted_scalars_are_text():
    assert plain("a: '4'\nb: \"true\"\nc: |\n  1\n") == {"a": "4", "b": "true", "c": "1\n"}


def test_not_a_number_is_read_as_one_to_be_refused_where_a_number_is_wanted():
    assert math.isnan(plain("a: .nan")["a"])


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa: \xc3\xa9", "\ufeffa: é"])
def test_a_byte_order_mark_is_accepted(content):
    assert plain(content) == {"a": "é"}


@pytest.mark.parametrize(
    ("merging", "expected"),
    [
        ("{<<: *d, y: 3}", {"x": 1, "y": 3}),
        ("{y: 3, <<: *d}", {"x": 1, "y": 3}),
        ("{<<: [*d, *e]}", {"x": 1, "y": 2, "z": 6}),
        ("{<<: [*e, *d]}", {"x": 5, "y": 2, "z": 6}),
        ("{<<: {q: 1}}", {"q": 1}),
        ("{<<: []}", {}),
        ("{<<: *f}", {"x": 5, "z": 7}),
        ('{"<<": 1}', {"<<": 1}),
    ],
)
def test_merge_keys_are_those_of_yaml_1_1(merging, expected):
    document = read_yaml(f"d: &d {{x: 1, y: 2}}\ne: &e {{x: 5, z: 6}}\nf: &f {{<<: *e, z: 7}}\ng: {merging}\n", "f")
    assert document.data["g"] == expected
    assert document.problems == []


def test_a_merged_value_is_shown_where_it_is_written():
    document = read_yaml("a: &d {x: 1}\nb:\n  <<: *d\n  y: 2\n", "f")
    assert document.marks["b", "x"][:2] == (0, 10)
    assert document.key_marks["b", "x"][:2] == (0, 7)
    assert document.marks["b", "y"][:2] == (3, 5)


def test_aliases_are_written_out():
    assert plain("a: &x [1, {b: 2}]\nc: *x") == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


@pytest.mark.parametrize(
    ("content", "message", "where"),
    [
        ("name: a\n\tb: 1", "cannot start any token", "sweep.yaml:2:1"),
        ("a: 1\nb: [1, 2", "expected ',' or ']'", "sweep.yaml:2:9"),
        ("a: 1\n---\nb: 2\n", "expected a single document", "sweep.yaml:2:1"),
        ("a: *b", "undefined alias", "sweep.yaml:1:4"),
        ("a: &a {<<: *a, b: 1}", "aliases expand to more than", "sweep.yaml:1:4"),
        ("a: &a [*a]", "aliases expand to more than", "sweep.yaml:1:4"),
        ("a: 1\nb: \x01", "U+0001", "sweep.yaml:2:4"),
        (b"a: 1\nb: \xe9", "not UTF-8: byte 0xE9", "sweep.yaml:2:4"),
        ("a: é".encode("utf-16"), "UTF-16", "sweep.yaml:1:1"),
        ("#" * 1_000_001, "larger than 1 MB", "sweep.yaml:1:1"),
        ("[" * 1000, "nested more than 32 deep", "sweep.yaml:1:34"),
        ("- 1\n" * 20_001, "more than 20,000 values", "sweep.yaml:20000:3"),
        ('a: "\\UFFFFFFFF"', "escape", "sweep.yaml:1:7"),
    ],
)
def test_what_cannot_be_read(content, message, where):
    problem = fault(content)
    assert message in problem.message
    assert problem.where == where
    assert problem.hint


def test_a_billion_laughs_are_not_laughed():
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 10)]
    assert "aliases expand to more than 20,000 values" in fault("\n".join(lines)).message
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    assert "aliases expand to more than 20,000 values" in fault("\n".join(lines)).message


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("name: a\nname: b", "is given twice", "f:2:1"),
        ("name: !!python/object/apply:os.getcwd []", "tags are not allowed", "f:1:7"),
        ("name: !!str 4", "tags are not allowed", "f:1:7"),
        ("1: a", "keys must be text", "f:1:1"),
        ("? [a]\n: b", "keys must be text", "f:1:3"),
        ("recipes:\n  <<: 4", "must be a mapping or a list of mappings", "f:2:3"),
        ("recipes:\n  <<: [{}, 4]", "must be a mapping or a list of mappings", "f:2:3"),
        ("data: &a {}\nrecipes:\n  <<: *a\n  <<: *a", "is given twice", "f:4:3"),
        ('name: "a\\0"', "control character", "f:1:7"),
        ('name: "\\ud800"', "control character", "f:1:7"),
    ],
)
def test_lesser_faults_are_reported_with_all_others(text, message, where):
    with pytest.raises(SpecError) as caught:
        parse_spec(f"{text}\nunknown: 1\n", "f")
    found = {(problem.message, problem.where) for problem in caught.value.problems}
    assert any(message in said and place == where for said, place in found)
    assert ("unknown key", f"f:{text.count(chr(10)) + 2}:1") in found


def test_files_that_cannot_be_opened(tmp_path):
    for path in (tmp_path / "missing.yaml", tmp_path, "a\0b"):
        with pytest.raises(InputError, match="cannot read"):
            load_spec(path)


def test_an_empty_file_is_refused():
    with pytest.raises(SpecError, match="must be a mapping"):
        parse_spec("# nothing yet\n")
