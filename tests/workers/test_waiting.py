"""Waiting for what may never answer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait

import pytest

from workers import waiting
from workers.waiting import NoAnswer, answer, begin, is_anything_left, within


def test_an_answer_in_time_is_returned_or_raised():
    assert within(60, lambda: 7) == 7
    with pytest.raises(KeyError, match="asked"):
        within(60, lambda: {}["asked"])


def test_no_answer_in_time_is_an_error_of_the_system_and_the_work_is_left_behind():
    release = threading.Event()
    with pytest.raises(OSError, match=r"^no answer within 0\.05 s$"):
        within(0.05, release.wait)
    assert is_anything_left()
    release.set()
    while is_anything_left():
        time.sleep(0.01)


def test_a_timeout_of_the_work_itself_is_not_taken_for_ours():
    def fail():
        raise TimeoutError("theirs")

    with pytest.raises(TimeoutError, match="theirs") as caught:
        within(60, fail)
    assert not isinstance(caught.value, NoAnswer)


def test_work_begins_at_once_and_is_waited_for_later():
    meeting = threading.Barrier(2)
    first, second = begin(meeting.wait), begin(meeting.wait)
    assert {answer(first, 60), answer(second, 60)} == {0, 1}


def test_in_a_hurry_nobody_waits_for_long_and_least_for_what_was_silent(monkeypatch) -> None:
    monkeypatch.setattr(waiting, "HURRY_SECONDS", 0.4)
    monkeypatch.setattr(waiting, "LAST_SECONDS", 0.1)
    end = threading.Event()
    waiting.take_time()
    threading.Timer(0.3, waiting.hurry).start()
    try:
        with pytest.raises(NoAnswer):  # begun before the hurry
            within(600, end.wait)
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match=r"no answer within \d+\.\d s"):
            within(600, end.wait)
        assert time.monotonic() - begun < 60
        given = begin(lambda: 3)
        wait([given])  # however long a busy machine takes to run it
        assert answer(given, 600) == 3
    finally:
        end.set()
        waiting.take_time()
