"""Printing results: sheets of text cells, as text, Markdown, LaTeX and HTML, and rows as CSV and JSON.

Imports nothing else of `results`: tables, comparisons and headlines build on it.
"""
