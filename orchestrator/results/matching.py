"""Which grids and cells of two results are of the same thing.

Grids match by network, pruning and schedule, and by their data as far as a name tells; cells by technique and
density. Where several grids of the other side match, those of the same data set and recipe go first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from orchestrator.results.grid import Section, TableCell
from workers.models import NETWORKS
from workers.registry import is_own

_SAME_DENSITY = 0.001  # relative: the study rounds to four digits
_ANY_IMAGES = ("image_folder", "image_parquet")  # files, which may hold any data set


def matching_sections(ours: Sequence[Section], theirs: Sequence[Section]) -> list[tuple[Section, Section]]:
    """Pairs of grids, in the order of ours; a grid may be in several."""
    pairs = []
    for section in ours:
        candidates = [other for other in theirs if _match(section, other)]
        equal = [other for other in candidates if _task(other) == _task(section)]
        pairs += [(section, other) for other in equal or candidates]
    return pairs


def matching_cell(cell: TableCell, section: Section) -> TableCell | None:
    """The cell of another grid with the same technique and the same density, within 0.1 %."""
    near = [
        other
        for other in section.cells.values()
        if other.technique == cell.technique and abs(cell.compression / other.compression - 1) <= _SAME_DENSITY
    ]
    return min(near, key=lambda other: abs(cell.compression - other.compression), default=None)


def same_named_data(one: Section, other: Section) -> bool:
    """Whether two grids name the same data set, whatever its arguments."""
    return _name(one.dataset) == _name(other.dataset)


def _match(one: Section, other: Section) -> bool:
    return (
        _network(one.network) == _network(other.network)
        and (one.pruning, one.schedule) == (other.pruning, other.schedule)
        and (same_named_data(one, other) or _may_be_any_data(one) or _may_be_any_data(other))
    )


def _may_be_any_data(section: Section) -> bool:
    name = _name(section.dataset)
    return name in _ANY_IMAGES or is_own(name)


def _task(section: Section) -> tuple[str, str]:
    return section.dataset, section.recipe


def _name(label: str) -> str:
    """`cifar10` of `cifar10(root=data)`."""
    return label.partition("(")[0]


def _network(label: str) -> str:
    return _aliases().get(label, label)


@cache
def _aliases() -> dict[str, str]:
    """What a network is called by its registered name, by what it is with its arguments: `cifar_resnet(depth=20)`."""
    from orchestrator.sweep.mappings import call_text

    return {
        call_text(entry.canonical, sorted(entry.fixed.items())): name
        for name, entry in NETWORKS.items()
        if entry.canonical
    }
