"""`fipjax profile` and tempered sampling from run files: files, tables, pictures, and one line with exit code 2 on bad input."""

import json

import numpy as np
import pytest
from command_line import run
from stand_in import AXES, StandIn, posterior

import fipjax
from fipjax.errors import InputError

RUN = """
[model]
name = "wet"
[parameters.C9_bsmumu]
min = -6.0
max = 6.0
[parameters.C10_bsmumu]
min = -2.0
max = 4.0
[data]
vintage = "2021"
use = ["BR(Bs->mumu)", "LHCb:2103.11769"]
constraints = "none"
uncertainties = "none"
[profile]
parameters = ["C10_bsmumu"]
points = 13
range = [-2.0, 4.0]
starts = 3
[sample]
method = "smc"
particles = 300
repeats = 2
moves = 2
"""


def write(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text)
    return str(path)


def test_profile_and_smc_of_a_run_file(capsys, tmp_path):
    path = write(tmp_path, RUN)
    code, out, err = run(capsys, "profile", path, "-o", str(tmp_path / "p.nc"), "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["complete"] and len(told["delta"]) == len(told["axes"]["C10_bsmumu"]) == 13
    assert min(told["delta"]) >= 0.0 and len(told["intervals"]["1"]) >= 1
    # the file, and brute force over the other parameter
    kept = fipjax.load_profile(tmp_path / "p.nc")
    np.testing.assert_allclose(kept.delta, told["delta"])
    like = fipjax.Likelihood(
        "wet", "2021", "none", use=["BR(Bs->mumu)", "LHCb:2103.11769"], uncertainties="none",
        priors={"C9_bsmumu": {"min": -6.0, "max": 6.0}, "C10_bsmumu": {"min": -2.0, "max": 4.0}},
    )  # fmt: skip
    c9, c10 = np.meshgrid(np.linspace(-6.0, 6.0, 2001), kept.axes["C10_bsmumu"])
    scan = (-2.0 * np.asarray(like.log_prob({"C9_bsmumu": c9, "C10_bsmumu": c10}))).min(axis=1)
    # steps of 0.006 in C9 whose error is about 0.3: a grid minimum is high by up to (0.003/0.3)^2
    np.testing.assert_allclose(kept.objective, scan, atol=2e-4, rtol=1e-5)
    code, out, err = run(capsys, "sample", path, "-o", str(tmp_path / "s.nc"), "--json", "--seed", "4")
    assert code == 0, err
    told = json.loads(out)
    assert np.isfinite([told["log_z"], told["log_z_error"]]).all() and len(told["table"]) == 2
    assert fipjax.load_posterior(tmp_path / "s.nc").log_z == told["log_z"]
    code, out, err = run(capsys, "plot", str(tmp_path / "p.nc"), str(tmp_path / "s.nc"))
    assert code == 0, err
    assert {p.rsplit("/", 1)[1] for p in out.split()} == {"p_profile.pdf", "p_profile.png", "s_corner.pdf", "s_corner.png"}


BAD = [
    ("profile", 'parameters = ["C10_bsmumu"]\n', "", "profile.parameters is missing"),
    ("profile", '["C10_bsmumu"]', '["C10_bsmu"]', "did you mean"),
    ("profile", '["C10_bsmumu"]', "[]", "one or two"),
    ("profile", "points = 13", "points = 0", "points"),
    ("profile", "points = 13", "points = [3, 4]", "points"),
    ("profile", "range = [-2.0, 4.0]", "range = [4.0, -2.0]", "min < max"),
    ("profile", "range = [-2.0, 4.0]", "range = [-2.0, 40.0]", "range of its prior"),
    ("profile", "range = [-2.0, 4.0]", "range = [-2.0]", "range"),
    ("profile", "starts = 3", 'with_prior = "flat"', "with_prior"),
    ("profile", "starts = 3", "start = 3", "did you mean"),
    ("sample", 'method = "smc"', 'method = "nested"', "nuts or smc"),
    ("sample", "repeats = 2", "chains = 2", "method 'smc'"),
    ("sample", 'method = "smc"', 'method = "nuts"', "particles does not belong"),
]


@pytest.mark.parametrize("command,old,new,says", BAD)
def test_bad_tables_are_one_line_and_exit_code_2(capsys, tmp_path, command, old, new, says):
    assert old in RUN
    code, out, err = run(capsys, command, write(tmp_path, RUN.replace(old, new)), "-o", str(tmp_path / "x.nc"))
    last = err.strip().splitlines()[-1]
    assert code == 2 and out == "" and last.startswith("fipjax: error: ") and says in last and "Traceback" not in err
    assert not (tmp_path / "x.nc").exists()


def test_bad_outputs_and_options(capsys, tmp_path):
    path = write(tmp_path, RUN)
    for out in (tmp_path / "no" / "a.nc", tmp_path / "wrong.txt"):
        code, _, err = run(capsys, "profile", path, "-o", str(out))
        assert code == 2 and err.count("\n") == 1 and "output" in err
    code, _, err = run(capsys, "sample", path, "-o", str(tmp_path / "a.nc"), "--chains", "3")
    assert code == 2 and "--chains does not belong" in err


@pytest.mark.parametrize("name", ["s.nc", "s.zarr"])
def test_posteriors_are_netcdf_or_zarr(capsys, tmp_path, monkeypatch, name):
    """The same numbers come back, twice; other tools open it; nothing else of that name is replaced."""
    import xarray

    path = write(tmp_path, RUN.replace('method = "smc"\nparticles = 300\nrepeats = 2\nmoves = 2', "draws = 50"))
    monkeypatch.setattr("fipjax.runfile.RunFile.likelihood", lambda self: StandIn())
    out = tmp_path / name
    for draws in (50, 60):
        drawn = posterior(StandIn(), 2, draws, parameters={"m_V": {"latex": "m_V", "unit": "GeV"}})
        monkeypatch.setattr(fipjax, "sample", lambda like, drawn=drawn, **options: drawn)
        code, told, err = run(capsys, "sample", path, "-o", str(out))
        assert code == 0 and f"written to {out}" in told, err
        back = fipjax.load_posterior(out)
        for k in drawn.names:
            np.testing.assert_array_equal(back.samples[k], drawn.samples[k])
        np.testing.assert_array_equal(back.stats["diverging"], drawn.stats["diverging"])
        assert back.fingerprint == drawn.fingerprint and back.parameters == drawn.parameters
    with xarray.open_dataset(out, group="posterior", engine="h5netcdf" if name == "s.nc" else "zarr") as data:
        assert data.m_V.dims == ("chain", "draw") and data.m_V.attrs["units"] == "GeV"
    code, drawn, err = run(capsys, "plot", str(out), "-o", str(tmp_path))
    assert code == 0 and "s_corner.png" in drawn, err
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("s_corner")) == ["run.toml", name]
    if name == "s.zarr":
        scan = tmp_path / "scan.zarr"
        fipjax.scan(StandIn(), AXES, out=scan, progress=False)
        code, _, err = run(capsys, "sample", path, "-o", str(scan))
        assert code == 2 and "is not a posterior" in err and fipjax.open_scan(scan).store.verify().ok
        with pytest.raises(InputError, match="is not a posterior"):
            back.save(scan)
        with pytest.raises(InputError, match="is not a posterior"):
            fipjax.load_posterior(scan)


def test_ctrl_c_says_where_the_finished_sweeps_are(capsys, tmp_path, monkeypatch):
    from fipjax.engines import fit as engine

    search, calls = engine._Search.run, []

    def stop(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return search(self, *args)

    monkeypatch.setattr(engine._Search, "run", stop)
    code, out, err = run(capsys, "profile", write(tmp_path, RUN), "-o", str(tmp_path / "p.nc"), "--json")
    assert code == 130 and "what was found so far is in" in err and json.loads(out)["complete"] is False
    assert not fipjax.load_profile(tmp_path / "p.nc").complete
