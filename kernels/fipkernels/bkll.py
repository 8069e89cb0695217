r"""B -> K l+ l- with Wilson coefficients that may be complex, constant or resonant.

Amplitudes and rates: arXiv:1506.03970 (Gratrex, Hopfer, Zwicky) and arXiv:0709.4174 (Bobeth, Hiller, Piranishvili).
With N = 4 G_F/sqrt2 lambda_t alpha_e/(4 pi), everything per unit of N k_V, k_V = sqrt(lambda) f+/(2q), for V, A and of
N k_P, k_P = (m_B^2 - m_K^2) f0/2, for P, S:

    V: 2 m_b/(m_B + m_K) (c7 + C7 + C7') fT/f+ + c9 + C9 + C9',       A: c10 + C10 + C10',
    P: C_P + C_P' + (2 m_l/q^2)(c10 + C10 + C10'),        S: C_S + C_S'.

No scalar or tensor form-factor corrections, no charm resonances; valid for 4 m_l^2 < q^2 < (m_B - m_K)^2.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipkernels.quadratic import Process

V, A, P, S = range(4)


def phase_space(q2, m_b, m_k, m_l):
    """(sqrt(lambda), beta) inside the physical region; exactly zero outside, without NaN in the gradient."""
    q = jnp.sqrt(q2)
    ok = ((m_b - m_k) ** 2 > q2) & (q > 2.0 * m_l)
    lam = ((m_b - m_k) ** 2 - q2) * ((m_b + m_k) ** 2 - q2)
    root = jnp.where(ok, jnp.sqrt(jnp.where(ok, lam, 1.0)), 0.0)
    b2 = (q - 2.0 * m_l) * (q + 2.0 * m_l) / q2
    beta = jnp.where(ok, jnp.sqrt(jnp.where(ok, b2, 1.0)), 0.0)
    return root, beta


def process(q, *, m_b, m_k, m_l, n_abs, c7, c7_bar, c9, c9_bar, c10, m_b_run, ff) -> Process:
    r"""Amplitudes V, A, P, S on nodes q (P, n) in GeV.

    m_b, m_k, m_l: masses of B, K, l in GeV; n_abs: |N| in GeV^-2; c7 = C7eff + C7'eff + delta C7 and c9 = C9 + Y + ...,
    (P, n) complex, with CP conjugates; c10: the SM coefficient; m_b_run: MS-bar b mass at the scale of the coefficients;
    ff = (f+, f0, fT), each (P, n).

    Operators: "7", "7p", "9", "9p", "10", "10p" (amplitude A), "H", "Hp" (longitudinal axial exchange, times 2 m_l/q^2 in P: equal
    to C10
    for a contact interaction), "P", "Pp", "S", "Sp" (GeV^-1).
    Forms (integrands over dq, GeV): "rate" dGamma; "flat" 2(a + c), the numerator of F_H; "asym" b, that of A_FB
    (0709.4174 eqs. 11, 12).
    """
    q2 = q * q
    f_plus, f_zero, f_t = ff
    root, beta = phase_space(q2, m_b, m_k, m_l)
    b2 = beta * beta
    k_v = root / (2.0 * q) * f_plus
    k_p = 0.5 * (m_b**2 - m_k**2) * f_zero
    # dGamma = 2 G0 dq^2 and dq^2 = 2 q dq
    base = 2.0 * q * n_abs**2 * root * beta / (2.0**9 * math.pi**3 * m_b**3)
    v = base * 2.0 * (2.0 * q2 / 3.0) * (3.0 - b2) * k_v**2
    a = base * 2.0 * (2.0 * q2 / 3.0) * 2.0 * b2 * k_v**2
    p = base * 2.0 * (2.0 * q2) * k_p**2
    two_g2 = -base * 2.0 * (4.0 / 3.0) * q2 * b2 * k_v**2
    asym = -base * 8.0 * q2 * beta * (m_l / q) * k_v * k_p
    forms = {
        "rate": ((V, V, v), (A, A, a), (P, P, p), (S, S, b2 * p)),
        "flat": ((V, V, v + two_g2), (A, A, a + two_g2), (P, P, p), (S, S, b2 * p)),
        "asym": ((V, S, asym),),
    }
    dipole = 2.0 * m_b_run / (m_b + m_k) * f_t / f_plus
    helicity = 2.0 * m_l / q2
    one, zero = jnp.ones_like(q2), jnp.zeros_like(q2)
    axial = c10 * one + 0.0j
    unit = {
        "7": jnp.stack([dipole, zero, zero, zero]),
        "9": jnp.stack([one, zero, zero, zero]),
        "10": jnp.stack([zero, one, zero, zero]),
        "H": jnp.stack([zero, zero, helicity, zero]),
        "P": jnp.stack([zero, zero, one, zero]),
        "S": jnp.stack([zero, zero, zero, one]),
    }
    return Process(
        jnp.stack([dipole * c7 + c9, axial, helicity * axial, 0.0 * axial]),
        jnp.stack([dipole * c7_bar + c9_bar, axial, helicity * axial, 0.0 * axial]),
        unit | {f"{op}p": u for op, u in unit.items()},
        forms,
        {op + prime: (a,) for op, a in (("7", V), ("9", V), ("10", A), ("H", P), ("P", P), ("S", S)) for prime in ("", "p")},
    )
