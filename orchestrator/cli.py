"""The command line: a thin shell over `orchestrator.api`. stdout carries data, stderr everything else."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from orchestrator import api
from orchestrator.light import spare_pandas
from workers.errors import InputError, PrunesweepError, StoreError

app = typer.Typer(
    help="Sweeps of neural network pruning and retraining: which technique, how far, at what cost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Value = Literal["accuracy", "delta"]
Format = Literal["text", "markdown", "csv", "latex", "json"]

SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="The sweep file (YAML).")]
StoreArgument = Annotated[
    str | None,
    typer.Argument(metavar="[STORE]", help="The store; default $PRUNESWEEP_STORE or this folder.", show_default=False),
]
StoreOption = Annotated[str | None, typer.Option("--store", help="The store; default `store` of the sweep file.")]
SweepName = Annotated[str | None, typer.Option("--sweep", help="Only the sweep of this name.")]
Only = Annotated[str | None, typer.Option("--only", help="Only these cells: `technique=lr_rewinding,compression>=8`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
InProcess = Annotated[bool, typer.Option("--in-process", help="Without Ray: one trial after the other, here.")]
Address = Annotated[
    str | None,
    typer.Option("--address", envvar="RAY_ADDRESS", help="A Ray cluster that this machine is part of, such as `auto`."),
]
Cpus = Annotated[int | None, typer.Option("--cpus", help="CPUs of this machine for a local Ray.", min=1)]
Gpus = Annotated[int | None, typer.Option("--gpus", help="GPUs of this machine for a local Ray.", min=0)]
MaxConcurrent = Annotated[int | None, typer.Option("--max-concurrent", help="Trials at once, at most.", min=1)]
Wait = Annotated[bool, typer.Option("--wait-for-resources", help="Wait for machines instead of refusing.")]
StopAfter = Annotated[str | None, typer.Option("--stop-after", help="Stop in time for a job limit: `23h`, `90min`.")]
Save = Annotated[float, typer.Option("--checkpoint-seconds", help="How often a running trial saves its state.", min=0)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
RetryFailed = Annotated[
    str | None,
    typer.Option("--retry-failed", help="Run failed trials again: `all`, or outcomes such as `diverged,io`."),
]


def main() -> None:
    """The entry point: errors as messages, exit codes as the README says."""
    spare_pandas()
    arguments = ["--retry-failed=all" if word == "--retry-failed" else word for word in sys.argv[1:]]
    try:
        app(args=arguments)
    except InputError as error:
        _fail(error, 2)
    except StoreError as error:
        _fail(error, 4)
    except PrunesweepError as error:
        _fail(error, 1)
    except KeyboardInterrupt:  # later ones are handled by the driver, which drains
        print("Stopped; nothing had begun", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `prunesweep table | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        _fail(error, 4)


def _fail(error: Exception, code: int) -> None:
    text = str(error)
    print(text if text.startswith("error:") else f"error: {text}", file=sys.stderr)
    sys.exit(code)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("sweep.yaml"),
    preset: Annotated[str, typer.Option("--preset", help="Which; see `prunesweep list presets`.")] = "digits",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented sweep file to begin with."""
    from orchestrator.presets import read_preset

    text = read_preset(preset)
    if file.exists() and not force:
        raise InputError(f"`{file}` is there already\n\nhint: `--force` replaces it")
    file.write_text(text, "utf-8")
    _say(f"Wrote {file}. Next: prunesweep plan {file}")


@app.command()
def plan(
    sweep: SweepFile,
    store: StoreOption = None,
    only: Only = None,
    show_layers: Annotated[bool, typer.Option("--layers", help="List the weights that may be pruned instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a sweep comes to: cells, trials, steps, room and time."""
    if show_layers:
        from orchestrator.layers import layers

        listed = layers(api.load(sweep), store)
        print(json.dumps([each.to_json() for each in listed], indent=1) if as_json else "\n\n".join(map(str, listed)))
        return
    from orchestrator.preview import preview

    found = preview(api.load(sweep), store, only)
    print(json.dumps(found.to_json(), indent=1) if as_json else found)
    _name_unreadable(found.unreadable)


@app.command()
def run(
    sweep: SweepFile,
    store: StoreOption = None,
    only: Only = None,
    in_process: InProcess = False,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    max_concurrent: MaxConcurrent = None,
    wait_for_resources: Wait = False,
    stop_after: StopAfter = None,
    checkpoint_seconds: Save = 60.0,
    retry_failed: RetryFailed = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Train again what other data, code or numerics gave.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Do what is missing of a sweep. Can be repeated, interrupted and extended."""
    spec = api.load(sweep)
    options = _options(locals())
    _finish(
        lambda: api.run(spec, store, only=only, accept_changes=accept_changes, options=options), store or spec.store
    )


@app.command()
def resume(
    store: StoreArgument = None,
    sweep: SweepName = None,
    only: Only = None,
    in_process: InProcess = False,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    max_concurrent: MaxConcurrent = None,
    wait_for_resources: Wait = False,
    stop_after: StopAfter = None,
    checkpoint_seconds: Save = 60.0,
    retry_failed: RetryFailed = None,
    quiet: Quiet = False,
) -> None:
    """Go on with the newest sweep of a store."""
    location, options = _store(store), _options(locals())
    _finish(partial(api.resume, location, sweep=sweep, only=only, options=options), location)


def _options(given: dict[str, Any]) -> Any:
    from orchestrator.driver.session import RunOptions
    from orchestrator.text import parse_duration

    stop_after, retry = given["stop_after"], given["retry_failed"]
    same = ("in_process", "address", "cpus", "gpus", "max_concurrent", "wait_for_resources", "quiet")
    return RunOptions(
        **{name: given[name] for name in same},
        checkpoint_seconds=given["checkpoint_seconds"],
        stop_after=None if stop_after is None else parse_duration(stop_after),
        retry=tuple(retry.split(",")) if retry else (),
    )


def _finish(work: Callable[[], Any], store: str | None) -> None:
    """Run, say how it went and how to go on, and exit with the summary's code."""
    summary = work()
    _say(f"{summary.cells_done:,} of {summary.cells:,} cells done")
    if summary.failed:
        classes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(summary.outcomes.items()))
        _say(f"{summary.failed:,} trials failed ({classes}) and block {summary.blocked:,} more")
        _say(f"\nSee why:    prunesweep status {store}\nTry again:  prunesweep resume {store} --retry-failed")
    elif summary.cells_done < summary.cells:
        _say(f"\nContinue with:  prunesweep resume {store}")
    else:
        _say(f"\nNext:  prunesweep table {store}\n       prunesweep export {store}")
    sys.exit(summary.exit_code)


@app.command()
def status(store: StoreArgument = None, sweep: SweepName = None, as_json: AsJson = False) -> None:
    """Show how far sweeps are, and what failed and why."""
    found = api.status(_store(store), sweep)
    print(json.dumps(found.to_json(), indent=1) if as_json else found)
    _name_unreadable(found.unreadable)


@app.command()
def logs(
    store: Annotated[str, typer.Argument(metavar="[STORE] TRIAL", help="The store, and a trial or how its id begins.")],
    trial: Annotated[str | None, typer.Argument(hidden=True)] = None,
    attempt: Annotated[int | None, typer.Option("--attempt", help="Which; default the latest.", min=1)] = None,
    tail: Annotated[int | None, typer.Option("--tail", help="Only so many lines, the last.", min=0)] = None,
) -> None:
    """Print the log of a trial: where and when it ran, its warnings, and how it ended."""
    from orchestrator.logs import read_log
    from workers.store import Store

    location, name = (_store(None), store) if trial is None else (store, trial)
    print(read_log(Store(location), name, attempt, tail))


@app.command()
def verify(
    store: StoreArgument = None,
    repair: Annotated[bool, typer.Option("--repair", help="Move what was found to `quarantine/`.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every file of a store and name what is damaged, half-written, orphaned, foreign or conflicting."""
    from orchestrator.verify import verify as look
    from workers.store import Store

    found = look(Store(_store(store)), repair=repair)
    print(json.dumps(found.to_json(), indent=1) if as_json else found)
    sys.exit(3 if found.findings else 0)


@app.command()
def gc(
    store: StoreArgument = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Delete the quarantine too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete states that no sweep needs any more. Records are never deleted."""
    from orchestrator.gc import collect
    from workers.store import Store

    found = collect(Store(_store(store)), dry_run=dry_run, quarantine=quarantine)
    print(json.dumps(found.to_json(), indent=1) if as_json else found)


@app.command()
def table(
    store: StoreArgument = None,
    sweep: SweepName = None,
    value: Annotated[Value, typer.Option("--value", help="`delta` is points to the dense network.")] = "accuracy",
    budget: Annotated[
        str | None, typer.Option("--budget", help="A budget of the sweep, or `best`: chosen on validation.")
    ] = None,
    statistic: Annotated[
        Literal["median", "mean"], typer.Option("--statistic", help="Median [min, max], or mean ± sd.")
    ] = "median",
    split: Annotated[Literal["test", "validation"], typer.Option("--split", help="Of which images.")] = "test",
    only: Only = None,
    format_: Annotated[Format, typer.Option("--format", "-f", help="How to print it.")] = "text",
    as_json: AsJson = False,
) -> None:
    """Print accuracy by technique and compression."""
    from orchestrator.results.frame import join
    from orchestrator.results.table import table as make_table
    from workers.store import Store

    joined = join(Store(_store(store)), None if sweep is None else [sweep])
    found = make_table(joined.rows, value=value, budget=budget, statistic=statistic, split=split, filters=only)
    writers: dict[Format, Callable[[], str]] = {
        "text": lambda: found.to_text(_width()),
        "markdown": found.to_markdown,
        "csv": found.to_csv,
        "latex": found.to_latex,
        "json": found.to_json,
    }
    print(writers["json" if as_json else format_]())
    _name_unreadable(joined.unreadable)


@app.command()
def export(
    store: StoreArgument = None,
    to: Annotated[Path, typer.Option("--to", help="The folder to write to.")] = Path("export"),
    sweep: SweepName = None,
    only: Only = None,
    value: Annotated[Value, typer.Option("--value", help="What the figure shows.")] = "delta",
    budget: Annotated[str | None, typer.Option("--budget", help="The figure's budget; default `best`.")] = None,
) -> None:
    """Write one tidy table (Parquet and CSV, one row a cell) and the accuracy-vs-compression figure (PNG and SVG)."""
    from orchestrator.results.export import export as write
    from orchestrator.results.figure import accuracy_vs_compression, save
    from orchestrator.results.frame import join
    from orchestrator.select import check_picked, selector
    from workers.store import Store

    joined = join(Store(_store(store)), None if sweep is None else [sweep])
    rows = joined.rows
    if only is not None:
        wanted = selector(only)
        rows = rows.filter([wanted(row) for row in rows.to_pylist()])
        check_picked(rows.num_rows > 0, only)
    to.mkdir(parents=True, exist_ok=True)
    for suffix in ("parquet", "csv"):
        print(write(rows, to / f"results.{suffix}"))
    try:
        figure = accuracy_vs_compression(rows, value=value, budget=budget)
    except InputError as error:
        _say(f"warning: no figure: {error}")
    else:
        for path in save(figure, to / "accuracy_vs_compression"):
            print(path)
    _name_unreadable(joined.unreadable)


@app.command("list")
def list_names(
    what: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="techniques, networks, datasets, scores, distributions, structures or presets."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """List what a sweep file can name of a kind, or the presets of `init`."""
    from orchestrator.presets import presets
    from workers.data import DATASETS
    from workers.models import NETWORKS
    from workers.pruning import DISTRIBUTIONS, SCORES, STRUCTURES
    from workers.registry import closest
    from workers.techniques import TECHNIQUES

    kinds = {
        "techniques": lambda: {name: technique.summary for name, technique in TECHNIQUES.items()},
        "networks": lambda: {name: entry.summary for name, entry in NETWORKS.items()},
        "datasets": lambda: {name: entry.summary for name, entry in DATASETS.items()},
        "scores": lambda: {name: entry.summary for name, entry in SCORES.items()},
        "distributions": lambda: {name: entry.summary for name, entry in DISTRIBUTIONS.items()},
        "structures": lambda: {name: entry.summary for name, entry in STRUCTURES.items()},
        "presets": presets,
    }
    if what not in kinds:
        raise InputError(f"unknown kind `{what}`\n\nhint: {closest(what, kinds)}")
    entries = kinds[what]()
    if as_json:
        print(json.dumps(entries, indent=1))
        return
    width = max(map(len, entries))
    for name, summary in entries.items():
        print(f"{name:<{width}}  {summary}")


@app.command()
def doctor(store: StoreArgument = None, address: Address = None, as_json: AsJson = False) -> None:
    """Check this machine: versions, GPUs, room, and whether a store or a cluster can be used."""
    from orchestrator.doctor import examine

    findings = examine(store or os.environ.get("PRUNESWEEP_STORE"), address)
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        for finding in findings:
            print(f"{'✔' if finding.good else '✘'} {finding.what}: {finding.found}")
    sys.exit(0 if all(finding.good for finding in findings) else 1)


def _store(given: str | None) -> str:
    """The store that was named, or $PRUNESWEEP_STORE, or the current folder."""
    return given or os.environ.get("PRUNESWEEP_STORE") or "."


def _width() -> int | None:
    """Columns of the terminal; tables that go elsewhere are not folded."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _name_unreadable(unreadable: dict[str, str]) -> None:
    """Say which files were skipped, and exit with 3 if any were."""
    for reason in unreadable.values():
        _say(f"warning: skipped {reason}")
    if unreadable:
        sys.exit(3)


def _say(message: str) -> None:
    print(message, file=sys.stderr)
