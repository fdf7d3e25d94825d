#!/bin/sh
# What every machine of a cluster runs, in a container or not: prunesweep-node head|worker|driver|healthy [OPTIONS]
#   head     Ray's head; OPTIONS are those of `ray start`, such as --block, or --num-cpus=0 for a head without trials
#   worker   a machine that runs trials, once the head at $RAY_ADDRESS (host:port) answers; OPTIONS as above
#   driver   `prunesweep OPTIONS` on the cluster at $RAY_ADDRESS, once that answers and Ray runs here
#   healthy  exit code 0 if Ray runs here and its head answers: for probes
# Anything else is run as a command. Ray asks for the token in $RAY_AUTH_TOKEN, or in the file $RAY_AUTH_TOKEN_PATH or
# ~/.ray/auth_token, on every machine the same. PRUNESWEEP_MPS=1 lets trials that share a GPU compute at the same time.
set -eu

PATH=$(dirname "$0"):$PATH
export PATH
export RAY_AUTH_MODE="${RAY_AUTH_MODE:-token}"
export RAY_USAGE_STATS_ENABLED=0
export RAY_JOB_STOP_WAIT_TIME_S="${RAY_JOB_STOP_WAIT_TIME_S:-60}"  # `ray job stop`: trials save their states
export RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=0  # checks that take no GPU see those that there are
OBJECT_STORE_BYTES=500000000  # trials keep nothing there: leave /dev/shm to processes that decode images
HEAD_SECONDS="${HEAD_SECONDS:-300}"

fail() {
    echo "error: $1" >&2
    exit 2
}

check_token() {
    [ "$RAY_AUTH_MODE" = token ] || return 0
    [ -n "${RAY_AUTH_TOKEN:-}" ] || [ -s "${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}" ] ||
        fail "no token for Ray: set RAY_AUTH_TOKEN, on every machine the same, or RAY_AUTH_TOKEN_PATH"
}

await_head() {
    [ -n "${RAY_ADDRESS:-}" ] || fail "RAY_ADDRESS must be the host:port of the head"
    await answers "no head answers"
}

await() {  # until a command succeeds; else fail with a message
    seconds=0
    until "$1"; do
        [ "$seconds" -lt "$HEAD_SECONDS" ] || fail "$2 within $HEAD_SECONDS s: $RAY_ADDRESS"
        seconds=$((seconds + 1))
        sleep 1
    done
}

answers() {
    python -c '
import socket, sys
host, _, port = sys.argv[1].rpartition(":")
socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()' "$RAY_ADDRESS" 2>/dev/null
}

runs_here() {
    grep -qsx raylet /proc/[0-9]*/comm
}

share_gpus() {
    [ "${PRUNESWEEP_MPS:-0}" = 1 ] || return 0
    if ! command -v nvidia-cuda-mps-control >/dev/null; then
        echo "warning: nvidia-cuda-mps-control not found here: trials that share a GPU take turns" >&2
        return 0
    fi
    export CUDA_MPS_PIPE_DIRECTORY="${CUDA_MPS_PIPE_DIRECTORY:-/tmp/nvidia-mps}"
    export CUDA_MPS_LOG_DIRECTORY="${CUDA_MPS_LOG_DIRECTORY:-$CUDA_MPS_PIPE_DIRECTORY}"  # by default a folder of root
    mkdir -p "$CUDA_MPS_PIPE_DIRECTORY" "$CUDA_MPS_LOG_DIRECTORY"
    nvidia-cuda-mps-control -d || echo "warning: MPS has not started here; it may be running already" >&2
}

start_ray() {  # KubeRay has its own words for this, which it also tells its autoscaler
    [ -z "${KUBERAY_GEN_RAY_START_CMD:-}" ] || eval "exec $KUBERAY_GEN_RAY_START_CMD"
    exec ray start --disable-usage-stats --object-store-memory="$OBJECT_STORE_BYTES" "$@"
}

role="${1:-}"
case "$role" in
head)
    shift
    check_token
    share_gpus
    unset RAY_ADDRESS  # of a cluster that this one would join
    start_ray --head "$@"
    ;;
worker)
    shift
    check_token
    await_head
    share_gpus
    start_ray --address="$RAY_ADDRESS" "$@"
    ;;
driver)
    shift
    check_token
    await_head
    await runs_here "Ray does not start on this machine"  # which it does after its head answers
    exec prunesweep "$@"
    ;;
healthy)
    runs_here
    exec ray health-check
    ;;
*)
    share_gpus
    exec "$@"
    ;;
esac
