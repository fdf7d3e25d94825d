"""Which grids and cells of two results belong together.

Grids match by network, metric, pruning and schedule, and by their data as far as its name tells; cells match by
technique and density. If several grids of the other side match, those with the same data set and recipe take
precedence.
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
        candidates = [candidate for candidate in theirs if _match(section, candidate)]
        equal = [candidate for candidate in candidates if _data_and_recipe(candidate) == _data_and_recipe(section)]
        pairs += [(section, candidate) for candidate in equal or candidates]
    return pairs


def matching_cell(cell: TableCell, section: Section) -> TableCell | None:
    """The cell of another grid with the same technique and the same density, within 0.1%."""
    near = [
        candidate
        for candidate in section.cells.values()
        if candidate.technique == cell.technique and abs(cell.compression / candidate.compression - 1) <= _SAME_DENSITY
    ]
    return min(near, key=lambda candidate: abs(cell.compression - candidate.compression), default=None)


def same_named_data(ours: Section, theirs: Section) -> bool:
    """Whether two grids name the same data set, whatever its arguments."""
    return _name(ours.dataset) == _name(theirs.dataset)


def _match(ours: Section, theirs: Section) -> bool:
    return (
        _network(ours.network) == _network(theirs.network)
        and (ours.metric.name, ours.pruning, ours.schedule) == (theirs.metric.name, theirs.pruning, theirs.schedule)
        and (same_named_data(ours, theirs) or _may_be_any_data(ours) or _may_be_any_data(theirs))
    )


def _may_be_any_data(section: Section) -> bool:
    name = _name(section.dataset)
    return name in _ANY_IMAGES or is_own(name)


def _data_and_recipe(section: Section) -> tuple[str, str]:
    return section.dataset, section.recipe


def _name(label: str) -> str:
    """`cifar10` of `cifar10(root=data)`."""
    return label.partition("(")[0]


def _network(label: str) -> str:
    return _aliases().get(label, label)


@cache
def _aliases() -> dict[str, str]:
    """The registered names of networks, keyed by their written-out form: `cifar_resnet(depth=20)`."""
    from orchestrator.sweep.mappings import call_text

    return {
        call_text(entry.canonical, sorted(entry.fixed.items())): name
        for name, entry in NETWORKS.items()
        if entry.canonical
    }
