"""Several processes, on one host or many, that fill one store.

A scan needs no communication: chunk k belongs to the process with number k mod n, and the store on a file system that all of
them see is the only thing they share.  So the processes meet once, on JAX's distributed runtime, to learn who is who (with
addresses given, or found by JAX in the environment of SLURM, Open MPI, Kubernetes or a Cloud TPU), and then work on their own.
They leave the runtime again, because it ends every process when one of them dies: here the others finish their parts, and the
next run computes what is missing.

The meeting takes place in a child process, for two reasons.  When a peer does not come, the runtime does not raise an error but
aborts; and a process that has been in the runtime makes all its devices part of the group.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fipjax.errors import InputError

TIMEOUT = 300
"""Seconds to wait for the other processes."""

_MARK, _ERROR = "fipjax-process ", "fipjax-error "
_CHILD = """
import json, sys, warnings
warnings.simplefilter("ignore")
import jax
address, n, i, timeout = json.loads(sys.argv[1])
try:
    jax.distributed.initialize(
        address, n, i, initialization_timeout=timeout, heartbeat_timeout_seconds=max(10, timeout), shutdown_timeout_seconds=timeout
    )
except Exception as err:
    print("fipjax-error " + json.dumps(str(err)), flush=True)
    sys.exit(3)
print("fipjax-process " + json.dumps([jax.process_index(), jax.process_count()]), flush=True)
jax.distributed.shutdown()
"""


@dataclass(frozen=True)
class Worker:
    """One of ``count`` processes, with number ``index``: ``fipjax.scan(..., part=(index, count))``."""

    index: int
    count: int

    @property
    def part(self) -> tuple[int, int]:
        return self.index, self.count

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_worker(text: str) -> Worker:
    """Worker from ``"I/N"``, numbered from 0.  Raises InputError."""
    match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
    if not match or not int(match[1]) < int(match[2]):
        raise InputError(f"--worker {text!r} (allowed: I/N with 0 <= I < N, such as 0/8 to 7/8)")
    return Worker(int(match[1]), int(match[2]))


def _check(coordinator: str | None, processes: int | None, process_id: int | None) -> None:
    if coordinator is not None and not re.fullmatch(r".+:\d{1,5}", coordinator):
        raise InputError(f"coordinator = {coordinator!r} (allowed: HOST:PORT of process 0)")
    if processes is not None and processes < 1:
        raise InputError(f"processes = {processes!r} (allowed: a whole number >= 1)")
    if process_id is not None and (process_id < 0 or (processes is not None and process_id >= processes)):
        raise InputError(f"process id = {process_id!r} (allowed: 0 to processes - 1)")


def roll_call(
    coordinator: str | None = None,
    processes: int | None = None,
    process_id: int | None = None,
    timeout: int = TIMEOUT,
) -> Worker:
    """Meet the other processes of this run and learn which one this is.

    Args:
        coordinator: HOST:PORT of process 0; processes: how many there are; process_id: the number of this one.  What is left
            out is taken from the environment by JAX (``JAX_COORDINATOR_ADDRESS``; SLURM, Open MPI, Kubernetes, Cloud TPU).
        timeout: seconds to wait for the others.

    Where a scheduler starts one process per GPU, the devices of this process are restricted to its own: call this before the
    first JAX computation.

    Raises InputError: not all came in time, an address that cannot be used, or nothing known about the run.
    """
    _check(coordinator, processes, process_id)
    # the child needs no accelerator, and must not inherit a number of virtual devices
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", _CHILD, json.dumps([coordinator, processes, process_id, timeout])]
    began = time.monotonic()
    try:
        # the runtime keeps to the timeout itself; twice, for meeting and leaving, and some for starting
        child = subprocess.run(command, env=env, capture_output=True, text=True, timeout=2 * timeout + 60, check=False)
        out, errors = child.stdout, child.stderr or f"exit code {child.returncode}"
    except subprocess.TimeoutExpired as err:
        out, errors = (err.stdout or b"").decode(errors="replace"), "DEADLINE_EXCEEDED"
    except OSError as err:
        raise InputError(f"distributed run: cannot start {sys.executable}: {err.strerror}") from None
    worker, said = None, ""
    for line in out.splitlines():
        if line.startswith(_MARK):
            worker = Worker(*json.loads(line.removeprefix(_MARK)))
        elif line.startswith(_ERROR):
            said = json.loads(line.removeprefix(_ERROR))
    # all were there if this one learned its number; how the others left does not matter
    if worker is not None:
        _restrict()
        return worker
    if "should be defined" in said or "must be defined" in said:
        raise InputError(
            "distributed run: the environment does not say which processes belong to it (allowed: --coordinator HOST:PORT "
            "--processes N --process-id I, or a start by srun, mpirun or Kubernetes; or --worker I/N)"
        )
    text = said or errors
    if "DEADLINE_EXCEEDED" in text or time.monotonic() - began >= timeout:
        raise InputError(
            f"distributed run: not all processes met at {coordinator or 'the coordinator'} within {timeout} s (allowed: all of "
            "them started, with the same address and number, a port that is free and reachable)"
        )
    lines = [s.strip() for s in text.splitlines() if s.strip()]
    reason = next((s for s in lines if "ddress" in s or "rror" in s), lines[-1])
    raise InputError(f"distributed run: {reason[:300]}")


def from_arguments(args: Any) -> Worker | None:
    """The worker that the options of ``fipjax scan`` describe, after the roll call if there is one; None for a run on its own."""
    group = {"--coordinator": args.coordinator, "--processes": args.processes, "--process-id": args.process_id, "--wait": args.wait}
    given = next((name for name, v in group.items() if v is not None), None)
    if args.worker is not None:
        if args.distributed or given:
            raise InputError(f"--worker with {given or '--distributed'} (allowed: one of them)")
        worker = parse_worker(args.worker)
        _restrict()
        return worker
    if args.distributed:
        if args.overwrite:
            raise InputError("--overwrite with --distributed (allowed: delete the store first)")
        return roll_call(args.coordinator, args.processes, args.process_id, args.wait or TIMEOUT)
    if given or args.takeover:
        raise InputError(f"{given or '--takeover'} without --distributed (allowed: with it{'' if given else ' or with --worker'})")
    return None


def own_devices(env: Mapping[str, str]) -> str:
    """Local GPUs of this process, as ``jax_cuda_visible_devices`` takes them ("0,1", or "all"), from the scheduler's variables.

    One process on a host has all of its GPUs; several share them evenly, unless the scheduler shows each its own already.
    """
    if env.get("JAX_LOCAL_DEVICE_IDS"):
        return env["JAX_LOCAL_DEVICE_IDS"]
    local = env.get("SLURM_LOCALID") or env.get("OMPI_COMM_WORLD_LOCAL_RANK")
    if local is None or not local.isdecimal():
        return "all"
    tasks = _local_tasks(env)
    if tasks == 1:
        return "all"
    visible = env.get("CUDA_VISIBLE_DEVICES") or env.get("ROCR_VISIBLE_DEVICES")
    if visible is None:
        return local
    n = len([v for v in visible.split(",") if v.strip()])
    if tasks is None:
        return local if int(local) < n else "all"
    if n < tasks:
        return "all"
    share = n // tasks
    return ",".join(str(int(local) * share + i) for i in range(share))


def _local_tasks(env: Mapping[str, str]) -> int | None:
    """Processes of this run on this host."""
    if env.get("OMPI_COMM_WORLD_LOCAL_SIZE", "").isdecimal():
        return int(env["OMPI_COMM_WORLD_LOCAL_SIZE"])
    # "4", or "2(x3),1": two on each of three hosts, one on the last
    counts: list[int] = []
    for item in filter(None, (env.get("SLURM_STEP_TASKS_PER_NODE") or env.get("SLURM_TASKS_PER_NODE") or "").split(",")):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", item)
        if not match:
            return None
        counts += [int(match[1])] * int(match[2] or 1)
    node = env.get("SLURM_NODEID", "0")
    return counts[int(node)] if node.isdecimal() and int(node) < len(counts) else None


def _restrict() -> None:
    devices = own_devices(os.environ)
    if devices != "all":
        import jax

        jax.config.update("jax_cuda_visible_devices", devices)
        jax.config.update("jax_rocm_visible_devices", devices)
