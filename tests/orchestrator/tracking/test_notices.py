"""Notices and commands: what they say, and that nothing they meet is felt by a sweep."""

from __future__ import annotations

import http.server
import json
import re
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from orchestrator.tracking import audience as audience_module
from orchestrator.tracking import notices
from orchestrator.tracking.audience import audience
from orchestrator.tracking.notices import WebHook, check_url
from orchestrator.tracking.summary import outcome_of, payload
from tests.support.trackers import EVENTS, FAILED, STALLED, SUBJECT, end
from workers.errors import InputError


@pytest.fixture
def server():
    """A web server that keeps what is posted. `/hang` gets no answer, `/moved` a dead host, `/broken` an error."""
    posted, over = [], threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if self.path == "/hang":
                over.wait(600)
            self.send_response({"/moved": 302, "/broken": 500}.get(self.path, 204))
            self.send_header("Location", "http://127.0.0.1:1/dead")
            self.end_headers()

        def log_message(self, *_): ...

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}", posted
    over.set()
    web.shutdown()
    web.server_close()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """However busy the machine is, notices arrive and commands finish; second tries do not pause."""
    monkeypatch.setattr(notices, "_POST_SECONDS", 600)
    monkeypatch.setattr(notices, "time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(audience_module, "_NOTICE_SECONDS", 600)


def tell(events, **whom):
    """Tell events to an audience; returns how long the driver was kept while it ran, and at the end."""
    begun = time.monotonic()
    with audience(**whom) as listeners:
        for event in events:
            for listener in listeners:
                listener.hear(event)
        ran = time.monotonic()
    return ran - begun, time.monotonic() - ran


def test_a_notice_is_posted_at_the_end_at_the_first_failure_of_a_class_and_at_a_stall(server, capsys):
    url, posted = server
    again = [FAILED, replace(FAILED, outcome="bug"), FAILED, STALLED, STALLED]
    tell([*EVENTS, *again, end(3, cells_done=1, failed={"bug": 1, "diverged": 2})], notify=url)
    assert [notice["event"] for notice in posted] == ["TrialEnded", "TrialEnded", "SweepStalled", "SweepEnded"]
    assert [notice.get("outcome") for notice in posted] == ["diverged", "bug", None, "failed"]
    assert posted[0]["text"] == (
        "Trial 0123456789abcdef0123 failed (diverged): mlp · default · lr_rewinding 16× 90%, replicate 0: "
        "loss is nan at step 7"
    )
    assert posted[2]["text"] == "The sweep is stalled: the disk is full"
    assert posted[3]["text"] == "Sweep tiny: failed after 2 min: 1 of 3 cells done, 3 trials failed"
    assert posted[3] | {"version": 1, "exit_code": 3, "store": "/store"} == posted[3]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/hang", "timed out|no answer within"), ("/moved", "302"), ("/broken", "500"), (None, "refused")],
)
def test_a_url_that_hangs_refuses_or_redirects_is_named(server, monkeypatch, capsys, path, reason):
    if path == "/hang":
        monkeypatch.setattr(notices, "_POST_SECONDS", 0.4)
    url = "http://127.0.0.1:1/" if path is None else server[0] + path
    tell([*EVENTS, FAILED, STALLED, end()], notify=url)
    [warning] = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: notify: ")
    assert re.search(reason, warning)


def test_a_notice_that_cannot_be_sent_in_time_is_left_behind(server, monkeypatch, capsys):
    monkeypatch.setattr(notices, "_POST_SECONDS", 1000.0)
    monkeypatch.setattr(audience_module, "_NOTICE_SECONDS", 0.2)
    ran, ended = tell([FAILED, end()], notify=server[0] + "/hang")
    assert ran + ended < 200  # neither waits for the 400 s that the URL has
    assert "warning: notify: did not finish within 0.2 s, and was abandoned" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org/", "file:///etc/passwd", "http://", "http://[", ""])
def test_only_web_addresses_are_accepted(url):
    with pytest.raises(InputError, match="must be a URL"):
        check_url(url)


def test_a_command_has_the_outcome_in_its_environment_and_on_stdin(tmp_path, capsys):
    command = f"cat > {tmp_path}/stdin; env | grep ^PRUNESWEEP_ | sort > {tmp_path}/env"
    tell([*EVENTS, FAILED, end(3, cells_done=1, failed={"diverged": 1})], on_end=command)
    assert json.loads((tmp_path / "stdin").read_text())["outcome"] == "failed"
    assert (tmp_path / "env").read_text().splitlines() == [
        "PRUNESWEEP_CELLS=3",
        "PRUNESWEEP_CELLS_DONE=1",
        "PRUNESWEEP_EXIT_CODE=3",
        "PRUNESWEEP_OUTCOME=failed",
        "PRUNESWEEP_STORE=/store",
        "PRUNESWEEP_SWEEP=tiny",
        "PRUNESWEEP_TRIALS_FAILED=1",
    ]
    assert capsys.readouterr().err == ""


def test_a_command_prints_to_stderr(capfd):
    tell([end()], on_end="echo uploaded; echo warned >&2")
    assert capfd.readouterr() == ("", "uploaded\nwarned\n")


@pytest.mark.parametrize(
    ("command", "warning"),
    [
        ("exit 7", "non-zero exit status 7"),
        ("sleep 5", "did not finish within 0.3 s"),
        ("no-command-of-this-name", "127"),
    ],
)
def test_a_command_that_fails_or_hangs_costs_the_driver_nothing(monkeypatch, capfd, command, warning):
    monkeypatch.setattr(audience_module, "_NOTICE_SECONDS", 0.3 if "sleep" in command else 600)
    ran, ended = tell([end()], on_end=command)
    assert ran + ended < 30
    assert warning in capfd.readouterr().err


@pytest.mark.parametrize(
    ("code", "word"), [(0, "done"), (2, "refused"), (3, "failed"), (4, "error"), (130, "interrupted")]
)
def test_outcomes_follow_exit_codes(code, word):
    assert outcome_of(end(code)) == word


def test_notices_show_control_characters_as_codes_and_cut_long_texts():
    hostile = "\x1b[31m\u202e\n" + "x" * 10_000
    shown = rf"\x1b[31m\u202e\x0a{'x' * 493}… (10,007 characters)"
    subject = replace(SUBJECT, cell=hostile, place=hostile)
    failed = payload(replace(FAILED, subject=subject, reason=hostile, hint=hostile))
    assert failed["text"] == f"Trial {SUBJECT.trial} failed (diverged): {shown} · {shown}: {shown}"
    assert {failed["reason"], failed["hint"], failed["subject"]["cell"], failed["subject"]["place"]} == {shown}
    stalled = payload(replace(STALLED, reason=hostile))
    assert (stalled["text"], stalled["reason"]) == (f"The sweep is stalled: {shown}", shown)
    ended = payload(end(4, reason=hostile))
    assert (ended["text"], ended["reason"]) == (f"Sweep tiny: error after 2 min: 3 of 3 cells done, {shown}", shown)


def test_a_new_hook_tells_again(server):
    url, posted = server
    for _ in range(2):
        WebHook(url).receive(FAILED)
    assert len(posted) == 2
