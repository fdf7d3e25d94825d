"""The process that waits for the driver: here for short programs in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from orchestrator.driver.supervision.supervisor import is_wanted
from workers.store import Store
from workers.store.layout import LEASE
from workers.store.lease import Lease

START = """
import os, signal, sys, time
from orchestrator.driver.situation import is_supervised, tell
from orchestrator.driver.supervision import patience, supervisor
supervisor._POLL_SECONDS = 0.02
supervisor._SECOND_SIGNAL_SECONDS = 0
supervisor._RELEASE_SECONDS = 600
signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the command does
{before}
supervisor.fork_driver()
def ready():
    print(os.getppid(), flush=True)
    for _ in range(600):
        time.sleep(0.1)  # a handler of a signal that comes just before a sleep runs after it
"""

PATIENT = "from orchestrator.tracking import audience\naudience._NOTICE_SECONDS = 600"  # on a busy machine

OUTLIVES_TERMINAL = """
from contextlib import nullcontext
from orchestrator.driver.on_ray import ray_output
from workers.machine.terminal import outliving_terminal
ray_output._messages_of_ray = nullcontext
with ray_output.ray_output_apart(), outliving_terminal():
    while True:
        print('working', file=sys.stderr)
        time.sleep(0.01)
print('all done', file=sys.stderr)
print('Next: table')
"""


def start(driver, before="", stderr=subprocess.PIPE, stdout=subprocess.PIPE):
    code = START.format(before=before) + driver
    return subprocess.Popen([sys.executable, "-c", code], stdout=stdout, stderr=stderr, text=True)


def ended(process):
    """(exit code, what was printed, what was said)."""
    printed, said = process.communicate(timeout=600)
    return process.returncode, printed, said


def test_only_what_drives_through_ray_is_supervised():
    assert is_wanted(["run", "sweep.yaml"])
    assert is_wanted(["prune", "sweep.yaml"])
    assert not is_wanted(["resume", "runs/mine", "--in-process"])
    assert not is_wanted(["table", "runs/mine"])
    assert not is_wanted([])


def test_a_driver_ends_as_if_nobody_waited():
    told = "tell(sweep='digits', on_end='echo once more >&2')\ntell(sweep='', on_end='')\n"
    assert ended(start(f"{told}print(is_supervised()); sys.exit(3)")) == (3, "True\n", "")


def test_a_driver_that_dies_holds_nothing_and_somebody_speaks(tmp_path):
    store = Store(tmp_path / "store", create=True)
    log = tmp_path / "ray.log"
    log.write_text("what Ray said")
    with Lease(store) as lease:
        tell = f"tell(store={store.location!r}, lease={lease.token!r}, ray='127.0.0.1:1', log={str(log)!r})"
        end = "tell(sweep='digits', on_end='echo $PRUNESWEEP_EXIT_CODE >&2')"
        code, _, said = ended(start(f"{tell}\n{end}\nos._exit(1)", before=PATIENT))
        assert not (tmp_path / "store" / LEASE).exists()
    assert code == 75
    assert said == (
        "\nerror: Ray has died, and the driver with it; saved work is kept\n\n"
        f"Ray's messages:  {log}\nContinue with:  prunesweep resume {store.location}\n75\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_driver_is_interrupted_from_its_first_moment_on(number):
    process = start("ready()")
    assert int(process.stdout.readline()) == process.pid
    process.send_signal(number)
    assert ended(process) == (128 + number, "", "\nInterrupted\n")


def test_a_driver_may_take_its_time_until_the_second_signal():
    process = start("signal.signal(signal.SIGTERM, lambda *_: print('heard', flush=True))\nready()")
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "heard\n"
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, "", "\nInterrupted\n")


def test_nohup_is_respected():
    process = start("ready()", before="signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 143


def test_a_driver_that_hears_of_no_hangup_outlives_its_terminal():
    ours, theirs = os.openpty()
    process = start(OUTLIVES_TERMINAL, stderr=theirs, stdout=theirs)
    os.close(theirs)
    os.read(ours, 1)
    os.close(ours)
    assert ended(process)[0] == 0


def test_a_driver_stops_without_its_supervisor():
    stop = "signal.signal(signal.SIGTERM, lambda *_: (print('saved', flush=True), os._exit(0)))\n"
    process = start(f"{stop}ready()")
    process.stdout.readline()
    process.kill()
    assert ended(process)[1] == "saved\n"


def test_a_driver_that_cannot_connect_is_ended(tmp_path):
    log = tmp_path / "ray.log"
    log.touch()
    tell = f"tell(connecting='head:6379', log={str(log)!r})"
    code, _, said = ended(start(f"{tell}\ntime.sleep(60)", before="patience.CONNECT_SECONDS = 0"))
    assert (code, said) == (75, "\nerror: cannot connect to the Ray cluster at `head:6379` within 0 s\n")
    assert not log.exists()
