"""Hadronic form factors as truncated z-expansions.  q^2 and masses in GeV^2, GeV; elementwise in q^2."""

from __future__ import annotations

import jax.numpy as jnp


def z_variable(q2, t_plus, t_0):
    """z(q^2) = (sqrt(t+ - q^2) - sqrt(t+ - t0)) / (sqrt(t+ - q^2) + sqrt(t+ - t0)); |z| < 1 for q^2 < t+."""
    a, b = jnp.sqrt(t_plus - q2), jnp.sqrt(t_plus - t_0)
    return (a - b) / (a + b)


def t_points(m_b, m_m):
    """(t+, t-, t0) with t0 = t+ (1 - sqrt(1 - t-/t+)), arXiv:1503.05534."""
    t_plus, t_minus = (m_b + m_m) ** 2, (m_b - m_m) ** 2
    return t_plus, t_minus, t_plus * (1.0 - jnp.sqrt(1.0 - t_minus / t_plus))


def bsz(q2, coefficients, m_resonance, m_b, m_m):
    """F(q^2) = [1 - q^2/m_R^2]^-1 sum_k a_k (z(q^2) - z(0))^k, arXiv:1503.05534 eq. (15).

    coefficients: sequence of scalars a_0, a_1, ...; valid for 0 <= q^2 <= (m_b - m_m)^2.
    """
    t_plus, _, t_0 = t_points(m_b, m_m)
    dz = z_variable(q2, t_plus, t_0) - z_variable(0.0, t_plus, t_0)
    poly = 0.0 * q2
    for a in list(coefficients)[::-1]:
        poly = poly * dz + a
    return poly / (1.0 - q2 / m_resonance**2)


def bcl(q2, coefficients, m_resonance, m_b, m_m, vector: bool):
    """BCL expansion (arXiv:0807.2722), as in arXiv:1509.06235; ``vector``: f+ and fT (threshold constraint on the last
    coefficient), else f0."""
    t_plus = (m_b + m_m) ** 2
    t_0 = (m_b + m_m) * (jnp.sqrt(m_b) - jnp.sqrt(m_m)) ** 2
    z = z_variable(q2, t_plus, t_0)
    k_max = len(coefficients)
    total = 0.0 * q2
    for k, b in enumerate(coefficients):
        term = z**k
        if vector:
            term = term - (-1.0) ** (k - k_max) * (k / k_max) * z**k_max
        total = total + b * term
    return total / (1.0 - q2 / m_resonance**2)


# resonance masses in GeV: arXiv:1503.05534 table 3 (1-, 0+ states of the b-s system)
_M_1MINUS, _M_0PLUS = 5.415, 5.630
_M_0MINUS, _M_1PLUS = 5.367, 5.830


def b_to_k(q2, a, m_b, m_k):
    """(f+, f0, fT) of B -> K from the eight coefficients of the fit of arXiv:2305.06301.

    a: mapping 'a0_f+', 'a1_f+', 'a2_f+', 'a1_f0', 'a2_f0', 'a0_fT', 'a1_fT', 'a2_fT'; a0_f0 = a0_f+ (f0(0) = f+(0)).
    """
    f_plus = bsz(q2, [a["a0_f+"], a["a1_f+"], a["a2_f+"]], _M_1MINUS, m_b, m_k)
    f_zero = bsz(q2, [a["a0_f+"], a["a1_f0"], a["a2_f0"]], _M_0PLUS, m_b, m_k)
    f_tensor = bsz(q2, [a["a0_fT"], a["a1_fT"], a["a2_fT"]], _M_1MINUS, m_b, m_k)
    return f_plus, f_zero, f_tensor


def b_to_v(q2, a, m_b, m_v):
    """V, A_0, A_1, A_12, T_1, T_2, T_23 of B -> K* or Bs -> phi from the 19 coefficients of arXiv:1503.05534 (LCSR + lattice).

    a: mapping 'a0_V', 'a1_V', ..., without the two that follow from exact relations at q^2 = 0 (eqs. 16, 17):
    a0_A12 = a0_A0 (m_B^2 - m_V^2)/(8 m_B m_V), a0_T2 = a0_T1.  Valid for 0 <= q^2 <= (m_B - m_V)^2.
    """

    def f(name, mass, a0=None):
        return bsz(q2, [a[f"a0_{name}"] if a0 is None else a0, a[f"a1_{name}"], a[f"a2_{name}"]], mass, m_b, m_v)

    return (
        f("V", _M_1MINUS),
        f("A0", _M_0MINUS),
        f("A1", _M_1PLUS),
        f("A12", _M_1PLUS, a["a0_A0"] * (m_b**2 - m_v**2) / (8.0 * m_b * m_v)),
        f("T1", _M_1MINUS),
        f("T2", _M_1PLUS, a["a0_T1"]),
        f("T23", _M_1PLUS),
    )
