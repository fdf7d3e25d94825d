"""Records are consolidated some at a time, in the background."""

from __future__ import annotations

import threading

from orchestrator.driver.consolidation import MOST_APART, Consolidation


class Records:
    """Stands in for the records of a store, which takes its time."""

    def __init__(self):
        self.may_end = threading.Event()
        self.batches = []

    def consolidate_some(self, keys):
        self.may_end.wait(10)
        self.batches.append(keys)
        raise OSError("the store does not answer")


def test_records_are_consolidated_in_batches_while_the_driver_continues():
    records = Records()
    consolidation = Consolidation(records)
    consolidation.add(range(MOST_APART - 1))
    consolidation.settle()
    assert records.batches == []
    consolidation.add([MOST_APART])  # begins, and takes long
    consolidation.add(range(100, 200))
    records.may_end.set()
    consolidation.settle()
    assert [len(batch) for batch in records.batches] == [MOST_APART]
    consolidation.add([200])
    consolidation.settle()
    assert [len(batch) for batch in records.batches] == [MOST_APART, 101]
