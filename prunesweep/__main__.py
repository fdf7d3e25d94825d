"""The command `prunesweep`, which is also `python -m prunesweep`."""

from prunesweep.import_order import put_current_folder_last


def main() -> None:
    put_current_folder_last()
    from orchestrator import cli
    from orchestrator.cli import stuck

    stuck.watch()
    cli.main()


if __name__ == "__main__":
    main()
