"""Images per second of our training loop, compared with the loop that a user would write, in turns, on equal threads.

Both train ResNet-20 on images of CIFAR-10's shape. The user's loop has torchvision's transforms, a DataLoader (with
workers if there is a GPU) and torch's default memory format and precision: on a GPU, tf32 in convolutions (ours: in all
products).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from measure import Figure, arguments, finish

from workers.machine.device import HUGE_PAGES

BATCH = 128
IMAGES = 10_000
RATE = 0.1
SGD = {"momentum": 0.9, "nesterov": True, "weight_decay": 2e-4}


def main() -> None:
    quick = arguments((__doc__ or "").splitlines()[0]).quick
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    rounds, steps = (2, 4) if quick else (6, 10)
    if device == "cuda":
        rounds, steps = 4, 40 if quick else 200
    seconds = in_turns({"theirs": their_loop, "ours": our_loop}, device, rounds, steps)
    speed = {name: BATCH * steps / taken for name, taken in seconds.items()}
    finish(
        "training",
        quick,
        [
            Figure(f"the user's loop, {device}", speed["theirs"], "images/s"),
            Figure(f"our loop, {device}", speed["ours"], "images/s"),
            Figure("ours over theirs", speed["ours"] / speed["theirs"], at_least=3 if device == "cuda" else 1.5),
        ],
    )


def in_turns(
    loops: dict[str, Callable[[str], Callable[[int], None]]], device: str, rounds: int, steps: int
) -> dict[str, float]:
    """The median seconds for `steps` steps of each loop, each in its own process, which waits while others run."""
    with contextlib.ExitStack() as stack:
        turns = {name: stack.enter_context(process(loop, device)) for name, loop in loops.items()}
        taken: dict[str, list[float]] = {name: [] for name in loops}
        for number in range(rounds + 1):
            for name, turn in turns.items():
                turn.send(steps)
                seconds = turn.recv()
                if number:  # the first round is a warm-up
                    taken[name].append(seconds)
    return {name: sorted(seconds)[len(seconds) // 2] for name, seconds in taken.items()}


@contextlib.contextmanager
def process(loop: Callable[[str], Callable[[int], None]], device: str) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    parent_end, child_end = context.Pipe()
    child = context.Process(target=serve, args=(loop, device, child_end))  # a daemon could not start a loader's workers
    with environment(GLIBC_TUNABLES=HUGE_PAGES if loop is our_loop else ""):  # our workers are started with it
        child.start()
    child_end.close()
    try:
        yield parent_end
    finally:
        with contextlib.suppress(BrokenPipeError):  # it has failed, and said why
            parent_end.send(0)
        child.join()


@contextlib.contextmanager
def environment(**variables: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def serve(loop: Callable[[str], Callable[[int], None]], device: str, turns: Connection) -> None:
    import torch

    torch.set_num_threads(1)
    train = loop(device)
    while steps := turns.recv():
        begin = time.perf_counter()
        train(steps)
        if device == "cuda":
            torch.cuda.synchronize()
        turns.send(time.perf_counter() - begin)


def our_loop(device: str) -> Callable[[int], None]:
    import torch

    from workers import schedules
    from workers.data.loading import open_data
    from workers.training.process import configure
    from workers.training.trainer import Trainer
    from workers.trial import Dataset, Network, Recipe, Task, Trial

    images = {"train_images": IMAGES, "test_images": 10, "classes": 10, "channels": 3, "size": 32}
    recipe: dict[str, Any] = {"optimizer": "SGD", "optimizer_arguments": SGD, "crop_padding": 4}
    recipe["precision"] = "tf32" if device == "cuda" else "fp32"
    task = Task(
        dataset=Dataset(name="synthetic", arguments=images),
        network=Network(name="cifar_resnet", arguments={"depth": 20}),
        recipe=Recipe(batch_size=BATCH, horizontal_flip=True, **recipe),
    )
    configure(task.recipe)
    trial = Trial(task=task, replicate=0, stage="dense", rates=schedules.constant(RATE))
    trainer = Trainer(trial, open_data(task.dataset, torch.device(device)), torch.device(device))

    def train(steps: int) -> None:
        for _ in range(steps):
            trainer.advance()
        trainer.settle()

    return train


def their_loop(device: str) -> Callable[[int], None]:
    import numpy as np
    import torch
    from PIL import Image
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    from workers.models.cifar_resnet import cifar_resnet

    class Cifar(Dataset):  # type: ignore[type-arg]
        """Random images, in the form that torchvision.datasets.CIFAR10 gives them."""

        def __init__(self) -> None:
            random = np.random.default_rng(0)
            self.data = random.integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8)
            self.targets = random.integers(0, 10, IMAGES).tolist()
            self.transform = transforms.Compose(
                [
                    transforms.RandomCrop(32, padding=4),
                    transforms.RandomHorizontalFlip(),
                    transforms.ToTensor(),
                    transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
                ]
            )

        def __len__(self) -> int:
            return len(self.data)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return self.transform(Image.fromarray(self.data[index])), self.targets[index]

    on_gpu = device == "cuda"
    helpers: dict[str, Any] = {}
    if on_gpu:  # by fork, or the local class could not be sent to them
        count = min(8, (os.cpu_count() or 2) - 1)
        helpers = {"num_workers": count, "persistent_workers": True, "multiprocessing_context": "fork"}
    loader = DataLoader(Cifar(), BATCH, shuffle=True, drop_last=True, pin_memory=on_gpu, **helpers)
    network = cifar_resnet(depth=20, input_shape=(3, 32, 32), classes=10).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, **SGD)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield from loader

    endless = batches()

    def train(steps: int) -> None:
        total = 0.0
        for _ in range(steps):
            images, labels = (tensor.to(device, non_blocking=True) for tensor in next(endless))
            optimizer.zero_grad()
            loss = F.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()

    return train


if __name__ == "__main__":
    main()
