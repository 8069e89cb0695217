r"""B_q -> l+ l-: time-integrated branching fraction, mass-eigenstate rate asymmetry and effective lifetime.

arXiv:1204.1735, 1204.1737, 1311.0903.  The amplitudes are P and S of

    BR ~ |P|^2 + |S|^2,  P = (2 m_l/m_B)(C10 - C10') + m_B m_b/(m_b + m_q) (C_P - C_P'),
    S = beta m_B m_b/(m_b + m_q) (C_S - C_S'),

C_S, C_P in GeV^-1 (operators contain m_b).  CP-odd phases of new physics in the mixing itself are not included.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipkernels import breit_wigner as bw


def light_vector(coupling, mass, width, m_b_meson, scheme: str = "sqrt_q2"):
    """Coupling times (real, imaginary) part of (1 - M^2/m^2)/D(M): the light-vector part of N (C10 - C10') in P, two arrays.

    coupling: product of the dimension-four parts of (left minus right) b-s and axial lepton couplings (real or complex).
    Couplings proportional to q^2 are transverse and drop out (2106.12582 eq. A.24, with N restored).  The double
    zero at m = M is multiplied out: -(M^2 - m^2)/(m^2 D), regular for any width, 0 at m = M.
    """
    width = jnp.maximum(width, bw.GAMMA_FLOOR * mass)
    delta = (m_b_meson - mass) * (m_b_meson + mass)
    im = width * (m_b_meson if scheme == "sqrt_q2" else mass)
    norm = 1.0 / (delta * delta + im * im)
    factor = -delta / (mass * mass)
    return coupling * (factor * delta * norm), coupling * (-factor * im * norm)


def branching_ratio(p, p_bar, s, s_bar, *, n_abs, m_b_meson, tau, f_b, m_l, y):
    """(BR time-integrated, A_DeltaGamma, tau_eff) from P, P_bar, S, S_bar (complex, shape (B,)); S may be None.

    n_abs = |N| in GeV^-2; masses and f_b in GeV; tau in GeV^-1; y = DeltaGamma/(2 Gamma), 0 for B0.
    """
    beta = jnp.sqrt(1.0 - 4.0 * m_l**2 / m_b_meson**2)
    total = jnp.abs(p) ** 2 + jnp.abs(p_bar) ** 2
    diff = 2.0 * jnp.real(p * jnp.conj(p_bar))
    if s is not None:
        total = total + jnp.abs(s) ** 2 + jnp.abs(s_bar) ** 2
        diff = diff - 2.0 * jnp.real(s * jnp.conj(s_bar))
    # a vanishing amplitude has no asymmetry; keep the gradient finite there
    safe = jnp.where(total > 0.0, total, 1.0)
    a = jnp.where(total > 0.0, diff / safe, 0.0)
    prefactor = n_abs**2 * m_b_meson**3 * tau * beta * f_b**2 / (32.0 * math.pi)
    br = prefactor * 0.5 * (total + y * diff) / (1.0 - y**2)
    tau_eff = tau * (1.0 + 2.0 * y * a + y**2) / ((1.0 - y**2) * (1.0 + y * a))
    return br, a, tau_eff
