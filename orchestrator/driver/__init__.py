"""Runs the trials of a plan, through Ray Tune or in this process, and survives what goes wrong.

The only room that imports Ray: `cluster`, `ray_tune` and `ray_actor` import it at the top, and the other modules import
these three only inside functions. Imports planning and `workers`; no results, no upkeep. Only the check for GPUs in
`preflight` imports torch, inside a function.
"""
