r"""B -> K nu nu and B -> K* nu nu for one pair of neutrino flavours (nu_i, nubar_j).

arXiv:1409.4557 (Buras, Girrbach-Noe, Niehoff, Straub) with H_eff = -N (C_L O_L + C_R O_R) + h.c., N = 4 G_F/sqrt2 lambda_t
alpha_e/(4 pi), O_L = (s gamma_mu P_L b)(nu gamma^mu (1 - gamma5) nu), O_R with P_R; massless left-handed neutrinos.  A total rate
is the sum over the nine pairs; the Standard Model contributes to the three with i = j.  Per unit of N, lambda the triangle
function of m_B^2, m_M^2 and q^2:

    K: C_L + C_R,   dGamma/dq^2 = |N|^2 lambda^(3/2) f+^2/(384 pi^3 m_B^3) |C_L + C_R|^2,
    K*: perp = sqrt(lambda/2) V/(m_B + m_V) (C_L + C_R),   par = -(m_B + m_V) A1/sqrt2 (C_L - C_R),
        long = 4 m_B m_V/q A12 (C_L - C_R),   dGamma/dq^2 = |N|^2 sqrt(lambda) q^2/(96 pi^3 m_B^3) (|perp|^2 + |par|^2 + |long|^2).

Without the tree-level B+ -> tau+ nu, tau+ -> M+ nubar, which a charged B shares with these final states: :func:`tree_tau`.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipkernels.kinematics import sqrt_pos
from fipkernels.quadratic import Process


def _kinematics(q, m_b, m_m):
    """(inside, q^2, sqrt(lambda)): q^2 = 1 and sqrt(lambda) = 0 outside 0 < q < m_b - m_m."""
    inside = (q > 0.0) & (q < m_b - m_m)
    q2 = jnp.where(inside, q * q, 1.0)
    lam = ((m_b - m_m) ** 2 - q2) * ((m_b + m_m) ** 2 - q2)
    return inside, q2, jnp.where(inside, sqrt_pos(lam), 0.0)


def pseudoscalar(q, *, m_b, m_k, n_abs, c_l, f_plus) -> Process:
    r"""B -> K nu nu: one amplitude, C_L + C_R, on nodes q (P, n) in GeV, q^2 the squared mass of the neutrino pair.

    m_b, m_k: masses in GeV; n_abs: |N| in GeV^-2; c_l: SM coefficient (real), 0 for two different flavours; f_plus: (P, n).
    Operators: "L", "R".  Form "rate": dGamma as integrand over dq, GeV; zero outside 0 < q < m_b - m_k.
    """
    inside, _, root = _kinematics(q, m_b, m_k)
    # dq^2 = 2 q dq
    coef = jnp.where(inside, 2.0 * q * n_abs**2 * root**3 * f_plus**2 / (384.0 * math.pi**3 * m_b**3), 0.0)
    one = jnp.ones_like(q)[None]
    s = c_l * one + 0.0j
    return Process(s, s, {"L": one, "R": one}, {"rate": ((0, 0, coef, 1.0),)})


def vector(q, *, m_b, m_v, n_abs, c_l, ff) -> Process:
    r"""B -> K* nu nu: amplitudes perp, par, long on nodes q (P, n) in GeV; narrow K*.

    m_b, m_v: masses in GeV; n_abs: |N| in GeV^-2; c_l: SM coefficient (real), 0 for two different flavours; ff = (V, A1, A12) of
    1503.05534, each (P, n).
    Operators: "L", "R".  Forms (integrands over dq, GeV): "rate" dGamma, "long" its part with a longitudinal K*, F_L = long/rate;
    zero outside 0 < q < m_b - m_v.
    """
    inside, q2, root = _kinematics(q, m_b, m_v)
    v, a1, a12 = ff
    perp = math.sqrt(0.5) * root * v / (m_b + m_v)
    par = -math.sqrt(0.5) * (m_b + m_v) * a1
    long = 4.0 * m_b * m_v / jnp.sqrt(q2) * a12
    coef = jnp.where(inside, 2.0 * q * n_abs**2 * root * q2 / (96.0 * math.pi**3 * m_b**3), 0.0)
    left, right = jnp.stack([perp, par, long]), jnp.stack([perp, -par, -long])
    s = c_l * left + 0.0j
    forms = {"rate": tuple((i, i, coef, 1.0) for i in range(3)), "long": ((2, 2, coef, 1.0),)}
    return Process(s, s, {"L": left, "R": right}, forms)


def tree_tau(*, g_f, v_us, v_ub, f_b, f_m, m_b, m_m, m_tau, tau_tau, tau_b, spin: int = 0, s_ew=1.0):
    r"""BR(B+ -> tau+ nu) BR(tau+ -> M+ nubar) for M = K (spin 0) or K* (spin 1): arXiv:0908.1174, narrow tau.

    |G_F^2 V_ub V_us f_B f_M|^2/(128 pi^2) m_tau/m_B^3 (m_B^2 - m_tau^2)^2 (m_tau^2 - m_M^2)^2 tau_tau tau_B s_ew, times 1 + 2
    m_M^2/m_tau^2 for a vector.

    g_f: Fermi constant, GeV^-2; v_us, v_ub: moduli (or complex); f_b, f_m: decay constants of B+ and M+ in GeV (f_K = 0.156
    normalisation); masses in GeV, m_b > m_tau > m_m; tau_tau, tau_b: lifetimes in GeV^-1.  Neutrino pairs from this source have
    q^2 < (m_b^2 - m_tau^2)(1 - m_m^2/m_tau^2) and do not interfere with the loop amplitudes in the limit of a narrow tau.
    s_ew: electroweak correction of the two rates, prod (1 + alpha_e/pi ln(m_Z/mu))^2 = 1.033 with mu = m_b, m_tau; the paper has 1.
    """
    coupling = jnp.abs(v_us * v_ub) * g_f**2 * f_b * f_m
    phase_space = m_tau / m_b**3 * ((m_b**2 - m_tau**2) * (m_tau**2 - m_m**2)) ** 2
    br = coupling**2 * phase_space * tau_tau * tau_b * s_ew / (128.0 * math.pi**2)
    return br * (1.0 + 2.0 * m_m**2 / m_tau**2) if spin else br
