r"""Decays and production of a vector with kinetic mixing and direct couplings to leptons, and recasting of searches.

V couples to charged fermions with g_V = epsilon e Q + direct vector coupling and g_A = direct axial coupling
(V_mu fbar gamma^mu (g_V + g_A gamma5) f), to quarks with epsilon e Q alone.  e^2 = 4 pi alpha(0), the convention of the
dark-photon limits.  Valid to first order in epsilon and for m_V well below M_Z, where V does not mix with the Z.
Arrays (B,) or any broadcasting shapes; masses and widths in GeV.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from fipkernels.widths import vector_to_fermions

ALPHA = 1.0 / 137.035999
E_CHARGE = math.sqrt(4.0 * math.pi * ALPHA)
# PDG, GeV
M_E, M_MU, M_TAU = 0.51099895e-3, 0.1056583755, 1.77686
LEPTONS = {"ee": M_E, "mumu": M_MU, "tautau": M_TAU}


def r_ratio(m, m_grid, r_grid):
    """R(m) = sigma(e+e- -> hadrons)/sigma(e+e- -> mu+ mu-, massless muons).

    Linear between m_grid (n,), ascending; 0 below, constant above.
    """
    m, m_grid, r_grid = 1.0 * jnp.asarray(m), jnp.asarray(m_grid), jnp.asarray(r_grid)
    return jnp.where(m > m_grid[0], jnp.interp(m, m_grid, r_grid), 0.0)


def lepton_width(m_v, m_l, eps, g_v=0.0, g_a=0.0):
    """Gamma(V -> l+ l-) with total couplings g_v - eps e (Q = -1) and g_a; the formula of arXiv:2002.11150 eq. (9)."""
    return vector_to_fermions(m_v, m_l, g_v - E_CHARGE * eps, g_a)


def hadron_width(m_v, eps, m_grid, r_grid):
    """Gamma(V -> hadrons) = (alpha eps^2 m_V/3) R(m_V).

    R is measured relative to massless muons, hence no muon phase space here (arXiv:2210.15662 eq. (2.17) has Gamma(V -> mumu),
    too small near the muon threshold).  Narrow J/psi, psi(2S) and Upsilon are not in R: within their widths the result is too low.
    """
    return ALPHA * eps * eps * m_v / 3.0 * r_ratio(m_v, m_grid, r_grid)


def dark_photon_widths(m_v, eps, m_grid, r_grid, e_v=0.0, e_a=0.0, mu_v=0.0, mu_a=0.0, tau_v=0.0, tau_a=0.0):
    """Partial widths {"ee", "mumu", "tautau", "hadrons"} in GeV for kinetic mixing eps plus direct lepton couplings."""
    direct = {"ee": (e_v, e_a), "mumu": (mu_v, mu_a), "tautau": (tau_v, tau_a)}
    out = {name: lepton_width(m_v, mass, eps, *direct[name]) for name, mass in LEPTONS.items()}
    out["hadrons"] = hadron_width(m_v, eps, m_grid, r_grid)
    return out


def unit_widths(m_v, m_grid, r_grid):
    """Partial widths of a pure dark photon over eps^2."""
    return dark_photon_widths(m_v, jnp.ones_like(m_v), m_grid, r_grid)


def axial_bremsstrahlung(m_v, m_l, x_min=0.0):
    r"""Rate of l N -> l N V for an axial coupling over that for an equal vector coupling, V taking more than x_min of the energy.

    Weizsaecker-Williams approximation with a constant photon flux (arXiv:1705.01633): dsigma/dx is proportional to
    (1 - x) int_{u_min} du {P(x)/u^2 + 4 M [K - u x]/u^4}, u_min = K/x, K = m_V^2 (1 - x) + m_l^2 x^2, with
    vector P = 2(2 - 2x + x^2)/(1 - x), M = m_V^2 + 2 m_l^2;
    axial  P as vector + 4 m_l^2 x^2/[m_V^2 (1 - x)], M = m_V^2 - 4 m_l^2.
    Tends to 1 for m_V >> m_l and grows as m_l^2/m_V^2 below (longitudinal V).  m_v (B,) GeV, m_l and x_min numbers.
    """
    m_v = 1.0 * jnp.asarray(m_v)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    # x = 1 - (1 - x_min) t^2: the integrand is steep at x = 1
    t = 0.5 * (nodes + 1.0)
    shape = (-1,) + (1,) * m_v.ndim
    y = jnp.asarray((1.0 - x_min) * t * t, m_v.dtype).reshape(shape)
    w = jnp.asarray(weights * t * (1.0 - x_min), m_v.dtype).reshape(shape)
    x = 1.0 - y
    m2, l2 = m_v * m_v, m_l * m_l
    k = m2 * y + l2 * x * x
    p = 2.0 * (1.0 + y * y)  # times 1/(1 - x), cancelled by the prefactor
    last = (2.0 / 3.0) * y * x**3 / (k * k)
    vector = jnp.sum(w * (p * x / k - last * (m2 + 2.0 * l2)), axis=0)
    axial = jnp.sum(w * ((p + 4.0 * l2 * x * x / m2) * x / k - last * (m2 - 4.0 * l2)), axis=0)
    return axial / vector


def window(x, t0, stretch):
    """Probability to decay between proper times t0 >= 0 and stretch t0, in units 1/Gamma_ref, at width x Gamma_ref, x >= 0."""
    a = t0 * x
    return -jnp.exp(-a) * jnp.expm1(-(stretch - 1.0) * a)


def solve_window(width_ratio, stretch):
    """t0 in units of 1/Gamma(lower edge) such that a search whose window is [t0, stretch t0] excludes just eps_lo < eps < eps_hi.

    Production and width scale as eps^2, so with Y = width_ratio = (eps_hi/eps_lo)^2 the event number is equal at both edges when
    window(1, t0) = Y window(Y, t0); the method of arXiv:1801.04847 section 3.  numpy, any shape; Y > 1.  Bisection in ln t0.
    """
    y = np.asarray(width_ratio, float)

    def log_window(a):
        return -a + np.log(-np.expm1(-(stretch - 1.0) * a))

    low, high = np.full(y.shape, -60.0), np.full(y.shape, 8.0)
    for _ in range(200):
        mid = 0.5 * (low + high)
        a = np.exp(mid)
        # below the solution the upper edge sees more events
        more = np.log(y) + log_window(a * y) > log_window(a)
        low, high = np.where(more, mid, low), np.where(more, high, mid)
    return np.exp(0.5 * (low + high))


def prompt(width, t1):
    """Probability 1 - exp(-t1 width) to decay before proper time t1; t1 in GeV^-1."""
    return -jnp.expm1(-t1 * width)


def peak_fraction(width, half_window):
    """Fraction of a Breit-Wigner peak of total width ``width`` within +- half_window of its mass; 1 for a narrow one.  GeV."""
    wide = width > 0.0
    return jnp.where(wide, (2.0 / math.pi) * jnp.arctan2(2.0 * half_window, jnp.where(wide, width, 1.0)), 1.0)
