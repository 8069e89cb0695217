r"""Scalar leptoquarks S1 and S3 that couple to one lepton generation ("muoquarks", "tauquarks"), arXiv:2103.13991.

    -L = eta3_i qbar^c_i (i s2 s^I) l S3^I + eta1L_i qbar^c_i (i s2) l S1 + eta1R_i ubar^c_i e_R S1 + h.c.,   m_f = y v,

q_i = ((V^+ u)_i, d_i): couplings in the basis of down-quark mass eigenstates; an up quark j couples with sum_i eta_i V*_ji.
Arrays broadcast; couplings (3, B) real or complex, quark generation first; masses in GeV, batch last.

Left out throughout: S1-S3 mixing after symmetry breaking (kappa_H13 v^2/M^2, below 1 % for kappa_H13 = 0.05 and 1 TeV) and powers
of m_meson/M.  One-loop results are leading order in couplings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import jax.numpy as jnp

from fipkernels import loops
from fipkernels.kinematics import beta as velocity
from fipkernels.kinematics import sqrt_pos

# 1/(sqrt2 G_F) = (246.22 GeV)^2 and <H> = v of the paper's convention
G_F = 1.1663788e-5
V_F2 = 1.0 / (math.sqrt(2.0) * G_F)
V_HIGGS = math.sqrt(0.5 * V_F2)
M_Z = 91.1876
# MS-bar at m_Z, PDG
SIN2_W = 0.23121
N_C = 3.0


# --------------------------------------------------------------------------------------------------------------------
# loop functions

_TERMS = 26  # series in ln x converge for |ln x| < 2 pi: 6.28^-26 = 2e-21


def _exp_power(power: int, n: int) -> list[Fraction]:
    """Taylor coefficients of exp(power t)."""
    return [Fraction(power**k, math.factorial(k)) for k in range(n)]


def _times(a: Sequence[Fraction], b: Sequence[Fraction]) -> list[Fraction]:
    return [sum((a[j] * b[k - j] for j in range(k + 1)), Fraction(0)) for k in range(min(len(a), len(b)))]


def _series(top: dict[tuple[int, int], int], pole: int, scale: int) -> tuple[float, ...]:
    """Taylor coefficients in t = ln x of sum_(p, l) top x^p t^l/[scale (x - 1)^pole] with a removable pole."""
    n = _TERMS + pole
    numerator = [Fraction(0)] * n
    for (p, l), c in top.items():
        for k, v in enumerate(_exp_power(p, n - l)):
            numerator[k + l] += c * v
    # (e^t - 1)/t
    unit = [Fraction(1, math.factorial(k + 1)) for k in range(n)]
    denominator = [Fraction(1)] + [Fraction(0)] * (n - 1)
    for _ in range(pole):
        denominator = _times(denominator, unit)
    assert not any(numerator[:pole])
    rest = numerator[pole:]
    out: list[Fraction] = []
    for k in range(_TERMS):
        out.append(rest[k] - sum((out[j] * denominator[k - j] for j in range(k)), Fraction(0)))
    return tuple(float(v) / scale for v in out)


_F_NEAR = _series({(2, 0): -5, (1, 0): 4, (0, 0): 1, (2, 1): 2, (1, 1): 4}, 4, 12)
_G_NEAR = _series({(2, 0): 1, (1, 0): -8, (0, 0): 7, (1, 1): 2, (0, 1): 4}, 3, 6)
_H_NEAR = _series({(1, 0): 1, (0, 0): -1, (0, 1): -1}, 2, 1)
_B_NEAR = _series({(3, 0): 1, (2, 0): -6, (1, 0): 3, (0, 0): 2, (1, 1): 6}, 4, 12)


def g2_f(x):
    """F(x) of the chirality-conserving g-2 of S1, x = m_quark^2/M^2 >= 0: fermion of charge 2/3 and scalar of charge 1/3.

    F = [2x (x + 2) ln x - (5x + 1)(x - 1)]/[12 (x - 1)^4]; 1/12 at x = 0, 1/72 at 1, (2 ln x - 5)/(12 x^2) for large x.
    float64: 1e-13 relative in value, 1e-12 in the derivative, all x >= 0 (the derivative diverges like ln x at 0; large, finite).
    """
    near, t, (p, n, ln) = loops._regions(x)
    top = 2.0 * p * (p + 2.0 * n) * ln - (5.0 * p + n) * (p - n)
    return jnp.where(near, loops._poly(_F_NEAR, t), n * n * top / (12.0 * (p - n) ** 4))


def g2_g(x):
    """G(x) of the chirally enhanced g-2 of S1, x = m_quark^2/M^2 > 0.

    G = [(x - 7)(x - 1) + 2 (x + 2) ln x]/[6 (x - 1)^3]; -7/6 - (2/3) ln x for x -> 0, 1/6 at 1, 1/(6x) for large x.
    float64: 1e-13 relative in value and derivative.
    """
    near, t, (p, n, ln) = loops._regions(x)
    top = (p - 7.0 * n) * (p - n) + 2.0 * n * (p + 2.0 * n) * ln
    return jnp.where(near, loops._poly(_G_NEAR, t), n * top / (6.0 * (p - n) ** 3))


def z_flip(x):
    """h(x) = x (x - 1 - ln x)/(x - 1)^2: Z vertex with two mass insertions on the quark line at q^2 = 0, x = m_quark^2/M^2 >= 0.

    0 at x = 0, 1/2 at 1, 1 for large x.
    """
    x = 1.0 * jnp.asarray(x)
    near, t, (p, n, ln) = loops._regions(x)
    top = p - n - n * ln
    return jnp.where(near, jnp.exp(t) * loops._poly(_H_NEAR, t), p * top / (p - n) ** 2)


def z_flip_slope(x):
    """b(x) = [x^3 - 6x^2 + 3x + 2 + 6x ln x]/[12 (x - 1)^4]: coefficient of q^2/M^2 of the same vertex.

    1/6 at x = 0, 1/24 at 1, 1/(12 x) for large x.
    """
    near, t, (p, n, ln) = loops._regions(x)
    top = p**3 - 6.0 * p * p * n + 3.0 * p * n * n + 2.0 * n**3 + 6.0 * p * n * n * ln
    return jnp.where(near, loops._poly(_B_NEAR, t), n * top / (12.0 * (p - n) ** 4))


# --------------------------------------------------------------------------------------------------------------------
# tree level


def _conj_outer(a, b):
    return jnp.conj(a)[:, None] * b[None, :]


def s1_matching(eta_l, eta_r, mass):
    """Warsaw coefficients of S1 at the scale M, GeV^-2: dict of lq1, lq3, eu, lequ1, lequ3, each (3, 3, B).

    Indices are the quark flavours i, j of [C]_ll ij (eps_12 = +1; arXiv:2003.12525).  eta_l, eta_r (3, B).
    """
    m2 = mass * mass
    ll, rr, lr = _conj_outer(eta_l, eta_l), _conj_outer(eta_r, eta_r), _conj_outer(eta_l, eta_r)
    return {
        "lq1": ll / (4.0 * m2),
        "lq3": -ll / (4.0 * m2),
        "eu": rr / (2.0 * m2),
        "lequ1": lr / (2.0 * m2),
        "lequ3": -lr / (8.0 * m2),
    }


def s3_matching(eta, mass):
    """Warsaw coefficients lq1, lq3 of S3 at the scale M, GeV^-2, each (3, 3, B); eta (3, B)."""
    ee = _conj_outer(eta, eta) / (4.0 * mass * mass)
    return {"lq1": 3.0 * ee, "lq3": ee}


def c9_s3(eta_s, eta_b, mass, lambda_t, alpha):
    """C9 = -C10 of b -> s l l at the scale M from S3: pi v^2 eta_s^* eta_b/(alpha lambda_t M^2), v = 246 GeV, elementwise.

    lambda_t = V_tb V_ts^*, alpha the electromagnetic coupling.  Positive for eta_s/eta_b = V_ts/V_tb: the data want the opposite.
    """
    return math.pi * V_F2 * jnp.conj(eta_s) * eta_b / (alpha * lambda_t * mass * mass)


def cl_nunu(eta3_s, eta3_b, m3, eta1_s, eta1_b, m1, lambda_t, alpha):
    """C_L of b -> s nu nu for the neutrino of the same generation, at the scale M, elementwise; normalised as C9 - C10."""
    product = jnp.conj(eta3_s) * eta3_b / (m3 * m3) + jnp.conj(eta1_s) * eta1_b / (m1 * m1)
    return 0.5 * math.pi * V_F2 * product / (alpha * lambda_t)


# --------------------------------------------------------------------------------------------------------------------
# magnetic moment


def a_mu_s1(left, right, mass, m_t, m_mu):
    """Delta a_mu of S1 with the top in the loop, elementwise (top and muon masses in GeV).

    left = sum_i eta1L_i V*_ti and right = eta1R_3 (real or complex).  Light quarks are left out: their chirality flip is below
    m_c/m_t, their chirality-conserving part below 1 % for couplings that follow the CKM matrix.  left*right > 0 raises a_mu.  The
    top mass is not fixed at one loop: y_t(M) v, m_t(m_t) and the pole mass give 2.69, 2.88 and 2.97e-9 for M = 3 TeV and couplings
    of 0.12, which is the uncertainty; `top_mass` has all three.
    """
    x = (m_t / mass) ** 2
    squares = jnp.real(left * jnp.conj(left)) + jnp.real(right * jnp.conj(right))
    flip = m_t / m_mu * jnp.real(left * jnp.conj(right))
    return 3.0 * m_mu * m_mu / (8.0 * math.pi**2 * mass * mass) * (squares * g2_f(x) + flip * g2_g(x))


# MS-bar couplings at m_t = 173.34 GeV with two-loop matching, arXiv:1307.3536: g3, g2, gY, y_t
_M_TOP, _TOP_START = 173.34, (1.1666, 0.64779, 0.35830, 0.93690)
# one-loop Standard Model: b_i of the gauge couplings and their weight in the running of y_t
_GAUGE_SM = ((-7.0, 8.0), (-19 / 6, 9 / 4), (41 / 6, 17 / 12))
TOP_SCHEMES = ("running", "msbar", "pole")


def top_yukawa(mu):
    """y_t(mu) of the Standard Model at one loop from two-loop values at the top mass, elementwise; 100 GeV < mu < 1e6 GeV.

    y_t^2 = y_0^2 E/(1 - 9 y_0^2 I/(16 pi^2)), E the gauge part and I its integral over ln(mu) (10-point Gauss); 0.826 at
    3 TeV, <H> = 174 GeV.
    """
    l = jnp.log(mu / _M_TOP) / (8.0 * math.pi**2)

    def gauge(t):
        out: Any = 1.0
        for g, (b, c) in zip(_TOP_START[:3], _GAUGE_SM, strict=True):
            out = out * (1.0 - b * g * g * t) ** (c / b)
        return out

    integral = l * sum(w * gauge(l * u) for u, w in loops._GAUSS)
    y2 = _TOP_START[3] ** 2
    return jnp.sqrt(y2 * gauge(l) / (1.0 - 4.5 * y2 * integral))


def top_mass(mass, scheme: str = "running"):
    """Top mass in GeV in loops of a leptoquark of this mass: "running" y_t(M) v (default), "msbar" m_t(m_t), "pole"."""
    if scheme == "running":
        return V_HIGGS * top_yukawa(mass)
    # PDG: 172.5(7) pole; 162.5 MS-bar
    return jnp.full_like(1.0 * jnp.asarray(mass), {"msbar": 162.5, "pole": 172.5}[scheme])


def a_mu_s3(eta2, mass, m_mu, top_share=0.0, m_t=162.5):
    """Delta a_mu of S3, elementwise: negative, -3 m_mu^2 eta2/(32 pi^2 M^2) for light quarks.

    eta2 = sum_i |eta3_i|^2.  Charge 1/3 with up quarks: F(x), of which ``top_share`` (of eta2) is the top; charge 4/3 with down
    quarks and coupling sqrt2 eta: -1/3.
    """
    up = (1.0 - top_share) / 12.0 + top_share * g2_f((m_t / mass) ** 2)
    return 3.0 * m_mu * m_mu / (8.0 * math.pi**2 * mass * mass) * eta2 * (up - 1.0 / 3.0)


def lambda_of_dipole(delta_a, m_mu):
    """Scale Lambda_22 (GeV) of the dipole operator of eq. (1) for a shift delta_a > 0 of a_mu."""
    return jnp.sqrt(4.0 * m_mu * math.sqrt(2.0) * V_HIGGS / (16.0 * math.pi**2 * delta_a))


# --------------------------------------------------------------------------------------------------------------------
# Bs mixing, K_L -> mu mu, Z couplings


def mixing_c1(product1, m1, product3, m3):
    """C_1 in GeV^-2 (H = C_1 (sbar gamma P_L b)^2, at the heavy scale) of the boxes with S1, S3 and both, elementwise.

    product = eta_s^* eta_b of each.  A neutrino with S1 or S3 of charge 1/3 counts 1, the charged lepton with S3 of charge 4/3 and
    coupling sqrt2 eta counts 4; mixed boxes have ln(M1^2/M3^2)/(M1^2 - M3^2).  Each box is that of a heavy scalar with a massless
    fermion, 1/(128 pi^2 M^2) (arXiv:2002.11150 eq. 17; S1 and S3: arXiv:2008.09548).
    """
    a, b = jnp.minimum(m1, m3) ** 2, jnp.maximum(m1, m3) ** 2
    mixed = 2.0 * product1 * product3 * loops._pair(a, b)
    return (product1**2 / (m1 * m1) + 5.0 * product3**2 / (m3 * m3) + mixed) / (128.0 * math.pi**2)


# K_L -> mu mu: PDG lifetime and masses, f_K of FLAG (155.7 MeV); long distance |chi| = 0.71 and the absorptive part 5.21 in
# units of 2.02e-4: arXiv:1711.11030
_TAU_KL, _M_K, _F_K, _M_MU = 5.116e-8 / 6.582119569e-25, 0.497611, 0.1557, 0.1056583755
_LONG = 2.02e-4
# Standard Model: Re(lambda_t) Y_t + Re(lambda_c) Y_c with Y_t = 0.95, lambda_c Y_c = -6.4e-5 (arXiv:hep-ph/0605203)
_SHORT_SM = -3.2e-4 * 0.95 - 6.4e-5


def kl_mumu(coefficient, chi=-0.71):
    """BR(K_L -> mu mu), elementwise.

    coefficient: C in GeV^-2 of L = C (sbar gamma P_L d)(mubar gamma P_L mu) + h.c.; S3 gives eta3_2^* eta3_1/M^2 (S1 nothing).
    chi: dispersive long-distance amplitude, whose sign relative to the short distance is unknown: -0.71 adds (8.2e-9), +0.71
    subtracts (6.9e-9); error of the Standard Model about 15 %.  Short distance alone: ``kl_mumu_short``.
    """
    unit = 4.0 * G_F / math.sqrt(2.0) / (127.95 * 2.0 * math.pi * SIN2_W)
    real = -(_SHORT_SM + jnp.real(coefficient) / unit) / _LONG - chi
    return _kl_width(unit * _LONG) * (real**2 + 5.21**2)


def kl_mumu_short(coefficient):
    """Short-distance part of BR(K_L -> mu mu) from a real coefficient as in `kl_mumu` (Standard Model alone: 0.8e-9)."""
    unit = 4.0 * G_F / math.sqrt(2.0) / (127.95 * 2.0 * math.pi * SIN2_W)
    return _kl_width(unit * _SHORT_SM + jnp.real(coefficient))


def _kl_width(c):
    """BR for an axial amplitude: beta m_K f_K^2 m_mu^2 c^2/(16 pi) tau."""
    return _TAU_KL * velocity(_M_MU, _M_K**2) * _M_K * (_F_K * _M_MU * c) ** 2 / (16.0 * math.pi)


def _z_shift(strength, quark_same, quark_flip, scalar, m_quark, mass):
    """Shift of a lepton's Z coupling from a heavy-quark loop, to first order in m_Z^2 (valid for 2 m_quark > m_Z)."""
    x, x_z = (m_quark / mass) ** 2, (M_Z / mass) ** 2
    flip = (quark_flip - quark_same) * (z_flip(x) + x_z * z_flip_slope(x))
    same = x_z * (quark_same * loops.penguin_g9(x) + scalar * loops.penguin_f9(x))
    return N_C / (16.0 * math.pi**2) * strength * (flip + same)


def _z_shift_light(strength, quark, scalar, mass):
    """The same for a massless quark: logarithm of m_Z^2/M^2; real part."""
    x_z = (M_Z / mass) ** 2
    same = x_z * (quark * (1.0 / 9.0 - jnp.log(x_z) / 3.0) - scalar / 18.0)
    return N_C / (16.0 * math.pi**2) * strength * same


def z_coupling(t3, charge):
    """Z coupling g = T3 - Q sin^2(theta_w) of L = (g/c_w) Z_mu fbar gamma^mu g f."""
    return t3 - charge * SIN2_W


def z_shifts(eta1_l, eta1_r, m1, eta3, m3, v_ckm, m_t=162.5):
    """Shifts of the Z couplings of the lepton generation that S1 and S3 couple to, at q^2 = m_Z^2: dict "l_L", "l_R", "nu_L", (B,).

    eta (3, B) as in the module, v_ckm (3, 3) (rows u, c, t).  Top: all orders in m_t/M, first order in m_Z^2/(4 m_t^2) (about 7 %);
    light quarks massless, real part of the logarithm.  Derived from vertex and self-energy; the part with m_t^2 agrees with
    arXiv:1901.06315, and what is proportional to m_Z^2 follows from the penguin functions F_9, G_9 of fipkernels.loops.
    Measured couplings have errors of 1e-3 (muon) and N_nu = 2.984(8) (hep-ex/0509008).
    """

    def up(eta):
        return jnp.abs(jnp.einsum("ji,i...->j...", jnp.conj(jnp.asarray(v_ckm)), eta)) ** 2

    def down(eta):
        return jnp.sum(jnp.abs(eta) ** 2, axis=0)

    # charge-conjugate quarks run in the loop: couplings change sign
    u_l, u_r, d_l = -z_coupling(0.5, 2 / 3), -z_coupling(0.0, 2 / 3), -z_coupling(-0.5, -1 / 3)
    third, four, two = z_coupling(0.0, 1 / 3), z_coupling(1.0, 4 / 3), z_coupling(-1.0, -2 / 3)

    def ups(strength, same, flip, scalar, mass):
        light = _z_shift_light(strength[0] + strength[1], same, scalar, mass)
        return light + _z_shift(strength[2], same, flip, scalar, m_t, mass)

    right = jnp.abs(eta1_r) ** 2
    return {
        "l_L": ups(up(eta1_l), u_l, u_r, third, m1)
        + ups(up(eta3), u_l, u_r, third, m3)
        + _z_shift_light(2.0 * down(eta3), d_l, four, m3),
        "l_R": ups(right, u_r, u_l, third, m1),
        "nu_L": _z_shift_light(down(eta1_l), d_l, third, m1)
        + _z_shift_light(down(eta3), d_l, third, m3)
        + ups(2.0 * up(eta3), u_l, u_r, two, m3),
    }


# --------------------------------------------------------------------------------------------------------------------
# b -> c tau nu


def charged_current(eta_l, eta_r2, mass, v_c, v_cb):
    """C_VL, C_SL, C_T at the scale M of b -> c tau nu from S1 coupled to taus, (B,).

    H = (4 G_F/sqrt2) V_cb [(1 + C_VL) O_VL + C_SL (cbar P_L b)(taubar P_L nu) + C_T (cbar sigma P_L b)(taubar sigma P_L nu)].
    eta_l (3, B), eta_r2 the coupling to right-handed charm (B,), v_c (3,) the charm row of the CKM matrix.  C_SL = -4 C_T =
    -v^2 eta_l3^* eta_r2/(4 V_cb M^2).  A negative product eta_l3 eta_r2 raises R_D and R_D*.
    """
    scale = V_F2 / (4.0 * v_cb * mass * mass)
    vector = scale * eta_l[2] * jnp.einsum("i,i...->...", jnp.asarray(v_c), jnp.conj(eta_l))
    scalar = -scale * jnp.conj(eta_l[2]) * eta_r2
    return vector, scalar, -0.25 * scalar


# QCD and electroweak running from 1.5 TeV to 4.8 GeV with the mixing of scalar and tensor (wilson 2.5, arXiv:1804.05033);
# between 1 and 3 TeV the scalar changes by 3 %
SCALAR_RUN, TENSOR_RUN = 1.719, 0.887
# m_Bc^2/[m_tau (m_b + m_c)] with m_b, m_c at 4.8 GeV: 4.10 and 0.90 GeV
BC_CHIRAL = 6.27447**2 / (1.77693 * (4.10 + 0.90))


def r_d_ratios(c_vl, c_s, c_t):
    """R_D, R_D*, R_Lambda_c over their Standard-Model values for real coefficients at 4.8 GeV, elementwise.

    Quadratic forms with integrated form factors of flavio 2.7.1 (arXiv:1810.08132), better than 0.3 % for |C_S| < 0.5; R_Lambda_c
    from the sum rule 0.262 R_D + 0.738 R_D* of arXiv:1811.09603 (1 %).
    """
    x = 1.0 + c_vl
    d = x * x + 1.55 * x * c_s + 1.114 * c_s**2 + 0.952 * x * c_t + 0.719 * c_t**2
    d_star = x * x - 0.136 * x * c_s + 0.064 * c_s**2 - 5.305 * x * c_t + 16.97 * c_t**2
    return d, d_star, 0.262 * d + 0.738 * d_star


def bc_tau_nu(c_vl, c_s, br_sm=0.022):
    """BR(B_c -> tau nu) for real C_VL, C_SL at 4.8 GeV, elementwise: br_sm |1 + C_VL - 4.4 C_SL|^2; limits of 10 to 60 % in use."""
    return br_sm * (1.0 + c_vl - BC_CHIRAL * c_s) ** 2


# --------------------------------------------------------------------------------------------------------------------
# naturalness and symmetry breaking


def delta_mu_h2(l_h3_plus_k_h3, m3, l_h1, m1, mu, printed: bool = False):
    """Threshold correction to mu_H^2 (V = -mu_H^2 |H|^2 + ...) in GeV^2, eq. (6), elementwise.

    Both terms have the same sign, as the running of m_H^2 requires; ``printed``: the paper's, S3 with a minus.
    """
    log = lambda m: m * m * (1.0 + 2.0 * jnp.log(mu / m))  # noqa: E731
    sign = -1.0 if printed else 1.0
    return (sign * 9.0 * l_h3_plus_k_h3 * log(m3) + 3.0 * l_h1 * log(m1)) / (16.0 * math.pi**2)


def delta_y_mu(eta_l, eta_r, y_u, m1, mu):
    """Threshold correction to the muon Yukawa coupling, eq. (7) with y_u^* (flavour covariance): y_SM = y_mu + this, (B,).

    eta_l, eta_r (3, B); y_u (3, 3) in the basis of the module.
    """
    product = jnp.einsum("i...,ij,j...->...", jnp.conj(eta_l), jnp.conj(jnp.asarray(y_u)), eta_r)
    return -3.0 / (16.0 * math.pi**2) * (1.0 + 2.0 * jnp.log(mu / m1)) * product


def delta_y_nu(eta_l, eta_t, y_d, m1, mu):
    """The same for y_nu22 with the bottom quark and the coupling etat of d_R nu_muR S1: opposite sign."""
    return -delta_y_mu(eta_l, eta_t, y_d, m1, mu)


def potential_from_masses(m_h, m_phi, theta, v, v_phi, printed: bool = False) -> dict[str, Any]:
    """Eq. (4): lH, lPhi, lPhiH, mu_H^2, mu_Phi^2 from masses, mixing angle and <H> = v, <Phi> = v_phi; elementwise, GeV.

    V = -mu_H^2|H|^2 - mu_Phi^2|Phi|^2 + lH|H|^4/2 + lPhi|Phi|^4/4 + lPhiH|Phi|^2|H|^2.  Exact in theta, with
    h = cos(theta) h0 + sin(theta) phi0; ``printed``: to second order, as in the paper.
    """
    delta = m_h * m_h - m_phi * m_phi
    s2 = theta * theta if printed else jnp.sin(theta) ** 2
    sc = theta if printed else jnp.sin(theta) * jnp.cos(theta)
    hh, pp = m_h * m_h - s2 * delta, m_phi * m_phi + s2 * delta
    return {
        "lH": 0.5 * hh / (v * v),
        "lPhi": pp / (v_phi * v_phi),
        "lPhiH": 0.5 * sc * delta / (v * v_phi),
        "mu_H2": 0.5 * hh + 0.5 * sc * delta * v_phi / v,
        "mu_Phi2": 0.5 * pp + 0.5 * sc * delta * v / v_phi,
    }


def scalar_masses(l_h, l_phi, l_phi_h, v, v_phi):
    """(m_h, m_phi, theta) by diagonalisation of the mass matrix, elementwise: m_h the state that is mostly H, |theta| <= pi/4.

    Squared masses of an unstable vacuum are negative: their roots are returned as 0.
    """
    hh, pp, hp = 2.0 * l_h * v * v, l_phi * v_phi * v_phi, 2.0 * l_phi_h * v * v_phi
    half = 0.5 * (hh - pp)
    root = sqrt_pos(half * half + hp * hp)
    sign = jnp.where(half < 0.0, -1.0, 1.0)
    heavy = 0.5 * (hh + pp) + sign * root, 0.5 * (hh + pp) - sign * root
    equal = (half == 0.0) & (hp == 0.0)
    theta = 0.5 * jnp.arctan2(sign * hp, jnp.where(equal, 1.0, jnp.abs(half)))
    return sqrt_pos(heavy[0]), sqrt_pos(heavy[1]), theta


def v_phi_of_mass(m_x, g_x, q_phi=3.0, printed: bool = False):
    """<Phi> = v_phi in GeV from m_X: m_X/(sqrt2 q g_X); ``printed``: sqrt2 m_X/(q g_X), twice that, as in the paper."""
    return (math.sqrt(2.0) if printed else 1.0 / math.sqrt(2.0)) * m_x / (q_phi * g_x)
