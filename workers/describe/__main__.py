"""Answers requests: see `workers.describe.answers`."""

from workers.describe.answers import main

main()
