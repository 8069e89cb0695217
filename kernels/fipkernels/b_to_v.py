r"""B -> K V and B -> K* V for a light vector V, on shell, and its invisible decays at any virtuality.

L = V_mu sbar gamma^mu (g_L P_L + g_R P_R) b + h.c.; with mass^2 s of V and p = sqrt(lambda(m_B^2, m_M^2, s))/(2 m_B),

    Gamma(B -> K V) = |g_L + g_R|^2 f+(s)^2 p^3/(8 pi s),
    Gamma(B -> K* V) = p/(32 pi m_B^2) {|g_L - g_R|^2 [64 m_B^2 m_V^2 A12^2/s + 2 (m_B + m_V)^2 A1^2]
                                        + |g_L + g_R|^2 8 m_B^2 p^2 V^2/(m_B + m_V)^2}:

arXiv:2002.11150 eq. (21) (where K has the factor lambda^(3/2)/(64 pi)) and the helicity form of its eq. (23), exact in all masses.
Off shell, with Gamma_inv(s) the width of a V of mass sqrt(s) into invisible states (2002.11150 eq. 22 with its lower limit
4 m_chi^2),

    dGamma/ds = (sqrt(s)/pi) Gamma_inv(s) Gamma(B -> K V)(s)/|D|^2,    D = s - m^2 + i Gamma sqrt(s)  or  s - m^2 + i m Gamma.

The spectrum is written as a contact rate per unit of |G|^2 for one massless left-handed pair with amplitude
G (sbar gamma_mu b)(nubar gamma^mu P_L nu): a neutrino pair has G = g_bs g_nu/D + G_SM, a dark Dirac pair counts
2 |g_bs|^2 g_D^2/|D|^2 beta (3 - beta^2)/2.  Nodes follow the resonance (:func:`resonance_nodes`), so that a bin is exact for any
width, with the narrow limit Gamma(B -> K V) Gamma_inv/Gamma in the bin that holds m^2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from fipkernels.kinematics import beta, momentum, sqrt_pos
from fipkernels.quadratic import evaluate_polynomial

# Widths below this fraction of the mass count as this wide: such a V crosses any detector.
GAMMA_FLOOR = 1e-18
# Gauss-Legendre nodes on either side of a resonance: see resonance_nodes
NODES = 40


def _abs2(g):
    return jnp.real(g * jnp.conj(g))


def _open(s, m_b, m_m):
    """(open channel, sqrt(s), p): sqrt(s) = m_b and p = 0 where closed (s <= 0 or sqrt(s) >= m_b - m_m)."""
    s = 1.0 * jnp.asarray(s)
    m_x = sqrt_pos(s)
    is_open = (m_x > 0.0) & ((m_b - m_m) - m_x > 0.0)
    m_x = jnp.where(is_open, m_x, m_b)
    return is_open, m_x, jnp.where(is_open, momentum(m_b, m_m, jnp.where(is_open, m_x, 0.0)), 0.0)


def width_k(s, g, m_b, m_k, f_plus, dipole=0.0, f_t=0.0):
    """Gamma(B -> K V) in GeV for a vector of mass sqrt(s), 2002.11150 eq. (21) with g for their g-tilde s.

    s: GeV^2; g = g_L + g_R at s (real or complex), so that g is the coupling of sbar gamma^mu P_L b if there is no P_R: a
    coupling g_v to sbar gamma^mu b (both chiralities) is g = 2 g_v.  m_b, m_k: masses in GeV; f_plus: f+(s), finite also where the
    channel is closed.  dipole = d_L + d_R in GeV^-1 of V_nu q_mu sbar sigma^(mu nu) (d_L P_L + d_R P_R) b, q the momentum of V,
    with f_t = fT(s) (arXiv:2210.15662 eqs. 2.8, A.4).  Elementwise.  Exactly 0 with zero derivatives for s <= 0 and
    s >= (m_b - m_k)^2; grows as |g|^2/s at small s (longitudinal V).
    """
    is_open, m_x, p = _open(s, m_b, m_k)
    amplitude = g * f_plus - 1j * dipole * m_x * m_x * f_t / (m_b + m_k)
    return jnp.where(is_open, _abs2(amplitude) * p**3 / (8.0 * math.pi * m_x * m_x), 0.0)


def width_kstar(s, g_l, g_r, m_b, m_v, v, a1, a12, d_l=0.0, d_r=0.0, t1=0.0, t2=0.0, t23=0.0):
    """Gamma(B -> K* V) in GeV for a vector of mass sqrt(s), narrow K*, from helicity amplitudes (see the module).

    s: GeV^2; g_l, g_r: couplings at s (real or complex); m_b, m_v: masses of B and K* in GeV; v, a1, a12: form factors V, A1,
    A12 of 1503.05534 at s, finite also where the channel is closed.  d_l, d_r: dipole couplings in GeV^-1 as in :func:`width_k`,
    with t1, t2, t23.  Elementwise.  Exactly 0 with zero derivatives for s <= 0 and s >= (m_b - m_v)^2; next to that end the
    derivative grows as 1/p.  arXiv:2210.15662 eq. (4.13) without the +- that H_+ and H_- need there.
    """
    is_open, m_x, p = _open(s, m_b, m_v)
    axial, dipole = g_l - g_r, 1j * (d_r - d_l)
    longitudinal = axial * a12 - dipole * m_x * m_x * t23 / (2.0 * (m_b + m_v))
    parallel = axial * a1 * (m_b + m_v) - dipole * (m_b - m_v) * (m_b + m_v) * t2
    perpendicular = (g_l + g_r) * v / (m_b + m_v) - 1j * (d_l + d_r) * t1
    rate = 64.0 * (m_b * m_v / m_x) ** 2 * _abs2(longitudinal) + 2.0 * _abs2(parallel)
    rate = rate + 8.0 * (m_b * p) ** 2 * _abs2(perpendicular)
    return jnp.where(is_open, p / (32.0 * math.pi * m_b**2) * rate, 0.0)


def contact_k(q, m_b, m_k, f_plus):
    """(dGamma/dq per |G_L + G_R|^2, 0): B -> K nu nubar of one flavour with amplitude G, GeV^4; q = sqrt(q^2) in GeV, any shape.

    f_plus: f+(q^2), same shape.  arXiv:1409.4557 with G = 2 N C_L: q p^3 f+^2/(96 pi^3).
    """
    is_open, m_x, p = _open(q * q, m_b, m_k)
    return jnp.where(is_open, m_x * p**3 * f_plus**2 / (96.0 * math.pi**3), 0.0), 0.0


def contact_kstar(q, m_b, m_v, v, a1, a12):
    """dGamma/dq of B -> K* nu nubar per |G_L + G_R|^2 (V) and per |G_L - G_R|^2 (A1, A12), GeV^4; as :func:`contact_k`."""
    is_open, m_x, p = _open(q * q, m_b, m_v)
    base = jnp.where(is_open, p * m_x**3 / (96.0 * math.pi**3 * m_b**2), 0.0)
    vector = 2.0 * (m_b * p * v / (m_b + m_v)) ** 2
    axial = 16.0 * (m_b * m_v * a12 / m_x) ** 2 + 0.5 * ((m_b + m_v) * a1) ** 2
    return base * vector, base * axial


def dark_shape(q, m_chi):
    """beta (3 - beta^2)/2 of a Dirac pair with a vector coupling at q = sqrt(q^2): 1 far above 2 m_chi, exactly 0 below."""
    b = beta(m_chi, q * q)
    return 0.5 * b * (3.0 - b * b)


def _unit_nodes(n: int):
    """Nodes and weights on [0, 1] of Gauss-Legendre in x, t = x^2 (3 - 2x): square roots at either end become analytic."""
    x, w = np.polynomial.legendre.leggauss(n)
    x, w = 0.5 * (1.0 + x), 0.5 * w
    return x * x * (3.0 - 2.0 * x), 6.0 * x * (1.0 - x) * w


class Nodes(NamedTuple):
    """q (S, N, B) in GeV; w (S, N, B), weights dq; delta (M, S, N, B): q - m of each resonance, without its cancellation."""

    q: Any
    w: Any
    delta: Any


def resonance_nodes(lo, hi, masses, widths, n: int = NODES) -> Nodes:
    r"""Quadrature nodes for integrals over lo < q < hi of functions with resonances 1/D at masses with total widths.

    lo, hi: (S, 1) or (S, B), GeV; masses, widths: (M, B), GeV, M >= 1; n nodes on either side of each resonance (N = 2 M n).
    q = m + w sinh(u), w = Gamma/2, split at each m and half-way between neighbours (clipped into the range), Gauss-Legendre in u
    with square-root ends.  An empty range (hi <= lo) gives 0.  With n = 40 better than 1e-8 relative for 1e-18 <= Gamma/m <= 0.5, m
    inside, near or outside the range, square-root thresholds at its ends, couplings growing with q^2 (n = 20: 1e-4); where m meets
    such a threshold to within rounding, the accuracy is that of q - threshold.
    """
    masses, widths = jnp.atleast_2d(masses), jnp.atleast_2d(widths)
    count = masses.shape[0]
    w = 0.5 * jnp.maximum(widths, GAMMA_FLOOR * masses)
    if count > 1:
        order = jnp.argsort(masses, axis=0)
        centres = jnp.take_along_axis(masses, order, axis=0)
        # the narrowest scale: a broad neighbour is resolved all the same
        w = jnp.broadcast_to(jnp.min(w, axis=0), w.shape)
        cuts = [centres[0]]
        for a, b in zip(centres[:-1], centres[1:], strict=True):
            cuts += [0.5 * (a + b), b]
    else:
        centres, cuts = masses, [masses[0]]
    # an empty range sits at its upper end, whatever lo does
    lo = jnp.where(hi > lo, lo, hi)
    edges = [lo, *(jnp.clip(c, lo, hi) for c in cuts), hi]
    t, wt = (jnp.asarray(a, masses.dtype)[:, None] for a in _unit_nodes(n))
    q, weight, offset, centre_of = [], [], [], []
    for k, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        c, scale = centres[k // 2], w[k // 2]
        ua, ub = jnp.arcsinh((a - c) / scale), jnp.arcsinh((b - c) / scale)
        span = (ub - ua)[:, None, :]
        e = jnp.exp(ua[:, None, :] + span * t)
        # sinh and cosh; rounding of sinh next to 0 is small against 1, that is, of d against the width
        half, inverse = 0.5 * e, 0.5 / e
        d = scale * (half - inverse)
        offset.append(d)
        centre_of.append(jnp.broadcast_to(c, d.shape))
        q.append(c + d)
        weight.append(span * wt * (scale * (half + inverse)))
    d, c = jnp.concatenate(offset, axis=1), jnp.concatenate(centre_of, axis=1)
    # rounding must not push a node to q <= 0
    tiny = jnp.finfo(d.dtype).eps * 1e-3
    return Nodes(
        jnp.maximum(jnp.concatenate(q, axis=1), tiny),
        jnp.concatenate(weight, axis=1),
        jnp.stack([d + (c - m) for m in masses]),
    )


def inverse_propagator(q, delta, mass, width, scheme: str = "sqrt_q2"):
    """1/D as (real, imaginary) from delta = q - m: accurate to rounding at any width.  Elementwise, GeV^-2."""
    width = jnp.maximum(width, GAMMA_FLOOR * mass)
    if scheme not in ("sqrt_q2", "constant"):
        raise ValueError(f"width scheme {scheme!r} (allowed: 'sqrt_q2', 'constant')")
    re = delta * (q + mass)
    im = width * (q if scheme == "sqrt_q2" else mass)
    norm = 1.0 / (re * re + im * im)
    return re * norm, -im * norm


class Resonance(NamedTuple):
    """A vector as seen by b -> s: mass, width (B,) GeV; bs_l, bs_r (K, B) polynomials in q^2 or None; scheme of the propagator."""

    mass: Any
    width: Any
    bs_l: Any = None
    bs_r: Any = None
    scheme: str = "sqrt_q2"


def _poly(coefficients, q2):
    return 0.0 if coefficients is None else evaluate_polynomial(coefficients, q2)


# q -> (vector, axial) contact rates: contact_k or contact_kstar with masses and form factors bound
Contact = Callable[[Any], tuple[Any, Any]]
# q -> K functions of q by which the spectrum is weighted (efficiencies)
Basis = Callable[[Any], Sequence[Any]]


def _integrate(density, nodes: Nodes, basis: Basis | None):
    if basis is None:
        return jnp.sum(density * nodes.w, axis=-2)
    # one sum each: no array (K, S, N, B)
    return jnp.stack([jnp.sum(f * (density * nodes.w), axis=-2) for f in basis(nodes.q)])


def dark_bins(lo, hi, v: Resonance, dark_mass, dark_strength, contact: Contact, basis: Basis | None = None, n: int = NODES):
    r"""Gamma(B -> K(*) chi chibar) through one V in bins of q, GeV: (S, B), or (K, S, B) with a basis of K functions of q.

    lo, hi: (S, 1) or (S, B), GeV, within (0, m_B - m_M); dark_mass, dark_strength: (N, B), Dirac fermions with vector coupling
    squared; different fermions do not interfere.  2002.11150 eq. (22).
    """
    total: Any = 0.0
    for m_chi, strength in zip(dark_mass, dark_strength, strict=True):
        nodes = resonance_nodes(jnp.maximum(lo, 2.0 * m_chi), hi, v.mass, v.width, n)
        re, im = inverse_propagator(nodes.q, nodes.delta[0], v.mass, v.width, v.scheme)
        vector, axial = contact(nodes.q)
        q2 = nodes.q * nodes.q
        g_l, g_r = _poly(v.bs_l, q2), _poly(v.bs_r, q2)
        rate = vector * _abs2(g_l + g_r + 0.0j) + axial * _abs2(g_l - g_r + 0.0j)
        density = rate * 2.0 * strength * dark_shape(nodes.q, m_chi) * (re * re + im * im)
        total = total + _integrate(density, nodes, basis)
    return total


def neutrino_bins(
    lo, hi, resonances: Sequence[Resonance], g_nu, g_l, g_r, contact: Contact, basis: Basis | None = None, n: int = NODES
):
    r"""What the exchange of all V adds to Gamma(B -> K(*) nu nubar) of one flavour in bins of q, GeV, with its interference.

    As :func:`dark_bins`; g_nu: for each resonance the polynomial (K, B) of its coupling to nubar gamma^mu P_L nu, or None;
    g_l, g_r: contact amplitudes G = 2 N C_L, 2 N C_R of arXiv:1409.4557, complex, scalar or (B,), GeV^-2, whose own rate is
    :func:`contact_bins`.  Sum over V coherent, |G + sum_V g_bs g_nu/D|^2 - |G|^2, averaged over CP: weak phases (of g_bs and N)
    change sign, those of the propagators do not.
    """
    nodes = resonance_nodes(lo, hi, jnp.stack([v.mass for v in resonances]), jnp.stack([v.width for v in resonances]), n)
    q2 = nodes.q * nodes.q
    left: Any = 0.0
    right: Any = 0.0
    left_bar: Any = 0.0
    right_bar: Any = 0.0
    for v, g, delta in zip(resonances, g_nu, nodes.delta, strict=True):
        if g is None:
            continue
        re, im = inverse_propagator(nodes.q, delta, v.mass, v.width, v.scheme)
        exchange = _poly(g, q2) * (re + 1j * im)
        b_l, b_r = _poly(v.bs_l, q2), _poly(v.bs_r, q2)
        left, right = left + b_l * exchange, right + b_r * exchange
        left_bar, right_bar = left_bar + jnp.conj(b_l) * exchange, right_bar + jnp.conj(b_r) * exchange

    def change(new, old):
        return jnp.real((new + 2.0 * old) * jnp.conj(new))

    g_l, g_r = jnp.asarray(g_l) + 0.0j, jnp.asarray(g_r) + 0.0j
    vector, axial = contact(nodes.q)
    rate = vector * (change(left + right, g_l + g_r) + change(left_bar + right_bar, jnp.conj(g_l + g_r)))
    rate = rate + axial * (change(left - right, g_l - g_r) + change(left_bar - right_bar, jnp.conj(g_l - g_r)))
    return _integrate(0.5 * rate, nodes, basis)


def contact_bins(lo, hi, contact: Contact, basis: Basis | None = None, n: int = NODES):
    """Gamma(B -> K(*) nu nubar) in bins of q per |G_L + G_R|^2 and per |G_L - G_R|^2, GeV^5 each: (S,), or (K, S) with a basis.

    lo, hi: (S,), GeV.  Gauss-Legendre with square-root ends: 1e-12 for n = 40.
    """
    t, w = (jnp.asarray(a, jnp.result_type(lo, 0.0))[:, None] for a in _unit_nodes(n))
    q, w = (lo + (hi - lo) * t).T[..., None], ((hi - lo) * w).T[..., None]
    nodes = Nodes(q, w, None)
    return tuple(_integrate(jnp.broadcast_to(rate, q.shape), nodes, basis)[..., 0] for rate in contact(q))
