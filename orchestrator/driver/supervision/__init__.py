"""The supervisor: a small process that waits for the driver, passes signals on, and speaks if the driver cannot.

Ray may end the driver from native code, without a message. The supervisor is forked before anything is imported that
takes time: it never imports Ray, and imports rooms of `workers` only inside functions, at the end.
"""
