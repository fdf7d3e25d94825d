"""The machine and the process that a trial runs on: the device, what is printed, and what a record says of both.

Imports only the errors of `workers`. `device` imports no torch, since drivers import it.
"""
