"""A network that chooses when it sends signals, so that no test has to be quick enough to send it in time."""

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
    """Send the signal that the next order asks for, once the store has as many of the files as it says."""
    for order in sorted(Path().glob("order-*")):
        count, files, receiver, number = order.read_text().split()
        if len([*Path("store").glob(files)]) < int(count):
            return
        try:
            order.rename(order.name.replace("order", "obeyed"))
        except FileNotFoundError:
            return  # another worker has obeyed
        driver = json.loads(Path("store/lease.json").read_text())["pid"]
        if receiver == "group":
            os.killpg(os.getpgid(driver), int(number))
        else:
            os.kill(driver if receiver == "driver" else os.getpid(), int(number))
'''


def write_obedient_sweep(folder: Path, *orders: str) -> None:
    """Write `sweep.yaml` with a network that obeys orders, one after the other.

    `4 results/*.parquet driver 9`: once the store has four such files, send signal 9 to the driver. A receiver is one
    of `driver`, `group` (the driver's process group) and `worker` (the process of the network itself).
    """
    (folder / "obedient.py").write_text(_CODE)
    (folder / "sweep.yaml").write_text(SWEEP.replace("name: mlp", 'name: "obedient:build"'))
    for number, order in enumerate(orders):
        (folder / f"order-{number}").write_text(order)
