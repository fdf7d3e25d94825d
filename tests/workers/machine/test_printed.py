"""What a trial's code prints is in the log of its attempt, and nowhere else."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import warnings

import pytest

from orchestrator.upkeep.logs import read_log
from tests.support.attempts import actor, attempt, tiny_job
from tests.support.places import ROOT
from tests.support.trainings import in_first_step
from workers.machine.printed import Printed
from workers.store import Store
from workers.store.logs import AttemptLog, latest, latest_outcome
from workers.training.last_words import rescue
from workers.trial import trial_id

TRIAL = trial_id(tiny_job().trial)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", create=True)


@pytest.fixture(autouse=True)
def warnings_as_in_a_program(monkeypatch):
    """Warnings are written to stderr, as without pytest."""

    def show(message, category, filename, number, file=None, line=None):
        sys.stderr.write(warnings.formatwarning(message, category, filename, number, line))

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        monkeypatch.setattr(warnings, "showwarning", show)
        yield


def chatter():
    print("a print")
    print("an error", file=sys.stderr)
    warnings.warn("a warning", stacklevel=1)
    os.system("echo from a shell; echo from its stderr >&2")


def printed(store):
    """What the log of the only trial has of printed lines."""
    lines = [line.partition(" ")[2] for line in read_log(store, TRIAL).splitlines()]
    return [line.removeprefix("printed: ") for line in lines if line.startswith("printed: ")]


def test_all_that_is_written_in_an_actor_is_in_the_log_of_its_trial(store, monkeypatch, capfd):
    in_first_step(monkeypatch, chatter)
    worker = actor(store)
    worker.step()
    worker.cleanup()
    lines = printed(store)
    assert lines[:2] == ["a print", "an error"]
    assert "UserWarning: a warning" in lines[2]
    assert lines[-2:] == ["from a shell", "from its stderr"]
    assert capfd.readouterr() == ("", "")
    os.system("echo after")  # the descriptors are those from before
    assert capfd.readouterr().out == "after\n"


def test_in_the_process_of_the_driver_what_python_prints_is_in_the_log(store, monkeypatch, capfd):
    streams = sys.stdout, sys.stderr

    def chatter_with_a_display():
        chatter()
        display = threading.Thread(target=print, args=("progress",))
        display.start()
        display.join()

    in_first_step(monkeypatch, chatter_with_a_display)
    trial = attempt(store)
    trial.advance(seconds=0)
    assert (sys.stdout, sys.stderr) == streams
    trial.close()
    lines = printed(store)
    assert lines[:2] == ["a print", "an error"]
    assert "UserWarning: a warning" in lines[2]
    assert not any("shell" in line or "progress" in line for line in lines)
    assert capfd.readouterr() == ("from a shell\nprogress\n", "from its stderr\n")


def test_each_trial_shows_a_warning_once(store, monkeypatch):
    in_first_step(monkeypatch, lambda: warnings.warn("odd", stacklevel=1), times=100)
    for number in (1, 2):
        trial = attempt(store)
        for _ in range(3):
            trial.advance(seconds=0)
        trial.close()
        assert read_log(store, TRIAL, attempt=number).count("UserWarning: odd") == 1


def test_attempts_that_take_turns_in_a_process_do_not_mix(capfd, tmp_path):
    first, second = (Printed(own_process=True, path=tmp_path / name / "out") for name in ("first", "second"))
    for turn in "ab":
        for name, out in (("first", first), ("second", second)):
            with out.capturing():
                print(name, turn)
                os.system(f"echo {name}")
    assert first.take() == "first a\nfirst\nfirst b\nfirst\n"
    assert second.take() == "second a\nsecond\nsecond b\nsecond\n"
    assert first.take() == ""
    assert capfd.readouterr() == ("", "")


def test_threads_that_begin_and_end_in_any_order_leave_the_streams_as_they_were(capsys, tmp_path):
    stream = sys.stdout
    began, leave = threading.Event(), threading.Event()
    other, mine = (Printed(own_process=False, path=tmp_path / name / "out") for name in ("other", "mine"))

    def in_thread():
        with other.capturing():
            began.set()
            leave.wait(30)
            print("from the thread")

    thread = threading.Thread(target=in_thread)
    thread.start()
    began.wait(30)
    with mine.capturing():
        print("from here")
        leave.set()
        thread.join()
        print("still here")
    assert sys.stdout is stream
    assert (mine.take(), other.take()) == ("from here\nstill here\n", "from the thread\n")
    assert capsys.readouterr().out == ""


def test_only_the_end_of_a_flood_is_taken(tmp_path):
    out = Printed(own_process=False, path=tmp_path / "own" / "out")
    with out.capturing():
        print("x" * 700_000)
    text = out.take()
    assert text.startswith("(200,001 bytes are cut)\nxxx")
    assert len(text) == 500_000 + len("(200,001 bytes are cut)\n")


def test_a_log_keeps_the_newest_printed_lines_and_says_that_earlier_ones_are_cut(store):
    log = AttemptLog(store.files, "abc")
    log.emit(__import__("logging").makeLogRecord({"msg": "continues", "levelname": "INFO"}))
    for number in range(100_000):
        log.printed(f"loss {number}\n")
    log.end("done", 9)
    text = store.files.read(log.path).decode()
    lines = text.splitlines()
    assert len(text) < 520_000
    assert lines[1].startswith("(8")
    assert lines[1].endswith("earlier printed lines cut)")
    assert lines[2].endswith("info: continues")
    assert lines[-2].endswith("printed: loss 99999")
    assert lines[-1].endswith("ends: done at step 9")


def test_a_log_is_not_written_at_every_printed_line(store, monkeypatch):
    log = AttemptLog(store.files, "abc")
    log.flush(force=True)
    writes = []
    monkeypatch.setattr(store.files, "write", lambda *arguments: writes.append(arguments))
    for _ in range(100):
        log.printed("a line\n")
        log.flush()
    assert writes == []
    log.end("done", 9)
    assert len(writes) == 1


def test_lines_are_joined_across_chunks_and_progress_bars_show_their_end(store):
    log = AttemptLog(store.files, "abc")
    for text in ("half", " a line\n 10 %\r 20 %\r", " 30 %\r\n", "no end"):
        log.printed(text)
    log.end("done", None)
    lines = [line.partition("printed: ")[2] for line in store.files.read(log.path).decode().splitlines()]
    assert lines[1:-1] == ["half a line", " 30 %", "no end"]


@pytest.mark.parametrize("way", ["printed", "logged"])
def test_a_faked_ending_is_not_believed(store, way):
    log = AttemptLog(store.files, "abc")
    fake = "x\n2026-01-01T00:00:00+00:00 ends: hung\n"
    if way == "printed":
        log.printed(fake)
    else:
        log.emit(__import__("logging").makeLogRecord({"msg": fake, "levelname": "WARNING"}))
    log.flush(force=True)
    assert latest_outcome(store.files, "abc") is None
    log.end("diverged", 3)
    assert latest_outcome(store.files, "abc") == "diverged"


KILLED = """
import os, sys
from pathlib import Path
from tests.support.attempts import OFTEN, tiny_job
from workers.store import Store
from workers.training import attempt, trainer
from workers.training.attempt import Attempt, Bounds
from workers.training.last_words import rescue

steps = []

def say_and_die(self):
    steps.append(1)
    print(f"step {len(steps)}")
    if len(steps) == 3:
        os.system("echo last words")
        os.kill(os.getpid(), 9)

trainer.Trainer.advance = say_and_die
trial = Attempt(tiny_job(), Store(sys.argv[1]), OFTEN, Bounds(lease="token"), own_process=True)
while True:
    trial.advance(seconds=0)
"""


def test_what_a_killed_process_printed_last_is_in_its_log(store):
    subprocess.run([sys.executable, "-c", KILLED, store.location], cwd=ROOT, check=False, timeout=300)
    log = latest(store.files, TRIAL)
    assert "printed: last words" not in read_log(store, TRIAL)
    rescue(store.location, log)
    text = read_log(store, TRIAL)
    assert printed(store)[-4:] == ["step 1", "step 2", "step 3", "last words"]
    assert latest_outcome(store.files, TRIAL) == "lost_worker"
    rescue(store.location, log)
    assert read_log(store, TRIAL) == text  # only once


def test_the_next_attempt_on_a_machine_finds_what_the_one_before_left(store, monkeypatch):
    in_first_step(monkeypatch, chatter)
    first = attempt(store)
    first.advance(seconds=0)
    attempt(store)
    assert latest_outcome(store.files, TRIAL) is None  # the first one lives
    path, text = first._printed._path, "left behind\n"
    first._printed._stream.write(text)
    os.close(first._printed._stream.fileno())
    monkeypatch.setattr(os, "close", lambda _: None)  # closed already
    attempt(store)
    assert "printed: left behind" in read_log(store, TRIAL, attempt=1)
    assert not path.exists()


def test_a_finished_attempt_leaves_no_file(store, monkeypatch):
    in_first_step(monkeypatch, chatter)
    trial = attempt(store)
    trial.advance(seconds=0)
    assert trial._printed._path.exists()
    trial.close()
    assert not trial._printed._path.exists()


def test_without_a_folder_for_its_file_an_attempt_captures_nothing_and_ends_as_ever(store, monkeypatch, tmp_path):
    in_first_step(monkeypatch, chatter)
    (tmp_path / "taken").touch()  # as closed as the folder of another user
    monkeypatch.setattr("workers.training.attempt.printed_path", lambda *_: tmp_path / "taken" / "out")
    trial = attempt(store)
    assert trial.advance(seconds=0) is None
    trial.close()
    assert latest_outcome(store.files, TRIAL) == "interrupted"
    assert printed(store) == []


def test_printing_on_a_full_disk_does_not_fail(tmp_path):
    out = Printed(own_process=False, path=tmp_path / "own" / "out")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with out.capturing():
        print("kept")
        resource.setrlimit(resource.RLIMIT_FSIZE, (len("kept\n"), limits[1]))
        try:
            print("lost")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        print("kept again")
    assert out.take() == "kept\nkept again\n"
