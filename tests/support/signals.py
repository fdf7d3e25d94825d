"""A network that chooses when it sends a signal, so that no test has to be quick enough to send it in time."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import SWEEP

_CODE = '''\
import json
import os
from pathlib import Path

from workers.models.mlp import mlp


def build(input_shape, classes, hidden, dropout):
    network = mlp(input_shape=input_shape, classes=classes, hidden=hidden, dropout=dropout)
    network.register_forward_pre_hook(obey)
    return network


def obey(*_):
    """Send the signal that the file `order` asks for, once the store has four records."""
    if not Path("order").exists() or len([*Path("store/results").glob("[!.]*")]) < 4:
        return
    try:
        Path("order").rename("obeyed")
    except FileNotFoundError:
        return  # another worker has obeyed
    receiver, number = Path("obeyed").read_text().split()
    driver = json.loads(Path("store/lease.json").read_text())["pid"]
    if receiver == "group":
        os.killpg(os.getpgid(driver), int(number))
    else:
        os.kill(driver if receiver == "driver" else os.getpid(), int(number))
'''


def write_obedient_sweep(folder: Path, order: str = "") -> None:
    """Write `sweep.yaml` with a network that obeys an order, such as `driver 9`: the receiver is one of `driver`,
    `group` (the driver's process group) and `worker` (the process of the network itself)."""
    (folder / "obedient.py").write_text(_CODE)
    (folder / "sweep.yaml").write_text(SWEEP.replace("name: mlp", 'name: "obedient:build"'))
    if order:
        (folder / "order").write_text(order)
