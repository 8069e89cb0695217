"""Several devices, several processes, several hosts (as processes on loopback): one store, byte for byte."""

import signal
import socket
import time
from types import SimpleNamespace

import numpy as np
import pytest
from test_scan import BIG, SPEC, Toy, finish, python, tree

from fipjax.engines.distributed import Worker, from_arguments, own_devices, parse_worker, roll_call
from fipjax.engines.scan import open_scan, scan
from fipjax.engines.store import ScanStore
from fipjax.errors import InputError

zarr = pytest.importorskip("zarr")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def arguments(**given) -> SimpleNamespace:
    names = ("worker", "coordinator", "processes", "process_id", "wait")
    base = {**dict.fromkeys(names), "distributed": False, "takeover": False, "overwrite": False}
    return SimpleNamespace(**{**base, **given})


# ---- who is who ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "devices"),
    [
        ({}, "all"),
        ({"SLURM_LOCALID": "0", "SLURM_STEP_TASKS_PER_NODE": "1(x4)"}, "all"),  # one process drives its host
        ({"SLURM_LOCALID": "2", "SLURM_STEP_TASKS_PER_NODE": "4(x2)"}, "2"),
        ({"SLURM_LOCALID": "1", "SLURM_STEP_TASKS_PER_NODE": "2", "CUDA_VISIBLE_DEVICES": "0,1,2,3"}, "2,3"),
        ({"SLURM_LOCALID": "3", "SLURM_STEP_TASKS_PER_NODE": "4", "CUDA_VISIBLE_DEVICES": "0"}, "all"),  # bound by the scheduler
        ({"SLURM_LOCALID": "0", "SLURM_NODEID": "3", "SLURM_STEP_TASKS_PER_NODE": "4(x3),1"}, "all"),
        ({"SLURM_LOCALID": "1", "SLURM_NODEID": "2", "SLURM_STEP_TASKS_PER_NODE": "4(x3),1"}, "1"),
        ({"OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"}, "1"),
        ({"SLURM_LOCALID": "1", "SLURM_STEP_TASKS_PER_NODE": "2", "JAX_LOCAL_DEVICE_IDS": "5,6"}, "5,6"),
    ],
)
def test_devices_of_a_process(env, devices):
    assert own_devices(env) == devices


def test_workers_are_numbered_from_0():
    assert parse_worker("2/8") == Worker(2, 8) and parse_worker("2/8").part == (2, 8)
    for text in ("8/8", "1", "a/b", "-1/3", "1/0", "", "1/2/3"):
        with pytest.raises(InputError, match=r"allowed: I/N with 0 <= I < N"):
            parse_worker(text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"worker": "0/2", "distributed": True}, "--worker with --distributed"),
        ({"worker": "0/2", "processes": 2}, "--worker with --processes"),
        ({"processes": 2}, "--processes without --distributed"),
        ({"takeover": True}, "--takeover without --distributed"),
        ({"distributed": True, "overwrite": True}, "delete the store first"),
        ({"distributed": True, "coordinator": "host"}, "allowed: HOST:PORT"),
        ({"distributed": True, "coordinator": "host:1", "processes": 2, "process_id": 2}, "process id = 2"),
    ],
)
def test_contradictory_options(given, message):
    with pytest.raises(InputError, match=message) as err:
        from_arguments(arguments(**given))
    assert "\n" not in str(err.value)
    assert from_arguments(arguments()) is None


def test_nothing_known_about_the_run(monkeypatch):
    for name in ("SLURM_JOB_ID", "OMPI_MCA_orte_hnp_uri", "KUBERNETES_SERVICE_HOST", "JAX_COORDINATOR_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"the environment does not say .*--coordinator HOST:PORT"):
        roll_call()


@pytest.mark.validate
def test_others_that_do_not_come_are_one_line():
    with pytest.raises(InputError, match=r"not all processes met at 127.0.0.1:\d+ within 2 s") as err:
        roll_call(f"127.0.0.1:{free_port()}", 2, 1, timeout=2)
    assert "\n" not in str(err.value)


# ---- one store -----------------------------------------------------------------------------------------------------


def test_eight_devices_give_the_numbers_of_one(tmp_path):
    code = """
import jax
assert len(jax.local_devices()) == 8
t.scan(t.Toy(), t.SPEC, f"{sys.argv[1]}/grid.zarr", chunk=40, progress=False)
t.scan(t.Toy(), None, f"{sys.argv[1]}/sobol.zarr", n=300, method="sobol", chunk=100, progress=False)
axes = {"g": dict(min=-1.0, max=2.0, n=8), "m_V": dict(min=0.1, max=10.0, n=8, scale="log"), "phase": 0.0}
t.scan(t.Toy(), axes, f"{sys.argv[1]}/adaptive.zarr", method="adaptive", progress=False)
"""
    process = python(code, tmp_path, env={"XLA_FLAGS": "--xla_force_host_platform_device_count=8"})
    axes = {"g": {"min": -1.0, "max": 2.0, "n": 8}, "m_V": {"min": 0.1, "max": 10.0, "n": 8, "scale": "log"}, "phase": 0.0}
    expected = {
        "grid": scan(Toy(), SPEC, progress=False),
        "sobol": scan(Toy(), None, n=300, method="sobol", progress=False),
        "adaptive": scan(Toy(), axes, method="adaptive", progress=False),
    }
    finish(process)
    for name, one in expected.items():
        eight = open_scan(tmp_path / f"{name}.zarr")
        assert eight.complete
        for column in one.columns:
            # a compiled loop of another length may round the last bit differently
            np.testing.assert_allclose(eight[column], one[column], rtol=1e-12)


def test_two_processes_of_the_jax_runtime_write_the_store_of_one(tmp_path):
    """A program that has called jax.distributed.initialize itself: each process takes its part."""
    code = """
import jax
jax.distributed.initialize(f"127.0.0.1:{sys.argv[2]}", 2, int(sys.argv[3]), initialization_timeout=60)
assert jax.process_count() == 2 and jax.device_count() == 2 and len(jax.local_devices()) == 1
t.scan(t.Toy(), t.SPEC, sys.argv[1], chunk=40, progress=False)
"""
    port = free_port()
    processes = [python(code, tmp_path / "a.zarr", port, i) for i in range(2)]
    scan(Toy(), SPEC, tmp_path / "ref.zarr", chunk=40, progress=False)
    for p in processes:
        finish(p)
    assert tree(tmp_path / "a.zarr") == tree(tmp_path / "ref.zarr")


WORKER = """
from fipjax.engines.distributed import roll_call
worker = roll_call(f"127.0.0.1:{sys.argv[2]}", int(sys.argv[5]), int(sys.argv[3]), timeout=60)
slow = lambda k: t.time.sleep(float(sys.argv[4]))
print(worker, flush=True)
t.scan(t.Toy(), t.BIG, sys.argv[1], chunk=1000, progress=False, part=worker.part, _after_chunk=slow)
"""


@pytest.mark.parametrize("count", [3, pytest.param(4, marks=pytest.mark.validate)])
def test_a_killed_worker_takes_nobody_with_it(tmp_path, count):
    """Processes meet; the coordinator dies; the others finish, and a second run computes what is missing."""
    path, reference = tmp_path / "a.zarr", tmp_path / "ref.zarr"
    port = free_port()
    workers = [python(WORKER, path, port, i, 0.3 if i == 0 else 0.01, count) for i in range(count)]
    scan(Toy(), BIG, reference, chunk=1000, progress=False)
    n = open_scan(reference).store.layout.n_chunks
    records = path / ".fipjax" / "chunks"
    deadline = time.monotonic() + 90
    while not any(int(p.stem) % count == 0 for p in records.glob("*.json")):
        assert workers[0].poll() is None and time.monotonic() < deadline, workers[0].communicate()[1]
        time.sleep(0.01)
    workers[0].send_signal(signal.SIGKILL)
    workers[0].communicate()
    assert workers[0].returncode == -signal.SIGKILL
    for i, p in enumerate(workers[1:], 1):
        assert finish(p) == f"{i}/{count}\n"
    left = open_scan(path).store.todo
    assert left and all(k % count == 0 for k in left) and len(left) < n
    # as the next job would: independent workers, this time without a meeting
    scan(Toy(), BIG, path, chunk=1000, progress=False, part=(0, count))
    assert tree(path) == tree(reference)


def test_part_in_use_is_refused_and_others_are_not(tmp_path):
    path = tmp_path / "a.zarr"
    full = scan(Toy(), SPEC, path, chunk=40, progress=False, part=(0, 3)).manifest
    with ScanStore.resume(path, full, part=(1, 3)):
        with pytest.raises(InputError, match=r"part 1 of 3 of store .* is being written by another process"):
            scan(Toy(), SPEC, path, chunk=40, progress=False, part=(1, 3))
        with pytest.raises(InputError, match="is being written by another process"):
            scan(Toy(), SPEC, path, chunk=40, progress=False)
        # the refused attempts have not released the lock
        with pytest.raises(InputError, match="part 1 of 3"):
            ScanStore.resume(path, full, part=(1, 3))
        scan(Toy(), SPEC, path, chunk=40, progress=False, part=(2, 3))
        # another division of the work: chunks are computed twice at worst
        scan(Toy(), SPEC, path, chunk=40, progress=False, part=(1, 2))
    scan(Toy(), SPEC, path, chunk=40, progress=False, part=(1, 3))
    assert open_scan(path).complete
    scan(Toy(), SPEC, tmp_path / "ref.zarr", chunk=40, progress=False)
    assert tree(path) == tree(tmp_path / "ref.zarr")


def test_takeover_finishes_what_others_left(tmp_path):
    path = tmp_path / "a.zarr"
    order = []
    result = scan(Toy(), SPEC, path, chunk=40, progress=False, part=(1, 3), takeover=True, _after_chunk=order.append)
    assert result.complete and sorted(order) == list(range(result.store.layout.n_chunks))
    own = [k for k in order if k % 3 == 1]
    assert order[: len(own)] == own == sorted(own)
    scan(Toy(), SPEC, tmp_path / "ref.zarr", chunk=40, progress=False)
    assert tree(path) == tree(tmp_path / "ref.zarr")


def test_a_chunk_that_another_process_has_written_is_not_computed_again(tmp_path):
    path = tmp_path / "a.zarr"
    scan(Toy(), SPEC, path, chunk=40, progress=False, part=(0, 3))
    order = []

    def meanwhile(k):
        order.append(k)
        if len(order) == 1:
            scan(Toy(), SPEC, path, chunk=40, progress=False, part=(2, 3))

    result = scan(Toy(), SPEC, path, chunk=40, progress=False, part=(1, 3), takeover=True, _after_chunk=meanwhile)
    assert result.complete
    # two chunks are in the pipeline when the other process begins
    assert sum(k % 3 == 2 for k in order) <= 2
