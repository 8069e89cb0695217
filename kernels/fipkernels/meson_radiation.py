r"""P+ -> l+ nu V: a light vector radiated in the leptonic decay of a pseudoscalar meson (K+, pi+), V on shell.

V couples as V_mu [lbar gamma^mu (g_l P_L + g_r P_R) l + g_nu nubar gamma^mu P_L nu], g_l = g_V - g_A and g_r = g_V + g_A, and to
the meson, taken as a point, with a charge g_p counted like that of a lepton l-: gauge invariance at M_V -> 0 needs
delta = g_l - g_nu - g_p = 0.  Kinetic mixing alone has g_l = g_r = g_p = -e epsilon, g_nu = 0.  With x = Q^2 - m^2, Q = p_l + q,
w = 2 p_nu.q and the equations of motion, the amplitude of lepton, neutrino, meson and contact emission together is

    (G_F/sqrt2) V_ij f_P ubar_nu (1 + gamma5) {c_1 eps-slash + c_2 Q-slash eps-slash + c_3 eps-slash R-slash + c_4 (2p - q).eps} v,
    c_1 = g_nu + g_p - g_l Q^2/x,  c_2 = m g_r/x,  c_3 = -m g_nu/(M^2 + w),  c_4 = -m g_p/(x + w),   R = p_nu + q,

and its divergence (eps -> q) is {a q-slash + b}, a = -delta + (g_r - g_l) m^2/x, b = m (g_r - g_nu - g_p): the longitudinal mode
is enhanced by 1/M^2 as delta^2 and, suppressed by the lepton mass, with the axial coupling.  A conserved current has a = b = 0
exactly, without any cancellation in the numbers.

arXiv:2210.15662 eqs. (4.27)-(4.30) is emission from the lepton alone (g_nu = g_p = 0), printed with half the rate and a wrong
bracket of g_R^2 (``printed``).  Structure of the meson (form factors beside f_P, of relative order q p/m_rho^2) and an axial charge
of its quarks are not included.

Energy-momentum in GeV, couplings real and dimensionless, all elementwise.  f_p: decay constant with f_K = 0.156 GeV.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from fipkernels.kinematics import sqrt_pos

# Gauss-Legendre on [0, 1]: rapidity (outer) and logarithm of an invariant (inner)
_N_OUT, _N_IN = 48, 20


def _unit(n: int, ndim: int, dtype, offset: int = 0):
    """Nodes and weights on [0, 1] as leading axis of arrays of ndim + offset dimensions."""
    x, w = np.polynomial.legendre.leggauss(n)
    shape = (n,) + (1,) * (ndim + offset)
    return (jnp.asarray(0.5 * (x + 1.0), dtype).reshape(shape), jnp.asarray(0.5 * w, dtype).reshape(shape))


def squared_amplitude(x, w, m_p, m_l, m_v, g_l, g_r, g_nu=0.0, g_p=0.0, printed: bool = False):
    """Spin sum of |M|^2 over 2 G_F^2 f_P^2 |V_ij|^2, GeV^2, at a point of the Dalitz plot (see the module).

    x = (p_l + q)^2 - m_l^2 and w = 2 p_nu.q in GeV^2, both positive inside the plot: x = m_p^2 - m_l^2 - 2 m_p E_nu and
    w = m_p^2 + m_l^2 - m_v^2 - 2 m_p E_l.  printed: arXiv:2210.15662 eq. (4.27) as it stands, for g_nu = g_p = 0.
    """
    l2, v2 = m_l * m_l, m_v * m_v
    q2 = x + l2
    # scalar products of k = p_nu, l = p_l, q, S = l + q, R = k + q
    kq = 0.5 * w
    lq = 0.5 * (x - v2)
    ks = 0.5 * (m_p * m_p - q2)
    kl = ks - kq
    sq, sl = lq + v2, lq + l2
    if printed:
        # k' = (m_p^2 - Q^2) p - m_p^2 k; last term: the wrong one minus the right one
        kpl, kpq = 2.0 * ks * sl - q2 * kl, 2.0 * ks * sq - q2 * kq
        e_v, e_nu = (kq + sq) / m_p, ks / m_p
        right = g_r * g_r * l2 * (2.0 * (v2 * kpl + 2.0 * kpq * lq) + 2.0 * v2 * 2.0 * ks * (e_v * e_nu + kq))
        left = g_l * g_l * q2 * q2 * 2.0 * (v2 * kl + 2.0 * kq * lq)
        return 0.5 * (left - 12.0 * g_l * g_r * l2 * v2 * q2 * ks + right) / (x * x * v2)
    lr, kr, rr = kl + lq, kq, v2 + w
    # n = 2p - q = 2(k + l) + q
    nk, nl, nn = 2.0 * kl + kq, 2.0 * (kl + l2) + lq, 4.0 * (l2 + 2.0 * kl) + 4.0 * (kq + lq) + v2
    ns, nr = 2.0 * (ks + sl) + sq, 2.0 * (kq + lr) + kq + v2
    c1 = g_nu + g_p - g_l * q2 / x
    c2 = m_l * g_r / x
    c3 = -m_l * g_nu / rr
    c4 = -m_l * g_p / (x + w)
    transverse = (
        4.0 * c1 * c1 * kl
        + 4.0 * c2 * c2 * (2.0 * ks * sl - q2 * kl)
        + 4.0 * c3 * c3 * (2.0 * lr * kr - rr * kl)
        - 2.0 * c4 * c4 * nn * kl
        + 16.0 * m_l * c1 * c2 * ks
        - 8.0 * m_l * c1 * c3 * kr
        + 4.0 * m_l * c1 * c4 * nk
        - 16.0 * c2 * c3 * lr * ks
        - 4.0 * c2 * c4 * (ks * nl - nk * sl + kl * ns)
        - 4.0 * c3 * c4 * (nk * lr - kr * nl + kl * nr)
    )
    a = g_nu + g_p - g_l + (g_r - g_l) * l2 / x
    b = m_l * (g_r - g_nu - g_p)
    longitudinal = 2.0 / v2 * (a * a * (2.0 * kq * lq - v2 * kl) + b * b * kl - 2.0 * a * b * m_l * kq)
    return transverse + longitudinal


def width_leptonic(m_p, m_l, f_p, v_ij, g_f):
    """Gamma(P+ -> l+ nu) = G_F^2 f_P^2 |V_ij|^2 m_P m_l^2 (1 - m_l^2/m_P^2)^2/(8 pi) in GeV; 0 for m_l >= m_p."""
    r = 1.0 - (m_l / m_p) ** 2
    r = jnp.where(r > 0.0, r, 0.0)
    return (g_f * f_p * v_ij) ** 2 * m_p * m_l * m_l * r * r / (8.0 * math.pi)


def _scale(m_p, f_p, v_ij, g_f):
    return (g_f * f_p * v_ij) ** 2 / (64.0 * math.pi**3 * m_p * m_p)


def width(m_p, m_l, m_v, g_l, g_r, f_p, v_ij, g_f, g_nu=0.0, g_p=0.0, printed: bool = False):
    r"""Gamma(P+ -> l+ nu V) in GeV; exactly 0 with zero derivatives for m_v >= m_p - m_l.

    m_p, m_l, m_v > 0; g_f in GeV^-2; all broadcast.  In the rapidity eta, Q = m_l + m_v cosh(eta), the integrand is analytic down
    to the threshold.  The other variable is ln(m_v^2 + w).  Accurate (float64) for m_v from 1e-4 m_p to threshold to 1e-10 for
    emission from the lepton alone and for a conserved current, 5e-6 in general; float32: 3e-5.
    """
    args = jnp.broadcast_arrays(*(1.0 * jnp.asarray(v) for v in (m_p, m_l, m_v, g_l, g_r, g_nu, g_p)))
    m_p, m_l, m_v, g_l, g_r, g_nu, g_p = args
    release = (m_p - m_l) - m_v
    is_open = (release > 0.0) & (m_v > 0.0)
    mass = jnp.where(is_open, m_v, 0.5 * (m_p - m_l))
    d = jnp.where(is_open, release, mass) / mass
    # arcosh(1 + d)
    top = jnp.log1p(d + sqrt_pos(d * (2.0 + d)))
    t, wt = _unit(_N_OUT, top.ndim, top.dtype)
    eta = top * t
    sinh = jnp.sinh(eta)
    # cosh(top) - cosh(eta) and (m_p - Q)/m_v: without cancellation
    gap = 2.0 * jnp.sinh(0.5 * top * (1.0 + t)) * jnp.sinh(0.5 * top * (1.0 - t))
    cosh = jnp.cosh(eta)
    q = m_l + mass * cosh
    x = mass * cosh * (q + m_l)
    # momenta in the rest frame of Q: of l and V, and energy of the neutrino
    p = mass * sinh * jnp.sqrt((q + m_l) ** 2 - mass * mass) / (2.0 * q)
    e_nu = mass * gap * (m_p + q) / (2.0 * q)
    e_v = (x + mass * mass) / (2.0 * q)
    # R^2 = m_v^2 + w from e_v - p to e_v + p; (e_v - p) (e_v + p) = m_v^2
    low = mass * mass * (1.0 + 2.0 * e_nu / (e_v + p))
    span = jnp.log1p(4.0 * e_nu * p / low)
    u, wu = _unit(_N_IN, top.ndim, top.dtype, 1)
    r2 = low * jnp.exp(span * u)
    w = jnp.maximum(r2 - mass * mass, 0.0)
    amplitude = squared_amplitude(x, w, m_p, m_l, mass, g_l, g_r, g_nu, g_p, printed)
    # dE_l dE_nu = dw dQ^2/(4 m_p^2), dw = R^2 d ln R^2, dQ^2 = 2 Q m_v sinh(eta) d eta
    inner = jnp.sum(wu * r2 * amplitude, axis=0) * span
    total = top * jnp.sum(wt * inner * q * mass * sinh, axis=0)
    return jnp.where(is_open, _scale(m_p, f_p, v_ij, g_f) / m_p * total, 0.0)


def _density(w, m_p, m_l, m_v, couplings, printed):
    """Integral of the squared amplitude over x at fixed w > 0, GeV^4; the lepton has p_l > 0 there."""
    l2, v2 = m_l * m_l, m_v * m_v
    r2 = v2 + w
    # in the rest frame of R: l.q = (A -+ B)/(4 R^2), from the product of both ends the lower one without cancellation
    e2 = m_p * m_p - r2 - l2
    root = w * sqrt_pos(e2 * e2 - 4.0 * r2 * l2)
    a = (r2 + v2) * e2
    high = v2 + (a + root) / (2.0 * r2)
    # A^2 - B^2 = 4 R^2 [M^2 E2^2 + l^2 w^2]
    low = v2 + 2.0 * (v2 * e2 * e2 + l2 * w * w) / (a + root)
    span = jnp.log(high / low)
    u, wu = _unit(_N_IN, w.ndim, w.dtype)
    x = low * jnp.exp(span * u)
    g_l, g_r, g_nu, g_p = couplings
    amplitude = squared_amplitude(x, w, m_p, m_l, m_v, g_l, g_r, g_nu, g_p, printed)
    return span * jnp.sum(wu * x * amplitude, axis=0)


def spectrum(e_l, m_p, m_l, m_v, g_l, g_r, f_p, v_ij, g_f, g_nu=0.0, g_p=0.0, printed: bool = False):
    """dGamma/dE_l (dimensionless: GeV per GeV) at lepton energies e_l in the rest frame of P; exactly 0 outside the allowed range.

    m_l < e_l < (m_p^2 + m_l^2 - m_v^2)/(2 m_p), eq. (4.29).  All broadcast; not continuous at the upper end only for m_v = 0.
    """
    args = jnp.broadcast_arrays(*(1.0 * jnp.asarray(v) for v in (e_l, m_p, m_l, m_v, g_l, g_r, g_nu, g_p)))
    e_l, m_p, m_l, m_v, *couplings = args
    w = m_p * m_p + m_l * m_l - m_v * m_v - 2.0 * m_p * e_l
    is_open = (w > 0.0) & (e_l > m_l) & ((m_p - m_l) - m_v > 0.0) & (m_v > 0.0)
    mass = jnp.where(is_open, m_v, 0.5 * (m_p - m_l))
    w = jnp.where(is_open, w, 0.25 * (m_p - m_l) ** 2)
    # 2 p_l m_p is the root in _density: e_l > m_l keeps it open
    value = _density(w, m_p, m_l, mass, couplings, printed)
    return jnp.where(is_open, _scale(m_p, f_p, v_ij, g_f) * value, 0.0)


def window(t_low, t_high, m_p, m_l, m_v, g_l, g_r, f_p, v_ij, g_f, g_nu=0.0, g_p=0.0, printed: bool = False):
    """Part of the width in GeV with kinetic energy t_low < E_l - m_l < t_high in the rest frame of P; exactly 0 if that is empty.

    t_low >= 0 and t_high in GeV (any number above the range for no cut); all broadcast.  PIENU: above or below 1.2 MeV for pions.
    Accurate (float64) for m_v from 1e-4 m_p to threshold to 1e-9 for emission from the lepton alone, 2e-5 for a conserved current
    and 1e-6 in general.
    """
    args = jnp.broadcast_arrays(*(1.0 * jnp.asarray(v) for v in (t_low, t_high, m_p, m_l, m_v, g_l, g_r, g_nu, g_p)))
    t_low, t_high, m_p, m_l, m_v, *couplings = args
    # w = (m_p - m_l)^2 - m_v^2 - 2 m_p T
    release = (m_p - m_l) - m_v
    w_top = release * ((m_p - m_l) + m_v)
    w_high, w_low = w_top - 2.0 * m_p * t_low, w_top - 2.0 * m_p * t_high
    is_open = (release > 0.0) & (m_v > 0.0) & (w_high > 0.0) & (t_high > t_low)
    mass = jnp.where(is_open, m_v, 0.5 * (m_p - m_l))
    v2 = mass * mass
    w_high = jnp.where(is_open, w_high, v2)
    w_low = jnp.where(is_open & (w_low > 0.0), w_low, 0.0)
    # ln(m_v^2 + w), quadratic at the end with the square root of the lepton at rest
    start, span = jnp.log1p(w_low / v2), jnp.log((v2 + w_high) / (v2 + w_low))
    t, wt = _unit(_N_OUT, span.ndim, span.dtype)
    w = v2 * jnp.expm1(start + span * (1.0 - t * t))
    w = jnp.maximum(w, jnp.finfo(w.dtype).tiny)
    density = jax.vmap(lambda v: _density(v, m_p, m_l, mass, couplings, printed))(w)
    total = span * jnp.sum(wt * 2.0 * t * (v2 + w) * density, axis=0) / (2.0 * m_p)
    # rounding within 1e-12 of the threshold
    return jnp.where(is_open & (total > 0.0), _scale(m_p, f_p, v_ij, g_f) * total, 0.0)
