"""Decides what to run, where, and what came out.

The rooms, from what is asked to what is kept in order: `sweep` (a file becomes a SweepSpec), `planning` (a SweepSpec
becomes a plan of trials), `driver` (who runs them; the only room that imports ray), `results` (records become tables,
figures, comparisons and the report page), `search` (`prune`), `upkeep` (status, show, merge, verify, gc, logs,
doctor), `tracking` (who is told of a run) and `presets`. `api` has one function for each command, and `cli` is a thin
shell over it. Imports only point down: prunesweep → cli → api →
upkeep, search → driver, results → planning → sweep → workers, without circles. Nothing here imports torch, except
for one function of `driver`. Users import `prunesweep`, which re-exports what is public.
"""
