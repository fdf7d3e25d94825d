"""Trains one trial on one machine, evaluates it and keeps what came out.

Nothing here imports Ray or `orchestrator`. Without torch, importable everywhere: `trial` (what can be asked, and its
id), `techniques`, `schedules`, `registry`, `errors`, `text`, and the rooms `store`, `data`, `models` and `pruning`
themselves. Imports run down only: training → models → data, pruning → store → the modules of this folder.
"""
