"""Tables as Excel workbooks, read back from the XML in them."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime

import pytest

from orchestrator.results.printing.sheets import Number, Printout, Sheet
from orchestrator.results.printing.workbook import rows_to_xlsx, to_xlsx

SHEET = Sheet(
    title="digits",
    captions=["n = 3"],
    header=["technique", "4×"],
    lines=[["=1+1", Number("-0.94", best=True)], ["b", Number("2.5", "[1, 4]")]],
)
PRINTOUT = Printout(heading="Change", protocol=["median"], sheets=[SHEET], notes=["note"])
ROWS = [
    {"technique": "=SUM(A1)", "n": 3, "mean": 0.1 + 0.2, "best": True, "sd": None},
    {"technique": "https://example.invalid", "n": 0, "mean": -1.0, "best": False, "sd": 0.5},
]


def values(data: bytes, number: int):
    """The cells of a worksheet by their names, as text or numbers."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        shared = archive.read("xl/sharedStrings.xml").decode()
        sheet = archive.read(f"xl/worksheets/sheet{number}.xml").decode()
    texts = re.findall(r"<si><t[^>]*>(.*?)</t></si>", shared, re.DOTALL)
    assert "<f>" not in sheet  # no formula
    found = re.findall(r'<c r="(\w+)"(?: s="\d+")?(?: t="(\w)")?><v>(.*?)</v></c>', sheet)
    return {name: texts[int(value)] if kind == "s" else float(value) for name, kind, value in found}


def test_a_workbook_has_the_printed_table_and_the_data():
    data = to_xlsx(PRINTOUT, list(ROWS[0]), ROWS)
    printed = values(data, 1)
    assert printed["A1"] == "Change"
    assert {"=1+1", "2.5 [1, 4]", -0.94, "note"} <= set(printed.values())
    cells = values(data, 2)
    assert [cells[f"{column}1"] for column in "ABCDE"] == ["technique", "n", "mean", "best", "sd"]
    assert (cells["A2"], cells["B2"], cells["C2"], cells["D2"]) == ("=SUM(A1)", 3, pytest.approx(0.3), 1)
    assert "E2" not in cells
    assert (cells["A3"], cells["D3"], cells["E3"]) == ("https://example.invalid", 0, 0.5)


def test_the_same_content_gives_the_same_bytes():
    assert to_xlsx(PRINTOUT, list(ROWS[0]), ROWS) == to_xlsx(PRINTOUT, list(ROWS[0]), ROWS)
    assert rows_to_xlsx(list(ROWS[0]), ROWS) == rows_to_xlsx(list(ROWS[0]), ROWS)


def test_what_a_workbook_cannot_count_is_text():
    cells = values(rows_to_xlsx(["loss", "at"], [{"loss": float("nan"), "at": datetime(2025, 1, 1, tzinfo=UTC)}]), 1)
    assert (cells["A2"], cells["B2"]) == ("nan", "2025-01-01 00:00:00+00:00")
