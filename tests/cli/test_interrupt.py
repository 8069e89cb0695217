"""Fits and profiles that are stopped: the best so far is kept, and a resumed run ends, bit for bit, like an undisturbed one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from stand_in import StandIn

import fipjax
from fipjax.engines import checkpoint
from fipjax.engines import fit as engine
from fipjax.engines.fit import FitInterrupted
from fipjax.engines.profile import ProfileInterrupted
from fipjax.errors import InputError

ROOT = Path(__file__).parents[2]
STARTS = 200  # more than rows of the compiled program, in five generations
RUN = """
[model]
name = "deft44"
[fit]
starts = 200
[profile]
parameters = ["m_V"]
points = 24
starts = 4
"""


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("FIPJAX_PROGRESS", "0")


def plain(result):
    """What has to agree: all but the time it took."""
    table = result.to_dict()
    table.pop("seconds")
    return table


@pytest.fixture(scope="module")
def undisturbed():
    return plain(fipjax.fit(StandIn(), STARTS, progress=False))


class Stop:
    """Ctrl-C at the k-th call of a method."""

    def __init__(self, monkeypatch, place, name, k):
        function, self.calls = getattr(place, name), 0

        def call(*args, **kwargs):
            self.calls += 1
            if self.calls == k:
                raise KeyboardInterrupt
            return function(*args, **kwargs)

        monkeypatch.setattr(place, name, call)


def test_a_fit_resumed_many_times_is_the_undisturbed_one(tmp_path, monkeypatch, undisturbed):
    out = tmp_path / "fit.json"
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)  # written at every step
    told = []
    # in the first step (nothing is kept yet), twice in the searches, between two generations, and while modes are told apart
    places = [(engine._Search, "step", 1), (engine._Search, "step", 9), (engine._Search, "step", 6), (engine, "_variations", 1),
              (engine, "find_modes", 1)]  # fmt: skip
    for place, name, k in places:
        with monkeypatch.context() as patch, pytest.raises(FitInterrupted) as stop:
            Stop(patch, place, name, k)
            fipjax.fit(StandIn(), STARTS, progress=False, out=out, resume=True)
        told.append(str(stop.value))
    assert told[0] == "fit interrupted before the first step" and "200 of 200 starts" in told[-1]
    assert all("--resume" in t and str(out) in t for t in told[1:])
    kept = fipjax.load_fit(out)
    assert not kept.complete and kept.pulls == [] and kept.notes == ["fit interrupted after 200 of 200 starts"]
    assert kept.chi2 == pytest.approx(0.0, abs=1e-6) and kept.error_status["m_V"] == "undefined"
    end = fipjax.fit(StandIn(), STARTS, progress=False, out=out, resume=True)
    assert plain(end) == undisturbed and plain(fipjax.load_fit(out)) == undisturbed and end.complete
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]


def test_the_best_so_far_counts_what_still_moves(monkeypatch):
    with pytest.raises(FitInterrupted, match=r"after 0 of 200 starts: the best so far, chi2 = .*; give an output file") as stop:
        Stop(monkeypatch, engine._Search, "step", 3)
        fipjax.fit(StandIn(), STARTS, progress=False)
    result = stop.value.result
    like = StandIn()
    assert result.chi2 == pytest.approx(float(like._chi2(result.best)), rel=1e-12)
    assert result.starts["total"] == 64 == result.starts["moving"] + result.starts["converged"]


def test_a_profile_resumed_many_times_is_the_undisturbed_one(tmp_path, monkeypatch):
    out, axis = tmp_path / "p.nc", {"m_V": 24}
    want = fipjax.profile(StandIn(), axis, starts=4, progress=False)
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    searches = []
    # in the first portion, twice in later ones (24 searches take about ten steps), and in the sweeps
    for k in (3, 9, 12, 30):
        with monkeypatch.context() as patch, pytest.raises(ProfileInterrupted) as stop:
            Stop(patch, engine._Search, "step", k)
            fipjax.profile(StandIn(), axis, starts=4, progress=False, out=out, resume=True)
        kept = fipjax.load_profile(out)
        assert not kept.complete and np.isfinite(kept.objective).all()
        np.testing.assert_array_equal(kept.objective, stop.value.result.objective)
        assert (kept.objective >= want.objective - 1e-9).all()
        searches.append(kept.searches)
    assert searches[0] == 0 < searches[-1] and searches == sorted(searches)
    got = fipjax.profile(StandIn(), axis, starts=4, progress=False, out=out, resume=True)
    for name in ("objective", "chi2", "found", "converged"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), name)
    assert got.best == want.best and got.searches == want.searches and got.sweeps == want.sweeps and got.complete
    assert [p.name for p in tmp_path.iterdir()] == ["p.nc"]


def test_states_that_cannot_be_used_are_refused(tmp_path, monkeypatch):
    out = tmp_path / "fit.json"
    state = checkpoint.state_path(out)
    with monkeypatch.context() as patch, pytest.raises(FitInterrupted):
        Stop(patch, engine._Search, "step", 5)
        fipjax.fit(StandIn(), STARTS, progress=False, out=out)
    for other, says in (
        ({"starts": 99}, r"run.starts = 200 there, 99 here"),
        ({"seed": 1}, r"run.seed = 0 there, 1 here"),
        ({"like": StandIn("latest")}, r"data = '2021' there, 'latest' here"),
    ):
        arguments = {"like": StandIn(), "starts": STARTS, "progress": False, "out": out, "resume": True, **other}
        with pytest.raises(InputError, match=says):
            fipjax.fit(**arguments)
    with pytest.raises(InputError, match="without out"):
        fipjax.fit(StandIn(), resume=True)
    whole = state.read_bytes()
    for bad in (b"", b"x", whole[:-1], whole[:500], whole[:300] + b"\0" + whole[301:], whole.replace(b"c", b"d")):
        state.write_bytes(bad)
        with pytest.raises(InputError, match=r"fit.json.state' is damaged .*without --resume"):
            fipjax.fit(StandIn(), STARTS, progress=False, out=out, resume=True)
    # without resume it is of no interest
    assert fipjax.fit(StandIn(), STARTS, progress=False, out=out).complete and not state.exists()


SLOW = """
import sys, time
from stand_in import StandIn
from fipjax import cli, runfile
from fipjax.engines import checkpoint, fit
runfile.RunFile.likelihood = lambda self: StandIn()
checkpoint.EVERY = 0.0
step = fit._Search.step

def slowly(*args):
    time.sleep(0.05)
    return step(*args)

fit._Search.step = slowly
sys.exit(cli.main())
"""


def start(folder, *args):
    paths = [str(ROOT / "kernels"), str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(p for p in paths if p)}
    command = [sys.executable, "-c", SLOW, *args]
    return subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stop(process, state, number):
    """Send a signal once the state has been written anew three times; exit code, stdout, stderr."""
    seen, deadline = set(), time.monotonic() + 120
    while len(seen) < 4:
        seen.add(state.stat().st_mtime_ns if state.exists() else 0)
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_signals(tmp_path, capsys, monkeypatch, undisturbed):
    """Ctrl-C, the end of a batch job, kill -9; then the same command goes on to the end."""
    (tmp_path / "run.toml").write_text(RUN)
    state = tmp_path / "fit.json.state"
    code, out, err = stop(start(tmp_path, "fit", "run.toml", "-o", "fit.json", "--json"), state, signal.SIGINT)
    assert code == 130 and "Traceback" not in err, err
    last = err.strip().split("\n")[-1]
    assert last.startswith("fipjax: fit interrupted after ") and "is in fit.json; the same command with --resume" in last
    told = json.loads(out)
    assert told["complete"] is False and told == json.loads((tmp_path / "fit.json").read_text())
    for number, want in ((signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        code, _, err = stop(start(tmp_path, "fit", "run.toml", "-o", "fit.json", "--resume"), state, number)
        assert code == want and "Traceback" not in err, err
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fipjax.runfile.RunFile.likelihood", lambda self: StandIn())
    kept = state.read_bytes()
    code, out, _ = run(capsys, "fit", "run.toml", "-o", "fit.json", "--resume")
    assert code == 0 and "written to fit.json" in out
    assert plain(fipjax.load_fit("fit.json")) == undisturbed
    # what a killed process was writing, and the state itself, are gone
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fit.json", "run.toml"]
    state.write_bytes(kept)
    code, _, err = run(capsys, "fit", "run.toml", "-o", "fit.json")
    assert code == 0 and "--resume would go on with it" in err and not state.exists()


def test_profile_from_the_command_line(tmp_path, capsys, monkeypatch):
    (tmp_path / "run.toml").write_text(RUN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fipjax.runfile.RunFile.likelihood", lambda self: StandIn())
    with monkeypatch.context() as patch:
        Stop(patch, engine._Search, "step", 12)
        code, out, err = run(capsys, "profile", "run.toml", "-o", "p.nc", "--json")
    assert code == 130 and json.loads(out)["complete"] is False
    assert "what was found so far is in p.nc; the same command with --resume goes on" in err
    code, out, _ = run(capsys, "profile", "run.toml", "-o", "p.nc", "--json", "--resume")
    assert code == 0 and json.loads(out)["complete"] is True and not (tmp_path / "p.nc.state").exists()
