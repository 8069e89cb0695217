"""Neutrino-electron scattering: cross sections against closed forms and quadrature, V against the Z, transformations."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import quad

from fipkernels import neutrino_electron as ne

S2 = 0.23857
E = 0.862e-3


def test_closed_forms():
    """Total cross section over 2 G_F^2 m_e E/pi tends to g_L^2 + g_R^2/3 for E >> m_e; with masses, the integral by hand."""
    for flavour, anti in (("e", False), ("mu", False), ("mu", True)):
        g = ne.standard_model(flavour, S2)
        for energy in (E, 20.0):
            top = float(ne.largest_recoil(energy))
            # ln T: the rest below the window is low/top
            t, w = ne.nodes(1e-9 * top, top, 64)
            zero = jnp.zeros((len(t), 1))
            got = float(ne.rate(zero, zero, *g, t, w, energy, anti)[0])
            left, right = g[::-1] if anti else g
            y = top / energy
            exact = left**2 * top + right**2 * energy / 3 * (1 - (1 - y) ** 3) - left * right * ne.M_E * top**2 / (2 * energy**2)
            assert got == pytest.approx(exact, rel=1e-8)
            if energy == 20.0:
                # relative corrections m_e/E
                assert got / energy == pytest.approx(left**2 + right**2 / 3, rel=1e-4)
    # kinematic end of the 7Be line, MeV
    assert 1e3 * float(ne.largest_recoil(E)) == pytest.approx(0.6649, abs=2e-4)


def test_size():
    """At high energy: 93, 39, 15 and 13e-46 cm^2 per MeV for nu_e, nubar_e, nu_mu, nubar_mu (textbooks, two digits)."""
    unit = 2 * ne.G_F**2 * ne.M_E / math.pi * 0.3893793721e-27
    t, w = ne.nodes(1e-8, float(ne.largest_recoil(20.0)), 64)
    zero = jnp.zeros((len(t), 1))
    for flavour, anti, value in (("e", False, 93), ("e", True, 39), ("mu", False, 15), ("mu", True, 13)):
        got = unit * float(ne.rate(zero, zero, *ne.standard_model(flavour, S2), t, w, 20.0, anti)[0]) / 20.0
        # digits, and sin^2 = 0.23 there
        assert got == pytest.approx(1e-43 * value, rel=0.05)


def test_v_is_like_the_z():
    """A heavy V with the couplings of the Z doubles the neutral current: g_L - 1 (no W) and g_R double for electrons too."""
    # g/(2c) nubar gamma P_L nu; g/(4c)(-1 + 4 s^2), axial g/(4c); g^2/(8 c^2 m_Z^2) = G_F/sqrt2
    m_z = jnp.array([91.1876])
    g_over_c = math.sqrt(8 * ne.G_F / math.sqrt(2)) * 91.1876
    x = ne.exchange(g_over_c / 2, m_z, np.array([1e-3]))
    e_v, e_a = g_over_c / 4 * (-1 + 4 * S2), g_over_c / 4
    # 2 m_e T/m_Z^2 = 1.2e-10 in the propagator
    assert float((x * (e_v - e_a))[0, 0]) == pytest.approx(-0.5 + S2, rel=2e-10)
    assert float((x * (e_v + e_a))[0, 0]) == pytest.approx(S2, rel=2e-10)


@pytest.mark.parametrize("m", [1e-6, 1e-4, 1e-3, 0.1])
def test_quadrature(m):
    """Nodes against adaptive quadrature, for couplings of the size of the limits and light V too."""
    g_l, g_r = ne.standard_model("mu", S2)
    product = 1e-10
    t, w = ne.nodes(0.19e-3, 0.665e-3)
    x = product * ne.exchange(1.0, jnp.array([m]), t)
    got = float(ne.rate(x, x, g_l, g_r, t, w, E)[0])

    def f(t):
        x = product / (2 * math.sqrt(2) * ne.G_F * (m * m + 2 * ne.M_E * t))
        return float(ne.spectrum(g_l + x, g_r + x, t, E))

    assert got == pytest.approx(quad(f, 0.19e-3, 0.665e-3, epsrel=1e-12)[0], rel=1e-10)


def test_transformations():
    t, w = ne.nodes(0.19e-3, 0.665e-3)

    def f(g, ln_m):
        x = ne.exchange(1e-5 * g, jnp.exp(ln_m), t)
        return 1e3 * ne.rate(0.5 * x * 1e-5, 2.0 * x * 1e-5, -0.26, 0.24, t, w, E)

    args = (jnp.array([0.0, 1.0, -2.0]), jnp.log(jnp.array([1e-3, 1e-4, 0.1])))
    np.testing.assert_allclose(jax.jit(f)(*args), f(*args), rtol=1e-14)
    check_grads(f, args, order=1, modes=["fwd", "rev"])
    low = f(*(a.astype(jnp.float32) for a in args))
    np.testing.assert_allclose(low, f(*args), rtol=1e-5)
