r"""W -> l nu V: emission of a light vector in leptonic W decay, tree level, exact in m_V.

V couples to l_L with g_l (g_V - g_A for V_mu lbar gamma^mu (g_V + g_A gamma5) l) and to nu_L with g_nu; charged lepton and neutrino
are massless, which costs relative order m_l^2/m_V^2 (the axial coupling to m_l) where m_V is small: use m_V above a few MeV for
couplings to left-handed leptons, and for a purely right-handed coupling no statement below m_l.

V does not couple to the W here.  Unless g_l = g_nu its current is then not conserved, and the longitudinal mode grows like
(M_W/m_V)^2.  A W W V vertex with coupling g_l - g_nu would restore the current, but that is another parameter of the model (kinetic
mixing has it: its growth cancels and it must not be entered here).

With s_1 = (p_l + k)^2, s_2 = (p_nu + k)^2, s_12 = (p_l + p_nu)^2, d = g_l - g_nu, summed over spins,

    |M|^2/(g^2/2) = 4 [g_l^2 (s_1 s_2 - m^2 M^2)/s_1^2 + g_nu^2 (s_1 s_2 - m^2 M^2)/s_2^2 + 2 g_l g_nu s_12 (M^2 + m^2)/(s_1 s_2)]
                    + d^2 [2 s_12/m^2 + 2 s_12/M^2 + (s_1 s_2 - m^2 M^2)/(m^2 M^2)].

At fixed rapidity eta of V in the W frame the angular integral is elementary; the remaining one, over 0 < eta < ln(M/m), has an
analytic integrand and is done with fixed Gauss-Legendre nodes.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

_NODES = 24
_X, _W = (0.5 * (v + s) for v, s in zip(np.polynomial.legendre.leggauss(_NODES), (1.0, 0.0), strict=True))
# x cosh x - sinh x = sum_k 2k x^(2k+1)/(2k+1)!: below x = 1 ten terms reach rounding
_SERIES = tuple(2.0 * k / math.factorial(2 * k + 1) for k in range(1, 11))


def squared_amplitude(s1, s2, m, m_w, g_l, g_nu):
    """Spin sum of |M|^2/(g^2/2) in GeV^0 at a point of the Dalitz plot (see the module), elementwise.

    s1 = (p_l + k)^2 and s2 = (p_nu + k)^2 in GeV^2 with s1 s2 >= m^2 m_w^2 and s1 + s2 <= m_w^2 + m^2.
    """
    mm, ww = m * m, m_w * m_w
    s12 = mm + ww - s1 - s2
    room = s1 * s2 - mm * ww
    soft = g_l * g_l * room / (s1 * s1) + g_nu * g_nu * room / (s2 * s2) + 2.0 * g_l * g_nu * s12 * (mm + ww) / (s1 * s2)
    d = g_l - g_nu
    return 4.0 * soft + d * d * (2.0 * s12 * (1.0 / mm + 1.0 / ww) + room / (mm * ww))


def _x_cosh_minus_sinh(x, cosh, sinh):
    small = x < 1.0
    t = jnp.where(small, x, 0.0)
    t2 = t * t
    series = jnp.full_like(t, _SERIES[-1])
    for c in _SERIES[-2::-1]:
        series = series * t2 + c
    return jnp.where(small, series * t2 * t, x * cosh - sinh)


def width(m_v, g_l, g_nu, m_w, g_f):
    """Gamma(W -> l nu V) in GeV for V on shell; exactly 0 with zero derivatives for m_v >= m_w.

    m_v > 0, m_w in GeV, g_f in GeV^-2; g_l, g_nu real couplings at q^2 = m_v^2; all broadcast.  For m_v << m_w and g_nu = 0 this is
    arXiv:2106.12582 eq. (4.8), g_l^2 G_F M_W^5/(512 sqrt2 pi^3 m_V^2).  Accurate to 1e-11 (float64) for m_v/m_w > 1e-6.
    V is narrow: a broad one that decays to light states is smeared in mass, a factor 1 + O(Gamma_V/m_V) on the m_v^-2 growth.
    """
    m_v, g_l, g_nu, m_w = jnp.broadcast_arrays(*(1.0 * jnp.asarray(v) for v in (m_v, g_l, g_nu, m_w)))
    is_open = m_v < m_w
    mass = jnp.where(is_open, m_v, 0.5 * m_w)
    # log1p keeps the distance from the threshold; far below it the two forms agree
    top = jnp.log1p((m_w - mass) / mass)
    shape = (_NODES,) + (1,) * top.ndim
    x, w = (jnp.asarray(v, top.dtype).reshape(shape) for v in (_X, _W))
    eta = top * x
    cosh, sinh = jnp.cosh(eta), jnp.sinh(eta)
    # s_12/(m M) = 2 cosh(top) - 2 cosh(eta), without its cancellation
    gap = 4.0 * jnp.sinh(0.5 * (top + eta)) * jnp.sinh(0.5 * top * (1.0 - x))
    cosh_top = 0.5 * (m_w / mass + mass / m_w)
    d = g_l - g_nu
    integrand = (
        16.0 * (g_l * g_l + g_nu * g_nu) * _x_cosh_minus_sinh(eta, cosh, sinh)
        + 32.0 * g_l * g_nu * cosh_top * gap * eta / cosh
        + d * d * sinh * (8.0 * cosh_top * gap + (4.0 / 3.0) * sinh * sinh)
    )
    total = top * jnp.sum(w * sinh * integrand, axis=0)
    scale = math.sqrt(2.0) / (192.0 * math.pi**3) * g_f * m_w * mass * mass
    return jnp.where(is_open, scale * total, 0.0)


def width_light(m_v, g_l, g_nu, m_w, g_f):
    """The limit m_v << m_w of `width`: arXiv:2106.12582 eq. (4.8) with g_l - g_nu for g_l; elementwise, no threshold."""
    d = g_l - g_nu
    return d * d * g_f * m_w**5 / (512.0 * math.sqrt(2.0) * math.pi**3 * m_v * m_v)


def width_to_lepton(m_w, g_f):
    """Gamma(W -> l nu) = G_F M_W^3/(6 sqrt2 pi) in GeV: tree level, massless leptons (loop corrections: -0.3 %)."""
    return g_f * m_w**3 / (6.0 * math.sqrt(2.0) * math.pi)
