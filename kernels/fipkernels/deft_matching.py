r"""Ultraviolet origin of the effective couplings of arXiv:2106.12582: sections 2 and 3.1.

Elementwise on broadcasting arrays, masses in GeV.  n_over_alpha = N/alpha_em in GeV^2, N^-1 = (4 G_F/sqrt2) V_tb V_ts^*.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipkernels import dark_loops


def c4_from_mixing(g_d, q_phi, y_s, y_b, v_phi, m_chi):
    """C_4^bsV of V sbar gamma P_L b, eq. (3.13): quarks mix with a heavy fermion through the vacuum value of phi.

    L = Y_i phi chibar q_i + h.c., phi = v_phi/sqrt2; y_s, y_b real or complex, m_chi > 0.
    """
    y_s, y_b = jnp.asarray(y_s), jnp.asarray(y_b)
    v2 = v_phi * v_phi
    size = jnp.real(y_s * jnp.conj(y_s)) + jnp.real(y_b * jnp.conj(y_b))
    return g_d * q_phi * jnp.conj(y_s) * y_b * v2 / (2.0 * m_chi * m_chi + size * v2)


def c6_from_loop(g_d, q_phi, y_s, y_b, m_phi, m_chi, q2=None):
    """C_6^bsV/Lambda^2 in GeV^-2, eqs. (3.14) and (3.15): light scalar phi and heavy coloured fermion chi in the loop.

    q2 None: the leading term in q^2/m_phi^2, as in the paper; else the full dependence on q^2 (GeV^2), complex above
    4 m_phi^2 (dark_loops.penguin_f15_full), which a light phi needs: the paper's logarithm ln(m_phi^2/m_chi^2) then becomes
    ln(-q^2/m_chi^2).
    """
    r = g_d * q_phi * jnp.conj(jnp.asarray(y_s)) * y_b
    m_phi, m_chi = jnp.asarray(m_phi), jnp.asarray(m_chi)
    return dark_loops.penguin_coupling(jnp.asarray(r)[None], m_phi[None], m_chi, q2, heavy="fermion")


def c9_fermion_loop(c_bs, c_mu, cutoff, n_over_alpha):
    """C_9 of two four-fermion operators joined by a loop of dark fermions, eq. (3.16): -(N/alpha) C C/(2 pi Lambda^2).

    c_bs, c_mu: dimensionless, of (sbar gamma P_L b)(chibar gamma chi)/Lambda^2 and (mubar gamma mu)(chibar gamma chi)/Lambda^2;
    cutoff Lambda in GeV.  From a quadratic divergence cut off at Lambda: an estimate.
    """
    return -n_over_alpha * c_bs * c_mu / (2.0 * math.pi * cutoff * cutoff)


def c9_scalar_loop(c_bs, c_mu, cutoff, n_over_alpha, printed: bool = False):
    """The same for dark scalars with the current i (S^* d S - S d S^*), eq. (3.17): -(N/alpha) C C/(4 pi Lambda^2).

    The cut-off calculation that gives eq. (3.16) gives four times the paper's 1/(16 pi) (``printed``).
    """
    return -n_over_alpha * c_bs * c_mu / ((16.0 if printed else 4.0) * math.pi * cutoff * cutoff)


def spin_zero(q2, c5, t5, mass, width, *, m_b, m_s, m_mu, n_over_alpha, m_b_operator=None, lepton: str = "mumu"):
    r"""Wilson coefficients of the exchange of a spin-0 particle with derivative couplings, eqs. (2.5), (2.6) and (3.1)-(3.3).

    L = (1/2) d_rho a [c5 sbar gamma^rho P_L b + h.c. + t5 mubar gamma^rho gamma5 mu], c5 and t5 in GeV^-1 (c5 real or complex).
    The equations of motion turn the currents into M_b sbar P_R b - M_s sbar P_L b and 2 M_mu mubar gamma5 mu; a vector muon
    coupling drops out.  No C9 or C10 at any q^2, only

        C_P = -2 pi (N/alpha) c5 t5 M_mu M_b/(q^2 - m^2 + i m Gamma),   C_P' = -(M_s/M_b) C_P,

    here as WCxf names {"CP_bsmumu", "CPp_bsmumu"} in GeV^-1: their operators contain the b mass m_b_operator (MS-bar; m_b if not
    given).  Complex above; the propagator's phase is a strong phase.  Eq. (3.9) of the paper for a longitudinal vector with
    C_4 t_4/m_V^2 = c5 t5/4 is the same.  E1 of the errata: eq. (3.3) has the opposite sign.
    """
    re, im = q2 - mass * mass, mass * width
    norm = 1.0 / (re * re + im * im)
    common = (
        -2.0 * math.pi * n_over_alpha * c5 * t5 * m_mu * (re - 1j * im) * norm / (m_b if m_b_operator is None else m_b_operator)
    )
    return {f"CP_bs{lepton}": common * m_b, f"CPp_bs{lepton}": -common * m_s}
