#!/bin/sh
# The main job on real data: a sweep through a local Ray, its table and its figure. Run it again: nothing is redone.
set -e
prunesweep plan orchestrator/templates/digits.yaml
echo
prunesweep run orchestrator/templates/digits.yaml
echo
prunesweep table runs/digits --value delta --budget 90%
echo
prunesweep export runs/digits --value delta --to runs/digits-export
echo
prunesweep report runs/digits --output runs/digits-report.html
cat <<'NEXT'

The report, one page that opens in any browser: runs/digits-report.html

Next:
  .venv/bin/prunesweep status runs/digits
  .venv/bin/prunesweep table runs/digits --budget 50% --format markdown
  .venv/bin/prunesweep init my-sweep.yaml && .venv/bin/prunesweep plan my-sweep.yaml
NEXT
