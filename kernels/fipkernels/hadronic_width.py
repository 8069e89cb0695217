r"""Width into hadrons of a light vector with any couplings to quarks, the same for all up-type and for all down-type quarks.

L = V_mu qbar gamma^mu (g_V + g_A gamma5) q; couplings include epsilon e Q.  Vector part,

    Gamma = m/(12 pi) R_V(m),

* below the join (1.65 to 1.95 GeV): R measured in e+e-, split by vector-meson dominance into what couples through rho, omega and
  phi (arXiv:1801.04847 eqs. 2.15-2.18; 2210.15662 adapts the same idea), R_V = c_rho^2 R_rho + c_omega^2 R_omega + c_phi^2 R_phi
  + 2 c_omega c_phi R_omega_phi with c_rho = x_u - x_d, c_omega = 3 (x_u + x_d), c_phi = 3 x_d;
* above: the measured R times the quark-level share sum_q x_q^2 w_q/sum_q Q_q^2 w_q, w_q = beta (3 - beta^2)/2 with the D and B
  meson as the mass of c and b.  Narrow J/psi, psi(2S), Upsilon are not in R.

A pure dark photon gets back (alpha epsilon^2 m/3) R(m) with the measured R.  For other charges it is a model.  Against the fit of
arXiv:2201.01788 for a coupling to baryon number (isoscalar only, the hardest case): 6 % on the omega and phi, 12 % from 0.8 to
1.02 and above 1.74 GeV; up to 1.7 times too wide from 0.55 to 0.75 (3 pi) and from 1.03 to 1.4 GeV (K K is taken as pure phi),
0.7 times at 1.7 GeV; below 0.5 GeV only pi0 gamma is left, where the two differ by up to 4.

Axial part: quark level, N_c m/(12 pi) sum_q x_q^2 beta^3 with the constituent masses 0.35, 0.35, 0.50 GeV, m_D, m_B, switched on
smoothly from 1.0 to 1.4 GeV: the lightest axial state that decays is the a1(1260) (three pions).  Below 1 GeV it is exactly 0,
from 1 to 2 GeV good to a factor of 2 at best; 2210.15662 gives neither masses nor a threshold.

Masses in GeV, tables are host arrays passed in by the caller.  Elementwise, (B,).  Below a threshold exactly 0 with derivative 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from fipkernels.kinematics import momentum

# masses that set the quark-level thresholds: constituent u, d, s; lightest mesons for c and b (PDG)
M_UD, M_S, M_D_MESON, M_B_MESON = 0.35, 0.50, 1.86484, 5.27934
# range in which vector-meson dominance hands over to the quark level, and in which the axial part is switched on
JOIN = (1.65, 1.95)
AXIAL_ON = (1.0, 1.4)


class Tables(NamedTuple):
    """m, rho, omega, phi, omega_phi: (n,) vector-meson split of R, ascending in m; m_r, r: (k,) measured R.  Host arrays."""

    m: np.ndarray
    rho: np.ndarray
    omega: np.ndarray
    phi: np.ndarray
    omega_phi: np.ndarray
    m_r: np.ndarray
    r: np.ndarray


def smooth_step(x, low, high):
    """0 for x <= low, 1 for x >= high, 3t^2 - 2t^3 in between (continuous derivative)."""
    t = jnp.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _velocity(m, m_q):
    return 2.0 * momentum(m, m_q, m_q) / m


def _vector_weight(m, m_q):
    b = _velocity(m, m_q)
    return 0.5 * b * (3.0 - b * b)


def _interpolate(m, grid, values):
    return jnp.where(m > grid[0], jnp.interp(m, jnp.asarray(grid, m.dtype), jnp.asarray(values, m.dtype)), 0.0)


def vector_r(m, x_u, x_d, tables: Tables):
    """R_V(m) for vector couplings x_u, x_d to up- and down-type quarks; m (B,) > 0 GeV.  R of e+e- for x = (2/3, -1/3)."""
    m = 1.0 * jnp.asarray(m)
    rho, omega, phi, mixed = (_interpolate(m, tables.m, t) for t in (tables.rho, tables.omega, tables.phi, tables.omega_phi))
    c_rho, c_omega, c_phi = x_u - x_d, 3.0 * (x_u + x_d), 3.0 * x_d
    mesons = c_rho * c_rho * rho + c_omega * c_omega * omega + c_phi * c_phi * phi + 2.0 * c_omega * c_phi * mixed
    # fits of interfering amplitudes may go slightly negative between peaks
    mesons = jnp.where(mesons > 0.0, mesons, 0.0)
    w_c, w_b = _vector_weight(m, M_D_MESON), _vector_weight(m, M_B_MESON)
    share = (x_u * x_u * (1.0 + w_c) + x_d * x_d * (2.0 + w_b)) / (4.0 / 9.0 * (1.0 + w_c) + 1.0 / 9.0 * (2.0 + w_b))
    quarks = share * _interpolate(m, tables.m_r, tables.r)
    on = smooth_step(m, *JOIN)
    return (1.0 - on) * mesons + on * quarks


def vector_width(m, x_u, x_d, tables: Tables):
    """Gamma(V -> hadrons) in GeV by the vector couplings x_u, x_d."""
    return m / (12.0 * math.pi) * vector_r(m, x_u, x_d, tables)


def axial_width(m, x_u, x_d):
    """Gamma(V -> hadrons) in GeV by the axial couplings x_u, x_d: quark level, 0 below 1 GeV."""
    m = 1.0 * jnp.asarray(m)
    ud, s, c, b = (_velocity(m, m_q) ** 3 for m_q in (M_UD, M_S, M_D_MESON, M_B_MESON))
    total = x_u * x_u * (ud + c) + x_d * x_d * (ud + s + b)
    return 3.0 * m / (12.0 * math.pi) * smooth_step(m, *AXIAL_ON) * total


def width(m, v_u, v_d, a_u, a_d, tables: Tables):
    """Gamma(V -> hadrons) in GeV for vector couplings v_u, v_d and axial couplings a_u, a_d; vector and axial do not interfere."""
    return vector_width(m, v_u, v_d, tables) + axial_width(m, a_u, a_d)
