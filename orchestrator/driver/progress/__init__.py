"""What people see of a run: what is done, what runs now, and the time that is left.

Imports no execution, no session and no Ray: whoever runs trials reports to `progress`.
"""
