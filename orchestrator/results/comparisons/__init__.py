"""Comparisons of two stores, or of a store and the published study, cell by cell.

Nothing else in `results` imports them; they import tables and what tables are made of, and no driver.
"""
