"""Who does it: hands the trials of a plan to Ray Tune or to this process, and survives what goes wrong.

The only room that imports Ray: `cluster` and `ray_tune` do so at the top, the others import those two only inside
functions. Imports planning, sweep and `workers`; no results, no upkeep, no torch.
"""
