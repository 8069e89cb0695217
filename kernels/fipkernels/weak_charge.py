r"""Weak charges of nuclei with a light vector V that has axial electron and vector quark couplings, at tree level.

Atomic parity violation and polarised electron scattering at low energy see -(G_F/sqrt2) [ebar gamma^mu gamma5 e] times
sum_q (-C_1q) [qbar gamma_mu q], in terms of which Q_W = -2 sum_q C_1q n_q and Q_W = Z (1 - 4 s^2) - N at tree level.  Exchange
of V, L = V_mu [e_A ebar gamma^mu gamma5 e + sum_q q_V qbar gamma^mu q], at momentum transfer q^2 = -Q^2 adds
-e_A q_V/(m_V^2 + Q^2) [ebar gamma^mu gamma5 e][qbar gamma_mu q], hence

    Q_W -> Q_W + (2 sqrt2/G_F) e_A (Z p_V + N n_V)/(m_V^2 + Q^2),    p_V = 2 u_V + d_V,  n_V = u_V + 2 d_V.

The vector electron coupling does not enter (it meets axial quarks, that is, the nuclear spin).  For the dark Z with
e_A = (g/4c) eps_Z, p_V = e eps + (g/4c) eps_Z (1 - 4 s^2), n_V = -(g/4c) eps_Z this is the first order of rho_d, kappa_d in
arXiv:2210.15662 eqs. (4.36)-(4.38) and of arXiv:1203.2947, terms without the enhancement (m_Z/m_V)^2 left out.

In an atom V acts over a distance 1/m_V and the electron wave functions at nuclear distances decide: 1/(m_V^2 + Q^2) becomes
f(m_V)/m_V^2 with f from the overlap of s_1/2 and p_1/2 (:func:`overlap`).  Units GeV; arrays (B,) or any broadcasting shapes.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

# GeV^-2, PDG
G_F = 1.1663787e-5
ALPHA = 1.0 / 137.035999
# sin^2 theta_W at zero momentum transfer, MS-bar, PDG 2022
SIN2_0 = 0.23857


def standard_model(z: float, n: float, g_ep: float = -0.0357, g_en: float = 0.4950) -> float:
    """Q_W of a nucleus in the Standard Model with one-loop couplings, PDG review of the electroweak model, eq. (10.41) of 2022.

    Q_W = -2 [Z (g_ep + 0.00005) + N (g_en + 0.00006)](1 - alpha/2 pi): arXiv:2210.15662 eq. (4.35), its bracket where it belongs.
    -73.22 for 133Cs (Z = 55, N = 78).  For the proton itself the shift 0.00005 of the bound electron is absent: see `proton`.
    """
    return -2.0 * (z * (g_ep + 0.00005) + n * (g_en + 0.00006)) * (1.0 - ALPHA / (2.0 * math.pi))


def proton(g_ep: float = -0.0357) -> float:
    """Q_W of the proton in the Standard Model, 0.0713: arXiv:2210.15662 eq. (4.34) with the one-loop coupling g_ep.

    With the tree-level value -1/2 + 2 s^2(0), which the paper quotes beside it, this would be 0.0457.
    """
    return -2.0 * g_ep * (1.0 - ALPHA / (2.0 * math.pi))


def nucleon_couplings(up, down, charge=0.0):
    """Vector couplings (p_V, n_V) of V to proton and neutron from those to up and down quarks; charge = eps e of kinetic mixing."""
    return 2.0 * up + down + charge, up + 2.0 * down


def shift(e_a, p_v, n_v, exchange, z, n, g_f=G_F):
    """Change of Q_W by exchange of V (see the module); exchange = 1/(m_V^2 + Q^2) or f(m_V)/m_V^2 in GeV^-2.  Elementwise."""
    return 2.0 * math.sqrt(2.0) / g_f * e_a * (z * p_v + n * n_v) * exchange


def yukawa(m_v, q2):
    """1/(m_V^2 + Q^2) in GeV^-2; f_p of arXiv:2210.15662 is m_V^2 times this.  q2 = Q^2 > 0 in GeV^2."""
    return 1.0 / (m_v * m_v + q2)


def monotone_slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Slopes (n,) of a monotone cubic through (x, y): weighted harmonic means (Fritsch-Carlson), secants at the ends.  numpy."""
    h, d = np.diff(x), np.diff(y) / np.diff(x)
    if np.any(d <= 0.0):
        raise ValueError("table must increase")
    w1, w2 = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    inner = (w1 + w2) / (w1 / d[:-1] + w2 / d[1:])
    return np.concatenate([d[:1], inner, d[-1:]])


def overlap(m_v, m_grid, f_grid):
    """f(m_V) between 0 and 1 from a table (n,): monotone cubic of ln[f/(1 - f)] in ln m_V, straight lines beyond the ends.

    m_grid (GeV), f_grid: numpy, increasing, f strictly between 0 and 1.  Once differentiable; f -> 1 as 1 - O(m_V^-2) for heavy V
    and f -> 0 as a power of m_V for light V.
    """
    x, y = np.log(np.asarray(m_grid, float)), np.asarray(f_grid, float)
    y = np.log(y) - np.log1p(-y)
    slopes = monotone_slopes(x, y)
    t = jnp.log(m_v)
    i = jnp.clip(jnp.searchsorted(jnp.asarray(x), t) - 1, 0, len(x) - 2)
    gx, gy, gs = (jnp.asarray(v, t.dtype) for v in (x, y, slopes))
    h = gx[i + 1] - gx[i]
    # beyond the ends the cubic is followed at its end and continued along the end slope
    inside = jnp.clip(t, gx[0], gx[-1])
    u = (inside - gx[i]) / h
    v = 1.0 - u
    value = v * v * ((1.0 + 2.0 * u) * gy[i] + u * h * gs[i]) + u * u * ((1.0 + 2.0 * v) * gy[i + 1] - v * h * gs[i + 1])
    end = jnp.where(t < gx[0], gs[0], gs[-1])
    value = value + end * (t - inside)
    return 1.0 / (1.0 + jnp.exp(-value))


def rho_kappa(m_v, eps, eps_z, f, m_z, tan_theta):
    """(rho_d - 1, kappa_d - 1) of arXiv:2210.15662 eqs. (4.37), (4.38); f = m_V^2/(m_V^2 + Q^2) or the atomic one.  Elementwise."""
    d = m_z / m_v * eps_z + m_v / m_z * eps * tan_theta
    return d * d * f, -eps * d * m_z / (m_v * tan_theta) * f


def with_rho_kappa(z, n, rho, kappa, *, bound: bool = True, g_ep=-0.0357, g_en=0.4950, sin2=SIN2_0):
    """Q_W for G_F -> rho_d G_F, s^2 -> kappa_d s^2, rho = rho_d - 1 and kappa = kappa_d - 1: 2210.15662 eqs. (4.34)-(4.36).

    One-loop couplings, moved by the tree-level dependence g_ep + 2 kappa s^2(0).  bound: with the corrections for an atom.
    """
    p, e = (0.00005, 0.00006) if bound else (0.0, 0.0)
    inner = z * (g_ep + p + 2.0 * kappa * sin2) + n * (g_en + e)
    return -2.0 * (1.0 + rho) * inner * (1.0 - ALPHA / (2.0 * math.pi))
