"""Commands end at Ctrl-C, SIGTERM and SIGHUP, whatever their main thread waits for."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

START = """
import os, signal, threading, time
stops = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # as in a hung system call, in all threads
from pathlib import Path
from orchestrator.cli import stuck
from workers.store.filesystems.local import LocalFiles

class HungFiles(LocalFiles):
    def names(self, folder):
        wait()

def wait():
    print("ready", flush=True)
    for _ in range(600):
        time.sleep(0.1)  # a handler of a signal that comes just before a sleep runs after it
"""
SHORT = "stuck.watch(grace=0.2)\n"
LONG = "stuck.watch(grace=600)\n"  # for a main thread that ends by itself, when a busy machine lets it
REACHABLE = "signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)\n"
STATUS = """
from orchestrator import cli
from orchestrator.cli import tables
tables.api.status = lambda *_, **__: wait()
import sys
sys.argv = ['prunesweep', 'status']
cli.main()
"""
STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def ended(code, number=signal.SIGINT, watch=SHORT):
    """(exit code, what it said) of a process that gets a signal once it is ready."""
    words = [sys.executable, "-c", START + watch + code]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=600)
    return process.returncode, said.decode()


def test_a_hung_file_system_is_named():
    code, said = ended("HungFiles(Path('/mnt/store')).names('results')")
    assert code == 130
    assert said == "\nInterrupted while waiting for `/mnt/store`, which does not answer\n"


def test_a_hung_path_is_named():
    code, said = ended("def read(path):\n    wait()\nread('/mnt/images')")
    assert (code, said) == (130, "\nInterrupted while waiting for `/mnt/images`, which does not answer\n")


def test_nothing_is_named_where_nothing_is_known():
    assert ended("wait()") == (130, "\nInterrupted\n")


@pytest.mark.parametrize("number", STOPS)
def test_what_hangs_after_the_interruption_is_ended(number):
    hangs = f"{REACHABLE}try:\n    wait()\nexcept stuck.Interrupted:\n    time.sleep(60)"
    assert ended(hangs, number)[0] == 128 + number


def test_a_driver_that_handles_the_signal_is_left_alone():
    code, said = ended(
        f"{REACHABLE}signal.signal(signal.SIGINT, lambda *_: None)\n"
        "print('ready', flush=True)\ntime.sleep(1)\nprint('done')"
    )
    assert (code, said) == (0, "")


@pytest.mark.parametrize("number", STOPS)
def test_a_driver_that_is_stuck_is_ended(number):
    code, _ = ended(f"signal.signal({int(number)}, lambda *_: None)\nwait()", number)
    assert code == 128 + number


@pytest.mark.parametrize("number", STOPS)
def test_a_command_says_that_it_was_interrupted(number):
    assert ended(REACHABLE + STATUS, number, LONG) == (128 + number, "\nInterrupted\n")


def test_a_command_says_how_a_run_continues():
    driving = "from orchestrator.driver.situation import tell\ntell(store='runs/mine', shard='1/2')\n"
    code, said = ended(REACHABLE + driving + STATUS, signal.SIGTERM, LONG)
    continuing = "Continue with:  prunesweep resume runs/mine --shard 1/2"
    assert (code, said) == (143, f"\nInterrupted; saved work is kept\n\n{continuing}\n")


def test_a_signal_that_is_ignored_stays_so():
    nohup = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nstuck.watch()\n"
    still = f"{REACHABLE}print('ready', flush=True)\ntime.sleep(0.5)\nprint(signal.getsignal(signal.SIGHUP).name)"
    assert ended(nohup + still, signal.SIGHUP) == (0, "")
