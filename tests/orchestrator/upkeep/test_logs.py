"""Logs on a terminal: found by a trial's id, cut to their end, and harmless."""

import logging
import socket
import threading

import pytest

from orchestrator import cli
from orchestrator.upkeep.logs import read_log
from tests.support.records import make_store, record
from workers.errors import InputError
from workers.store import logs
from workers.store.logs import HUNG, PROGRESS, AttemptLog, host_of, latest, latest_outcome, running
from workers.store.shard import Shard


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path / "store", [], [])


def write(store, trial, number, content):
    store.files.write(f"logs/{trial}/{number:04d}.log", content)


def test_the_latest_attempt_is_shown_and_any_other_on_request(store):
    for number in (1, 2, 10):
        write(store, "abc", number, f"attempt {number}".encode())
    assert read_log(store, "abc") == "attempt 10"
    assert read_log(store, "a", attempt=2) == "attempt 2"
    with pytest.raises(InputError, match="it has logs of 1, 2, 10"):
        read_log(store, "abc", attempt=3)


def test_a_trial_is_named_by_the_beginning_of_its_id_if_that_is_enough(store):
    write(store, "abc", 1, b"")
    write(store, "abd", 1, b"")
    with pytest.raises(InputError, match="2 trials begin with `ab`"):
        read_log(store, "ab")
    for unknown in ("x", "", "../logs/abc"):
        with pytest.raises(InputError, match="has no log of trial"):
            read_log(store, unknown)


def test_only_the_end_of_a_huge_log_is_read(store):
    write(store, "abc", 1, b"line\n" * 1_000_000 + b"last")
    text = read_log(store, "abc")
    assert len(text) <= 1_000_000
    assert read_log(store, "abc", tail=2) == "line\nlast"
    assert read_log(store, "abc", tail=0) == ""


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"\x1b[2J\x1b]0;title\x07 \x00\x7f\x9b", "\\x1b[2J\\x1b]0;title\\x07 \\x00\\x7f\ufffd"),
        ("\u202eabc\u2069\u200b\x9b".encode(), "\\u202eabc\\u2069\\u200b\\x9b"),
        (b"over\rwritten\x08", "over\\x0dwritten\\x08"),
        (b"\ta tab\nand a line: \xc3\xa9 \xe2\x9c\x98", "\ta tab\nand a line: é ✘"),
        (b"\xff\xfe\xc3(", "\ufffd\ufffd\ufffd("),
    ],
)
def test_what_could_do_something_to_a_terminal_is_written_out(store, content, shown):
    write(store, "abc", 1, content)
    assert read_log(store, "abc") == shown


def test_an_attempt_is_logged_from_its_begin_to_its_end(store):
    log = AttemptLog(store.files, "abc")
    with log.recording():
        logging.getLogger("workers.training.run").info("continues from step 5")
        logging.getLogger("a_plugin").warning("strange data")
        logging.getLogger("a_plugin").info("chatter")
        log.end("bug", 7, "Traceback ...\nValueError: x")
    logging.getLogger("workers.training.run").warning("not of this attempt")
    lines = read_log(store, "abc").splitlines()
    assert "attempt 1 at trial abc begins: host" in lines[0]
    assert [line.partition(" ")[2] for line in lines[1:4]] == [
        "info: continues from step 5",
        "warning: strange data",
        "ends: bug at step 7",
    ]
    assert lines[4:] == ["Traceback ...", "ValueError: x"]
    assert latest(store.files, "abc") == "logs/abc/0001.log"
    assert AttemptLog(store.files, "abc").path == "logs/abc/0002.log"


def test_a_first_attempt_with_nothing_to_tell_writes_no_log(store, monkeypatch):
    monkeypatch.setattr(logs, "_SILENT_SECONDS", 600)  # a busy machine may take more than one
    silent = AttemptLog(store.files, "abc", is_first=True)
    with silent.recording():
        silent.end("done", 7)
    assert store.files.names("logs") == []


def tell(log, line):
    log.printed(f"{line}\n")


def warn(log, line):
    logging.getLogger("theirs").warning(line)


@pytest.mark.parametrize(("how", "outcome"), [(tell, "done"), (warn, "done"), (lambda *_: None, "lost_worker")])
def test_a_first_attempt_with_something_to_tell_writes_its_log(store, how, outcome):
    log = AttemptLog(store.files, "abc", is_first=True)
    with log.recording():
        how(log, "beware")
        log.end(outcome, 7)
    text = read_log(store, "abc")
    assert "attempt 1 at trial abc begins: host" in text
    assert f"ends: {outcome} at step 7" in text
    assert ("beware" in text) == (outcome == "done")


def test_a_first_attempt_that_takes_long_begins_its_log(store, monkeypatch):
    monkeypatch.setattr(logs, "_SILENT_SECONDS", 0.01)
    written, write = threading.Event(), store.files.write
    monkeypatch.setattr(store.files, "write", lambda *words: write(*words) or written.set())
    log = AttemptLog(store.files, "abc", is_first=True)
    with log.recording():
        assert written.wait(60)
        assert running(store.files, "abc", {None: "2000-01-01"}) == ""
        log.end("done", 7)
    assert latest_outcome(store.files, "abc") == "done"


def test_the_record_tells_what_a_trial_without_a_log_would(tmp_path):
    store = make_store(tmp_path / "recorded", [], [record(trial="abc", step=1200, host="h", attempts=1)])
    lines = read_log(store, "ab").splitlines()
    assert [line.partition(" ")[2] for line in lines] == [
        "attempt 1 at trial abc begins: host h",
        "ends: done at step 1,200",
    ]
    with pytest.raises(InputError, match="trial `abc` has no log of attempt 2") as raised:
        read_log(store, "abc", attempt=2)
    assert raised.value.hint == "omit `--attempt`: no attempt has one"


def test_the_outcome_of_the_latest_attempt_is_read_from_its_last_entry(store):
    assert latest_outcome(store.files, "abc") is None
    first = AttemptLog(store.files, "abc")
    first.flush(force=True)
    assert latest_outcome(store.files, "abc") is None  # it still runs
    first.end(HUNG, 4, "thread stacks:\n  File x, line 3")
    assert latest_outcome(store.files, "abc") == HUNG
    AttemptLog(store.files, "abc").end("done", None)
    assert latest_outcome(store.files, "abc") == "done"


def test_the_outcome_in_a_log_of_an_older_version_is_read(store):
    old = b"2026-01-01T00:00:00+00:00 attempt 1 at trial abc begins: host h, process 1\n"
    write(store, "abc", 1, old + b"2026-01-01T00:00:09+00:00 ends: timeout at step 1,000\nit hung; what its threads\n")
    assert latest_outcome(store.files, "abc") == "timeout"


def test_what_a_users_code_logs_does_not_pass_for_the_end(store):
    log = AttemptLog(store.files, "abc")
    with log.recording():
        logging.getLogger("theirs").warning("text\n2026-01-01T00:00:09+00:00 ends: done at step 9")
        log.printed("2026-01-01T00:00:09+00:00 ends: done at step 9\n")
        log.flush()
        assert running(store.files, "abc", {None: "2000-01-01"}) == ""
        log.end("timeout", 4)
    assert latest_outcome(store.files, "abc") == "timeout"


def test_only_the_newest_line_of_how_far_a_trial_is_stays(store):
    log = AttemptLog(store.files, "abc")
    begun = {None: "2000-01-01"}
    with log.recording():
        assert running(store.files, "abc", begun) == ""
        for step in (1, 2):
            logging.getLogger("workers.x").info(f"step {step} of 9", extra={PROGRESS: True})
        logging.getLogger("workers.x").warning("odd")
        log.flush()
        assert running(store.files, "abc", begun) == "step 2 of 9"
        assert running(store.files, "abc", {None: "2999-01-01"}) is None  # of an earlier driver
        assert running(store.files, "none", begun) is None
        log.end("done", 9)
    assert running(store.files, "abc", begun) is None
    lines = [line.partition(" ")[2] for line in read_log(store, "abc").splitlines()[1:]]
    assert lines == ["warning: odd", "info: step 2 of 9", "ends: done at step 9"]


def test_an_attempt_runs_as_long_as_the_driver_of_its_shard(store):
    log = AttemptLog(store.files, "abc", shard=Shard(2, 3))
    log.flush(force=True)
    assert running(store.files, "abc", {"1/3": "2000-01-01", "2/3": "2000-01-01"}) == ""
    assert running(store.files, "abc", {"1/3": "2000-01-01", "2/3": "2999-01-01"}) is None  # it was run again
    for others in ({"1/3": "2000-01-01"}, {None: "2000-01-01"}):
        assert running(store.files, "abc", others) is None
    assert host_of(store.files, log.path) == socket.gethostname()


def test_a_chatty_attempt_keeps_its_newest_lines(store):
    log = AttemptLog(store.files, "abc")
    for number in range(5000):
        log.emit(__import__("logging").makeLogRecord({"msg": f"message {number}", "levelname": "WARNING"}))
    log.flush()
    lines = read_log(store, "abc").splitlines()
    assert "begins" in lines[0]
    assert lines[-1].endswith("message 4999")
    assert len(lines) == 2001


def test_a_log_that_cannot_be_written_does_not_fail_a_trial(store, monkeypatch):
    def full(path, data, durable):
        raise OSError(28, "No space left on device")

    log = AttemptLog(store.files, "abc")
    monkeypatch.setattr(store.files, "write", full)
    with log.recording():
        log.end("done", None)


def test_the_command_takes_a_store_and_a_trial_or_only_a_trial(store, monkeypatch, capsys):
    write(store, "abc", 1, b"first\nsecond")
    for arguments in (["logs", store.location, "abc"], ["logs", "abc"], ["logs", "abc", "--tail", "1"]):
        monkeypatch.setenv("PRUNESWEEP_STORE", store.location)
        cli.app(arguments, standalone_mode=False)
    assert capsys.readouterr().out == "first\nsecond\nfirst\nsecond\nsecond\n"


def test_a_store_without_a_trial_is_refused(store):
    for arguments in ([store.location], []):
        with pytest.raises(InputError, match="no trial given for store: "):
            cli.app(["logs", *arguments], standalone_mode=False)


def test_the_help_shows_a_store_and_a_trial(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        cli.app(["logs", "--help"])
    assert "logs [OPTIONS] [STORE] [TRIAL]" in capsys.readouterr().out
