"""Command line: JSON, tables, files, and one line with exit code 2 on bad input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run

from fipjax.cli import _lines, _paper, _prior_text
from fipjax.priors import Gaussian, LogFlat, SignedLog

RUN = """
[model]
name = "deft44"
region = "high"
[parameters.gamma_V]
fixed = 0.1
[parameters.C4t_mumuV]
fixed = 0.0
[data]
vintage = "2021"
use = ["LHCb:1403.8044:B+->Kmumu", "a_mu"]
uncertainties = "none"
[scan.grid.m_V]
min = 2.0
max = 20.0
n = 7
scale = "log"
[scan.grid.C4_bsV]
min = 1e-8
max = 1e-4
n = 6
scale = "log"
[scan.grid.C4_mumuV]
min = -0.5
max = -0.01
n = 5
[fit]
starts = 16
[sample]
chains = 2
warmup = 150
draws = 100
"""


@pytest.mark.parametrize("command", ["models", "observables", "constraints", "data"])
def test_lists(capsys, command):
    code, out, err = run(capsys, command, "--json")
    assert code == 0 and err == ""
    entries = json.loads(out)
    assert entries and all(isinstance(e, dict) for e in entries)
    code, table, _ = run(capsys, command)
    names = [e.get("name", e.get("id")) for e in entries]
    # names are never cut, what is beside them is
    assert code == 0 and all(n in table for n in names) and max(map(len, table.splitlines())) <= 100
    if command == "models":
        for e in entries:
            assert all(word in table for p in e["parameters"] for word in p["description"].split())
        return
    code, text, err = run(capsys, command, "--long")
    assert code == 0 and err == "" and max(map(len, text.splitlines())) <= 100
    flat = " ".join(text.split())
    for e in entries:
        long = [e[k] for k in ("description", "source", "applies", "note", "source_of_digits") if e.get(k)]
        long += [m["observable"] for m in e.get("measurements", ())]
        assert all(" ".join(t.split()) in flat for t in long), e


def test_texts_of_lists():
    assert (
        _paper("BaBar arXiv:1009.1529, 1303.7465; recasts") == "1009.1529"
        and _paper("CLEO arXiv:hep-ex/0106038") == "hep-ex/0106038"
    )
    # a later number is not that of the experiment
    assert _paper("Phys. Rev. Lett. 66 (1991) 3117; arXiv:1406.2332") == "PRL 66 (1991) 3117"
    assert _prior_text(LogFlat(1e-2, 1.0, sign=-1).describe()) == "log -1 to -0.01"
    assert _prior_text(SignedLog(1e-3, 1.0).describe()) == "signed_log +-0.001 to +-1"
    assert _prior_text(Gaussian(1.0, 0.5).describe()) == "gaussian 1 +- 0.5"
    assert _lines([["a", "one two three four five six seven"], ["bb", ""]], ["x", "y"], wrap=28) == [
        "x   y", "--  ------------------------", "a   one two three four five", "    six seven", "bb",
    ]  # fmt: skip


def test_predict_json(capsys):
    args = [
        "predict",
        "--model",
        "deft",
        "--set",
        "m_V=5",
        "--set",
        "gamma_V=0.1",
        "--set",
        "C4_bsV=1e-6",
        "--set",
        "C4_mumuV=-2e-2",
    ]
    code, out, err = run(capsys, *args, "--observable", "<dBR/dq2>(B+->Kmumu)[1.1,6]", "--observable", "BR(Bs->mumu)", "--json")
    assert code == 0, err
    got = json.loads(out)
    assert got["model"] == "deft" and got["parameters"]["m_V"] == 5
    assert set(got["observables"]) == {"<dBR/dq2>(B+->Kmumu)[1.1,6]", "BR(Bs->mumu)"}
    entry = got["observables"]["<dBR/dq2>(B+->Kmumu)[1.1,6]"]
    assert entry["value"] != entry["sm"] == pytest.approx(3.5121e-8, rel=1e-3)  # flavio 2.7.1
    assert got["constraints"]["total_width"]["allowed"] is True
    code, text, _ = run(capsys, *args, "--observable", "DeltaM_s")
    assert code == 0 and "ps^-1" in text


def test_predict_complex(capsys):
    code, out, _ = run(
        capsys,
        "predict",
        "--model",
        "wet",
        "--set",
        "C9_bsmumu=-1+0.5j",
        "--observable",
        "<ACP>(B+->Kmumu)[1.1,6]",
        "--json",
    )
    assert code == 0 and json.loads(out)["parameters"]["C9_bsmumu"] == {"re": -1.0, "im": 0.5}


BAD = [
    (["predict", "--model", "deft9", "--observable", "a_mu"], "deft9"),
    (["predict", "--model", "deft", "--observable", "a_mu"], "m_V"),
    (["predict", "--model", "deft", "--set", "m_V=-2", "--observable", "a_mu"], "> 0 GeV"),
    (["predict", "--model", "deft", "--set", "m_V=x", "--observable", "a_mu"], "not numeric"),
    (["predict", "--model", "deft", "--set", "m_V=nan", "--observable", "a_mu"], "m_V"),
    (["predict", "--model", "deft", "--set", "m_V=1e400", "--observable", "a_mu"], "m_V"),
    (["predict", "--model", "deft", "--set", "m_V=1", "--set", "m_V=2", "--observable", "a_mu"], "twice"),
    (["predict", "--model", "deft", "--set", "m_V=1", "--set", "mass=2", "--observable", "a_mu"], "mass"),
    (["predict", "--model", "deft", "--set", "m_V=1", "--set", "C4_mumuV=1j", "--observable", "a_mu"], "complex"),
    (["predict", "--model", "deft", "--set", "m_V=1", "--set", "gamma_V=2", "--observable", "a_mu"], "gamma_V"),
    (["predict", "--model", "deft", "--set", "m_V", "--observable", "a_mu"], "NAME=NUMBER"),
    (["predict", "--model", "deft", "--set", "m_V=1", "--observable", "a_muon"], "a_mu"),
    (["predict", "--model", "deft", "--set", "m_V=1", "--observable", "<dBR/dq2>(B+->Kmumu)[6,1.1]"], "reversed"),
    (["predict", "--model", "deft", "--set", "m_V=1", "--observable", "<dBR/dq2>(B+->Kmumu)[30,40]"], "physical"),
    (["predict", "--model", "deft", "--set", "m_V=1"], "observable"),
    (["predict", "--model", "deft", "--set", "m_V=1", "--observable", "a_mu", "--data", "1999"], "1999"),
    (["predict", "--model", "deft", "--set", "m_V=1", "--observable", "a_mu", "--constraints", "x"], "constraint"),
    (["predict"], "--model"),
    (["nonsense"], "nonsense"),
    ([], "COMMAND"),
    (["data", "--vintage", "x"], "2021"),
    (["fit", "missing.toml"], "missing.toml"),
    (["plot", "missing.json"], "missing.json"),
    (["sample", "x.toml", "--chains", "0"], "--chains"),
]


@pytest.mark.parametrize("args,says", BAD)
def test_bad_input_is_one_line_and_exit_code_2(capsys, args, says):
    code, out, err = run(capsys, *args)
    assert code == 2 and out == ""
    assert err.startswith("fipjax: error: ") and err.count("\n") == 1 and says in err
    assert "Traceback" not in err


BAD_RUNS = [
    ("[model", "not valid TOML"),
    ("", "model.name"),
    ('[model]\nname = "deft44"\n[mdel]', "mdel"),
    ('[model]\nname = "deft44"\nregoin = "high"', "did you mean"),
    ("[model]\nname = 3", "model"),
    ('[model]\nname = "deft44"\n[parameters]\nm_V = 3', "parameters.m_V"),
    ('[model]\nname = "deft44"\n[parameters.m_V]\nprior = "flatt"\nmin = 1\nmax = 2', "flatt"),
    ('[model]\nname = "deft44"\n[parameters.m_V]\nmin = "a"\nmax = 2', "min = 'a'"),
    ('[model]\nname = "deft44"\n[parameters.mV]\nfixed = 1.0', "m_V"),
    ('[model]\nname = "deft44"\n[data]\nvintage = "2022"', "2022"),
    ('[model]\nname = "deft44"\n[data]\ndraws = -5', "draws"),
    ('[model]\nname = "deft44"\n[data]\nmeasurements = ["no.toml"]', "no.toml"),
    ('[model]\nname = "deft44"\n[data]\nuse = "a_mu"', "list"),
]


@pytest.mark.parametrize("text,says", BAD_RUNS)
def test_bad_run_files(capsys, tmp_path, text, says):
    path = tmp_path / "run.toml"
    path.write_text(text)
    code, _, err = run(capsys, "fit", str(path), "-o", str(tmp_path / "fit.json"))
    assert code == 2 and err.count("\n") == 1 and says in err
    assert not (tmp_path / "fit.json").exists()


@pytest.mark.parametrize("option", [["--worker", "0/2"], ["--distributed"], ["--worker", "0/2", "--takeover"]])
def test_several_processes_of_an_adaptive_scan_are_refused_at_once(capsys, tmp_path, monkeypatch, option):
    path = tmp_path / "run.toml"
    path.write_text('[model]\nname = "deft44"\n[scan]\nmethod = "adaptive"\n[scan.grid]\nm_V = {min = 6, max = 20, n = 8}\n')
    # neither the others are waited for nor is a likelihood made
    monkeypatch.setattr("fipjax.engines.distributed.roll_call", None)
    monkeypatch.setattr("fipjax.runfile.RunFile.likelihood", None)
    code, _, err = run(capsys, "scan", str(path), "-o", str(tmp_path / "s.zarr"), *option)
    assert code == 2 and err.count("\n") == 1 and f'{option[0]} with method = "adaptive" of run.toml' in err
    assert "one process" in err and not (tmp_path / "s.zarr").exists()


@pytest.mark.parametrize("command,suffix", [("scan", ".zarr"), ("fit", ".json"), ("sample", ".nc")])
def test_unwritable_output_is_refused_before_the_work(capsys, tmp_path, command, suffix):
    path = tmp_path / "run.toml"
    path.write_text(RUN)
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file" / f"a{suffix}", tmp_path / "no" / f"a{suffix}", tmp_path / "wrong.txt"):
        code, _, err = run(capsys, command, str(path), "-o", str(out))
        assert code == 2 and err.count("\n") == 1 and "output" in err


def test_the_main_job(capsys, tmp_path):
    """scan, fit, sample, plot of a small run file, each with its file, table and picture."""
    path = tmp_path / "run.toml"
    path.write_text(RUN)
    code, out, err = run(capsys, "scan", str(path), "-o", str(tmp_path / "scan.zarr"), "--json")
    assert code == 0, err
    scan = json.loads(out)
    assert scan["points"] == 210
    # the same command again: nothing to do, same answer
    code, out, _ = run(capsys, "scan", str(path), "-o", str(tmp_path / "scan.zarr"), "--json")
    assert code == 0 and json.loads(out)["best"] == scan["best"]
    code, out, err = run(capsys, "fit", str(path), "-o", str(tmp_path / "fit.json"), "--json")
    assert code == 0, err
    fit = json.loads(out)
    # the gradient search is at least as good as the best grid point
    assert fit["chi2"] <= -2 * scan["best"]["log_prob"] + 1e-9
    assert fit["best"]["C4_mumuV"] * fit["best"]["C4_bsV"] < 0
    code, out, err = run(capsys, "sample", str(path), "-o", str(tmp_path / "post.nc"), "--json", "--seed", "3")
    assert code == 0, err
    post = json.loads(out)
    assert {r["name"] for r in post["table"]} >= {"m_V", "C4_bsV", "C4_mumuV"}
    # two chains of 100 draws are too few, and fipjax must say so
    assert post["ok"] is False and post["verdict"] and "warning:" in err
    files = [str(tmp_path / f) for f in ("scan.zarr", "fit.json", "post.nc")]
    code, out, err = run(capsys, "plot", *files)
    assert code == 0, err
    written = out.split()
    assert written and all(Path(p).stat().st_size > 1000 for p in written)
    assert {Path(p).suffix for p in written} == {".pdf", ".png"}


def test_a_store_of_another_run_is_refused(capsys, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(RUN)
    assert run(capsys, "scan", str(path), "-o", str(tmp_path / "s.zarr"))[0] == 0
    path.write_text(RUN.replace('"a_mu"', '"DeltaM_s"'))
    code, _, err = run(capsys, "scan", str(path), "-o", str(tmp_path / "s.zarr"))
    assert code == 2 and err.strip().splitlines()[-1].startswith("fipjax: error: ") and "another run" in err


def test_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "fipjax.cli", "--version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("fipjax ")
