"""What came out: cells joined with their records, as tables, statistics, figures, comparisons and exported files.

Only reads stores. Imports planning, sweep and `workers`; no driver, neither torch nor Ray, and pandas and matplotlib
only where they are needed.
"""
