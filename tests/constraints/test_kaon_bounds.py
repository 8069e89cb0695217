"""Bounds from kaon and pion decays: the numbers checked for arXiv:2210.15662, tables against the kernel, curves at held points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipjax.constraints import kaon as bounds
from fipjax.constraints.base import CONSTRAINTS, Context
from fipjax.constraints.curves import load_curve
from fipjax.theory import Theory, VectorMediator
from fipkernels import kaon, meson_radiation
from fipkernels.dark_photon import E_CHARGE

NOW, OLD, PRINTED = Context(), Context("datta2022"), Context("datta2022", "as_printed")
NAMES = [
    "Kmunu_inv", "Kmunu_ee", "pimunu_inv", "Kpi_inv_na62", "Kpi_inv_pi0", "Kpi_inv_e949", "Kpi_mumu_na48", "Kpi_mumu_na62",
    "KLpi0_inv_koto", "K_mixing",
]  # fmt: skip
HBAR_NS = 6.582119569e-16


def theory(m, width=1e-9, shares=None, **couplings):
    """One V; shares: branching fractions of its width; couplings given as numbers."""
    m = jnp.atleast_1d(jnp.asarray(m, float))
    full = width * jnp.ones_like(m)
    poly = {k: jnp.ones_like(m)[None] * v for k, v in couplings.items() if k not in ("epsilon", "charged_current")}
    flat = {k: jnp.ones_like(m) * v for k, v in couplings.items() if k in ("epsilon", "charged_current")}
    return Theory((VectorMediator(m, full, partial_widths={k: v * full for k, v in (shares or {}).items()}, **poly, **flat),))


def ratio(name, t, context=NOW):
    r = CONSTRAINTS[name].ratio(t, context)
    return None if r is None else float(r[0])


# --- K+, pi+ -> mu+ nu V
@pytest.mark.parametrize("meson", ["K", "pi"])
def test_emission_table(meson):
    """Off the nodes of the table, every coupling: 2e-4, by linear interpolation in steps of 2 % (0.1 MeV to threshold)."""
    m_p = bounds._MESONS[meson]
    rng = np.random.default_rng(4)
    m = np.exp(rng.uniform(np.log(1e-4), np.log((m_p - bounds.M_MU) * 0.9999), 40))
    unit = meson_radiation.width_leptonic(m_p, bounds.M_MU, 1.0, 1.0, 1.0)
    width = jax.jit(meson_radiation.width, static_argnames="printed")
    for g in ((1.0, 1.0, 0.0, 0.0), (1.0, 1.0, 0.0, 1.0), (-0.3, 0.2, 0.5, -0.8), (0.0, 0.0, 1.0, 0.0)):
        exact = width(m_p, bounds.M_MU, m, g[0], g[1], 1.0, 1.0, 1.0, g[2], g[3]) / unit
        np.testing.assert_allclose(bounds.emission(meson, jnp.asarray(m), g), exact, rtol=2e-4)
    exact = width(m_p, bounds.M_MU, m, 0.3, -0.2, 1.0, 1.0, 1.0, printed=True) / unit
    np.testing.assert_allclose(bounds.emission(meson, jnp.asarray(m), (0.3, -0.2, 9.0, 9.0), True), exact, rtol=2e-4)
    assert np.all(np.asarray(bounds.emission(meson, jnp.array([m_p - bounds.M_MU, 1.0, 50.0]), (1.0, 1.0, 0.0, 0.0))) == 0.0)


def g_max(m, invisible, context=NOW, **more):
    t = theory(m, shares={"nunu": invisible, "ee": 1 - invisible}, mu_V=1.0, **more)
    return ratio("Kmunu_inv", t, context) ** -0.5


def test_k_mu_inv_check_values():
    """g_D^max of the note, two digits, from BR(K -> mu nu) = 0.623; here 0.6356, 1 % stronger in the coupling."""
    for m, g in ((0.0302, 1.03e-3), (0.1, 4.0e-3), (0.15, 7.4e-3), (0.2, 1.35e-2)):
        assert g_max(m, 1.0) == pytest.approx(g, rel=0.02)
    # case B: branching fractions to neutrinos of the note, three flavours and one
    for share, expected in ((0.0204, (2.3e-3, 7.2e-3, 2.8e-2)), (0.0069, (4.0e-3, 1.2e-2, 4.9e-2))):
        for m, g in zip((0.01, 0.03, 0.1), expected, strict=True):
            assert g_max(m, share) == pytest.approx(g, rel=0.025)


def test_k_mu_inv_as_printed():
    """Half the rate and the acceptance twice: 1.78e-2, 3.3e-2, 5.9e-2 of the note, which halves the right rate; the wrong g_R^2
    adds up to 6 % to that rate."""
    for m, g in ((0.1, 1.78e-2), (0.15, 3.3e-2), (0.2, 5.9e-2)):
        assert g_max(m, 1.0, PRINTED) == pytest.approx(g, rel=0.04)
        assert 0.94 < g_max(m, 1.0, PRINTED) / g < 1.0
        assert g_max(m, 1.0, PRINTED) / g_max(m, 1.0) > 4.0


def test_compensated_charge():
    """Kinetic mixing, and mixing with the Z (g_L(l) - g_L(nu) = charged_current), do not grow as 1/m_V^2; printed they do."""
    m, eps = 0.002, 1e-3
    dark = ratio("Kmunu_inv", theory(m, shares={"dark": 1.0}, epsilon=eps))
    direct = ratio("Kmunu_inv", theory(m, shares={"dark": 1.0}, mu_V=-E_CHARGE * eps))
    printed = ratio("Kmunu_inv", theory(m, shares={"dark": 1.0}, epsilon=eps), PRINTED)
    assert 0.0 < dark < 1e-3 * direct
    assert printed == pytest.approx(0.103 / 2 * direct, rel=0.06)
    # left-handed current of the Z: neutrinos and muons with T3, the W with the rest; the axial muon mass term is what is left
    z = ratio("Kmunu_inv", theory(m, shares={"nunu": 1.0}, mu_V=-0.25, mu_A=0.25, numu_L=0.5, charged_current=-1.0))
    alone = ratio("Kmunu_inv", theory(m, shares={"nunu": 1.0}, mu_V=-0.25, mu_A=0.25))
    neutrino = ratio("Kmunu_inv", theory(m, shares={"nunu": 1.0}, numu_L=0.5))
    assert z < 0.2 * alone and z < 0.2 * neutrino
    # charged lepton and neutrino alike: a conserved current
    both = ratio("Kmunu_inv", theory(m, shares={"nunu": 1.0}, mu_V=0.5, numu_L=0.5))
    assert both < 1e-2 * neutrino


def test_k_mu_inv_escape():
    """Visible decays behind the detector: all of a stable V, 1/e at tau = 16 ns m/GeV, none of a prompt one."""
    m, limit = 0.1, ratio("Kmunu_inv", theory(0.1, shares={"nunu": 1.0}, mu_V=1e-3))
    assert ratio("Kmunu_inv", theory(m, width=0.0, mu_V=1e-3)) == pytest.approx(limit, rel=1e-12)
    late = theory(m, width=HBAR_NS / 1.6, shares={"ee": 1.0}, mu_V=1e-3)
    assert ratio("Kmunu_inv", late) == pytest.approx(limit * np.exp(-1), rel=1e-9)
    assert ratio("Kmunu_inv", late, PRINTED) == 0.0
    assert ratio("Kmunu_inv", theory(m, shares={"ee": 1.0}, mu_V=1e-3)) == 0.0
    # that time is the one of the limits on K -> pi X of the same experiment, to 10 %
    c = load_curve("na62_2011.11329_K_pi_X_inv")
    for row in np.flatnonzero((c["m"] > 0.03) & (c["m"] < 0.105)):
        assert np.log(c["ul_1"][row] / c["ul_0"][row]) == pytest.approx(16 * c["m"][row], rel=0.1)


def test_k_mu_ee():
    """The note: g_D = 1e-3 gives 1.8e-8 at 150 MeV and 5.5e-9 at 200 MeV against 3 sigma = 0.93e-8 (two digits, 2 % from BR)."""
    for m, br in ((0.15, 1.8e-8), (0.2, 5.5e-9)):
        r = ratio("Kmunu_ee", theory(m, width=1e-9, shares={"ee": 1.0}, mu_V=1e-3))
        assert r == pytest.approx(br / 0.93e-8, rel=0.035)
        assert ratio("Kmunu_ee", theory(m, width=1e-9, shares={"ee": 0.5, "nunu": 0.5}, mu_V=1e-3)) == pytest.approx(r / 2)
        # lives longer than the detector is deep
        assert ratio("Kmunu_ee", theory(m, width=1e-19, shares={"ee": 1.0}, mu_V=1e-3)) < 1e-4 * r
    assert ratio("Kmunu_ee", theory(0.144, shares={"ee": 1.0}, mu_V=1e-3)) == 0.0
    assert ratio("Kmunu_ee", theory(0.2, shares={"nunu": 1.0}, mu_V=1e-3)) is None
    c = CONSTRAINTS["Kmunu_ee"]
    assert c.kind == "gaussian" and c.strength == 3.0


def test_pion():
    """R = 9.85e-5 at 10 MeV for g_V = 0.1 (note) over 8.6e-6; opt-in."""
    t = theory(0.01, shares={"nunu": 1.0}, mu_V=0.1)
    assert ratio("pimunu_inv", t) == pytest.approx(9.85e-5 / 8.6e-6, rel=1e-3)
    assert CONSTRAINTS["pimunu_inv"].opt_in
    assert ratio("pimunu_inv", theory(0.0340, shares={"nunu": 1.0}, mu_V=0.1)) == 0.0


# --- K -> pi V
G_SD = 7.030e-10 + 4.318e-10j


def test_k_pi_rate():
    """BR(K+ -> pi+ V) of the note at epsilon_Z = 1e-3: 5.6e-2 at 10 MeV, 4.8e-4 at 100 MeV (2 % more with the slope of f_+)."""
    for m, br in ((0.01, 5.6e-2), (0.1, 4.8e-4)):
        (v,) = theory(m, sd_L=G_SD).mediators
        assert float(bounds.br_k_pi(v)[0]) == pytest.approx(br, rel=0.025)


# limits as the experiments' tables have them: curve, mass, 1/tau in 1/ns, limit
HELD = [
    ("na62_2011.11329_K_pi_X_inv", 0.05, 0.0, 7.74e-11),
    ("na62_2011.11329_K_pi_X_inv", 0.1, 1.0, 5.56e-10),
    ("na62_2011.11329_K_pi_X_inv", 0.256, 0.2, 1.52e-10),
    ("na62_2507.17286_K_pi_X_inv", 0.01018, 0.0, 2.609e-11),
    ("na62_2507.17286_K_pi_X_inv", 0.25778, 2.0, 3.442e-10),
    ("na62_2010.07644_K_pi_X_near_pi0", 0.11215, 1.0, 6.316e-07),
    ("e949_0903.0030_K_pi_X_inv", 0.01626, 5.0, 7.095e-10),
]


@pytest.mark.parametrize("name,mass,rate,limit", HELD)
def test_curves(name, mass, rate, limit):
    got = float(bounds.sensitivity(name, jnp.array([mass * (1 + 1e-12)]), jnp.array([rate]))[0])
    assert 1.0 / got == pytest.approx(limit, rel=1e-6)


def test_curve_limits():
    """Between the columns the limit grows as exp(c/tau); none in the pi0 window, above the last mass, and for short lives."""

    def limit(mass, rate, name="na62_2011.11329_K_pi_X_inv"):
        return float(bounds.sensitivity(name, jnp.array([mass]), jnp.array([float(rate)]))[0])

    # held-out column: 1 ns from 2 ns and 500 ps, two digits
    low, high = limit(0.1, 0.5), limit(0.1, 2.0)
    assert limit(0.1, 1.0) == pytest.approx(low ** (2 / 3) * high ** (1 / 3), rel=0.02)
    assert 0.0 < limit(0.1, 0.1) < limit(0.1, 0.0)
    for mass, rate in ((0.13, 0.0), (0.1101, 0.0), (0.261, 0.0), (0.3, 0.0), (0.1, 10.01), (0.1, 1e9), (1e-7, 0.0)):
        assert limit(mass, rate) == 0.0
    # a stable X next to a lifetime without limit
    assert limit(0.154, 0.0, "na62_2507.17286_K_pi_X_inv") == 0.0
    assert limit(0.16, 0.0, "e949_0903.0030_K_pi_X_inv") == pytest.approx(1 / 1.868e-9, rel=1e-3)


def test_k_pi_inv():
    """Invisible decays at the limit for a stable X, visible ones at that for their lifetime."""
    m = 0.05
    (v,) = theory(m, sd_L=G_SD).mediators
    br = float(bounds.br_k_pi(v)[0])
    assert ratio("Kpi_inv_na62", theory(m, shares={"nunu": 1.0}, sd_L=G_SD), OLD) == pytest.approx(br / 7.74e-11, rel=1e-6)
    assert ratio("Kpi_inv_na62", theory(m, width=0.0, sd_L=G_SD), OLD) == pytest.approx(br / 7.74e-11, rel=1e-6)
    half = theory(m, width=HBAR_NS, shares={"nunu": 0.5, "ee": 0.5}, sd_L=G_SD)
    assert ratio("Kpi_inv_na62", half, OLD) == pytest.approx(br * (0.5 / 7.74e-11 + 0.5 / 1.81e-10), rel=1e-6)
    assert ratio("Kpi_inv_na62", theory(m, shares={"ee": 1.0}, sd_L=G_SD), OLD) == 0.0
    # newer data: a factor of 2.5 to 5 in the limit at low mass
    newer = ratio("Kpi_inv_na62", theory(m, shares={"nunu": 1.0}, sd_L=G_SD))
    assert 2.0 < newer / (br / 7.74e-11) < 5.0
    # the window of the pi0
    window = theory(0.125, shares={"nunu": 1.0}, sd_L=G_SD)
    assert ratio("Kpi_inv_na62", window) == 0.0 < ratio("Kpi_inv_pi0", window)


def test_bound_on_epsilon_z():
    """The note: epsilon_Z below 4e-8 at 10 MeV for a limit of 1e-10 on the branching fraction; that limit is 2.6e-11 by now."""
    r = ratio("Kpi_inv_na62", theory(0.01, shares={"nunu": 1.0}, sd_L=G_SD))
    assert 1e-3 * r**-0.5 == pytest.approx(4.2e-8 * (2.6e-11 / 1e-10) ** 0.5, rel=0.05)


def test_k_pi_mumu():
    c = load_curve("na48_1612.04723_K_pi_X_mumu")
    row = int(np.flatnonzero(np.isclose(c["m"], 0.22101))[0])
    m = float(c["m"][row]) * (1 + 1e-12)
    (v,) = theory(m, sd_L=G_SD).mediators
    br = float(bounds.br_k_pi(v)[0])
    for tau_ns, limit in ((1.0, 4.656e-9), (0.1, 7.368e-10), (1e-6, 4.486e-10)):
        t = theory(m, width=HBAR_NS / tau_ns * (1 - 1e-12), shares={"mumu": 0.3, "nunu": 0.7}, sd_L=G_SD)
        assert ratio("Kpi_mumu_na48", t) == pytest.approx(0.3 * br / limit, rel=1e-6)
    c = load_curve("na62_2507.17286_K_pi_X_mumu")
    m, limit = float(c["m"][9]) * (1 + 1e-12), c["ul_1"][9]
    (v,) = theory(m, sd_L=G_SD).mediators
    t = theory(m, shares={"mumu": 1.0}, sd_L=G_SD)
    assert ratio("Kpi_mumu_na62", t) == pytest.approx(float(bounds.br_k_pi(v)[0]) / limit, rel=1e-6)
    assert ratio("Kpi_mumu_na62", t, OLD) is None
    for name in ("Kpi_mumu_na48", "Kpi_mumu_na62"):
        assert ratio(name, theory(0.21, shares={"mumu": 1.0}, sd_L=G_SD)) == 0.0
        assert ratio(name, theory(0.25, width=0.0, shares={"mumu": 1.0}, sd_L=G_SD)) == 0.0
        assert ratio(name, theory(0.25, shares={"ee": 1.0}, sd_L=G_SD)) is None


def test_koto():
    """2.283e-9 at 99.96 MeV; imaginary part alone; a V without any width counts."""
    m = 0.09996 * (1 + 1e-12)
    br = float(kaon.neutral_width(m, G_SD)) * kaon.TAU_KL
    assert ratio("KLpi0_inv_koto", theory(m, shares={"nunu": 0.4}, sd_L=G_SD)) == pytest.approx(0.4 * br / 2.283e-9, rel=1e-6)
    assert ratio("KLpi0_inv_koto", theory(m, width=0.0, sd_L=G_SD)) == pytest.approx(br / 2.283e-9, rel=1e-6)
    assert ratio("KLpi0_inv_koto", theory(m, shares={"nunu": 1.0}, sd_L=7e-10)) == 0.0
    assert ratio("KLpi0_inv_koto", theory(0.27, shares={"nunu": 1.0}, sd_L=G_SD)) == 0.0


def test_mixing():
    """The note's 1.90e-16 MeV as printed (1 % by the smeared pole), over 3.484e-12 MeV; 26 times that with the chiral factor."""
    t = theory(0.01, sd_L=G_SD)
    assert ratio("K_mixing", t, PRINTED) == pytest.approx(1.90e-16 / 3.484e-12, rel=0.015)
    assert ratio("K_mixing", t) == pytest.approx((0.4976 / 0.0977) ** 2 * 1.90e-16 / 3.484e-12, rel=0.03)


def test_absent_couplings():
    nothing = theory(0.1, shares={"nunu": 0.5, "ee": 0.25, "mumu": 0.25}, e_V=0.1)
    for name in NAMES:
        assert ratio(name, nothing) is None and ratio(name, Theory()) is None, name
    muons = theory(0.16, shares={"nunu": 0.5, "ee": 0.5}, mu_V=0.1)
    applies = {n for n in NAMES if ratio(n, muons) is not None}
    assert applies == {"Kmunu_inv", "Kmunu_ee", "pimunu_inv"}


@pytest.mark.parametrize("context", [NOW, PRINTED])
def test_finite(context):
    """Values and gradients over the whole range of masses, lifetimes and couplings, thresholds among them."""
    rng = np.random.default_rng(0)
    n = 512
    m = np.exp(rng.uniform(np.log(1e-5), np.log(100.0), n))
    special = [0.11, 0.154, 0.26, 0.145, kaon.M_KP - bounds.M_MU, kaon.M_KP - kaon.M_PIP, kaon.M_PIP - bounds.M_MU, kaon.M_K0, 0.21]
    m[: len(special)] = special
    width = m * np.exp(rng.uniform(np.log(1e-30), np.log(0.5), n))
    width[rng.random(n) < 0.1] = 0.0
    g = {k: jnp.asarray(np.exp(rng.uniform(np.log(1e-12), 0.0, n)) * (rng.random(n) > 0.05)) for k in "vansrie"}

    def smooth(m, width, g):
        parts = {"ee": 0.3 * width, "mumu": 0.3 * width * (m > 0.22), "nunu": 0.3 * width}
        sd = (g["r"] + 1j * g["i"])[None]
        v = VectorMediator(
            m, width, mu_V=g["v"][None], mu_A=g["a"][None], numu_L=g["n"][None], sd_L=sd, epsilon=g["e"], charged_current=g["s"],
            partial_widths=parts,
        )  # fmt: skip
        terms, ratios = 0.0, []
        for name in NAMES:
            r = CONSTRAINTS[name].ratio(Theory((v,)), context)
            if r is not None:
                ratios.append(r)
                terms = terms + jnp.sum(CONSTRAINTS[name].log_likelihood(r))
        return terms, jnp.stack(ratios)

    (value, ratios), grads = jax.jit(jax.value_and_grad(smooth, argnums=(0, 1, 2), has_aux=True))(
        jnp.asarray(m), jnp.asarray(width), g
    )
    assert np.isfinite(float(value)) and np.all(np.asarray(ratios) >= 0.0)
    for leaf in jax.tree.leaves(grads):
        assert np.all(np.isfinite(np.asarray(leaf)))
