"""Stores of the same grid, to be compared."""

from __future__ import annotations

from tests.support.records import cell, dense_cell, make_store, record_of

RESNET20 = {"dataset": "cifar10(root=data)", "network": "resnet20", "recipe": "short", "dense_step": 1563}
DENSE = (0.80, 0.81, 0.83)


def store(path, groups, *, missing=(), place=None, dense=DENSE):
    """`groups` maps (technique, compression, budget in epochs of 4) to the test accuracies of three replicates."""
    place = RESNET20 if place is None else place
    end = place.get("dense_step", 100)
    cells = [dense_cell(replicate=replicate, step=end, **place) for replicate in range(len(dense))]
    records = [record_of(one, test_score=accuracy, epochs=4.0) for one, accuracy in zip(cells, dense, strict=True)]
    for (technique, compression, budget), accuracies in groups.items():
        for replicate, accuracy in enumerate(accuracies):
            one = cell(
                technique=technique,
                compression=compression,
                budget=f"{budget}ep",
                budget_epochs=float(budget),
                replicate=replicate,
                **place,
            )
            cells.append(one)
            if (technique, compression, replicate) not in missing:
                records.append(record_of(one, test_score=accuracy, validation_score=accuracy))
    return make_store(path, cells, records)
