"""What signals do to a driver."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from orchestrator.driver.interrupt import Interrupt

NOTICE = b"Stopping: running trials are saving their state"


def python(code, **named):
    code = f"import os, signal, sys\nfrom orchestrator.driver.interrupt import Interrupt\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=600, check=False, **named)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_asks_for_a_clean_stop_and_the_second_ends_at_once(number):
    process = python(
        "with Interrupt() as interrupt:\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        f"    assert interrupt.requested and interrupt.signal == {int(number)}\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    assert process.returncode == 143
    assert process.stderr.count(NOTICE) == 1


def test_a_terminal_that_closes_may_send_several_signals():
    process = python(
        "with Interrupt() as i:\n    [os.kill(os.getpid(), signal.SIGHUP) for _ in range(3)]\n    print(i.signal)"
    )
    assert (process.returncode, process.stdout) == (0, b"1\n")


def test_what_hangs_with_nothing_to_save_ends_after_one_signal():
    process = python(
        "import time\nfrom orchestrator.driver import interrupt as module\nmodule.HUNG_SECONDS = 0.1\n"
        "from orchestrator.driver.situation import tell\ntell(store='runs/mine')\n"
        "with Interrupt() as interrupt, interrupt.nothing_to_save():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(600)\n"
    )
    assert process.returncode == 130
    assert NOTICE in process.stderr
    assert process.stderr.endswith(
        b"\nInterrupted while loading data or a network; saved work is kept\n\n"
        b"Continue with:  prunesweep resume runs/mine\n"
    )


def test_the_notice_is_not_in_the_log_of_a_trial(tmp_path):
    process = python(
        "from pathlib import Path\nfrom workers.machine.printed import Printed\n"
        f"printed = Printed(False, Path({str(tmp_path / 'log')!r}))\n"
        "with Interrupt() as interrupt, printed.capturing():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "print(printed.take())\n"
    )
    assert process.stderr.count(NOTICE) == 1
    assert process.stdout == b"\n"


def test_nohup_is_respected():
    process = python(
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with Interrupt() as interrupt:\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    assert not interrupt.requested\n"
    )
    assert (process.returncode, process.stderr) == (0, b"")


def test_a_driver_outlives_its_terminal():
    terminal, end = pty.openpty()
    code = (
        "import os, signal, sys, time\nfrom orchestrator.driver.interrupt import Interrupt\n"
        "with Interrupt() as interrupt:\n"
        "    print('ready', flush=True)\n"
        "    while not interrupt.requested:\n"
        "        time.sleep(0.01)\n"
        "    time.sleep(0.1)\n"
        "    for _ in range(3):\n"
        "        print('said', flush=True)\n"
        "        print('said', file=sys.stderr, flush=True)\n"
        "sys.exit(128 + interrupt.signal)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=end, stderr=end, start_new_session=True)
    assert os.read(terminal, 5) == b"ready"
    process.send_signal(signal.SIGHUP)
    os.close(end)
    os.close(terminal)
    assert process.wait(60) == 129


def test_outside_the_main_thread_there_are_no_handlers():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def drive():
        with Interrupt() as interrupt:
            seen.append((interrupt.requested, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
