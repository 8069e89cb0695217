"""Light X of arXiv:2103.13991 section III: widths, g-2, windows of figure 3, selection rules of Table I, R2."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from fipjax.constraints import CONSTRAINTS, Context, neutrino  # noqa: F401  (registers itself)
from fipjax.likelihood import build_theory
from fipjax.models import get_model, light_x
from fipkernels import leptoquarks
from fipkernels.dark_photon import E_CHARGE, M_MU


def theory(model, conventions="default", **params):
    return build_theory(get_model(model), {k: jnp.atleast_1d(jnp.asarray(v, float)) for k, v in params.items()}, conventions)


# m_X in GeV: vector coupling for 2.51e-9 (notes: quadrature of the Feynman integral)
G_MU = {1e-3: 4.52e-4, 0.01: 5.03e-4, 0.02: 5.56e-4, 0.05: 7.05e-4, 0.1: 9.46e-4, 0.2: 1.43e-3, 0.5: 2.90e-3, 1.0: 5.40e-3}


def test_g2():
    """g_mu = 3 g_X + e epsilon explains g-2; three digits."""
    for conventions, cosine in (("as_printed", 1.0), ("default", light_x.COS_THETA)):
        for mixing in (0.0, 0.1, 1.0):
            m, g = np.array(list(G_MU)), np.array(list(G_MU.values()))
            t = theory("b3lmu", conventions, m_V=m, g_X=g / (3 + E_CHARGE * cosine * mixing), mixing=np.full(len(m), mixing))
            # half a digit of g twice
            np.testing.assert_allclose(t.a_mu, 2.51e-9, rtol=0.01)
    # 1.68e-4 and 1.84e-4 at 20 MeV
    for mixing, g in ((1.0, 1.68e-4), (0.1, 1.84e-4)):
        t = theory("b3lmu", "as_printed", m_V=0.02, g_X=g, mixing=mixing)
        assert float(t.a_mu[0]) == pytest.approx(2.51e-9, rel=0.01)


def test_couplings_and_widths():
    t = theory("b3lmu", m_V=0.3, g_X=1e-3, mixing=0.5, epsilon_BX=1e-4)
    x = t.mediators[0]
    eps = light_x.COS_THETA * 6e-4
    assert float(x.epsilon[0]) == pytest.approx(eps, rel=1e-12)
    assert float(x.mu_V[0, 0]) == float(x.numu_L[0, 0]) == -3e-3
    assert x.nutau_L is None and x.nue_L is None and x.mu_A is None and x.charged_current is None
    assert float(x.up_V[0]) == float(x.down_V[0]) == pytest.approx(1e-3 / 3)
    w = {k: float(v[0]) for k, v in x.partial_widths.items()}
    # two-body widths by hand
    beta = math.sqrt(1 - 4 * M_MU**2 / 0.09)
    g_mu = 3e-3 + E_CHARGE * eps
    assert w["mumu"] == pytest.approx(0.3 / (12 * math.pi) * g_mu**2 * beta * (1 + 2 * M_MU**2 / 0.09), rel=1e-12)
    assert w["nunu"] == pytest.approx(0.3 / (24 * math.pi) * 9e-6, rel=1e-12)
    assert w["tautau"] == 0.0 and sum(w.values()) == pytest.approx(float(x.width[0]), rel=1e-12)
    dirac = theory("b3lmu", m_V=0.3, g_X=1e-3, light_nu_R=1.0).mediators[0].partial_widths["nunu"][0]
    assert float(dirac) == pytest.approx(2 * w["nunu"], rel=1e-12)
    # far above the b threshold, without mixing: 18 of muons, 9 of nu_mu, 2/3 of each quark
    heavy = theory("b3lmu", m_V=30.0, g_X=1e-2).mediators[0]
    units = {k: float(v[0]) / (1e-4 * 30 / (24 * math.pi)) for k, v in heavy.partial_widths.items()}
    assert units["mumu"] == pytest.approx(18.0, rel=1e-3) and units["nunu"] == pytest.approx(9.0, rel=1e-12)
    # 5 % of QCD corrections, in the measured R
    assert units["hadrons"] == pytest.approx(5 * 2 * 3 / 9, rel=0.1)


def test_lmu_ltau():
    x = theory("lmu_ltau", m_V=0.02, g_X=5e-4).mediators[0]
    # e g/(12 pi^2) ln(m_tau^2/m_mu^2), known as g/70
    assert float(x.epsilon[0]) == pytest.approx(5e-4 / 69.3, rel=1e-3)
    assert float(x.mu_V[0, 0]) == float(x.numu_L[0, 0]) == -float(x.nutau_L[0, 0]) == 5e-4
    assert x.up_V is None
    assert float(theory("lmu_ltau", m_V=0.02, g_X=5e-4, loop_mixing=0.0).mediators[0].epsilon[0]) == 0.0
    # text of the paper: 20 MeV and 5e-4; 2 sigma
    t = theory("lmu_ltau", m_V=0.02, g_X=5e-4)
    assert float(CONSTRAINTS["g2"].ratio(t, Context("2021"))[0]) < 1.0
    for name in ("trident_ccfr", "borexino", "dp_invisible"):
        assert float(CONSTRAINTS[name].ratio(t, Context("2021"))[0]) < 1.0, name


def test_v_phi():
    """60 GeV/q as printed, half of that with <Phi> = v_Phi throughout; 14.1 and 7.07 TeV at 3 TeV and 0.1."""
    assert float(leptoquarks.v_phi_of_mass(0.02, 5e-4, 1.0, printed=True)) == pytest.approx(56.6, abs=0.1)
    assert float(leptoquarks.v_phi_of_mass(0.02, 5e-4, 1.0)) == pytest.approx(28.3, abs=0.1)
    assert float(leptoquarks.v_phi_of_mass(3000.0, 0.1, light_x.CHARGES["b3lmu"][3])) == pytest.approx(7071.0, abs=1.0)


def test_nothing_uncompensated():
    """K -> mu nu X does not grow as 1/m_X^2, a factor of 100 here: equal charges of muon and neutrino."""
    t = theory("b3lmu", m_V=[1e-3, 1e-2], g_X=[1e-3, 1e-3], mixing=[1.0, 1.0])
    r = np.asarray(CONSTRAINTS["Kmunu_inv"].ratio(t, Context("latest")))
    assert np.all(r > 0.0) and r[0] < 5.0 * r[1]


def test_coherent_scattering_sees_muon_neutrinos():
    """A V of baryon number and nu_mu changes the rate; without the coupling to nu_mu there is nothing."""
    t = theory("b3lmu", m_V=0.05, g_X=1e-4)
    r = CONSTRAINTS["cevns_ar"].ratio(t, Context("latest"))
    none = theory("b3lmu", m_V=0.05, g_X=0.0)
    assert float(r[0]) != pytest.approx(float(CONSTRAINTS["cevns_ar"].ratio(none, Context("latest"))[0]), rel=1e-2)
    assert CONSTRAINTS["cevns_ar"].ratio(theory("b3lmu", m_V=0.02, g_X=1.7e-4), Context("latest"))[0] > 1.0


@pytest.mark.parametrize("lepton", ["mu", "tau"])
def test_selection_rules(lepton):
    """Charges 8/3 and -1; one lepton flavour, no diquark coupling; dimension five forbidden by B - 3 L_mu alone."""
    assert light_x.leptoquark_charge("S1") == light_x.leptoquark_charge("S3") == Fraction(8, 3)
    assert light_x.leptoquark_charge("R2") == Fraction(10, 3)
    assert light_x.leptoquark_charge("S3", "lmu_ltau") == -1 and light_x.leptoquark_charge("S1", "lmu_ltau", "tau") == 1
    for name in ("S1", "S3"):
        b = light_x.selection(name)
        assert b == {"e": False, "mu": True, "tau": False, "diquark": False, "dim5": False}
        lt = light_x.selection(name, "lmu_ltau", lepton)
        assert lt == {"e": False, "mu": lepton == "mu", "tau": lepton == "tau", "diquark": False, "dim5": True}
    # a scalar of charge 2 would open dimension five for B - 3 L_mu
    assert light_x.selection("S3", q_phi=2)["dim5"]
    # without a gauge symmetry the diquark coupling is there: charges 0
    assert not light_x.selection("R2")["diquark"] and not light_x.selection("R2", "lmu_ltau")["dim5"]


def test_table_1():
    assert light_x.mediators("A") == {"b -> s mu mu": {"S3": Fraction(8, 3)}, "g-2": {"S1": Fraction(8, 3), "R2": Fraction(10, 3)}}
    assert light_x.mediators("B") == {"b -> s mu mu": {"S3": Fraction(8, 3)}, "g-2": {"light X": None}}
    assert light_x.mediators("C", "lmu_ltau") == {"b -> s mu mu": {"heavy X": None}, "g-2": {"S1": -1, "R2": -1}}
    assert light_x.LEPTOQUARKS["R2"][:3] == ("3", 2, Fraction(7, 6))


def test_r2():
    """Loop with charges 2/3 and -5/3 against quadrature; leading logarithm -(1 + 4 ln x)/6; sign opposite to that of S1."""
    m, m_t, left, right = 2000.0, 160.0, 0.2, -0.1
    x = (m_t / m) ** 2

    def loop(power, scalar):
        on_quark = quad(lambda z: (z**2 - power * z**3) / (1 - z + x * z), 0, 1, epsabs=1e-13)[0]
        on_scalar = quad(lambda z: scalar(z) / (z + x * (1 - z)), 0, 1, epsabs=1e-13)[0]
        return -2 / 3 * on_quark + 5 / 3 * on_scalar

    same = 0.5 * loop(1.0, lambda z: z**3 - z**2)
    flip = loop(0.0, lambda z: z**2 - z)
    expected = 3 * M_MU**2 / (8 * math.pi**2 * m * m) * ((left**2 + right**2) * same + m_t / M_MU * left * right * flip)
    assert float(light_x.r2_a_mu(left, right, m, m_t)) == pytest.approx(expected, rel=1e-9)
    # first corrections of order x ln x
    assert flip == pytest.approx((1 + 4 * math.log(x)) / 6, rel=0.05)
    assert float(leptoquarks.a_mu_s1(left, right, m, m_t, M_MU)) < 0.0 < expected
    assert math.isfinite(float(jax.grad(light_x.r2_a_mu)(0.0, 0.1, m, m_t)))
    # exchange of S3 has twice the coefficient and the other sign, arXiv:2103.13991 section 1 of the matching
    s3 = leptoquarks.c9_s3(0.01, 0.5, m, -0.04, 1 / 128)
    assert float(light_x.r2_c9(0.01, 0.5, m, -0.04, 1 / 128)) == pytest.approx(-0.5 * float(np.real(s3)), rel=1e-12)


def test_windows(load):
    """Masses that survive the bounds of the paper (as printed).  Notes: 88 to 210 MeV, and 7 to 53 and 80 to 210 MeV."""
    fig = load("muoquark_fig3")
    m, g = np.geomspace(5e-3, 0.3, 50), np.geomspace(5e-5, 1e-3, 120)
    step = m[1] / m[0]

    def left(panel):
        data = fig.survivors(fig.maps(panel, m, g, "as_printed", later=False), m)
        assert data["paper, matter effect"] == []
        # what the lower edge of the band makes of bounds that it meets at a small angle: slivers, gaps of two points
        merged = []
        for low, high in data["paper"]:
            if merged and low < 1.2 * merged[-1][1]:
                merged[-1][1] = high
            else:
                merged.append([low, high])
        return [w for w in merged if w[1] > 1.3 * w[0]]

    ((low, high),) = left("eps = g")
    assert low == pytest.approx(0.088, rel=0.2) and high == pytest.approx(0.210, rel=step - 1)
    (a, b), (c, d) = left("eps = g/10")
    # 20 %: the same for the ends
    assert (a, b, c) == (pytest.approx(0.007, rel=0.2), pytest.approx(0.053, rel=0.2), pytest.approx(0.080, rel=0.2))
    assert d == pytest.approx(0.210, rel=step - 1)
