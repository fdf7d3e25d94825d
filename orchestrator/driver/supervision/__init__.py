"""The supervisor: a small process that waits for the driver, passes signals on, and speaks if the driver cannot.

Ray may end the driver from native code, without a word. The supervisor is forked off before anything is imported that
takes time, so it imports Ray never, and rooms of `workers` only inside functions, at the end.
"""
