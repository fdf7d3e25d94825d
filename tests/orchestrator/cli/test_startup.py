"""What reading commands must not import."""

import signal
import subprocess
import sys

import pytest

from tests.support.records import cell, dense_cell, make_store, record_of

HEAVY = {"status": {"torch", "ray", "pandas", "pyarrow.compute"}, "table": {"torch", "ray", "pandas", "matplotlib"}}


@pytest.mark.parametrize("command", HEAVY)
def test_reading_commands_import_nothing_heavy(command, tmp_path):
    cells = [dense_cell(), cell()]
    make_store(tmp_path / "store", cells, [record_of(one) for one in cells])
    program = (
        "import atexit, sys; from orchestrator.cli import main;"
        f"atexit.register(lambda: print('imported:', *sorted({HEAVY[command]} & set(sys.modules))));"
        f"sys.argv = ['prunesweep', {command!r}, {str(tmp_path / 'store')!r}]; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported:"


def test_pyarrow_works_without_pandas_and_pandas_with_pyarrow():
    program = (
        "import sys; from orchestrator.cli.startup import spare_pandas; spare_pandas(); import pyarrow as pa;"
        "assert 'pandas' not in sys.modules; table = pa.table({'a': pa.array(['x', None])});"
        "assert table.to_pandas()['a'].isna().tolist() == [False, True];"
        "import pandas as pd; assert pa.array(pd.Series(['x', None])).to_pylist() == ['x', None]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_ctrl_c_prints_no_traceback_while_a_command_starts():
    program = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"  # may be ignored
        "from orchestrator.driver.supervision import supervisor;"
        "supervisor.is_wanted = lambda words: os.kill(os.getpid(), signal.SIGINT);"
        "from prunesweep.__main__ import main; sys.argv = ['prunesweep', 'list']; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_drivers_do_without_torch():
    program = (
        "import sys; from orchestrator.driver import in_process; from orchestrator.driver.on_ray import ray_tune; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
