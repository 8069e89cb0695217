r"""B_s mixing: SM and new-physics M12, light vectors and scalars through the s channel, DeltaM_s and DeltaGamma_s.

WCxf names and sign (flavio basis): H = - sum C_i O_i, so M12 = M12_SM - sum C_i <O_i>; coefficients in GeV^-2 at
4.2 GeV.  Bag parameters as in arXiv:2212.10497 (MS-bar-NDR at 4.2 GeV).
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipkernels import breit_wigner as bw
from fipkernels.quadratic import evaluate_polynomial


def matrix_elements(m, f, bags, m_b, m_q):
    """<O_i>/(2m) in GeV^3 for VLL, VRR, SLL, SRR, TLL, TRR, VLR, SLR; quark masses at the scale of the bags."""
    b1, b2, b3, b4, b5 = bags
    r = (m / (m_b + m_q)) ** 2
    mf2 = m * f**2
    v = mf2 * b1 / 3.0
    s = -5.0 / 24.0 * mf2 * r * b2
    t = mf2 * r * (5.0 / 3.0 * b2 - 2.0 / 3.0 * b3) / 2.0
    return {
        "CVLL": v,
        "CVRR": v,
        "CSLL": s,
        "CSRR": s,
        "CTLL": t,
        "CTRR": t,
        "CVLR": -mf2 * r * b5 / 6.0,
        "CSLR": mf2 * r * b4 / 4.0,
    }


def standard_model_m12(*, g_f, m_w, lambda_t, eta, s0, alpha_s, me_vll):
    """M12 of the SM in GeV (complex), Nucl. Phys. B347 (1990) 491; alpha_s with five flavours at 4.2 GeV."""
    running = alpha_s ** (-6.0 / 23.0) * (1.0 + alpha_s / (4.0 * math.pi) * 5165.0 / 3174.0)
    return g_f**2 * m_w**2 / (4.0 * math.pi**2) * eta * lambda_t**2 * s0 * me_vll * running


def light_vector(bs_l, bs_r, mass, width, *, m, m_b, m_q, me, scheme: str = "sqrt_q2", symmetry_factor: float = 0.5):
    r"""(M12, Gamma12) in GeV of s-channel exchange of a vector with couplings bs_l, bs_r (polynomials (K, B), or None).

    2106.12582 eqs. (A.30)-(A.34), corrected: the q^2-growing coupling is transverse, so only the dimension-four part
    feels 1/m^2, and the tree-level matching has ``symmetry_factor`` 1/2 (the paper's formulas correspond to 1).
    q^2 is set to m^2 (the B_s mass squared) in the propagator: an approximation of the vacuum-insertion type; the
    line shape close to mass = m is a model.  m_b, m_q: quark masses of the equations of motion, those of the bags.
    me: :func:`matrix_elements`.
    """
    width = jnp.maximum(width, bw.GAMMA_FLOOR * mass)
    m2 = m * m
    zero = jnp.zeros_like(mass)

    def parts(poly):
        if poly is None:
            return zero, zero
        # vertex (g(q^2) gamma_mu - g1 q_mu qslash): longitudinal strength per qslash, g1 = (g(q^2) - g0)/q^2
        return evaluate_polynomial(poly, m2), poly[0]

    g_l, l0 = parts(bs_l)
    g_r, r0 = parts(bs_r)
    d_re, d_im = bw.inverse_propagator(jnp.asarray(m2), mass, width, scheme)

    def w(a, a0, b, b0):
        # coefficient of q_mu q_nu in vertex * propagator numerator * vertex:
        # a0 b0/mass^2 + (a - a0) b0/q^2 + a0 (b - b0)/q^2 + (a - a0)(b - b0)/q^2
        return a0 * b0 / mass**2 + ((a - a0) * b0 + a0 * (b - b0) + (a - a0) * (b - b0)) / m2

    xi = symmetry_factor
    # H = sum C O with O_VLL = (sbar gamma P_L b)^2, ...; scalar structures from qslash -> m_b P_R - m_q P_L
    ll, rr, lr = w(g_l, l0, g_l, l0), w(g_r, r0, g_r, r0), w(g_l, l0, g_r, r0)
    h = (
        -xi * (g_l * g_l * me["CVLL"] + g_r * g_r * me["CVRR"] + 2.0 * g_l * g_r * me["CVLR"])
        # left vertex: sbar qslash P_L b = m_b sbar P_R b - m_q sbar P_L b; right vertex: P_L <-> P_R
        - xi * ll * (m_b**2 * me["CSRR"] + m_q**2 * me["CSLL"] - 2.0 * m_b * m_q * me["CSLR"])
        - xi * rr * (m_b**2 * me["CSLL"] + m_q**2 * me["CSRR"] - 2.0 * m_b * m_q * me["CSLR"])
        - 2.0 * xi * lr * ((m_b**2 + m_q**2) * me["CSLR"] - m_b * m_q * (me["CSLL"] + me["CSRR"]))
    )
    # H12 = M12 - i Gamma12/2: the propagator's phase is absorptive, the couplings' phase is weak
    return h * d_re, -2.0 * h * d_im


def light_scalar(bs_l, bs_r, mass, width, *, m, me, scheme: str = "sqrt_q2", running=1.0):
    r"""(M12, Gamma12) in GeV of s-channel exchange of a real scalar with L = S sbar (bs_l P_L + bs_r P_R) b + h.c.

    H = (1/(2D)) [bs_l^2 O_SLL + bs_r^2 O_SRR + 2 bs_l bs_r O_SLR], D = m^2 - m_S^2 + i Gamma ...: the propagator of a scalar has
    the sign opposite to that of a vector, so that a heavy S gives C_SLL = bs_l^2/(2 m_S^2), C_SLR = bs_l bs_r/m_S^2 with H = -C O.
    bs_l, bs_r: polynomials (K, B) or None, taken at q^2 = m^2 (the B_s mass squared) as the propagator: the approximation of
    :func:`light_vector`.  running: m_b at the scale of the bags over m_b at the scale of the couplings, which run alike.
    me: :func:`matrix_elements`.
    """
    width = jnp.maximum(width, bw.GAMMA_FLOOR * mass)
    m2 = jnp.asarray(m * m)
    g_l, g_r = (jnp.zeros_like(mass) if g is None else running * evaluate_polynomial(g, m2) for g in (bs_l, bs_r))
    d_re, d_im = bw.inverse_propagator(m2, mass, width, scheme)
    h = 0.5 * (g_l * g_l * me["CSLL"] + g_r * g_r * me["CSRR"] + 2.0 * g_l * g_r * me["CSLR"])
    return h * d_re, -2.0 * h * d_im


def observables(m12, gamma12):
    """(DeltaM, DeltaGamma) in GeV from complex M12, Gamma12: 2 sqrt(H12 H21) = DeltaM - i DeltaGamma/2 up to sign.

    DeltaM > 0 by definition; DeltaGamma = Gamma_L - Gamma_H > 0 in the SM.
    """
    h12 = m12 - 0.5j * gamma12
    h21 = jnp.conj(m12) - 0.5j * jnp.conj(gamma12)
    root = jnp.sqrt(h12 * h21)
    sign = jnp.where(jnp.real(root) >= 0.0, 1.0, -1.0)
    return 2.0 * jnp.abs(jnp.real(root)), 4.0 * sign * jnp.imag(root)


def q_over_p(m12, gamma12):
    """q/p = -sqrt((2 M12^* - i Gamma12^*)/(2 M12 - i Gamma12)), the branch with DeltaM > 0 for a real positive M12."""
    return -jnp.sqrt((2.0 * jnp.conj(m12) - 1j * jnp.conj(gamma12)) / (2.0 * m12 - 1j * gamma12))


def asymmetries(m12, gamma12, v_cb_cs):
    """(S_psiphi, a_fs): mixing-induced asymmetry of Bs -> J/psi phi and flavour-specific asymmetry.

    v_cb_cs = V_cb V_cs^*; penguin contributions to the decay are neglected.
    """
    qp = q_over_p(m12, gamma12)
    s = -jnp.imag(qp * v_cb_cs / jnp.conj(v_cb_cs))
    ratio = -gamma12 / m12
    a_fs = jnp.imag(-ratio)
    return s, a_fs
