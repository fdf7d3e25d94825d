"""What the function of a network is called with: the arguments of the sweep file, and the facts that it asks for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from workers.data.source import DataFacts
from workers.errors import InputError
from workers.models import NETWORKS
from workers.registry import is_own, load_function, lookup, misspelled, parameters_of
from workers.trial import Network

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def arguments(network: Network, facts: DataFacts) -> dict[str, Any]:
    """The keyword arguments for a network's function.

    It gets those facts of the data (see `DataFacts.offers`) that it names as parameters, unless the sweep file gives
    them; a function of the user's own with `**` parameters gets all. Raises InputError for a parameter that nothing
    gives a value to.
    """
    entry = lookup(NETWORKS, network.name, "network")
    parameters = parameters_of(load_function(entry, network.name))
    if parameters is None or (is_own(network.name) and _takes_any(parameters)):
        return {**facts.offers, **network.arguments}
    named = [name for name, parameter in parameters.items() if parameter.kind in _NAMED]
    given = {**{name: value for name, value in facts.offers.items() if name in named}, **network.arguments}
    for name in named:
        if parameters[name].default is inspect.Parameter.empty and name not in {**entry.fixed, **given}:
            near = misspelled(name, [*facts.offers, *network.arguments])
            meant = f"did you mean `{near}`? " if near else ""
            raise InputError(
                f"network `{network.name}` needs an argument that neither the sweep file nor the data give: `{name}`",
                hint=f"{meant}the data give {_listed(facts.offers)}; write others in the sweep file, next to `name`",
            )
    return given


def _takes_any(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())


def _listed(offers: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in offers) or "nothing"
