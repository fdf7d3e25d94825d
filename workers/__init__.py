"""Trains one trial on one machine, evaluates it and keeps what came out.

Nothing here imports Ray or `orchestrator`. Without torch, importable everywhere: `trial` (what can be asked, and its
id), `techniques`, `schedules`, `registry`, `errors`, `text`, and the rooms `store`, `data`, `models` and `pruning`
themselves. Imports only run down: training → models → data, training → pruning and store, and all of them → the
modules of this folder; of these, only `describe`, which answers planning's questions, imports rooms.
"""
