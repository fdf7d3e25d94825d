"""Sweeps that are driven from a thread."""

from __future__ import annotations

import signal
import threading

from orchestrator.driver.interrupt import Interrupt


def test_an_interrupt_works_in_a_thread_without_signal_handlers() -> None:
    before = signal.getsignal(signal.SIGINT)
    requested = []

    def drive() -> None:
        with Interrupt(stop_after=0.0) as interrupt:
            requested.append(interrupt.requested)
            assert signal.getsignal(signal.SIGINT) is before

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    assert requested == [True]
    assert signal.getsignal(signal.SIGINT) is before
