"""Rehearsals in two processes, whose results are compared.

`python -m workers.describe.second_process` takes the steps of rehearsals without a break: it reads
`{"rehearsals": [...], "folder": path, "answers": path}` from stdin and writes, for each, the `digest` of the state and
the fingerprint of the `data`, or `{"error": message, "hint": hint, "about": part}`, to the path of the answers.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from workers.data.loading import forget_loaded, open_data
from workers.describe.refusal import refusal
from workers.describe.rehearsal import Rehearsal, not_repeatable, rehearse, straight, unrepeatable_data
from workers.errors import BadInput, PrunesweepError
from workers.machine.parent import end_with_parent
from workers.machine.scratch import scratch_folder
from workers.registry.fresh_modules import add_import_folder

Request = dict[str, Any]

_MAIN = "import prunesweep; from workers.describe.second_process import main; main()"
_DIED_HINT = "the code must run in several processes at once, as trials do"


def rehearse_twice(requests: Sequence[Request], folder: str) -> list[dict[str, Any]]:
    """What rehearsals find on this machine, in this process and another one; `folder` has the user's own code.

    Requests are those of `workers.describe`. An answer is `{"found": what `rehearse` returns}`, or
    `{"error": message, "hint": hint, "about": part}`, where the part is a key of the request.
    """
    add_import_folder(folder)
    sys.breakpointhook = _no_debugger  # Ray's would wait for one
    with rehearsing_elsewhere(requests, folder) as other_answers:
        answers = [_answer(request, rehearse) for request in requests]
        others = other_answers()
    return [
        answer if "error" in answer else _compared(request, answer, other)
        for request, answer, other in zip(requests, answers, others, strict=True)
    ]


def _no_debugger(*words: Any, **named: Any) -> None:
    """Continue: trials in a terminal may start a debugger."""


def _compared(request: Request, answer: dict[str, Any], other: dict[str, str] | None) -> dict[str, Any]:
    try:
        check_other_process(Rehearsal.of_request(request), answer["digest"], other)
    except PrunesweepError as error:
        return refusal(error)
    return {"found": answer}


def check_other_process(rehearsal: Rehearsal, digest: str, other: dict[str, str] | None) -> None:
    """Compare with what another process answers, if it was asked. Raises BadInput if it fails or differs."""
    if other is None:
        return
    name, dataset = rehearsal.task.network.name, rehearsal.task.dataset.name
    if "error" in other:
        about = other["about"]
        subject = f"data set `{dataset}`" if about == "dataset" else f"network `{name}`"
        message = f"{subject} fails in the second of two processes: {other['error']}"
        raise BadInput(message, hint=other["hint"], about=about)
    if other["data"] != _fingerprint(rehearsal):
        raise unrepeatable_data(dataset, "two processes load different data")
    if other["digest"] != digest and rehearsal.task.recipe.deterministic:
        raise not_repeatable(name, "two processes train it to other weights")


@contextlib.contextmanager
def rehearsing_elsewhere(
    requests: Sequence[Request], folder: str
) -> Iterator[Callable[[], list[dict[str, str] | None]]]:
    """Rehearse in another process. The block gets a function that waits for the answers, by request.

    An answer is None where a request needs no rehearsal. On a CPU the other process works during the block. On a GPU
    it begins when it is waited for, once this process has freed its memory: trials may need all of it.
    """
    rehearsals = [Rehearsal.of_request(request) if "rehearsal" in request else None for request in requests]
    chosen = [number for number, item in enumerate(rehearsals) if item is not None and item.needed and item.possible]
    answers: list[dict[str, str] | None] = [None] * len(requests)
    if not chosen:
        yield lambda: answers
        return
    on_gpu = any(item is not None and item.device != "cpu" for item in rehearsals)
    with scratch_folder() as scratch, contextlib.ExitStack() as stack:
        path = scratch / "answers.json"
        wanted = {"rehearsals": [requests[number] for number in chosen], "folder": folder, "answers": str(path)}
        early = None if on_gpu else stack.enter_context(_other_process(wanted))

        def wait() -> list[dict[str, str] | None]:
            if early is None:
                _free_memory()
            process = early or stack.enter_context(_other_process(wanted))
            code = process.wait()
            died = {"error": f"it ends with exit code {code}", "hint": _DIED_HINT, "about": "network"}
            written = json.loads(path.read_text("utf-8")) if path.exists() else [died] * len(chosen)
            for number, answer in zip(chosen, written, strict=True):
                answers[number] = answer
            return answers

        yield wait


@contextlib.contextmanager
def _other_process(wanted: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs `main`, ended with the block."""
    command = [sys.executable, "-P", "-c", _MAIN]
    silent = subprocess.DEVNULL
    environment = os.environ | {"PYTHONBREAKPOINT": "0"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=silent, stderr=silent, env=environment) as process:
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it has died, which its exit code tells
                process.stdin.write(json.dumps(wanted | {"parent": os.getpid()}).encode())
                process.stdin.close()
            yield process
        finally:
            process.kill()


def _free_memory() -> None:
    """Free what this process holds on the GPU: data, and what torch keeps for later."""
    forget_loaded()
    gc.collect()
    torch.cuda.empty_cache()


def main() -> None:
    """Answer the rehearsals of the standard input."""
    wanted = json.load(sys.stdin)
    end_with_parent(wanted["parent"])
    add_import_folder(wanted["folder"])
    answers = [_answer(request, without_a_break) for request in wanted["rehearsals"]]
    Path(wanted["answers"]).write_text(json.dumps(answers), "utf-8")


def without_a_break(rehearsal: Rehearsal) -> dict[str, str]:
    """What the other process is compared with."""
    return {"digest": straight(rehearsal), "data": _fingerprint(rehearsal)}


def _fingerprint(rehearsal: Rehearsal) -> str:
    return open_data(rehearsal.task.dataset, torch.device(rehearsal.device)).facts.fingerprint


def _answer(request: Request, work: Callable[[Rehearsal], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work(Rehearsal.of_request(request))
    except PrunesweepError as error:
        return refusal(error)
    except (Exception, SystemExit) as error:  # the user's code may exit
        return refusal(PrunesweepError(f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main()
