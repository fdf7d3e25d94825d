"""The options that `run`, `resume` and `prune` share."""

from __future__ import annotations

import inspect
from dataclasses import asdict, fields

import pytest

from orchestrator.cli.models import prune
from orchestrator.cli.run_flags import RunFlags
from orchestrator.cli.sweeps import resume, run
from orchestrator.driver.options import RunOptions
from workers.errors import InputError


def names(kind):
    return {field.name for field in fields(kind)}


def test_every_option_of_a_run_is_on_the_command_line():
    assert names(RunFlags) | {"retry", "quiet"} == names(RunOptions)


@pytest.mark.parametrize("command", [run, resume, prune])
def test_a_command_shows_them_instead_of_its_parameter(command):
    shown = inspect.signature(command).parameters.keys()
    assert names(RunFlags) < set(shown)
    assert "flags" not in shown


def test_without_any_they_are_the_defaults_of_the_python_api():
    assert asdict(RunFlags().options(retry_failed=None, quiet=False)) == asdict(RunOptions())


def test_words_are_parsed_and_checked():
    flags = RunFlags(fail_fast="bug,diverged", track=["tensorboard:a"], max_concurrent=2)
    options = flags.options(retry_failed="all", quiet=True)
    assert (options.retry, options.fail_fast, options.track) == (("all",), ("bug", "diverged"), ("tensorboard:a",))
    assert (options.max_concurrent, options.quiet) == (2, True)
    with pytest.raises(InputError, match="not an outcome of a failed trial: `bugs`"):
        RunFlags(fail_fast="bugs").options(retry_failed=None, quiet=False)
