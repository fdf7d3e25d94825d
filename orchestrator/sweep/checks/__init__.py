"""Checks of what a sweep file asks for, before data or networks are loaded: names, durations, pruning, combinations.

Imports no `spec`, which calls them, and none of what plans or runs a sweep.
"""
