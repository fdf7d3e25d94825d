"""A job that is ready to be submitted, and what to tell people about it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.errors import InputError
from workers.text import printable

_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Directions:
    """Commands that follow a job, stop it so that its trials save their states, and continue it."""

    follow: str
    stop: str
    resume: str

    def __str__(self) -> str:
        return f"Follow:    {self.follow}\nStop:      {self.stop}\nContinue:  {self.resume}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A `command` that submits a job, with a `document` on its standard input if there is one.

    variables: what it needs in its environment besides what is there.
    directions: what to tell people, from the id that the command prints.
    hint: what to do where its program is missing or fails.
    """

    command: Sequence[str]
    directions: Callable[[str], Directions]
    hint: str
    document: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """What would be submitted: the document, or else the command."""
        return self.document.rstrip() or in_shell(self.command, self.variables)

    def submit(self) -> Directions:
        """Submit the job. Raises InputError if its program is missing, fails or does not answer."""
        program = _program(self.command[0])
        if program is None:
            raise InputError(f"command not found: `{self.command[0]}`", hint=self.hint)
        command = [program, *self.command[1:]]
        name = " ".join(self.command[:3] if self.command[0] == "ray" else self.command[:2])
        try:
            process = subprocess.run(
                command,
                input=self.document,
                env=os.environ | self.variables,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",  # paths may have any bytes
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(f"`{name}` does not answer within {_SECONDS:.0f} s", hint=self.hint) from error
        if process.returncode != 0:
            said = (process.stderr.strip() or process.stdout.strip()).splitlines() or ["no message"]
            reason = printable(said[-1])
            raise InputError(f"`{name}` failed with exit code {process.returncode}: {reason}", hint=self.hint)
        return self.directions(process.stdout.strip())


def in_shell(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """A command with variables in its environment, as it is typed."""
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in variables.items()), shlex.join(command)])


def _program(name: str) -> str | None:
    """A program on the PATH, or next to this Python: its environment need not be active."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
