"""B -> K* l l, Bs -> phi l l, Lambda_b -> Lambda l l, B -> X_s l l, B -> K(*) nu nu against flavio 2.7.1 (numbers and their script
in reference/).

Comparisons use conventions="flavio": where that program simplifies (no CP average in Lambda_b and B -> X_s, truncated form-factor
fit of Lambda_b, frozen spectator amplitudes, two QED slips in B -> X_s), the same is done here; the default differs on purpose.
"""

import json
import re
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipjax.hadronic import default_inputs
from fipjax.likelihood import inputs_for, theory_covariance
from fipjax.models.deft import build
from fipjax.observables import Predictor
from fipjax.theory import Theory, VectorMediator

HERE = Path(__file__).parent / "reference"
CONSTANT = json.loads((HERE / "flavio_bsll.json").read_text())
COVARIANCE = json.loads((HERE / "flavio_bsll_covariance.json").read_text())
RESONANT = json.loads((HERE / "q2dependent_bsll.json").read_text())

# Rates and ratios: 1e-3; 2e-3 near the charm threshold (charm pole mass: 0.1 %), for the charged K* (flavio's table of
# spectator scattering was made with an older |V_ub|) and for B -> X_s there.  Absolute for asymmetries: the same in units of one.
RATE, LOOSE = 1e-3, 2.1e-3
ASYMMETRY, ASYMMETRY_LOOSE = 4e-4, 1.7e-3
# Below 0.3 GeV^2 flavio interpolates q^2 H_- and q H_0 of spectator scattering linearly in steps of 0.1 GeV^2, while H_0 has a
# logarithm there; fipjax computes it.
_FROZEN = 5e-3


def quick(function):
    """jit without optimisation, for what runs a few times only: half the time of compilation."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None)


def _asymmetry(name):
    return not name.startswith(("<dBR", "<R", "<BR", "dBR", "BR", "Delta", "tau", "a_fs"))


def _numbers(name):
    return [float(x) for x in re.findall(r"\[(.*)\]", name)[0].split(",")] if "[" in name else []


def _skip(name):
    """What cannot be compared."""
    q2 = _numbers(name)
    # flavio's A_CP of B -> K* l l is half of the usual one
    if name.startswith(("<ACP>(B0->K*", "<ACP>(B+->K*", "ACP(B0->K*", "ACP(B+->K*")):
        return True
    # flavio leaves the QED logarithms out of both terms of A_FB(B -> X_s) above 14 GeV^2, and normalises otherwise below
    if name.startswith(("<AFB>(B->Xs", "AFB(B->Xs")) and q2[-1] > 8.0:
        return True
    # single points on the steep rise below 0.1 GeV^2, see _FROZEN
    return len(q2) == 1 and q2[0] < 0.1 and "->K*" in name


def _check(names, got, want):
    for name, g, w in zip(names, got, want, strict=True):
        if _skip(name):
            continue
        q2 = _numbers(name)
        loose = any(6.0 <= x <= 13.0 for x in q2) or "B+->K*" in name
        asymmetry = _asymmetry(name)
        tolerance = (ASYMMETRY_LOOSE if loose else ASYMMETRY) if asymmetry else LOOSE if loose else RATE
        if q2 and q2[0] < 0.01:
            tolerance = _FROZEN
        error = abs(g - w) if asymmetry else abs(g / w - 1)
        assert error < tolerance, (name, g, w)


@pytest.fixture(scope="module")
def par():
    return inputs_for("2021")


@pytest.fixture(scope="module")
def constant(par):
    names = [n for n in CONSTANT["observables"] if not n.startswith("DeltaM_d")]
    p = Predictor(names, "flavio")
    return names, p, quick(p.tables)(par)


def _pick(names, values):
    full = dict(zip(CONSTANT["observables"], values, strict=True))
    return [full[n] for n in names]


def test_standard_model(constant):
    names, p, t = constant
    _check(names, np.asarray(quick(lambda x: p(Theory(), x))(t))[:, 0], _pick(names, CONSTANT["sm"]))


POINTS = CONSTANT["points"]
KEYS = sorted({k for q in POINTS for k in q["wc"]})


def _coefficients(points, keys):
    return {n: jnp.array([complex(*q["wc"].get(n, (0.0, 0.0))) for q in points]) for n in keys}


def test_wilson_coefficient_points(constant):
    """Fifteen points: real and complex, muons, electrons and neutrinos, primed and scalar coefficients; one by one, which takes the
    amplitudes themselves."""
    names, p, t = constant
    run = quick(lambda c, x: p(Theory(wc=c), x))
    for q in POINTS:
        _check(names, np.asarray(run(_coefficients([q], KEYS), t))[:, 0], _pick(names, q["values"]))


@pytest.mark.parametrize(
    "keys",
    [
        ["C10_bsmumu", "C10p_bsmumu", "C9_bsmumu", "C9p_bsmumu"],
        # 200 products of coefficients: a minute of compilation
        pytest.param(KEYS, marks=pytest.mark.validate),
    ],
    ids=["vector", "all"],
)
def test_wilson_coefficient_points_at_once(constant, keys):
    """The points that have no other coefficients than these, together: through the contracted forms."""
    names, p, t = constant
    points = [q for q in POINTS if set(q["wc"]) <= set(keys)]
    assert len(points) >= 6
    got = np.asarray(quick(lambda c, x: p(Theory(wc=c), x))(_coefficients(points, keys), t))
    for i, q in enumerate(points):
        _check(names, got[:, i], _pick(names, q["values"]))


def test_default_differs_where_it_should(par):
    """The default averages over CP: conjugating all weak phases (C9 and the CKM phase) changes nothing.  flavio's numbers for
    Lambda_b
    and B -> X_s change, and the default is their mean, up to the form-factor fit of Lambda_b."""
    names = ["<dBR/dq2>(Lambdab->Lambdamumu)[15.0,20.0]", "<BR>(B->Xsmumu)[1.0,6.0]", "<dBR/dq2>(B0->K*mumu)[4.0,6.0]"]
    wc, bar = ({"C9_bsmumu": jnp.array([-0.5 + sign * 1.5j])} for sign in (1, -1))
    values = {}
    for conventions in ("default", "flavio"):
        p = Predictor(names, conventions)
        run = quick(lambda c, x, p=p: p(Theory(wc=c), p.tables(x))[:, 0])
        values[conventions] = np.array([run(wc, par), run(bar, {**par, "gamma": -par["gamma"]})])
    (ours, ours_bar), (flavio, flavio_bar) = values["default"], values["flavio"]
    np.testing.assert_allclose(ours, ours_bar, rtol=1e-10)
    assert abs(flavio[0] / flavio_bar[0] - 1) > 0.05 and abs(flavio[1] / flavio_bar[1] - 1) > 5e-3
    mean = 0.5 * (flavio + flavio_bar)
    # nominal fit of arXiv:1602.01399 against two of three terms of its higher-order fit
    assert 0.02 < abs(ours[0] / mean[0] - 1) < 0.15
    # two slips in flavio's QED logarithms
    assert 1e-4 < abs(ours[1] / mean[1] - 1) < 3e-3
    assert abs(ours[2] / flavio[2] - 1) < 1e-3


def _theory(point):
    """One mediator per chirality of the b-s coupling.  Couplings that a point does not have are zeros, so that the points share
    their
    compiled code."""
    m, g = jnp.array([point["m_V"]]), jnp.array([point["m_V"] * point["gamma_V"]])
    one = jnp.array([[1.0 + 0.0j]])
    out = []
    none = {"a4": (0.0, 0.0), "b": (0.0, 0.0)}
    for bs, vec, ax in (("bs_L", "C9", "C10"), ("bs_R", "C9p", "C10p")):
        products = {k: point["products"].get(c, none) for k, c in (("mu_V", vec), ("mu_A", ax))}
        couplings = {k: jnp.array([[complex(*c["a4"])], [complex(*c["b"])]]) for k, c in products.items()}
        if vec in point["products"] or ax in point["products"]:
            out.append(VectorMediator(m, g, **{bs: one}, **couplings))
    return Theory(mediators=tuple(out))


@pytest.fixture(scope="module")
def resonant(par):
    # A_CP here is the usual one (fipjax's), so no skipping
    p = Predictor(RESONANT["observables"], "flavio")
    return quick(lambda theory, t: p(theory, t)[:, 0]), quick(p.tables)(par)


@pytest.mark.parametrize("index", [0, 3, 6, 8])
def test_resonances(resonant, index):
    """Light vectors from 0.1 to 10 GeV, Gamma/m from 1e-4 to 0.5, inside, on the edge of and outside the bins; left- and
    right-handed ones as two mediators with the same pole, real and complex."""
    run, t = resonant
    point = RESONANT["points"][index]
    _check(RESONANT["observables"], np.asarray(run(_theory(point), t)), point["values"])


@pytest.mark.validate
@pytest.mark.parametrize("index", range(len(RESONANT["points"])))
def test_all_resonances(resonant, index):
    run, t = resonant
    point = RESONANT["points"][index]
    _check(RESONANT["observables"], np.asarray(run(_theory(point), t)), point["values"])


@pytest.mark.parametrize(
    "names",
    [("C6_bsV", "C4_mumuV", "C4t_mumuV"), ("C4_bsV", "C6_mumuV", "C6t_mumuV"), ("C6_bsV", "C6p_bsV", "C6_mumuV", "C4t_mumuV")],
)
def test_powers_that_are_absent(par, names):
    """Couplings of dimension six alone say that they have no constant term; what is not computed for that is zero."""
    params = {"m_V": np.array([0.4, 2.1, 6.0]), "gamma_V": np.array([0.1, 1e-3, 1e-9])}
    params |= {n: np.array([0.3, -1.0, 0.7]) * (1e-9 if "bsV" in n else 1e-2) * (1.0 + k) for k, n in enumerate(names)}
    theory = build({k: jnp.asarray(v) for k, v in params.items()})
    v = theory.mediators[0]
    assert {name for name, _ in v.lowest} >= {f for f, n in (("bs_L", "C6_bsV"), ("mu_V", "C6_mumuV")) if n in names}
    for field, power in v.lowest:
        poly = getattr(v, field)
        assert poly is None or not np.any(poly[:power])
    dense = Theory(mediators=(replace(v, lowest=()),))
    p = Predictor(["<dBR/dq2>(B0->K*mumu)[1.1,6.0]", "<P5p>(B0->K*mumu)[15.0,19.0]", "<FH>(B+->Kmumu)[15.0,22.0]", "BR(Bs->mumu)"])
    run = quick(lambda a, b, x: [p(t, p.contract(t, p.tables(x))) for t in (a, b)])
    few, all_powers = run(Theory(mediators=(v,)), dense, par)
    np.testing.assert_allclose(few, all_powers, rtol=1e-11)


def test_physical_relations(par):
    """Relations that hold for any amplitudes: F_L = 1 - 3/4 (J1s..) in the massless limit, bounds on the angular coefficients, and
    the rate from the J_i."""
    b = "[1.1,6.0]"
    names = [f"<S{i}>(B0->K*mumu){b}" for i in ("1s", "1c", "2s", "2c", "3", "4", "5", "6s", "7", "8", "9")]
    names += [f"<FL>(B0->K*mumu){b}", f"<AFB>(B0->K*mumu){b}", f"<P5p>(B0->K*mumu){b}"]
    p = Predictor(names)
    wc = {"C9_bsmumu": jnp.array([0.0, -1.0, 0.5 - 1j]), "C10p_bsmumu": jnp.array([0.0, 1.0, -1j])}
    v = dict(zip(names, np.asarray(quick(lambda c, x: p(Theory(wc=c), p.tables(x)))(wc, par)), strict=True))
    s = {i: v[f"<S{i}>(B0->K*mumu){b}"] for i in ("1s", "1c", "2s", "2c", "3", "4", "5", "6s", "7", "8", "9")}
    np.testing.assert_allclose(0.75 * (2 * s["1s"] + s["1c"]) - 0.25 * (2 * s["2s"] + s["2c"]), 1.0, rtol=1e-12)
    np.testing.assert_allclose(v[f"<FL>(B0->K*mumu){b}"], -s["2c"], rtol=1e-12)
    np.testing.assert_allclose(v[f"<AFB>(B0->K*mumu){b}"], 0.75 * s["6s"], rtol=1e-12)
    np.testing.assert_allclose(v[f"<P5p>(B0->K*mumu){b}"], s["5"] / np.sqrt(-4 * s["2s"] * s["2c"]), rtol=1e-12)
    # |S_3|, |S_9| <= (1 - F_L)/2 up to the lepton mass (below 1 %)
    transverse = 0.5 * (1 - v[f"<FL>(B0->K*mumu){b}"])
    assert np.all(np.hypot(s["3"], s["9"]) < transverse)


def _compare_covariance(keep):
    """Errors within 20 % of flavio's 400 draws (statistical error 3.5 %), correlations within 0.2 (statistical 0.05 (1 - r^2)).

    Left out: A_8, of size 1e-3, where flavio adds the non-factorisable terms with the same weak phase for the B and its
    conjugate, so that they fake CP violation; in the correlations the R ratios, whose errors of 1e-3 have no meaning of their own,
    and B -> X_s, where flavio has two QED slips.
    """
    use = [i for i, n in enumerate(COVARIANCE["observables"]) if keep(n) and not n.startswith("<A8>")]
    names = [COVARIANCE["observables"][i] for i in use]
    cov = theory_covariance(Predictor(names), default_inputs(), {"a_mu SM": (0.00116591810, 4.3e-10)}, Theory(), 1000, 5)
    sigma = np.sqrt(np.diag(cov))
    ref = np.array(COVARIANCE["sm"]["sigma"])[use]
    for n, s, r in zip(names, sigma, ref, strict=True):
        assert abs(s / r - 1) < 0.2, (n, s, r)
    corr = cov / np.outer(sigma, sigma)
    main = [i for i, n in enumerate(names) if not n.startswith("<R") and "Xs" not in n]
    diff = np.abs(corr - np.array(COVARIANCE["sm"]["correlation"])[np.ix_(use, use)])[np.ix_(main, main)]
    assert diff.max() < 0.2, [names[main[i]] for i in np.unravel_index(diff.argmax(), diff.shape)]


def test_theory_covariance():
    """A part that compiles quickly."""
    _compare_covariance(lambda n: "B0->K*mumu" in n)


@pytest.mark.validate
def test_whole_theory_covariance():
    # B0 mixing is not predicted here
    _compare_covariance(lambda n: n not in ("DeltaM_d", "S_psiK", "a_fs_d"))
