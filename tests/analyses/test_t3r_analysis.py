"""U(1)_T3R, arXiv:2105.07655: models "t3r" and "t3r_wc", Tables I and II, searches and fits of examples/t3r_*.py."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fipjax
from fipjax.constraints import b_visible
from fipjax.errors import InputError
from fipjax.likelihood import build_theory
from fipjax.models import get_model
from fipjax.models import t3r as model
from fipkernels import t3r, widths


def light(**params):
    p = {k: jnp.atleast_1d(jnp.asarray(v, float)) for k, v in {"m_Ap": 0.1, "m_phip": 0.0803, **params}.items()}
    shape = jnp.broadcast_shapes(*(v.shape for v in p.values()))
    conventions = "default"
    return build_theory(get_model("t3r"), {k: jnp.broadcast_to(v, shape) for k, v in p.items()}, conventions)


# --- the light sector ----------------------------------------------------------------------------------------------------


def test_couplings():
    """Right-handed u, d, mu with +g, -g, -g; epsilon 5.424e-5 at 100 MeV; a_mu = 2.51e-9 at m_phi' = 80.27 MeV."""
    m = light().mediators[0]
    g = 0.1 / (math.sqrt(2) * 10)
    for left_out in (m.mu_V[0] - m.mu_A[0], m.up_V - m.up_A, m.down_V - m.down_A):
        assert float(left_out[0]) == 0.0
    np.testing.assert_allclose([m.mu_V[0, 0], m.up_V[0], m.down_V[0]], [-g / 2, g / 2, -g / 2], rtol=1e-14)
    assert float(m.epsilon[0]) == pytest.approx(5.424e-5, rel=2e-5)
    assert float(light(m_phip=0.08027).a_mu[0]) == pytest.approx(2.51e-9, abs=5e-11)
    assert float(light(mixing_factor=-2.0).mediators[0].epsilon[0]) == pytest.approx(-2 * 5.424e-5, rel=2e-5)
    # no left-handed charge: nothing for a longitudinal enhancement of K -> mu nu A'
    assert m.charged_current is None and m.numu_L is None


def test_widths():
    """Only e e in the visible window below m_pi0; pi0 gamma above (0.30 of e e at 200 MeV); mu mu takes over; chiral neutrinos."""
    v = light(m_Ap=[0.1, 0.2, 0.25], m_phip=0.08).mediators[0].partial_widths
    np.testing.assert_allclose(1e3 * t3r.HBARC / v["ee"][:2], [0.2758, 0.0345], rtol=2e-3)
    np.testing.assert_allclose(v["hadrons"][:2] / v["ee"][:2], [0.0, 0.30], atol=5e-3)
    assert float(v["mumu"][1]) == 0.0 and float(v["mumu"][2]) > 1e3 * float(v["ee"][2])
    # tree level, up to the interference with kinetic mixing (1 %)
    assert float(v["mumu"][2]) == pytest.approx(float(t3r.chiral_width(0.25, t3r.M_MU, 0.25 / math.sqrt(200))), rel=0.02)
    g = 0.1 / math.sqrt(200)
    d = light(m_nuS=[0.0, 0.03, 0.06], m_eta=0.2).mediators[0]
    np.testing.assert_allclose(d.partial_widths["dark"][:2], t3r.chiral_width(0.1, jnp.array([0.0, 0.03]), g), rtol=1e-13)
    assert float(d.partial_widths["dark"][2]) == 0.0
    eta = light(m_eta=0.02).mediators[0].partial_widths["dark"]
    assert float(eta[0]) == pytest.approx(float(widths.vector_to_fermions(0.1, 0.02, g / 2, 0.0)), rel=1e-13)
    m = light(m_nuS=0.0).mediators[0]
    assert float(m.width[0]) == pytest.approx(float(sum(m.partial_widths.values())[0]), rel=1e-14)


def test_printed():
    """m_mu = 0.105 GeV in the g-2 and no pi0 gamma."""
    p = {"m_Ap": 0.2, "m_phip": 0.0732}
    assert fipjax.predict("t3r", p, "a_mu", data="2021", conventions="as_printed")["a_mu"] != pytest.approx(
        fipjax.predict("t3r", p, "a_mu", data="2021")["a_mu"], rel=1e-9
    )
    full = {k: jnp.array([v]) for k, v in p.items()} | {"V": jnp.array([10.0])}
    printed = model.build(full, printed=True)
    assert "hadrons" not in printed.mediators[0].partial_widths
    assert float(printed.a_mu[0]) == pytest.approx(float(t3r.delta_a_mu(0.0732, 0.2, 10.0, 0.105)), rel=1e-12)
    # the printed central line passes through 73.2 MeV (three digits)
    assert float(printed.a_mu[0]) == pytest.approx(2.52e-9, abs=2e-10)


def test_range():
    with pytest.raises(InputError, match="m_Ap"):
        fipjax.predict("t3r", {"m_Ap": 0.3, "m_phip": 0.08}, "a_mu")
    with pytest.raises(InputError, match="m_phip"):
        fipjax.predict("t3r", {"m_Ap": 0.1}, "a_mu")


def test_finite_gradients():
    """Over the range of the priors, at thresholds, with everything open and closed."""
    m = jnp.array([0.003, 0.056, t3r.M_PI0, 0.2, 2 * t3r.M_MU, 0.25, 0.275])

    def total(x):
        theory = build_theory(get_model("t3r"), x)
        leaves = [jnp.sum(jnp.abs(a)) for a in jax.tree.leaves(theory)]
        return sum(leaves)

    x = {
        "m_Ap": m, "m_phip": jnp.full(7, 0.08), "V": jnp.full(7, 10.0), "mixing_factor": jnp.ones(7), "m_nuS": 0.5 * m,
        "m_eta": jnp.zeros(7), "LL": jnp.full(7, 1e-6), "RR": jnp.full(7, 2e-6),
    }  # fmt: skip
    for slope in jax.jit(jax.grad(total))(x).values():
        assert np.all(np.isfinite(slope))


def test_b_to_dark_photon(load):
    """BR(B -> K A') with g_bs = (LL + RR) m_A'/(sqrt2 V): 0.96, 142, 6.8, 114 at 100 MeV and 0.06, 8.9, 0.43, 7.1 at 200 MeV for
    the benchmarks (two digits quoted, for a constant f+ = 0.33: 1.3 % of the shipped one)."""
    tables, shared = load("t3r_tables"), load("_t3r")
    for m, expected in ((0.1, (0.96, 142, 6.8, 114)), (0.2, (0.06, 8.9, 0.43, 7.1))):
        got = [tables.on_shell(m, v[1], v[4])[0] for v in shared.BENCHMARKS.values()]
        np.testing.assert_allclose(got, expected, rtol=0.03)
    theory = light(LL=1e-7, RR=2e-7)
    one = light(LL=3e-7)
    assert float(b_visible.production(theory.mediators[0], "B+->K")[0]) == pytest.approx(
        float(b_visible.production(one.mediators[0], "B+->K")[0]), rel=1e-12
    )


# --- searches ------------------------------------------------------------------------------------------------------------


def test_recast(load):
    """Edges of the visible window.  NuCal: an independent recast has 45 MeV, the paper 56.  NA48/2 reaches up to where its limit
    ends, pi0 -> gamma A' with half the coupling of a dark photon of epsilon = g/e.  Muon pairs close the window at 2 m_mu."""
    shared = load("_t3r")
    mass = np.geomspace(0.01, 0.27, 400)
    r = shared.recast(mass)
    nucal = shared.intervals(mass, r["dp_nucal_1908.07525"] > 1)
    assert len(nucal) == 1 and nucal[0][1] == pytest.approx(0.045, abs=0.001)
    na48 = shared.intervals(mass, r["dp_na48_1504.00607"] > 1)
    assert na48[-1][1] == pytest.approx(0.118, abs=0.002) and na48[-1][0] < 0.030
    four = shared.intervals(mass, r["babar_4mu"] > 1)
    assert four[0][0] == pytest.approx(2 * t3r.M_MU, abs=0.005)
    every = np.max([v for k, v in r.items() if "proj" not in k], axis=0) > 1
    window = (mass > 0.12) & (mass < 0.2105)
    assert not every[window].any()
    # reach of future experiments: below the end of NA48/2, and none of them up to 200 MeV, as the paper says for above 110 MeV
    ends = {k: shared.intervals(mass, v > 1)[-1][1] for k, v in r.items() if "proj" in k}
    assert 0.06 < min(ends.values()) and 0.08 < max(ends.values()) < 0.11
    # production: (2 g_u + g_d)/e is 1 for a dark photon's couplings e Q
    m = shared.theory(mass[:1]).mediators[0]
    assert float(shared.dp._view(m).eps2[0] ** 0.5 / (t3r.gauge_coupling(mass[0], 10.0) / 2)) == pytest.approx(
        1 / math.sqrt(4 * math.pi * t3r.ALPHA), rel=0.01
    )


def test_recast_invisible(load):
    """Invisible A': NA64mu (2024) reaches all masses at V = 10 GeV; NA62 pi0 -> gamma A' 35 to 119 MeV; visible decays are
    rarer by 1e-3 to 1e-4."""
    shared = load("_t3r")
    mass = np.geomspace(0.01, 0.2, 100)
    r = shared.recast(mass, invisible=True)
    assert np.all(r["na64mu_inv"] > 10)
    found = shared.intervals(mass, r["dp_na62_1903.08767_inv"] > 1)
    assert found[0] == (pytest.approx(0.036, abs=0.002), pytest.approx(0.118, abs=0.004))
    for name in ("dp_nucal_1908.07525", "dp_na48_1504.00607", "dp_e137_1209.6083"):
        assert np.all(r[name] < 0.05)


def test_relic_window(load):
    """Omega h^2 = 0.12 for m_phi' = 75 MeV: m_eta within 15 % of m_phi'/2 and below it."""
    fig4 = load("t3r_fig4")
    m, omega = fig4.resonance(0.075, n=8)
    assert 0.85 < fig4.crossing(m, omega) / 0.0375 < 0.95


# --- Wilson coefficients -------------------------------------------------------------------------------------------------


def test_map():
    """WCxf coefficients at 4.8 GeV from those at 160 GeV; the Z couples to each neutrino as to the axial lepton current."""
    p = {"C10_U": 2.0, "C_NU": -0.5, "CS_NU": 0.03, "CP_NU": 0.01, "Cp_NU": 0.4, "running": 1.0, "s2w": 0.23}
    wc = {k: float(v[0]) for k, v in model.build_wc({k: jnp.array([v]) for k, v in p.items()}).wc.items()}
    kappa = 4 * 0.23 - 1
    e, mu = (kappa * 2.0, 2.0), (kappa * 2.0 - 0.5, 1.5)
    others = -0.0062 * (2 * e[0] + mu[0])
    assert wc["C9_bsee"] == pytest.approx(e[0] + 0.0093 * e[1] + others, rel=1e-12)
    assert wc["C9_bsmumu"] == pytest.approx(mu[0] + 0.0093 * mu[1] + others, rel=1e-12)
    assert wc["C10_bsmumu"] == pytest.approx(mu[1] + 0.0093 * mu[0], rel=1e-12)
    assert wc["C10p_bsmumu"] == pytest.approx(0.4 * (1 - 0.0093), rel=1e-12)
    assert wc["CS_bsmumu"] == pytest.approx(0.03 * 0.9728) and wc["CP_bsmumu"] == pytest.approx(0.01 * 0.9728)
    assert {wc[f"CL_bsnu{n}nu{n}"] for n in ("e", "mu", "tau")} == {2.0}
    still = model.build_wc({k: jnp.array([v]) for k, v in {**p, "running": 0.0}.items()}).wc
    assert float(still["C9_bsmumu"][0]) == pytest.approx(mu[0], rel=1e-12) and float(still["CS_bsmumu"][0]) == 0.03
    # sin^2 theta_W that is not given
    for printed, s2w in ((False, 0.23122), (True, 0.23)):
        c = model.build_wc({"C10_U": jnp.ones(1)}, printed=printed).wc
        assert float(c["C9_bsee"][0]) == pytest.approx(4 * s2w - 1, rel=1e-12)


@pytest.fixture(scope="module")
def values(load):
    return load("t3r_tables").predictions()


def test_table_1(values, load):
    """R_K, R_K*, BR(Bs -> mu mu) of the benchmarks within 3 % of flavio 2.2.0 (measured: 1.2 %), and pulls of the paper within
    0.25: its recipe is not given; with side-dependent errors the paper's own values give pulls lower by 0.07 to 0.18."""
    tables, shared = load("t3r_tables"), load("_t3r")
    for name, (factor, _, _, flavio) in tables.TABLE_1.items():
        np.testing.assert_allclose(factor * values[name][1:], flavio, rtol=0.03)
    np.testing.assert_allclose(tables.pulls(values), tables.PULLS, atol=0.25)
    # the paper's printed values
    sm = {"<Rmue>(B+->Kll)[1.1,6.0]": 1.0006, "<Rmue>(B0->K*ll)[1.1,6.0]": 0.9964, "BR(Bs->mumu)": 3.67e-9}
    rows = np.array([[p / f for p in paper] for f, _, paper, _ in tables.TABLE_1.values()]).T
    pulls = [shared.pull(dict(zip(tables.TABLE_1, row, strict=True)), sm) for row in rows]
    np.testing.assert_allclose(pulls, [4.28, 4.42, 3.73, 4.13], atol=0.03)


def test_table_2(values, load):
    """Within 3 % of flavio 2.2.0 at 160 GeV (measured 2.3 %), but for Lambda_b: form factors of the nominal lattice fit, +8.5 %
    (docs/bsll.md).  The entry of BMA there is 0.219, not 2.19."""
    tables = load("t3r_tables")
    for name, (factor, _, paper, flavio) in tables.TABLE_2.items():
        shift = 1.085 if "Lambdab" in name else 1.0
        np.testing.assert_allclose(factor * values[name][1:] / shift, flavio, rtol=0.03)
        np.testing.assert_allclose(factor * values[name][1:] / shift, paper, rtol=0.035)


def test_unchecked_rates(values):
    """What the paper says is far below the limits: B -> K* nu nu of BMB and BMD above 1.8e-5 (ratio (1 - C10/6.53)^2), B+ -> K+ e e
    by factors of 0.4 and 3.6 from the Standard Model."""
    np.testing.assert_allclose(1e6 * values["BR(B0->K*nunu)"], [9.8, 0.65, 35.3, 3.4, 34.3], rtol=0.03)
    c = np.array([0.0, 4.85, -5.86, 2.7, -5.67])
    for name in ("BR(B0->K*nunu)", "BR(B+->Knunu)"):
        np.testing.assert_allclose(values[name] / values[name][0], (1 - c / 6.53) ** 2, rtol=0.01)
    np.testing.assert_allclose(1e9 * values["<dBR/dq2>(B+->Kee)[1.1,6.0]"], [35.1, 14.0, 129, 17.0, 125], rtol=0.02)
    np.testing.assert_allclose(values["<Rmue>(B0->K*ll)[0.045,1.1]"][1:], [0.897, 0.793, 0.922, 0.868], rtol=3e-3)


def test_bs_mumu_ratios(load):
    """BR(Bs -> mu mu)/SM for single coefficients at 4.8 GeV: 0.578, 0.0013, 1.815 from flavio."""
    p = {"C10_U": [0.0, 1.0, 0, 0], "CP_NU": [0.0, 0, 0.03, 0], "CS_NU": [0.0, 0, 0, 0.03], "running": 0.0}
    r = fipjax.predict("t3r_wc", p, "BR(Bs->mumu)")["BR(Bs->mumu)"]
    np.testing.assert_allclose(r[1:] / r[0], [0.578, 0.0013, 1.815], rtol=0.02, atol=5e-4)


# --- fits ----------------------------------------------------------------------------------------------------------------


SCENARIOS = [pytest.param("scalar", ("BMA", "BMB", "BMC")), pytest.param("primed", ("BMD",), marks=pytest.mark.validate)]


@pytest.mark.parametrize("scenario,names", SCENARIOS)
def test_fit(load, scenario, names):
    """Three numbers, three or four free coefficients: minimum, pull of the Standard Model; benchmarks are not below it.

    C'^NU fits the three exactly; with C_S and C_P only R_K against R_K* is left, at 0.27.
    """
    fit, shared = load("t3r_fit"), load("_t3r")
    like = fit.likelihood(scenario)
    best = fipjax.fit(like, starts=32, seed=3, progress=False)
    assert best.chi2 == pytest.approx({"scalar": 0.274, "primed": 0.0}[scenario], abs=5e-3)
    assert math.sqrt(like.sm_chi2() - best.chi2) == pytest.approx(4.45, abs=0.05)
    rows = np.array([shared.BENCHMARKS[n] for n in names])
    found = np.asarray(like.chi2({c: rows[:, i] for i, c in enumerate(shared.COEFFICIENTS) if c in like.names}))
    assert np.all(found > best.chi2) and np.all(found < like.sm_chi2() - 12.0)


@pytest.mark.validate
@pytest.mark.parametrize("scenario,names", [("scalar", ("BMB",)), ("primed", ("BMD",))])
def test_profile(load, scenario, names):
    """The profile over C_S, C_P (parabolas) or C'^NU (grid) is not above the benchmark's chi2, nor above random choices of them."""
    fit, shared = load("t3r_fit"), load("_t3r")
    n = 41
    nu, u = fit.grid(n)
    like = fit.likelihood(scenario)
    c = fit.profile(scenario, n)
    point = dict(zip(shared.COEFFICIENTS, shared.BENCHMARKS[names[0]], strict=True))
    i, j = (int(np.argmin(np.abs(a - v))) for a, v in ((nu[:, 0], point["C_NU"]), (u[0], point["C10_U"])))
    here = {"C10_U": u[i, j], "C_NU": nu[i, j]}
    assert c[i, j] <= float(like.chi2({k: np.atleast_1d(here.get(k, point[k])) for k in like.names})[0]) + 1e-6
    rng = np.random.default_rng(2)
    x = {k: np.asarray(p.from_unit(rng.uniform(size=4000))) for k, p in like.priors.items()} | {
        k: np.full(4000, v) for k, v in here.items()
    }
    # between the nodes of C'^NU, a parabola: 0.05
    assert c[i, j] <= np.min(np.asarray(like.chi2(x))) + (0.05 if scenario == "primed" else 1e-3)
