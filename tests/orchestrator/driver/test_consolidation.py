"""Records are consolidated some at a time, in the background."""

from __future__ import annotations

import threading

from orchestrator.driver.consolidation import MOST_APART, Consolidation
from workers.store.layout import RecordKey, record_file


class Records:
    """Stands in for the records of a store, which takes its time."""

    def __init__(self):
        self.may_end = threading.Event()
        self.batches = []

    def consolidate_some(self, keys, rows):
        self.may_end.wait(10)
        self.batches.append([*keys, *rows])
        raise OSError("the store does not answer")


def keys(steps):
    return [RecordKey("a", step, "e") for step in steps]


def test_records_are_consolidated_in_batches_while_the_driver_continues():
    records = Records()
    consolidation = Consolidation(records)
    consolidation.add(keys(range(MOST_APART - 1)))
    consolidation.settle()
    assert records.batches == []
    consolidation.add(keys([MOST_APART]))  # begins, and takes long
    consolidation.add(keys(range(100, 200)))
    records.may_end.set()
    consolidation.settle()
    assert [len(batch) for batch in records.batches] == [MOST_APART]
    consolidation.add(keys([200]))
    consolidation.settle()
    assert [len(batch) for batch in records.batches] == [MOST_APART, 101]


def test_records_that_workers_tell_of_are_not_read():
    records = Records()
    records.may_end.set()
    consolidation = Consolidation(records)
    every = keys(range(MOST_APART))
    rows = [{"file": record_file(key)} for key in every]
    consolidation.hear(rows[1:])
    consolidation.add(every)
    consolidation.settle()
    assert records.batches == [[every[0], *rows[1:]]]
