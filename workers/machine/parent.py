"""Ending a process with the one that started it, which may be killed while this one hangs in the user's code."""

from __future__ import annotations

import os
import threading
import time


def end_with_parent(parent: int, seconds: float = 1.0) -> None:
    """From now on, end this process within some `seconds` after its parent has ended, which it may have done already.

    The parent has told its process id: one that ends while this process imports torch could no longer be asked for.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
