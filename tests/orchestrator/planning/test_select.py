"""Expressions that pick cells: numbers as tables print them, and hints that name what there is."""

from __future__ import annotations

import pytest

from orchestrator.planning.select import check_picked, selector
from tests.support.records import cell, dense_cell
from workers.errors import InputError

ROWS = [
    dense_cell(),
    cell(compression=8.0),
    cell(technique="lr_rewinding", compression=9.3132, budget="50%"),
    cell(technique="lr_rewinding", compression=16.0, network="resnet20"),
]


def picked(expression):
    wanted = selector(expression)
    return [row["compression"] for row in ROWS if wanted(row)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("compression=8x", [8.0]),
        ("compression=8×", [8.0]),
        ("compression=8", [8.0]),
        ("compression=9.31×", [9.3132]),
        ("compression=8x|16×", [8.0, 16.0]),
        ("compression>8x", [9.3132, 16.0]),
        ("density=12.5%", [8.0]),
        ("density<10%", [16.0]),
        ("budget=50%|90%", [9.3132]),
        ("technique=lr_rewinding,compression>=16x", [16.0]),
    ],
)
def test_numbers_are_read_as_tables_print_them(expression, expected):
    assert picked(expression) == expected


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("technique=lr", "`technique` is one of: dense, fine_tuning, lr_rewinding"),
        ("network=vgg16", "`network` is one of: resnet8, resnet20"),
        ("compression=4", "`compression` is one of: 1, 8, 9.3132, 16"),
        ("technique=lr,network=vgg16", "`technique` is one of: dense, fine_tuning, lr_rewinding; `network` is one of"),
        ("technique=fine_tuning,compression=16", "see the values with"),  # each of them is there
    ],
)
def test_a_selection_of_nothing_lists_what_there_is(expression, hint):
    with pytest.raises(InputError, match="no cell matches") as caught:
        check_picked(bool(picked(expression)), expression, ROWS)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("sparsity=75%", "write `density=25%`: density is 1 − sparsity"),
        ("sparsity>=0.9", "write `density<=10%`: density is 1 − sparsity"),
        ("sparsity=most", "use `density`, the share of the weights that is kept: 1 − sparsity"),
        ("ratio=4", "use `compression`"),
        ("seed=0", "use `replicate`"),
        ("model=resnet20", "use `network`"),
        ("tecnique=dense", "did you mean `technique`?"),
    ],
)
def test_another_word_for_a_column(expression, hint):
    with pytest.raises(InputError, match="unknown column") as caught:
        selector(expression)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("word", ["lr_rewinding", " dense "])
def test_a_technique_alone_is_not_a_filter(word):
    with pytest.raises(InputError, match=f"`{word.strip()}` is not a filter") as caught:
        selector(word)
    assert caught.value.hint == f"write `technique={word.strip()}`"


@pytest.mark.parametrize("expression", ["compression=8y", "compression=xx", "compression=%", "compression>"])
def test_what_is_not_a_number_is_refused(expression):
    with pytest.raises(InputError):
        selector(expression)


@pytest.mark.parametrize(
    ("expression", "message", "hint"),
    [
        ("technique", "cannot read the term `technique`", "write terms such as"),
        ("tecnique=dense", "unknown column: `tecnique`", "did you mean `technique`"),
        ("technique>=dense", "cannot compare text with `>=`: `technique>=dense`", "use `=` or `!=` for `technique`"),
        ("compression>=x", "cannot read a number in `compression>=x`: `x`", ""),
    ],
)
def test_expressions_that_cannot_be_read(expression, message, hint):
    with pytest.raises(InputError) as caught:
        selector(expression)
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)
