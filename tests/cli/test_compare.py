"""``fipjax export --wcxf`` and ``fipjax compare --with flavio``; flavio itself is not needed.

Where flavio would answer, fipjax's own constant coefficients do: a resonance in closed form against rates with constant, weak
coefficients at the nodes of a quadrature.
"""

import json
import math
import sys

import numpy as np
import pytest
from command_line import run
from scipy.integrate import quad

import fipjax
from fipjax import wcxf
from fipjax.commands import compare
from fipjax.errors import InputError
from fipjax.models import wet

LIGHT = {"m_V": 2.0, "gamma_V": 0.1, "C4_bsV": 3e-7 + 2e-7j, "C4p_bsV": 1e-7, "C4_mumuV": -0.02, "C4t_mumuV": 0.01, "C6_bsV": 1e-8}


def sets(params):
    return [a for k, v in params.items() for a in ("--set", f"{k}={v}")]


def valid(content):
    """The rules of WCxf for a file of Wilson coefficients: fields, names of the basis, numbers or Re and Im."""
    assert set(content) == {"eft", "basis", "scale", "values", "metadata"}
    assert (content["eft"], content["basis"]) == ("WET", "flavio") and isinstance(content["scale"], float)
    names = {p.name for p in wet.PARAMETERS}
    for name, v in content["values"].items():
        assert name in names
        assert isinstance(v, float) or (set(v) == {"Re", "Im"} and all(isinstance(x, float) for x in v.values()))
    return {k: v if isinstance(v, float) else complex(v["Re"], v["Im"]) for k, v in content["values"].items()}


# ------------------------------------------------------------------------------------------------ WCxf


def test_constant_coefficients_of_both_scales(capsys, tmp_path):
    point = {"C9_bsmumu": -1 + 0.2j, "C10p_bsee": 0.5, "CL_bsnumunumu": 2.0, "C7_bs": 0.03, "CS_bsmumu": 0.01, "CVLL_bsbs": 1e-11}
    path = tmp_path / "point.json"
    code, out, err = run(capsys, "export", "--wcxf", *sets(point), "--model", "wet", "-o", str(path))
    assert code == 0, err
    b, mix = (json.loads(p.read_text()) for p in (path, tmp_path / "point_4.2GeV.json"))
    assert (b["scale"], mix["scale"]) == (4.8, 4.2)
    assert valid(b) == {k: v for k, v in point.items() if k != "CVLL_bsbs"}
    assert valid(mix) == {"CVLL_bsbs": 1e-11}
    assert "5 coefficients at 4.8 GeV" in out and "1 coefficients at 4.2 GeV" in out
    # one file where one scale is enough; zeros are left out
    assert [c["scale"] for c in fipjax.to_wcxf("wet", {"CVLL_bsbs": 1e-11, "C9_bsmumu": 0.0})] == [4.2]
    assert fipjax.to_wcxf("wet", {})[0]["values"] == {}


def test_yaml_and_fit(capsys, tmp_path):
    yaml = pytest.importorskip("yaml")
    path = tmp_path / "point.yml"
    assert run(capsys, "export", "--wcxf", "--model", "wet", "--set", "C9_bsmumu=1e-5", "-o", str(path))[0] == 0
    assert valid(yaml.safe_load(path.read_text())) == {"C9_bsmumu": 1e-5}  # a number for YAML 1.1 too
    like = fipjax.Likelihood("wet", "2021", "none", use=["BR(Bs->mumu)"], uncertainties="none", fixed={"C9_bsmumu": -0.5})
    fit = fipjax.fit(like, starts=4, progress=False)
    fit.save(tmp_path / "fit.json")
    code, out, err = run(capsys, "export", "--wcxf", "--fit", str(tmp_path / "fit.json"), "-o", str(path), "--json")
    assert code == 0, err
    assert valid({k: v for k, v in json.loads(out)[0].items() if k != "output"}) == {
        "C9_bsmumu": -0.5, "C10_bsmumu": pytest.approx(fit.best["C10_bsmumu"], rel=1e-12)
    }  # fmt: skip


@pytest.mark.parametrize("bs,mu", [("C6_bsV", "C4"), ("C4_bsV", "C6"), ("C6_bsV", "C6")])
def test_couplings_of_dimension_six_alone(bs, mu):
    """At one q^2 a coupling of dimension six is one of dimension four times q^2, in C9 and C10 (longitudinal exchange is not)."""
    q2, point = 3.0, {"m_V": 4.0, "gamma_V": 0.1}
    six = {**point, bs: 1e-7, f"{mu}_mumuV": -0.02, f"{mu}t_mumuV": 0.01}
    power = (bs == "C6_bsV") + (mu == "C6")
    four = {**point, "C4_bsV": 1e-7 * q2**power, "C4_mumuV": -0.02, "C4t_mumuV": 0.01}
    got, want = (valid(fipjax.to_wcxf("deft", x, q2=q2)[0]) for x in (six, four))
    for name in ("C9_bsmumu", "C10_bsmumu"):
        assert got[name] == pytest.approx(want[name], rel=1e-12)


def test_light_mediator_at_one_q2():
    """At that q^2 the constants give the same rates, longitudinal exchange of axial couplings included, and the same mixing.

    Width 1e-7: what is left of the phase of the propagator changes rates by 1e-7.
    """
    x = {**LIGHT, "gamma_V": 1e-7}
    m_bs = wcxf._constants()["m_Bs"]
    for q2, name, strange in ((1.5, "dBR/dq2(B+->Kmumu)[1.5]", False), (m_bs**2, "BR(Bs->mumu)", True)):
        content = valid(fipjax.to_wcxf("deft", x, q2=q2)[0])
        want = fipjax.predict("deft", x, name)[name]
        exact = wcxf.light_at(wcxf.point_theory("deft", x), q2, strange_mass=strange)
        got = {k: fipjax.predict("wet", v, name) for k, v in (("file", content), ("exact", exact))}
        # far from the Standard Model, so that the comparison means something
        assert abs(want / got["file"].sm[name] - 1) > 0.05
        assert got["exact"][name] == pytest.approx(want, rel=1e-6)
        # the file has the mass of the s quark, 2 % of the longitudinal part; rates of B -> K l l neglect it
        assert got["file"][name] == pytest.approx(want, rel=1e-6 if strange else 1e-3)
        assert content["CPp_bsmumu"] != 0 and abs(content["CP_bsmumu"]) > 0.01
    heavy = {"m_V": 20.0, "gamma_V": 1e-7, "C4_bsV": 1e-4, "C4p_bsV": 2e-5j, "C6_bsV": 1e-7}
    mix = next(c for c in fipjax.to_wcxf("deft", heavy, q2=1.0) if c["scale"] == 4.2)
    want = fipjax.predict("deft", heavy, "DeltaM_s")
    assert abs(want["DeltaM_s"] / want.sm["DeltaM_s"] - 1) > 0.05
    assert fipjax.predict("wet", valid(mix), "DeltaM_s")["DeltaM_s"] == pytest.approx(want["DeltaM_s"], rel=1e-9)


def test_light_mediators_are_not_written_by_accident(capsys, tmp_path):
    args = ["export", "--wcxf", "--model", "deft", *sets(LIGHT), "-o", str(tmp_path / "a.json")]
    code, _, err = run(capsys, *args)
    assert code == 2 and err.count("\n") == 1 and "--q2" in err and "--heavy-only" in err and not list(tmp_path.iterdir())
    code, out, _ = run(capsys, *args, "--heavy-only")
    assert code == 0 and "not in the file: exchange of V" in out and "a_mu" in out
    assert json.loads((tmp_path / "a.json").read_text())["values"] == {}
    code, out, _ = run(capsys, *args, "--q2", "6")
    assert code == 0 and "strong" in out and "hold for observables at that q^2 only" in out
    # a mediator without b-s coupling has nothing to write
    assert fipjax.to_wcxf("deft", {"m_V": 2.0, "C4_mumuV": 0.01})[0]["values"] == {}


@pytest.mark.parametrize(
    "args,says",
    [
        (["export"], "--wcxf"),
        (["export", "--wcxf"], "no --model"),
        (["export", "--wcxf", "--model", "wet", "-o", "x.txt"], ".json"),
        (["export", "--wcxf", "--model", "wet", "-o", "no/x.json"], "directory"),
        (["export", "--wcxf", "--model", "wet", "--set", "C9=1"], "unknown parameter of model wet 'C9'"),
        (["export", "--wcxf", "--model", "deft", "--set", "m_V=1", "--q2", "-1"], "q2 = -1"),
        (["export", "--wcxf", "--model", "deft", "--set", "m_V=1", "--q2", "1", "--heavy-only"], "one of them"),
        (["export", "--wcxf", "--fit", "missing.json"], "missing.json"),
        (["compare", "--with", "eos"], "unknown program to compare with 'eos' (allowed: flavio)"),
        (["compare", "--with", "flavio", "--set", "C9=1"], "unknown parameter of model wet 'C9'"),
        (["compare", "--with", "flavio", "--observable", "a_muon"], "a_mu"),
    ],
)
def test_bad_input(capsys, monkeypatch, tmp_path, args, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compare, "flavio_python", lambda: sys.executable)
    code, out, err = run(capsys, *args)
    assert code == 2 and out == "" and err.count("\n") == 1 and says in err


# ------------------------------------------------------------------------------------------------ flavio


def test_without_flavio(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("FIPJAX_FLAVIO_PYTHON", raising=False)
    monkeypatch.setattr(compare.importlib.util, "find_spec", lambda name: None)
    code, out, err = run(capsys, "compare", "--with", "flavio", "--set", "C9_bsmumu=1")
    assert code == 2 and out == "" and err.count("\n") == 1 and "FIPJAX_FLAVIO_PYTHON" in err and "pip install flavio" in err
    monkeypatch.setenv("FIPJAX_FLAVIO_PYTHON", str(tmp_path / "python"))
    with pytest.raises(InputError, match="is no program"):
        compare.flavio_python()
    # a Python that has none: this one runs the script, with flavio hidden
    monkeypatch.setenv("FIPJAX_FLAVIO_PYTHON", sys.executable)
    (tmp_path / "flavio.py").write_text("raise ImportError('No module named flavio')")
    monkeypatch.setattr(compare.subprocess, "run", _in(tmp_path, compare.subprocess.run))
    with pytest.raises(InputError, match="has no flavio: No module named flavio"):
        compare.Request([("DeltaM_s", [], None)]).run()


def _in(folder, run):
    def here(*args, **kwargs):
        return run(*args, **{**kwargs, "env": {**kwargs["env"], "PYTHONPATH": str(folder)}})

    return here


def test_the_script_that_runs_in_the_other_python(monkeypatch, tmp_path):
    """A stand-in for flavio: scales, values, reasons for missing numbers."""
    monkeypatch.setenv("FIPJAX_FLAVIO_PYTHON", sys.executable)
    (tmp_path / "flavio.py").write_text(
        "__version__ = '0'\n"
        "class Observable: instances = {'x': 1, 'y': 1}\n"
        "class WilsonCoefficients:\n"
        "    def set_initial(self, values, scale): self.values, self.scale = values, scale\n"
        "def sm_prediction(name, *args): return 1.0 + sum(args)\n"
        "def np_prediction(name, w, *args):\n"
        "    if name == 'y': raise ValueError('no y')\n"
        "    return abs(w.values['C9_bsmumu']) + w.scale + abs(w.values['CVLL_bsbs'])\n"
    )
    (tmp_path / "wilson.py").write_text(
        "class Wilson:\n"
        "    def __init__(self, values, scale, eft, basis):\n"
        "        assert (scale, eft, basis) == (4.2, 'WET', 'flavio')\n"
        "        self.dict = {k: 2 * v for k, v in values.items()}\n"
        "    def match_run(self, scale, eft, basis):\n"
        "        assert scale == 4.8\n"
        "        return self\n"
    )
    monkeypatch.setattr(compare.subprocess, "run", _in(tmp_path, compare.subprocess.run))
    job = compare.Request()
    i = job.point({"C9_bsmumu": 3 + 4j}, {"CVLL_bsbs": 1.0})
    for call in (("x", [0.5, 1], None), ("x", [], i), ("y", [], i), ("z", [], None)):
        job.call(*call)
    version, values = job.run()
    assert version == "0" and values[:2] == [2.5, 5.0 + 4.8 + 2.0]
    assert values[2] == "flavio: ValueError: no y" and values[3] == "flavio has no observable 'z'"


def test_nodes_follow_resonances():
    """Two resonances, one 1e-6 wide, and their interference with a constant, against adaptive quadrature around the poles."""
    poles = [(2.0, 0.2), (1.5, 1.5e-6)]

    def f(q2):
        q = np.sqrt(q2)
        return np.abs(1.0 + sum(g * 0.1 * m / (q2 - m * m + 1j * g * q) for m, g in poles)) ** 2

    q2, w = compare.bin_nodes(1.1, 6.0, poles)
    near = {1.5 + s * 10.0**-k for s in (-1, 1) for k in range(1, 9)}
    cuts = sorted({math.sqrt(1.1), 1.5, 1.8, 2.0, 2.2, math.sqrt(6.0)} | near)
    want = sum(quad(lambda q: f(q * q) * 2 * q, a, b, epsrel=1e-11)[0] for a, b in zip(cuts, cuts[1:], strict=False))
    assert np.sum(w * f(q2)) == pytest.approx(want, rel=1e-8)


class Toy(compare.Request):
    """A rate |s + C9|^2 with a strong phase in s; every phase of C9 is weak, as for flavio."""

    def run(self):
        s, out = 1.0 + 0.4j, []
        for name, _, point in self.calls:
            c = complex(*self.points[point]["wc"]["C9_bsmumu"])
            g, g_bar = abs(s + c) ** 2, abs(s + c.conjugate()) ** 2
            half = 2.0 if "K*" in name else 1.0
            out.append(0.5 * (g + g_bar) if name.startswith("dBR") else (g - g_bar) / (g + g_bar) / half)
        return "toy", out


@pytest.mark.parametrize("kaon", ["K", "K*"])
def test_the_phase_of_the_propagator_is_strong(kaon):
    """Rates of both decays from a program that conjugates it: only the coupling's phase changes sign between them."""
    x = {"m_V": 2.0, "gamma_V": 0.1, "C4_bsV": 2e-7 + 1e-7j, "C4_mumuV": -0.02}
    job = Toy()
    plan = compare._Light(wcxf.point_theory("deft", x), job).plan(f"<dBR/dq2>(B0->{kaon}mumu)", (2.0, 6.0))
    n = wcxf._constants()["n"]
    g = x["C4_bsV"] * x["C4_mumuV"]

    def both(q):
        d = q * q - 4.0 + 0.2j * q
        return 2.0 * q * 0.5 * (abs(1 + 0.4j + g / n / d) ** 2 + abs(1 + 0.4j + (g / n).conjugate() / d) ** 2)

    want = quad(both, math.sqrt(2.0), math.sqrt(6.0), points=[2.0], epsrel=1e-10)[0] / 4.0
    assert plan(job.run()[1]) == pytest.approx(want, rel=1e-8)


class OwnConstants(compare.Request):
    """flavio's part played by fipjax: constant coefficients, all phases weak, flavio's A_CP of B -> K*."""

    def run(self):
        values: list = [None] * len(self.calls)
        groups: dict = {}
        for i, (name, args, point) in enumerate(self.calls):
            groups.setdefault((name, tuple(args)), []).append((i, point))
        full = [name + (f"[{','.join(map(repr, args))}]" if args else "") for name, args in groups]
        used = sorted({p for g in groups.values() for _, p in g if p is not None})
        keys = sorted({k for p in used for part in ("wc", "mixing") for k in self.points[p][part]})
        params = {
            k: np.array([complex(*{**self.points[p]["wc"], **self.points[p]["mixing"]}.get(k, (0, 0))) for p in used]) for k in keys
        }
        pred = fipjax.predict("wet", params, full, conventions="flavio")
        for n, ((name, _), members) in zip(full, groups.items(), strict=True):
            half = 0.5 if name.startswith("ACP(B0->K*") else 1.0
            for i, p in members:
                values[i] = half * float(pred.sm[n] if p is None else pred[n][used.index(p)])
        return "own", values


@pytest.mark.validate
def test_light_mediators_from_rates_with_constants(monkeypatch):
    """Strong phases, complex and right-handed couplings, axial exchange, dimension six: bins in closed form against nodes."""
    monkeypatch.setattr(compare, "flavio_python", lambda: "none")
    monkeypatch.setattr(compare, "Request", OwnConstants)
    monkeypatch.setattr(compare, "_ORDER", 8)
    names = ["<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "BR(Bs->mumu)", "DeltaM_s", "<FH>(B+->Kmumu)[1.1,6.0]"]
    rows = {r["observable"]: r for r in compare.compare_flavio("deft", LIGHT, names)["rows"]}
    rate, leptonic, mass, angular = (rows[n] for n in names)
    assert rate["np"]["fipjax"] / rate["sm"]["fipjax"] > 2.0
    # 3e-7 is reached, with eight nodes on either side of the peak; without the reversed phase it is 0.1
    assert abs(rate["np"]["difference"]) < 5e-6
    # 5e-7: the phase's effect on the width difference is of second order; without the reversed phase it is 0.017
    assert abs(leptonic["np"]["difference"]) < 5e-6
    assert abs(leptonic["np"]["fipjax"] / leptonic["sm"]["fipjax"] - 1) > 0.2
    assert abs(mass["np"]["difference"]) < 1e-5
    assert angular["np"]["flavio"] is None and "light mediator" in angular["note"] and angular["sm"]["difference"] == 0.0


def test_table_and_json(capsys, monkeypatch):
    monkeypatch.setattr(compare, "flavio_python", lambda: "none")
    monkeypatch.setattr(compare, "Request", OwnConstants)
    args = ["compare", "--with", "flavio", "--set", "C10_bsmumu=1", "--observable", "BR(Bs->mumu)", "--observable", "DeltaM_s"]
    code, out, err = run(capsys, *args, "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert answer["flavio"] == "own" and answer["model"] == "wet"
    row = answer["rows"][0]
    assert row["np"]["fipjax"] < row["sm"]["fipjax"] and abs(row["np"]["difference"]) < 1e-12
    code, out, _ = run(capsys, *args)
    light = compare._Light(wcxf.point_theory("deft", LIGHT), compare.Request())
    assert "only rates" in light.refuse("<FH>(B+->Kmumu)") and "a_mu" in light.refuse("a_mu")
    assert light.refuse("<Rmue>(B0->K*ll)") == light.refuse("dBR/dq2(B+->Kee)") == ""
    lines = out.splitlines()
    assert code == 0 and "flavio own" in lines[0] and "SM flavio" in lines[1] and lines[3].startswith("BR(Bs->mumu)")
