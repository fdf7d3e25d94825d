"""`launch` writes jobs that run the sweep as asked, submits them, and says how to follow, stop and continue them."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from orchestrator.sweep.spec import load_spec
from tests.support.command import SWEEP


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """A sweep file in the current folder, whose trials share GPUs, and a program path that tests fill."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    path = tmp_path / "tiny.yaml"
    path.write_text(SWEEP + "resources: {cpus: 2, gpus: 1/4}\n")
    return path


@pytest.fixture
def program(tmp_path):
    """Puts a program on the PATH that keeps its words and its input, and prints `says`."""

    def write(name, says="", code=0, before=""):
        path = tmp_path / "bin" / name
        path.write_text(f'#!/bin/sh\n{before}printf "%s\\n" "$@" > words\ncat > input\necho "{says}"\nexit {code}\n')
        path.chmod(0o755)

    return write


def words(tmp_path):
    return (tmp_path / "words").read_text().splitlines()


def test_an_allocation_of_slurm(sweep, program, tmp_path, main):
    program("sbatch", says="4711;cluster")
    site = ("--option=--partition=gpu", "--option=--time=4:00:00")
    options = ["--quiet", "--wait-for-resources"]
    code, stdout, said = main(
        "launch", sweep, "--via", "slurm", "--nodes", 3, "--store", "runs/a b", *site, "--", *options
    )
    assert (code, stdout) == (0, "")
    assert words(tmp_path) == ["--parsable", "--partition=gpu", "--time=4:00:00"]
    script = (tmp_path / "input").read_text()
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    settings = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script, re.M))
    assert settings["job-name"] == "tiny"
    assert [settings[name] for name in ("nodes", "cpus-per-task", "gpus-per-node")] == ["3", "8", "1"]
    [arguments] = re.findall(r"^set -- (.*)$", script, re.M)
    assert shlex.split(arguments) == [str(sweep), str(tmp_path / "runs/a b"), *options]
    assert "export PRUNESWEEP_MPS=1\n" in script
    assert f"export PATH={Path(sys.executable).parent}:$PATH\n" in script  # of an environment that need not be active
    assert "Follow:    tail -F prunesweep-4711.log\n" in said
    assert "Stop:      scancel --batch --signal=TERM 4711\n" in said
    assert f"Continue:  prunesweep launch {sweep} --via slurm --nodes 3" in said


def test_a_machine_is_large_enough_for_dense_training(sweep, main):
    sweep.write_text(SWEEP + "resources: {cpus: 2, gpus: 1, dense: {cpus: 9, gpus: 4}}\n")
    code, script, _ = main("launch", sweep, "--via", "slurm", "--store", "/s", "--dry-run")
    assert (code, "--cpus-per-task=9\n" in script, "--gpus-per-node=4\n" in script) == (0, True, True)


def test_an_array_of_slurm_runs_every_shard(sweep, main, monkeypatch):
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://head:8265")  # which is not for this
    code, script, said = main(
        "launch", sweep, "--via", "slurm", "--shards", 5, "--cpus", 3, "--store", "/s", "--dry-run"
    )
    assert code == 0
    assert said == "Would be submitted by:  sbatch --parsable\n"
    assert "#SBATCH --array=1-5\n" in script
    assert script.count("--array=1-5") == 1
    run = "printf '%s\\n' "
    task = script.replace("\nprunesweep-node", f'\n{run}"${{RAY_ADDRESS-local}}" prunesweep-node')
    environment = {"SLURM_ARRAY_TASK_ID": "4", "SLURM_CPUS_PER_TASK": "3", "SLURM_JOB_ID": "7", "PATH": "/usr/bin:/bin"}
    environment["RAY_ADDRESS"] = "head:6379"
    printed = subprocess.run(["bash"], input=task, env=environment, capture_output=True, text=True, check=True).stdout
    run = ["prunesweep", "run", str(sweep), "--store", "/s", "--shard", "4/5", "--cpus", "3"]
    assert printed.split() == ["local", "prunesweep-node", *run]
    assert "export PRUNESWEEP_MPS=1\n" in script  # which `prunesweep-node` reads


def test_a_job_of_kuberay(sweep, program, tmp_path, main):
    program("kubectl")
    (tmp_path / "helper.py").write_text("def build(): ...\n")
    asked = "--via kuberay --image hub/p:1 --nodes 4 --namespace lab --store /store/t"
    code, _, said = main("launch", sweep, *asked.split())
    assert code == 0
    assert words(tmp_path) == ["--namespace", "lab", "apply", "--server-side", "--filename", "-"]
    config, job = yaml.safe_load_all((tmp_path / "input").read_text())
    name = job["metadata"]["name"]
    assert re.fullmatch(r"tiny-\d{4}-\d{6}", name)
    assert config["metadata"]["name"] == name
    assert config["data"] == {"sweep.yaml": sweep.read_text()}  # it uses no module of the user
    command = shlex.split(job["spec"]["entrypoint"])
    run = "prunesweep run sweep.yaml --store /store/t --address auto --wait-for-resources"
    assert command == ["sh", "-c", f"cd /sweeps && exec {run}"]
    [workers] = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert [workers[key] for key in ("replicas", "minReplicas", "maxReplicas")] == [4, 4, 4]
    [worker] = workers["template"]["spec"]["containers"]
    assert worker["image"] == "hub/p:1"
    assert worker["env"] == [{"name": "PRUNESWEEP_MPS", "value": "1"}]
    assert worker["resources"]["limits"] == {"cpu": "8", "memory": "16Gi", "nvidia.com/gpu": "1"}
    assert f" --selector app.kubernetes.io/instance={name},ray.io/node-type=head " in said
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]
    assert head["metadata"]["labels"] == {"app.kubernetes.io/instance": name}
    assert f"Stop:      kubectl --namespace lab patch rayjob {name} --type=merge" in said
    assert said.endswith(f"\nor, after its end:  prunesweep launch {sweep} {asked}\n")  # when it is suspended no more


def test_the_name_of_a_job_begins_with_a_letter(sweep, main):
    """As KubeRay wants it, of at most 47 characters."""
    sweep.write_text(sweep.read_text().replace("name: tiny", f"name: {'2.x' * 20}", 1))
    code, text, _ = main("launch", sweep, *["--via", "kuberay", "--image", "i", "--store", "s3://lab/t", "--dry-run"])
    name = list(yaml.safe_load_all(text))[1]["metadata"]["name"]
    assert (code, bool(re.fullmatch(r"sweep-2-x[a-z0-9-]+-\d{4}-\d{6}", name)), len(name) <= 47) == (0, True, True)


def test_on_kubernetes_modules_travel_and_a_bucket_needs_no_volume(sweep, tmp_path, main):
    sweep.write_text(sweep.read_text().replace("{name: mlp, hidden: [16, 12], dropout: 0.2}", '{name: "helper:build"}'))
    (tmp_path / "helper.py").write_text("from layers.conv import Conv\ndef build(): ...\n")
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "conv.py").write_text("Conv = 1\n")
    (tmp_path / "módulo_ó.py").write_text("")
    code, text, said = main(
        "launch", sweep, *["--via", "kuberay", "--image", "i", "--store", "s3://lab/t", "--dry-run"]
    )
    assert (code, "note:" in said) == (0, False)
    config, job = yaml.safe_load_all(text)
    accented = "m-C3-B3dulo_-C3-B3.py"
    assert config["data"].keys() == {"sweep.yaml", "helper.py", "layers.conv.py", accented}
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in config["data"])  # as Kubernetes checks it
    (tmp_path / "sent.yaml").write_text(config["data"]["sweep.yaml"])
    assert load_spec(tmp_path / "sent.yaml").name == "tiny"
    pod = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    assert [volume["name"] for volume in pod["volumes"]] == ["sweep", "memory"]
    places = {item["key"]: item["path"] for item in pod["volumes"][0]["configMap"]["items"]}
    moved = {"layers.conv.py": "layers/conv.py", accented: "módulo_ó.py"}
    assert places == {key: key for key in places} | moved
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == {"sweep", "memory"}
    (tmp_path / "large.py").write_text("#" * 1_000_000)
    code, _, said = main("launch", sweep, *["--via", "kuberay", "--image", "i", "--store", "s3://lab/t", "--dry-run"])
    assert (code, "cannot be sent along, above 900 kB: 1 MB" in said) == (2, True)


def test_a_job_of_ray(sweep, program, tmp_path, main, monkeypatch):
    program("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        code, _, said = main(
            "launch", sweep, "--via", "job", "--address", address, "--store", "/s", "--", "--stop-after", "23h"
        )
    assert code == 0
    given = words(tmp_path)
    identity = given[given.index("--submission-id") + 1]
    assert given[:4] == ["job", "submit", "--address", address]
    assert given[given.index("--") + 1 :] == shlex.split(
        "prunesweep run sweep.yaml --store /s --stop-after 23h --address auto"
    )
    assert f"Stop:      ray job stop --address {address} {identity}\n" in said
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", address)
    code, stdout, said = main("launch", sweep, "--via", "job", "--store", "/s", "--dry-run")
    assert (code, said) == (0, "FOLDER would be a copy of:  sweep.yaml\n")
    assert "--working-dir FOLDER --no-wait -- prunesweep run sweep.yaml --store /s --address auto" in stdout


@pytest.mark.parametrize("given", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", None])
def test_ray_shows_the_token_that_is_given(sweep, program, tmp_path, main, monkeypatch, given):
    """`ray job` does not look for one by itself. The one that Ray makes for a local Ray stays on this machine."""
    program("ray", before='echo "${RAY_AUTH_MODE-none}" > mode\n')
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("t")
    if given:
        monkeypatch.setenv(given, "t")
    mode = "RAY_AUTH_MODE=token " if given else ""
    with socket.create_server(("127.0.0.1", 0)) as server:
        to = ["--via", "job", "--address", f"http://127.0.0.1:{server.getsockname()[1]}", "--store", "/s"]
        code, _, said = main("launch", sweep, *to)
    assert (code, (tmp_path / "mode").read_text()) == (0, "token\n" if mode else "none\n")
    assert f"Follow:    {mode}ray job logs " in said
    assert f"Stop:      {mode}ray job stop " in said
    assert main("launch", sweep, *to, "--dry-run")[1].startswith(f"{mode}ray job submit ")


def test_code_travels_with_a_job_of_ray_in_its_folders(sweep, program, tmp_path, main):
    sweep.write_text(sweep.read_text().replace("{name: mlp, hidden: [16, 12], dropout: 0.2}", '"models.mlp:build"'))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mlp.py").write_text("def build(): ...\n")
    program("ray", before='shift; while [ "$1" != --working-dir ]; do shift; done; cp -r "$2" sent\n')
    with socket.create_server(("127.0.0.1", 0)) as server:
        to = ["--via", "job", "--address", f"http://127.0.0.1:{server.getsockname()[1]}", "--store", "/s"]
        assert main("launch", sweep, *to)[0] == 0
    assert (tmp_path / "sent" / "models" / "mlp.py").read_text() == "def build(): ...\n"
    assert (tmp_path / "sent" / "sweep.yaml").read_text() == sweep.read_text()
    to = [*to, "--dry-run"]
    shutil.move(tmp_path / "models", tmp_path / "elsewhere")
    code, _, said = main("launch", sweep, *to)
    assert (code, said.splitlines()[0]) == (
        0,
        "note: `models` is not in the current folder, so it must be installed where trials run",
    )
    (tmp_path / "sweeps").mkdir()
    shutil.move(tmp_path / "elsewhere", tmp_path / "sweeps" / "models")
    for ways in (to, ["--via", "slurm", "--store", "/s", "--dry-run"]):
        code, _, said = main("launch", shutil.copy(sweep, tmp_path / "sweeps"), *ways)
        assert code == 2
        assert f"module `models` lies next to the sweep file, not in the current folder: {tmp_path}" in said
        assert f"run the command in `{tmp_path / 'sweeps'}`" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--via slurm", "command not found: `sbatch`"),
        ("--via kuberay --image i", "command not found: `kubectl`"),
        ("--via kuberay --image i --store /tmp/t", "must be a bucket, or below `/store`, where the volume is: /tmp/t"),
        ("--via kuberay --image i --store /store/../t", "must be a bucket, or below `/store`"),
        ("--via kuberay", "no image given for Kubernetes"),
        ("--via kuberay --image=", "no image given for Kubernetes"),
        ("--via slurm --shards 4 --nodes 2", "`--nodes` cannot be combined with `--shards`"),
        ("--via slurm --cpus 1", "`--cpus` must be at least what a trial of the sweep needs, 2: 1"),
        ("--via kuberay --image i --gpus 0", "`--gpus` must be at least what a trial of the sweep needs, 1: 0"),
        ("--via job", "no address of a Ray job server given"),
        ("--via job --address head:8265", "not the address of a Ray job server: head:8265"),
        ("--via job --address http://127.0.0.1:1", "cannot reach a Ray job server at `http://127.0.0.1:1`"),
        ("--via job --nodes 2 --address http://h", "`--nodes` cannot be combined with `--via job`"),
        ("--via slurm --address http://h", "`--address` cannot be combined with `--via slurm`"),
        ("--via slurm -- --shard 1/2", "`--shard` cannot be given after `--`"),
        ("--via slurm -- --stop-aftr 3h", "--stop-aftr"),
        ("--via slurm -- --gpus 1", "`--gpus` cannot be given after `--`\n\nhint: give it before `--`"),
        ("--via slurm --shards 2 -- --cpus=9", "`--cpus` cannot be given after `--`\n\nhint: give it before `--`"),
        ("--via job --address http://h -- --cpus 1", "after `--`\n\nhint: use `--max-concurrent` to run fewer"),
        ("--via slurm --shards 2 -- --wait-for-resources", "`--wait-for-resources` needs `--address`"),
        ("--via pbs", "pbs"),
    ],
)
def test_what_cannot_be_launched_is_refused(sweep, tmp_path, main, monkeypatch, given, said):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    given = given if "--store" in given else f"--store /store/t {given}"
    code, stdout, stderr = main("launch", sweep, *given.split())
    assert (code, stdout) == (2, "")
    assert said in stderr
    assert not (tmp_path / "words").exists()


def test_a_submission_that_fails_says_why(sweep, program, main):
    program("sbatch", says="sbatch: error: invalid partition", code=1)
    code, _, said = main("launch", sweep, "--via", "slurm", "--store", "/s")
    assert code == 2
    assert "`sbatch --parsable` failed with exit code 1: sbatch: error: invalid partition" in said
    assert "login node" in said


def test_a_program_may_answer_in_another_encoding(sweep, program, main):
    program("sbatch", before="printf 'ung\\374ltig\\n' >&2\n", code=1)
    code, _, said = main("launch", sweep, "--via", "slurm", "--store", "/s")
    assert (code, "exit code 1: ung\\udcfcltig" in said) == (2, True)
