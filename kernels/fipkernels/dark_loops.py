r"""Loops of a split dark sector: boxes and penguins of one heavy coloured and one light dark particle, arXiv:2002.11150.

Case A: heavy coloured scalar Phi, light Dirac fermions chi_i with opposite dark charge; case B: heavy vector-like coloured
fermion, light dark scalar (arXiv:2106.12582 eqs. 3.11-3.15).  Loop functions at q^2 = 0 come from :mod:`fipkernels.loops`.

At q^2 of several GeV^2 a light particle in the loop is on shell, and the expansion in q^2 behind the papers' formulas (2002.11150
eq. 11, 2106.12582 eq. 3.14) fails once 4 m^2 < q^2.  The functions ``*_full`` hold the exact dependence on q^2/m^2 to leading
power in q^2/M^2, M the heavy mass: below M the penguin is a four-fermion operator whose light particles close in a
vacuum-polarisation loop,

    S(q^2) = S(x) - 2 int_0^1 dv v (1 - v) ln[1 - v (1 - v) q^2/m^2 - i0]              (light fermion),
    F(q^2) = F(y) + (1/2) int_0^1 dv (1 - 2v)^2 ln[1 - v (1 - v) q^2/m^2 - i0]         (light scalar).

Corrections are of relative order q^2/M^2 (3e-6 at 3.5 GeV^2 and 1 TeV), as are those from the external quark masses.
Elementwise on broadcasting arrays; masses and q in GeV.  float64: 1e-13 of the larger of the result and 1; float32: 1e-5.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipkernels import breit_wigner as bw
from fipkernels import loops
from fipkernels.kinematics import sqrt_pos

# Loop factor of eqs. (7) and (11): the explicit calculation gives 1/(16 pi^2), as 2106.12582 eq. (3.14); the paper has half of it
LOOP_NORM = {"correct": 1.0 / (16.0 * math.pi**2), "paper": 1.0 / (32.0 * math.pi**2)}

# Far below threshold, |q^2| < m^2: int v(1-v) ln(1 - v(1-v) w) = -sum w^n/n B(n+2, n+2), B(n+1, n+1) = n!^2/(2n+1)!
_TERMS = 26  # 4^-26 = 2e-16
_BETA = [math.factorial(n) ** 2 / math.factorial(2 * n + 1) for n in range(_TERMS + 2)]
_FERMION = tuple(-_BETA[n + 1] / n for n in range(1, _TERMS))
_SCALAR = tuple(-_BETA[n] / (n * (2 * n + 3)) for n in range(1, _TERMS))


def _poly(coefficients, t):
    acc = coefficients[-1]
    for c in coefficients[-2::-1]:
        acc = acc * t + c
    return acc


def _regular_fermion(x):
    """S(x) + (ln x)/3, -1/2 at x = 0; used for x << 1."""
    ln = jnp.log(jnp.where(x > 0.0, x, 1.0))
    return (3.0 * (x - 1.0) + x * (2.0 * x - 5.0) * ln) / (6.0 * (x - 1.0) ** 2)


def _regular_scalar(y):
    """F(y) - (ln y)/6, 1/2 at y = 0; used for y << 1."""
    ln = jnp.log(jnp.where(y > 0.0, y, 1.0))
    return (3.0 * (1.0 - y) + y * (4.0 - y) * ln) / (6.0 * (1.0 - y) ** 2)


def _full(q2, m_light, m_heavy, at_zero, regular, series, log_weight, constant, slope, odd, odd_minus_one):
    """Common part of the two penguins: at_zero(x) + log_weight * int P(v) ln(1 - v(1-v) q2/m^2 - i0), P normalised to 1.

    The integral is constant + slope z + odd(beta, z) beta L-type terms, z = 4 m^2/q2, L = ln[(beta + 1)/(beta - 1)], with
    odd(beta, z) -> 1 for z -> 0.  Returns (real, imaginary).
    """
    q2, m, big = jnp.broadcast_arrays(*(1.0 * jnp.asarray(v) for v in (q2, m_light, m_heavy)))
    m2, big2 = m * m, big * big
    x = m2 / big2
    # three regions: |q2| < m^2; between that and threshold; everything else, m = 0 included
    low = (jnp.abs(q2) <= m2) & (m > 0.0)
    middle = ~low & (q2 > 0.0) & (q2 <= 4.0 * m2)
    high = ~(low | middle)
    x_heavy = jnp.where(high, 1.0, x)
    w = jnp.where(low, q2 / jnp.where(low, m2, 1.0), 0.0)
    at_low = w * _poly(series, w)
    # middle: beta = i t, beta L = 2 t arctan(1/t)
    z = 4.0 * m2 / jnp.where(low | (q2 == 0.0), 1.0, q2)
    z_m = jnp.where(middle, z, 2.0)
    t = sqrt_pos(z_m - 1.0)
    at_middle = constant + slope * z_m + odd(-(t * t), z_m) * 2.0 * t * jnp.arctan2(jnp.ones_like(t), t)
    below = at_zero(x_heavy) + log_weight * jnp.where(low, at_low, at_middle)
    # high: the logarithms of m cancel between S(x) and the integral; written without them
    z_h = jnp.where(high, z, 0.5)
    beta = sqrt_pos(1.0 - z_h)
    full_odd = odd(1.0 - z_h, z_h) * beta
    size = jnp.abs(z_h)
    log_z = jnp.log(jnp.where(size > 0.0, size, 1.0))
    q2_h = jnp.where(high & (q2 != 0.0), q2, 1.0)
    small_x = jnp.where(high, x, 0.0)
    curly = full_odd * 2.0 * jnp.log1p(beta) - odd_minus_one(beta, z_h) * log_z + jnp.log(jnp.abs(q2_h) / (4.0 * big2))
    above = regular(small_x) + log_weight * (constant + slope * z_h + curly)
    im = jnp.where(high & (q2 > 0.0), -math.pi * log_weight * full_odd, 0.0)
    return jnp.where(high, above, below), im


def penguin_sum_full(q2, m_chi, m_phi):
    """S(q^2) = F_9 + G_9 of arXiv:2002.11150 eq. (10) with its full dependence on q^2: (real, imaginary).

    q2 of either sign (time-like: the absorptive part of on-shell chi pairs, positive, above 4 m_chi^2), m_chi >= 0, m_phi > 0.
    penguin_sum(x) for |q2| << m_chi^2; -(1/3)[ln(q2/m_phi^2) - i pi] + 1/18 for m_chi^2 << q2 << m_phi^2; exactly 0 imaginary
    part below threshold.  Both m_chi and q2 zero: not defined.
    """

    def odd(b2, z):
        return 1.0 + 0.5 * z

    def odd_minus_one(beta, z):
        # (1 + z/2)^2 (1 - z) = 1 - (3 z^2 + z^3)/4
        return -0.25 * z * z * (3.0 + z) / ((1.0 + 0.5 * z) * beta + 1.0)

    series = tuple(6.0 * c for c in _FERMION)
    return _full(
        q2, m_chi, m_phi, loops.penguin_sum, _regular_fermion, series, -1.0 / 3.0, -5.0 / 3.0, -1.0, odd, odd_minus_one
    )  # fmt: skip


def penguin_f15_full(q2, m_scalar, m_fermion):
    """F(y) of arXiv:2106.12582 eq. (3.15) with its full dependence on q^2: (real, imaginary); y = m_scalar^2/m_fermion^2.

    Heavy coloured fermion, light scalar; arguments as penguin_sum_full.  (1/6)[ln(q2/m_fermion^2) - i pi] + 1/18 for
    m_scalar^2 << q2: the absorptive part rises as beta^3 above threshold.
    """

    def odd(b2, z):
        return b2

    def odd_minus_one(beta, z):
        # beta^3 - 1
        return -z * (1.0 + beta * (1.0 + beta)) / (1.0 + beta)

    series = tuple(3.0 * c for c in _SCALAR)
    return _full(
        q2, m_scalar, m_fermion, loops.penguin_f15, _regular_scalar, series, 1.0 / 6.0, -8.0 / 3.0, 2.0, odd, odd_minus_one
    )  # fmt: skip


def penguin_coupling(r, m_light, m_heavy, q2=None, loop_norm: str = "correct", heavy: str = "scalar"):
    """g-tilde in GeV^-2, the b-s coupling of V per unit of q^2: arXiv:2002.11150 eq. (11), summed over light particles.

    r: (N, ...) g_D Q y_s^* y_b of each light particle (real, or complex weak phase); m_light (N, ...), m_heavy (...).
    q2 None: expansion at q^2 = 0, as the papers have it; else (...) the full dependence, complex, the imaginary part of the loop
    being a strong phase.  loop_norm: LOOP_NORM.  heavy: "scalar", or "fermion" (2106.12582 eq. 3.14).
    """
    r, m_light, m_heavy = jnp.asarray(r), jnp.asarray(m_light), jnp.asarray(m_heavy)
    if q2 is None:
        function = loops.penguin_sum if heavy == "scalar" else loops.penguin_f15
        value = function((m_light / m_heavy) ** 2)
    else:
        full = penguin_sum_full if heavy == "scalar" else penguin_f15_full
        re, im = full(q2, m_light, m_heavy)
        value = re + 1j * im
    return LOOP_NORM[loop_norm] * jnp.sum(r * value, axis=0) / (m_heavy * m_heavy)


def penguin_coefficient(q2, g_tilde, g_mu, mass, width, n_over_alpha, scheme: str = "sqrt_q2"):
    """C9 (or C10, with the axial muon coupling) of V exchange at q2: 4 pi (N/alpha) g_tilde q2 g_mu/D(q2), complex.

    arXiv:2002.11150 eq. (7) in terms of eq. (11).  n_over_alpha = N/alpha in GeV^2, N of eq. (8).
    """
    re, im = bw.inverse_propagator(q2, mass, width, scheme)
    return 4.0 * math.pi * n_over_alpha * g_tilde * q2 * g_mu * (re + 1j * im)


def box_c9(y_bs, y_mu_abs2, m1, m2, m3, m4, n_over_alpha):
    """C9 of a box with four masses, arXiv:2002.11150 eqs. (2) and (3); -0.993 for unit couplings, F = 1 and m4 = 1 TeV.

    y_bs = Y_s^* Y_b, y_mu_abs2 = |Y_mu|^2; masses in GeV in any order (m4 > 0 the unit of the loop function, others >= 0, at
    most two zero); n_over_alpha = N/alpha in GeV^2.
    """
    f = loops.box_f3((m1 / m4) ** 2, (m2 / m4) ** 2, (m3 / m4) ** 2)
    return n_over_alpha / (32.0 * math.pi) * y_bs * y_mu_abs2 * f / (m4 * m4)


def mixing_c1(y, m_chi, m_phi):
    """C_1 in GeV^-2 (H = C_1 (sbar gamma P_L b)^2, at the heavy scale) of the boxes, arXiv:2002.11150 eqs. (17) and (18).

    y: (N, ...) y_s^* y_b of each dark fermion, real or complex; m_chi (N, ...), m_phi (...) in GeV.  Quadratic in y: light
    fermions with opposite y cancel up to x ln x.
    """
    y, m_chi, m_phi = jnp.asarray(y), jnp.asarray(m_chi), jnp.asarray(m_phi)
    x = (m_chi / m_phi) ** 2
    f = loops.mixing_box(x[:, None], x[None, :])
    return jnp.sum(y[:, None] * y[None, :] * f, axis=(0, 1)) / (128.0 * math.pi**2 * m_phi * m_phi)


# alpha_s at m_t(m_t) = 163 GeV and at 4.2 GeV for alpha_s(M_Z) = 0.118 (three loops)
_M_TOP, _ALPHA_TOP, _ALPHA_42 = 163.0, 0.1085, 0.2240


def mixing_running(m_heavy):
    """C_1(4.2 GeV)/C_1(m_heavy) of the left-handed Delta F = 2 operator at next-to-leading order; m_heavy > 163 GeV.

    Six flavours above the top, five below (Nucl. Phys. B347 (1990) 491: J_6 = 1.3707, J_5 = 1.627).  0.84 from the top mass, 0.79
    from 1 TeV.
    """
    a_top, a_b = _ALPHA_TOP, _ALPHA_42
    a = a_top / (1.0 + 7.0 * a_top / (2.0 * math.pi) * jnp.log(m_heavy / _M_TOP))
    five = (a_top / a_b) ** (6.0 / 23.0) * (1.0 + 5165.0 / 3174.0 * (a_b - a_top) / (4.0 * math.pi))
    j6 = 104.0 / 98.0 + 13.0 / 42.0
    return five * (a / a_top) ** (2.0 / 7.0) * (1.0 + j6 * (a_top - a) / (4.0 * math.pi))
