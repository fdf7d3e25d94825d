"""What a sweep comes to: a `SweepSpec` and facts about data and networks become a `Plan` of cells, stops and trials.

A plan is a pure function of these and of what the store has; only `facts` reads a store or starts a process.
Imports `orchestrator.sweep` and `workers`; no driver, no results, neither torch nor Ray.
"""
