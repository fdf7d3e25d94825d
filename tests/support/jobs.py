"""Jobs that depend on each other, and are never trained."""

from __future__ import annotations

from workers.trial import Dataset, Job, Network, Recipe, Segment, Stop, Task, Trial

TASK = Task(dataset=Dataset(name="d"), network=Network(name="n"), recipe=Recipe(batch_size=1, optimizer="SGD"))


def jobs(**described) -> dict[str, Job]:
    """Jobs from `name=(steps, parents)`; a parent is `(name, step)`."""
    made = {}
    for name, (steps, *parents) in described.items():
        start = Stop(*parents[0]) if parents else None
        trial = Trial(task=TASK, replicate=0, stage=name, rates=(Segment(rate=1.0),), start=start)
        made[name] = Job(trial=trial, records=(steps[-1],), checkpoints=steps)
    return made
