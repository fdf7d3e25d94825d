"""The command `prunesweep`, which is also `python -m prunesweep`."""

import os
import sys

from prunesweep.import_order import put_current_folder_last


def main() -> None:
    _open_closed_streams()
    put_current_folder_last()
    import signal  # not before: one in the current folder may come first

    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is a handler that prints no traceback
    from orchestrator.driver.supervision import supervisor

    if supervisor.is_wanted(sys.argv[1:]):
        supervisor.fork_driver()  # before anything is imported that takes time
    from orchestrator import cli
    from orchestrator.cli import stuck

    stuck.watch()
    cli.main()


def _open_closed_streams() -> None:
    """Let a standard stream that is closed (`>&-`) lead nowhere: it is None, and another file would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest one that is free: that of the stream
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode))


if __name__ == "__main__":
    main()
