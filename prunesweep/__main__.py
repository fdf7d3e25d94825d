"""The command `prunesweep`, which is also `python -m prunesweep`."""

import signal
import sys

from prunesweep.import_order import put_current_folder_last


def main() -> None:
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is a handler that prints no traceback
    put_current_folder_last()
    from orchestrator.driver.supervision import supervisor

    if supervisor.is_wanted(sys.argv[1:]):
        supervisor.fork_driver()  # before anything is imported that takes time
    from orchestrator import cli
    from orchestrator.cli import stuck

    stuck.watch()
    cli.main()


if __name__ == "__main__":
    main()
