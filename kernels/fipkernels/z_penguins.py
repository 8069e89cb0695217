r"""Penguins that couple a light vector to b -> s, b -> d or s -> d through the photon and Z currents, arXiv:2210.15662 appendix B.

For a vector with L = V_mu [epsilon e J_em^mu + (g/cos theta_W) epsilon_Z J_Z^mu] and the W couplings that gauge invariance adds,
the loops of W and up-type quarks give

    H = qbar' gamma_mu P_L q [E0 g^(mu nu) + (q^2 g^(mu nu) - q^mu q^nu) E2] V_nu
        + qbar' sigma^(mu nu) (M_L P_L + M_R P_R) q q_mu V_nu + h.c.,

q the momentum of the outgoing V.  Each bracket of eqs. (B.3) to (B.12), a rational function of two masses with poles of the
fourth order, is h(v_j) - h(v_u) with one function of one variable v = m_q^2/m_W^2; GIM and degenerate masses are exact that way.
The functions are the Inami-Lim functions of the 't Hooft-Feynman gauge: h_E0 = -8 C0, h_A2 = 36 D0, h_M1 = -12 D0'.

The light quarks.  h_A2 and h_Z0 have a logarithm of v for v -> 0.  Below 4 m_q^2 < q^2 the expansion in q^2 behind E2 fails, so
the coefficients E2A and E2Z with ln m_u and ln m_c in them are no short-distance quantities at q^2 of a GeV^2: E2A of b -> s is
too large by a factor 1.3.  ``v_floor`` stops the logarithms of u and c at that v: with v_floor = (mu_b/m_W)^2 they are those of
the matching down to mu_b, and what lies below is the matrix element of the four-quark operators, that is the c-quark loop Y(q^2)
in the standard model (with mu_b = 4.8 GeV, E2A is then 2 % below the standard model's photon penguin in C9 with its QCD
corrections; Y(q^2) adds 10 % and a strong phase of 2 degrees below 4 GeV^2).  For a pure dark photon the safe amplitude is that
of the standard model's photon penguin, Y(q^2) included, times epsilon^2 q^2/(q^2 - m_V^2).  For s -> d, long distances dominate
the photon part altogether; E0 is safe, it has no such logarithm.

Elementwise on broadcasting arrays.  float64: h to 1e-13 and its derivative to 1e-12 for 0 < v < 1e12, of the terms that add up to
it; a difference h(v_j) - h(v_u) inherits the absolute accuracy.  float32: 1e-5.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp

# Series in t = ln v: its radius of convergence is 2 pi, the next sheet of ln v with v = 1; terms fall as k^3 (2 pi)^-k
_TERMS = 28


class _Function(NamedTuple):
    """h = [P(v) ln v + R(v)]/(v - 1)^n + linear v: coefficients of P and R by power (n + 1 each), of h in powers of ln v."""

    log: tuple[int, ...]
    plain: tuple[int, ...]
    linear: int
    series: tuple[float, ...]


def _function(log: tuple[int, ...], plain: tuple[int, ...], linear: int = 0) -> _Function:
    order, terms = len(log) - 1, _TERMS + len(log)
    fact = [Fraction(math.factorial(k)) for k in range(terms + 2)]
    # P(e^t) t + R(e^t); the powers of t below t^n cancel, which is what makes h regular
    top = [sum((Fraction(c * j**k) for j, c in enumerate(plain)), Fraction(0)) / fact[k] for k in range(terms)]
    for k in range(1, terms):
        top[k] += sum((Fraction(c * j ** (k - 1)) for j, c in enumerate(log)), Fraction(0)) / fact[k - 1]
    assert not any(top[:order])
    out = top[order:]
    # divide n times by (e^t - 1)/t
    for _ in range(order):
        for k in range(len(out)):
            out[k] -= sum((out[j] / fact[k - j + 1] for j in range(k)), Fraction(0))
    return _Function(log, plain, linear, tuple(float(c) for c in out[:_TERMS]))


# arXiv:2210.15662 eqs. (B.7), (B.3), (B.5), and the parts of (B.9) and (B.11) without sin^2 theta_W; R is expanded
_E0 = _function((0, -2, -3), (0, -5, 5), -1)
_A2 = _function((-16, 64, -108, 60, -6), (0, 0, -25, 44, -19))
_M1 = _function((0, 0, -12, 18, 0), (0, -7, 12, 3, -8))
_Z0 = _function((24, -72, 198, -48, 6), (0, 48, 30, -96, 18))
_N0 = _function((0, 6, -18, 30, 0), (0, 0, 3, 12, -15))


def _poly(coefficients, t):
    acc = coefficients[-1]
    for c in coefficients[-2::-1]:
        acc = acc * t + c
    return acc


def _h(f: _Function, v):
    v = 1.0 * jnp.asarray(v)
    info = jnp.finfo(v.dtype)
    safe = jnp.where(v > info.tiny, v, info.tiny)
    near = jnp.abs(jnp.log(safe)) <= 1.0
    t = jnp.where(near, jnp.log(jnp.where(near, safe, 1.0)), 0.0)
    far = jnp.where(near, 4.0, safe)
    # v = p/n with p, n <= 1: no overflow for large v
    big = far > 1.0
    p, n = jnp.where(big, 1.0, far), jnp.where(big, 1.0 / jnp.where(big, far, 1.0), 1.0)
    ln = jnp.log(far)
    order = len(f.log) - 1
    top = sum((a * ln + b) * p**k * n ** (order - k) for k, (a, b) in enumerate(zip(f.log, f.plain, strict=True)) if a or b)
    value = jnp.where(near, _poly(f.series, t), top / (p - n) ** order)
    return value + f.linear * v if f.linear else value


def h_e0(v):
    """-v(3v + 2) ln v/(v - 1)^2 - v(v - 6)/(v - 1) = -8 C0(v): monopole of the Z, eq. (B.7).  -2v ln v - 6v for v -> 0."""
    return _h(_E0, v)


def h_a2(v):
    """-2(3v^4 - 30v^3 + 54v^2 - 32v + 8) ln v/(v - 1)^4 - v^2(19v - 25)/(v - 1)^3 = 36 D0(v): photon, eq. (B.3).

    -16 ln v for v -> 0.
    """
    return _h(_A2, v)


def h_m1(v):
    """6v^2(3v - 2) ln v/(v - 1)^4 - v(8v^2 + 5v - 7)/(v - 1)^3 = -12 D0'(v): photon dipole, eqs. (B.5), (B.6).  -7v for v -> 0."""
    return _h(_M1, v)


def h_z0(v):
    """2(3v^4 - 24v^3 + 99v^2 - 36v + 12) ln v/(v - 1)^4 + 2v(9v^2 - 39v - 24)/(v - 1)^3: part of eq. (B.9).  24 ln v for v -> 0."""
    return _h(_Z0, v)


def h_n0(v):
    """6v(5v^2 - 3v + 1) ln v/(v - 1)^4 - v^2(15v + 3)/(v - 1)^3: part of eqs. (B.11), (B.12).  6v ln v for v -> 0."""
    return _h(_N0, v)


def c0(v):
    """Inami-Lim function C0 (Z penguin, Feynman gauge): -h_e0/8."""
    return -0.125 * h_e0(v)


def d0(v):
    """Inami-Lim function D0 (photon penguin, Feynman gauge): h_a2/36.  -(4/9) ln v for v -> 0."""
    return h_a2(v) / 36.0


def d0_prime(v):
    """Inami-Lim function D0' (photon dipole): -h_m1/12."""
    return -h_m1(v) / 12.0


class Brackets(NamedTuple):
    """Brackets of eqs. (B.7), (B.3), (B.9), (B.5), (B.11) over their denominators, for quark j against the up quark."""

    e0_z: jax.Array
    e2_a: jax.Array
    e2_z: jax.Array
    m1_a: jax.Array
    m1_z: jax.Array


def brackets(v_j, v_u, s2, v_floor=0.0) -> Brackets:
    """Differences h(v_j) - h(v_u); v = m_q^2/m_W^2, s2 = sin^2 theta_W, v_floor: see the module (E2 only)."""
    v_j, v_u = 1.0 * jnp.asarray(v_j), 1.0 * jnp.asarray(v_u)
    c_j, c_u = (jnp.where(v > v_floor, v, v_floor) for v in (v_j, v_u))
    e2_a, m1_a = h_a2(c_j) - h_a2(c_u), h_m1(v_j) - h_m1(v_u)
    return Brackets(
        h_e0(v_j) - h_e0(v_u),
        e2_a,
        h_z0(c_j) - h_z0(c_u) + 2.0 * s2 * e2_a,
        m1_a,
        h_n0(v_j) - h_n0(v_u) - 2.0 * s2 * m1_a,
    )


class Coefficients(NamedTuple):
    """E0 (GeV^0), E2 (GeV^-2) and M1 (GeV^-1) of the Hamiltonian above, complex.  "a": by epsilon, "z": by epsilon_Z.

    Everything else in eqs. (2.6), (2.7) vanishes: right-handed monopoles, and E0 of the photon by gauge invariance.
    """

    e0_z: jax.Array
    e2_a: jax.Array
    e2_z: jax.Array
    m1_a_l: jax.Array
    m1_a_r: jax.Array
    m1_z_l: jax.Array
    m1_z_r: jax.Array


CONVENTIONS = ("common", "appendix", "printed")


def coefficients(
    lam_c, lam_t, epsilon, epsilon_z, m_in, m_out, v_u, v_c, v_t, *, g, e, s2, m_w, v_floor=0.0, convention: str = "common"
) -> Coefficients:
    """Coefficients of eqs. (B.3) to (B.12) for q -> q', summed over c and t (u removed by unitarity).

    lam_k = V_kq'^* V_kq (complex): V_ks^* V_kb for b -> s, V_kd^* V_kb, V_kd^* V_ks for s -> d.  m_in, m_out: masses of q, q' in
    GeV (dipoles only).  v_k = m_k^2/m_W^2; g: SU(2) coupling, e: electric charge of epsilon, s2 = sin^2 theta_W; v_floor: see the
    module.

    convention: "common": one sign of epsilon everywhere, that of eq. (2.2), L = +epsilon e Q V fbar gamma f.  "appendix": the
    photon part has the opposite sign, as in appendix B, where a charged lepton couples with +epsilon e (as in eq. (2.10)).
    "printed": "appendix" with the +i of eq. (B.6), which has to be -i like (B.5): C7 would have the wrong sign relative to C9.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"convention {convention!r} (allowed: {', '.join(map(repr, CONVENTIONS))})")
    c, t = (brackets(v, v_u, s2, v_floor) for v in (v_c, v_t))
    s = Brackets(*(lam_c * x + lam_t * y for x, y in zip(c, t, strict=True)))
    photon = 1.0 if convention != "common" else -1.0
    fix = -1.0 if convention != "printed" else 1.0
    a = photon * g * g * e * epsilon / (math.pi * m_w) ** 2
    z = g**3 * epsilon_z / (math.pi**2 * jnp.sqrt(1.0 - s2))
    m1_a, m1_z = a / 384.0 * s.m1_a, z / (768.0 * m_w * m_w) * s.m1_z
    return Coefficients(
        z / 64.0 * s.e0_z,
        a / 1152.0 * s.e2_a,
        z / (2304.0 * m_w * m_w) * s.e2_z,
        -1j * m_out * m1_a,
        fix * 1j * m_in * m1_a,
        1j * m_out * m1_z,
        1j * m_in * m1_z,
    )
