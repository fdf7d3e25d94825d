"""A rank of a trial other than the first: it trains in step with the others and keeps nothing.

`python -c 'from workers.training.member import main; main()' PATH RANK` does what the file at PATH says: see
`workers.training.team`.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from workers.data.batches.share import BatchShare
from workers.data.loading import open_data
from workers.machine.parent import end_with_parent
from workers.machine.terminal import say
from workers.training.exchange import Exchange, PeerLost, connect
from workers.training.outcomes import failure_of
from workers.training.process import configure, make_trainer
from workers.training.states.state import parse_state
from workers.training.trainer import Trainer
from workers.trial import Job, job_from_json


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # rank 0 saves the state first, and then ends this process
    path, rank = Path(sys.argv[1]), int(sys.argv[2])
    wanted = json.loads(path.read_text("utf-8"))
    end_with_parent(wanted["parent"])
    sys.path[:] = wanted["path"]  # the user's code is where rank 0 finds it
    try:
        _train(wanted, rank, path.parent)
    except PeerLost as error:
        say(error.message)  # if no rank has ended, this is the reason
        sys.exit(0)  # the rank that ended has the reason
    except BaseException as error:
        failure = failure_of(error, None)
        (path.parent / f"{rank}.failed").write_text(json.dumps(failure.to_json()), "utf-8")
        sys.exit(1)  # the user's code may have asked for another code: 0 means that nothing has failed here


def _train(wanted: dict[str, Any], rank: int, folder: Path) -> None:
    """Train up to each stop, and compare the state there with those of the other ranks."""
    job = job_from_json(wanted["job"])
    share = BatchShare(rank, job.ranks)
    trainer = _trainer(job, share, _device(wanted["device"], rank))
    (folder / f"{rank}.ready").touch()
    connect(share, str(folder / "meeting"), trainer.device)
    trainer.restore(parse_state((folder / "state").read_bytes(), "the state of rank 0"))
    exchange = trainer.exchange = Exchange(trainer.model, trainer.parameters, share, trainer.adds_up)
    exchange.check_same(trainer.state().digest(), trainer.step)
    for stop in wanted["stops"]:
        while trainer.step < stop:
            trainer.advance()
        exchange.check_same(trainer.state().digest(), stop)


def _trainer(job: Job, share: BatchShare, device: torch.device) -> Trainer:
    configure(job.trial.task.recipe)
    return make_trainer(job.trial, open_data(job.trial.task.dataset, device), device, share)


def _device(name: str, rank: int) -> torch.device:
    """The device of a rank: GPUs are numbered as in the process of rank 0."""
    if not name.startswith("cuda"):
        return torch.device(name)
    torch.cuda.set_device(rank)
    return torch.device("cuda", rank)
