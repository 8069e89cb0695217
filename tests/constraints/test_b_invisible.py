"""B -> K(*) + invisible: Belle II closure, printed bounds, consistency with b -> s nu nu, limits, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

import fipjax
from fipjax.constraints import CONSTRAINTS, Context
from fipjax.constraints import b_invisible as inv
from fipjax.constraints.curves import load_curve
from fipjax.models.deft import build
from fipjax.theory import Theory, VectorMediator
from fipkernels import b_to_v, widths
from fipkernels.form_factors import b_to_k

LATEST, PRINTED = Context(), Context("latest", "as_printed")
M_MU = 0.1056583745


def column(*x):
    return jnp.array(x)[:, None]


def row(*x):
    return jnp.array(x)[None]


def vector(mass, bs_l, strength, m_chi=0.0, g_mu=0.0, gamma=None, scheme="sqrt_q2", **more):
    """A vector into dark fermions (vector coupling squared ``strength``) and muons; width their sum or gamma m."""
    mass, strength = jnp.atleast_1d(jnp.asarray(mass, float)), jnp.atleast_1d(jnp.asarray(strength, float))
    dark = widths.vector_to_fermions(mass, m_chi, jnp.sqrt(strength), 0.0)
    width = dark + widths.vector_to_fermions(mass, M_MU, g_mu, 0.0) if gamma is None else gamma * mass
    masses = jnp.full((1, len(mass)), m_chi)
    v = VectorMediator(mass, width, bs_L=bs_l, dark_mass=masses, dark_strength=strength[None], scheme=scheme, **more)
    return Theory((v,))


def ratio(name, theory, context=LATEST):
    return np.asarray(jax.jit(lambda t: CONSTRAINTS[name].ratio(t, context))(theory))


def on_shell(m):
    """BR(B+ -> K+ V) per unit of the squared coupling."""
    k = inv.mode("B+->K")
    par = fipjax.hadronic.default_inputs().central()
    f = b_to_k(m * m, {n: par["B->K BSZ " + n] for n in inv._FF_K}, par["m_B0"], par["m_K0"])[0]
    return k.tau * b_to_v.width_k(m * m, 1.0, k.m_b, k.m_m, f)


# -- Belle II -----------------------------------------------------------------------------------------------------------


def interval(mu, chi2):
    i = int(np.argmin(chi2))
    d = chi2 - chi2[i]
    return mu[i], np.interp(-1.0, -d[: i + 1], mu[: i + 1]) - mu[i], np.interp(1.0, d[i:], mu[i:]) - mu[i]


def test_closure():
    """Fit of the nominal signal: ITA mu = 5.2 +- 1.4 and HTA 2.3 +2.1 -1.8 with these tables (published 5.4 +- 1.5, 2.2 +2.4 -2.0).

    Half of the last printed digit, 0.05; and the tags' combination lies between them."""
    mu = np.linspace(0, 16, 1601)
    shapes = [load_curve("belle2_2311.14647_" + tag)["signal"][:, None] * mu for tag in ("ita", "hta")]
    ita, hta = (interval(mu, np.asarray(inv._deviance(t, s))) for t, s in zip(inv.belle2_tags(), shapes, strict=True))
    np.testing.assert_allclose(ita, (5.2, -1.4, 1.4), atol=0.05)
    np.testing.assert_allclose(hta, (2.3, -1.8, 2.1), atol=0.07)
    both = interval(mu, np.asarray(inv.belle2_chi2(np.concatenate(shapes))))
    # published 4.6 +- 1.3 with correlations and the full likelihood
    assert both[0] == pytest.approx(4.6, abs=0.4) and both[2] == pytest.approx(1.3, abs=0.15)


@pytest.mark.parametrize("which,cap", [(0, 0.05), (1, 0.12)])
def test_profile_likelihood(which, cap):
    """Delta chi2 against the Poisson likelihood, profiled numerically (scipy): claims 5 % and 12 % up to 10, plus 0.02."""
    tag = inv.belle2_tags()[which]
    shape = load_curve("belle2_2311.14647_" + ("ita", "hta")[which])["signal"]
    modes = tag.modes

    def profiled(signal):
        def f(x):
            theta, eta = x[:-1], x[-1]
            mu = tag.background + modes @ theta + signal * (1 + tag.efficiency * eta)
            if mu.min() <= 1e-9:
                return 1e9, np.zeros_like(x)
            slope = 1 - tag.observed / mu
            value = np.sum(mu - tag.observed + tag.observed * np.log(tag.observed / mu)) + 0.5 * x @ x
            return value, np.append(modes.T @ slope, tag.efficiency * signal @ slope) + x

        return 2 * minimize(f, np.zeros(modes.shape[1] + 1), jac=True, method="BFGS", options={"gtol": 1e-6}).fun

    # in the shape of the signal, and in a peak at low q^2
    low = np.asarray(inv.two_body_events(jnp.array([1.0])))[(slice(0, 12), slice(12, 18))[which], 0]
    for signal, scale in ((shape, np.array([0.0, 1.0, 2.5, 5.0, 7.0, 9.0])), (low, np.array([0.0, 3e-6, 6e-6, 9e-6]))):
        got = np.asarray(inv._deviance(tag, signal[:, None] * scale))
        want = np.array([profiled(signal * x) for x in scale])
        want, got = want - want.min(), got - got[np.argmin(want)]
        small = want < 10.0
        assert small.sum() >= 3
        np.testing.assert_allclose(got[small], want[small], rtol=cap, atol=0.02)


def test_efficiencies():
    """The fitted efficiencies give back the map's totals (0.6 %) and the map itself within its statistics, entry by entry.

    Errors of the map: 3.7e-4 (ITA) and 3.1e-5 (HTA) events per simulated event, its smallest entries."""
    c = load_curve("belle2_2311.14647_signal_map")
    q = np.sqrt(0.5 * (c["q2_lo"] + c["q2_hi"]))
    fit = np.asarray(jax.jit(inv.two_body_events)(q)) * c["br"]
    for i, name in enumerate(n for n in c.columns if n.startswith(("ITA", "HTA"))):
        assert fit[i].sum() == pytest.approx(c[name].sum(), rel=0.006)
        unit = 3.7e-4 if name.startswith("ITA") else 3.1e-5
        assert np.mean((fit[i] - c[name]) ** 2 / (unit * (c[name] + 4 * unit))) < 1.3
        # nowhere below zero by more than the noise of empty entries
        assert fit[i].min() > -0.01 * fit[i].max()


def test_best_particle():
    """Narrow particle on the Standard Model: 2602.09666 has 2.1 +0.2 -0.1 GeV and BR 9.2 +1.8 -3.4 e-6 from the full likelihood."""
    chi2, mass, br = inv.belle2_best()
    assert 2.0 <= mass <= 2.3 and 5.8e-6 <= br <= 11e-6
    standard = float(inv.belle2_chi2(inv._belle2_standard())[0])
    # 3.6 sigma in 2311.14629 with its own likelihood, 3.0 in 2602.09666
    assert 3.0 <= np.sqrt(standard - chi2) <= 4.0


def test_belle2_bound():
    """0 without couplings and for the best particle; excluded at twice that; too little excludes nothing; not before 2023."""
    m = jnp.full(5, 2.1)
    g = jnp.sqrt(jnp.array([0.0, 1e-6, 8e-6, 1.8e-5, 1e-4]) / on_shell(2.1))
    theory = vector(m, g[None], jnp.full(5, 1e-4))
    r = ratio("BKnunu_belle2", theory)
    assert r[0] == 0.0 and r[1] < 0.02 and r[2] < 0.02 and r[3] > 1.0 and r[4] > 30.0
    evidence = ratio("BKnunu_belle2_evidence", theory)
    # the Standard Model, and the best point of the scan
    assert evidence[0] > 1.0 and abs(evidence[2]) < 0.2
    # the difference of the two is what the data prefer: constant beyond the best fit
    assert (evidence - r)[3] == pytest.approx((evidence - r)[4], abs=0.05)
    for vintage in ("2021", "datta2022"):
        assert CONSTRAINTS["BKnunu_belle2"].ratio(theory, Context(vintage)) is None


def test_events_of_a_narrow_vector():
    """Events of a narrow vector = two-body efficiencies times the on-shell rate: 1e-4, the number of nodes."""
    m = jnp.array([0.3, 1.0, 2.4, 3.0, 4.0])
    g = jnp.sqrt(1e-5 / on_shell(m))
    theory = vector(m, g[None], jnp.full(5, 1e-7))
    got = np.asarray(jax.jit(lambda t: inv._belle2_new(t, LATEST))(theory))
    want = 1e-5 * np.asarray(inv.two_body_events(m))
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-4 * want.max())


# -- consistency with b -> s nu nu --------------------------------------------------------------------------------------


def test_standard_model():
    """Totals and a bin against the observables: 1e-8, independent quadratures."""
    names = ["BR(B+->Knunu)", "BR(B0->K*nunu)", "<dBR/dq2>(B+->Knunu)[5.76,11.56]"]
    want = fipjax.predict("wet", {}, names)
    panels = inv._babar_panels()
    assert inv.standard_model("B+->K", panels).sum() == pytest.approx(float(want[names[0]]), rel=1e-8)
    assert inv.standard_model("B+->K", panels)[1] == pytest.approx(float(want[names[2]]) * (11.56 - 5.76), rel=1e-8)
    assert inv.standard_model("B0->K*", inv._whole("B0->K*"))[0] == pytest.approx(float(want[names[1]]), rel=1e-8)


def test_heavy_vector_is_a_wilson_coefficient():
    """Exchange of a vector of 2 TeV with neutrino couplings = C_L = g_bs g_nu/(2 N (-m^2)), weak phase included: sign and size of
    the interference.  1e-4: q^2/m^2 and nodes."""
    m, two_n = 2000.0, inv._contact_amplitude()[0]
    g_bs, g_nu = 0.05 * np.exp(0.6j), 0.08
    v = VectorMediator(
        jnp.array([m]), jnp.array([1.0]), bs_L=jnp.array([[g_bs]]), bs_R=jnp.array([[0.3j * g_bs]]), numu_L=row(g_nu)
    )
    c = g_bs * g_nu / (two_n * (-m * m))
    heavy = Theory(wc={"CL_bsnumunumu": jnp.array([c]), "CR_bsnumunumu": jnp.array([0.3j * c])})
    names = ["BR(B+->Knunu)", "BR(B0->K*nunu)"]
    want = fipjax.predict("wet", {"CL_bsnumunumu": c, "CR_bsnumunumu": 0.3j * c}, names)
    standard = fipjax.predict("wet", {}, names)
    for key, name in zip(("B+->K", "B0->K*"), names, strict=True):
        panels = inv._whole(key)
        change = float(want[name]) - float(standard[name])
        assert abs(change) > 0.02 * float(standard[name])
        for theory in (Theory((v,)), heavy):
            got = float(inv.new_physics(theory, key, panels)[0, 0])
            assert got == pytest.approx(change, rel=1e-4)


def test_neutrinos_like_dark_fermions():
    """On shell, neutrinos count with their partial width: a massless dark fermion of strength g_nu^2/2 per flavour.

    Interference vanishes on a narrow peak: sqrt(gamma) of the rate."""
    m, g = jnp.array([1.3]), 1e-4
    bs = jnp.sqrt(1e-5 / on_shell(m))[None]
    nu = VectorMediator(m, 3 * g * g * m / (24 * jnp.pi), bs_L=bs, nue_L=row(g), numu_L=row(g), nutau_L=row(g))
    dark = vector(m, bs, 1.5 * g * g)
    panels = inv._babar_panels()
    a, b = (np.asarray(inv.new_physics(t, "B+->K", panels))[0, 0] for t in (Theory((nu,)), dark))
    assert b == pytest.approx(1e-5, rel=2e-4)
    assert a == pytest.approx(b, rel=2e-3)


# -- BaBar --------------------------------------------------------------------------------------------------------------


FIG3 = {
    0.05: (3.9e-8, 1.2e-7, 3.2e-7),
    0.5: (3.0e-8, 4.7e-8, 5.2e-8),
    1.0: (2.1e-8, 2.5e-8, 2.6e-8),
    3.0: (3.9e-8, 1.0e-7, 3.4e-7),
    4.0: (3.4e-8, 2.5e-8, 2.4e-8),
    8.0: (4.1e-7, 1.2e-6, 3.9e-6),
}


def test_windows_as_printed():
    """2002.11150 Fig. 3: largest coupling at q^2 = 3.5 GeV^2 for g_D = 3, 1, 0.3; the two windows only, i m Gamma, m_chi = 1 MeV.

    4 %: two printed digits, and form factors of another fit (1.5 %)."""
    m = jnp.repeat(jnp.array(list(FIG3)), 3)
    g_d = jnp.tile(jnp.array([3.0, 1.0, 0.3]), len(FIG3))
    bound = jnp.array(list(FIG3.values())).ravel() / 3.5
    theory = vector(m, jnp.stack([0.0 * m, bound]), g_d**2, 1e-3, 0.01, scheme="constant")
    np.testing.assert_allclose(np.sqrt(ratio("BKinv_babar", theory, PRINTED)), 1.0, rtol=0.04)


def test_light_vectors_as_printed():
    """2106.12582: C4 < 7.45e-9 m_V from 1.1e-5 on shell, h6 < 5.54e-9/sqrt(gamma) off shell (low window); 3 %: form factors."""
    m = jnp.array([0.02, 0.001, 0.001])
    gamma = jnp.array([1e-10, 1e-3, 0.5])
    poly = jnp.stack([jnp.array([7.45e-9 * 0.02, 0.0, 0.0]), jnp.array([0.0, 1.0, 1.0]) * 5.54e-9 / jnp.sqrt(gamma)])
    theory = vector(m, poly, 12 * np.pi * gamma)
    np.testing.assert_allclose(ratio("BKinv_babar", theory, PRINTED), 1.0, rtol=0.03)


def test_babar_parts():
    """Low window with the Standard Model on top, two-body curve, and the gap of the windows: closed by the peak reading."""
    limit = load_curve("babar_1303.7465_BK_X_inv")
    # at 0.5 GeV the recast bounds at best + 1.64 (high - best)
    m = jnp.array([0.5, 2.6, 2.6, 3.1, 3.7])
    br = np.array([5e-6, 5e-6, 1e-6, 3e-5, 3e-5])
    theory = vector(m, jnp.sqrt(jnp.asarray(br) / on_shell(m))[None], jnp.full(5, 1e-6))
    r, printed = ratio("BKinv_babar", theory), ratio("BKinv_babar", theory, PRINTED)
    standard = inv.standard_model("B+->K", inv._babar_panels())
    upper = {x: np.interp(x, limit["m"], limit["best"] + 1.64 * (limit["high"] - limit["best"])) for x in (0.5, 2.6)}
    # 1e-3: the curve is interpolated in the logarithm, and 20 nodes
    assert r[0] == pytest.approx(max((5e-6 + standard[0]) / 1.1e-5, 5e-6 / upper[0.5]), rel=1e-3)
    assert r[1] == pytest.approx(max(5e-6 / upper[2.6], (5e-6 + standard.sum()) / 5.7e-5), rel=1e-3)
    assert r[3] == pytest.approx((3e-5 + standard.sum()) / 5.7e-5, rel=1e-3)
    assert r[4] == pytest.approx((3e-5 + standard[2]) / 4.6e-5, rel=1e-3)
    # as printed nothing but tails reaches the windows from the gap
    assert printed[0] == pytest.approx(5e-6 / 1.1e-5, rel=1e-3) and max(printed[1], printed[3]) < 1e-3
    assert printed[4] == pytest.approx(3e-5 / 4.6e-5, rel=1e-3)


def test_limits_beside_each_other():
    """K* peak and total, total branching fractions, CLEO: from the on-shell rates of both modes."""
    m = 1.0
    g = float(jnp.sqrt(1e-5 / on_shell(m)))
    theory = vector(m, row(g), 1e-6)
    k = inv.mode("B0->K*")
    star = np.asarray(inv.new_physics(theory, "B0->K*", inv._whole("B0->K*")))[0, 0]
    # 2106.12582: BR(K* V)/BR(K V) = 2.351/1.979 at 1 GeV; 3 %: form factors of B -> K
    assert star / 1e-5 == pytest.approx(2.351 / 1.979, rel=0.03) and k.end == pytest.approx(4.384, abs=1e-3)
    curve = load_curve("babar_1303.7465_BKst_X_inv")
    upper = np.interp(m, curve["m"], curve["best"] + 1.64 * (curve["high"] - curve["best"]))
    standard = inv.standard_model("B0->K*", inv._whole("B0->K*"))[0]
    assert ratio("BKstinv_babar", theory)[0] == pytest.approx(max(star / upper, (star + standard) / 7.9e-5), rel=1e-3)
    assert ratio("BKstnunu_total", theory)[0] == pytest.approx((star + standard) / 1.8e-5, rel=1e-6)
    assert ratio("BKinv_cleo", theory)[0] == pytest.approx(1e-5 / 4.9e-5, rel=2e-4)
    total = 1e-5 + inv.standard_model("B+->K", inv._whole("B+->K"))[0]
    assert ratio("BKnunu_total", theory)[0] == pytest.approx(total / 1.3e-5, rel=2e-4)


# -- structure ----------------------------------------------------------------------------------------------------------

NAMES = ("BKinv_babar", "BKinv_cleo", "BKstinv_babar", "BKnunu_belle2", "BKnunu_belle2_evidence", "BKnunu_total", "BKstnunu_total")


def test_what_a_model_needs():
    """None without b-s couplings or invisible decays; heavy coefficients alone serve the totals (for Belle II they are data)."""
    one = jnp.ones(1)
    no_bs = Theory((VectorMediator(one, 0.1 * one, dark_mass=row(0.0), dark_strength=row(1.0)),))
    visible = Theory((VectorMediator(one, 0.1 * one, bs_L=row(1e-8), mu_V=row(0.1)),))
    for name in NAMES:
        for theory in (Theory(), no_bs, visible):
            assert CONSTRAINTS[name].ratio(theory, LATEST) is None
    heavy = Theory(wc={"CL_bsnutaunutau": jnp.array([0.0, -30.0])})
    for name in ("BKnunu_total", "BKstnunu_total"):
        r = ratio(name, heavy)
        assert r.shape == (2,) and r[1] > 1.0 > r[0]
    for name in ("BKinv_babar", "BKnunu_belle2"):
        assert CONSTRAINTS[name].ratio(heavy, LATEST) is None


def test_partial_width_only():
    """A model with the partial widths "dark" and "nunu" alone: the same as massless dark fermions of those widths."""
    m, bs = jnp.array([1.5]), row(1e-8)
    strength = jnp.array([2e-3])
    full = vector(m, bs, strength)
    part = strength * m / (12 * jnp.pi)
    short = Theory((VectorMediator(m, part, bs_L=bs, partial_widths={"dark": 0.7 * part, "nunu": 0.3 * part}),))
    assert ratio("BKinv_babar", short)[0] == pytest.approx(ratio("BKinv_babar", full)[0], rel=1e-12)


@pytest.mark.parametrize("name", ["BKinv_babar", "BKstinv_babar", "BKnunu_belle2", "BKstnunu_total"])
def test_values_and_gradients_are_finite(name):
    """Over the whole parameter space of deft, with massless and no dark matter; and the gradient is that of the value.

    Masses on window edges, at and beyond the end points; couplings 0; widths from 1e-9.  1e-4: central differences in ln of all
    parameters together, a function with kinks between its parts."""
    con = CONSTRAINTS[name]

    def r(x):
        p = {"m_V": x[0], "gamma_V": x[1], "C4_bsV": x[2], "C6_bsV": x[3], "C4_mumuV": x[4]}
        return con.ratio(build(p), LATEST)

    m = [0.01, 0.1, 1.0, 2.4, 2.9, 3.4, 4.0, inv.mode("B+->K").end, inv.mode("B0->K*").end, 4.785, 5.3, 20.0]
    grid = np.meshgrid(m, [1e-9, 1e-4, 0.5], [0.0, 1e-9], [0.0, 1e-9], [0.0, 1e-3], indexing="ij")
    h = 1e-5
    generic = np.array([[0.83, 2.05, 3.6, 4.4], [0.03, 0.1, 0.2, 0.3], [1e-8] * 4, [2e-9] * 4, [1e-3] * 4])
    points = np.concatenate([np.stack([a.ravel() for a in grid]), generic, generic * (1 + h), generic * (1 - h)], axis=1)
    value, pull = jax.jit(lambda x: (lambda v, f: (v, f(jnp.ones_like(v))[0]))(*jax.vjp(r, x)))(list(points))
    assert bool(jnp.isfinite(value).all()) and all(bool(jnp.isfinite(s).all()) for s in pull)
    slope = sum(np.asarray(s)[-12:-8] * x for s, x in zip(pull, generic, strict=True))
    difference = np.asarray(value[-8:-4] - value[-4:]) / (2 * h)
    assert np.max(np.abs(difference)) > 0.1
    np.testing.assert_allclose(slope, difference, rtol=1e-4, atol=2e-5 * np.max(np.abs(difference)))
