r"""Bin integrals through a resonance, with no node that depends on the parameters.

A light mediator enters every amplitude through 1/D with

* ``"sqrt_q2"``  D(q) = q^2 - m^2 + i Gamma q   (q = sqrt(q^2); arXiv:2106.12582 eq. 3.4), or
* ``"constant"`` D(q) = q^2 - m^2 + i m Gamma   (arXiv:2002.11150 eq. 7).

D = (q - q1)(q - q2) with Re q1 >= 0 >= Re q2.  For a smooth f, f/(q - q2) is smooth for q > 0: interpolated on the panel's own
Gauss-Legendre nodes, it can be integrated with 1/(q - q1) exactly.  This is a product quadrature, int f/D dq = sum_j W_j f(q_j),
with weights W_j that depend on (m, Gamma) and nothing else; they follow from the moments of two Legendre polynomials,
mu_n(z) = int_{-1}^{1} P_n(x)/(x - z) dx = -2 Q_n(z), n = 0 and the number of nodes.  For real f, |1/D|^2 = -Im(1/D)/(Gamma q) (or
-Im(1/D)/(m Gamma)), so the same weights integrate the squared propagator.

A panel next to a square-root threshold q_t uses the variable t = sqrt(+-(q - q_t)), in which phase-space
factors are analytic; there dq/(q - q1) = dt [1/(t - tau) + 1/(t + tau)], tau^2 = +-(q1 - q_t).

A detector resolution sigma in q, for states much narrower than sigma, replaces the step at either end of a panel by a Gaussian
integral (arXiv:2210.15662 eq. 2.14): the peak moves gradually from one bin to the next.

Layout: panels first, nodes second, points last.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

from fipkernels.indexing import everywhere, once
from fipkernels.indexing import take as take_runs

# Widths below this fraction of the mass are integrated as if they were this wide: 1/D is not defined on the real
# axis at Gamma = 0.  Off the pole the difference is of relative size Gamma/m.
GAMMA_FLOOR = 1e-18

# Bernstein radius from which mu_n is summed as a series instead of by the forward recurrence, and terms of the series: the
# recurrence loses rho^n (1.8^12 = 1e3) of precision in mu_n, the series is cut at rho^(-2 terms - n - 1).
_FAR = {"float64": (1.8, 21), "float32": (1.4, 18)}
# Closer than this to a node, its weight follows from the sum of all
_CLOSE = 0.03


def _mu0(x, y):
    """mu_0(z) = ln((1 - z)/(-1 - z)) for z = x + i y, y <= 0, as (real, imaginary)."""
    den = (x + 1.0) ** 2 + y * y
    num = (x - 1.0) ** 2 + y * y
    # ln(num/den) = log1p(-4x/den): relative accuracy far away, where num/den -> 1; plain logs close by
    near = num < 0.5 * den
    far_arg = jnp.where(near, 0.0, -4.0 * x / den)
    re_far = 0.5 * jnp.log1p(far_arg)
    num_n = jnp.where(near, num, 1.0)
    den_n = jnp.where(near, den, 1.0)
    re_near = 0.5 * (jnp.log(num_n) - jnp.log(den_n))
    re = jnp.where(near, re_near, re_far)
    # the angle under which the panel is seen from the pole
    im = jnp.arctan2(2.0 * y, (x - 1.0) * (x + 1.0) + y * y)
    return re, im


@lru_cache(maxsize=8)
def _rule(n: int):
    """Nodes and weights of Gauss-Legendre quadrature, and P_n' at the nodes."""
    x, w = np.polynomial.legendre.leggauss(n)
    return x, w, np.polynomial.legendre.legval(x, np.polynomial.legendre.legder([0] * n + [1]))


@lru_cache(maxsize=8)
def _series(n: int, terms: int) -> list[float]:
    """Coefficients of mu_n = v^(n+1) sum_k c_k v^(2k), v = z - sqrt(z^2 - 1) (DLMF 14.3.7 with 15.8.1), |v| < 1."""
    c = [-2.0 * math.sqrt(math.pi) * math.exp(math.lgamma(n + 1) - math.lgamma(n + 1.5))]
    for k in range(terms - 1):
        c.append(c[-1] * (0.5 + k) * (n + 1 + k) / ((n + 1.5 + k) * (k + 1)))
    return c


def _product(a, b):
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _power(v, e: int):
    """v^e for e >= 1 by squaring."""
    out = None
    while e:
        if e & 1:
            out = v if out is None else _product(out, v)
        e >>= 1
        if e:
            v = _product(v, v)
    return out


def _far_moments(x, y, orders, terms: int):
    """mu_n for n in orders, away from the panel."""
    ar, ai = (x - 1.0) * (x + 1.0) - y * y, 2.0 * x * y
    mod = jnp.sqrt(ar * ar + ai * ai)
    big = jnp.sqrt(0.5 * (mod + jnp.abs(ar)))
    # the root of z^2 - 1 in the quadrant of z (y < 0): no cancellation in w = z + root, whose inverse is v
    side = jnp.where(x >= 0, 1.0, -1.0)
    small = 0.5 * ai / big
    wr = x + jnp.where(ar >= 0, side * big, -small)
    wi = y + jnp.where(ar >= 0, side * small, -big)
    norm = 1.0 / (wr * wr + wi * wi)
    v = wr * norm, -wi * norm
    v2 = _product(v, v)
    out = []
    for n in orders:
        c = _series(n, terms)
        h = jnp.full_like(x, c[-1]), jnp.zeros_like(x)
        for a in reversed(c[:-1]):
            re, im = _product(h, v2)
            h = re + a, im
        out.append(_product(h, _power(v, n + 1)))
    return out


def _near_moments(x, y, mu0, n: int):
    """mu_n and mu_{n-1} by the upward recurrence, close to the panel."""
    a = mu0
    b = 2.0 + x * a[0] - y * a[1], x * a[1] + y * a[0]
    for k in range(1, n):
        p, q = (2 * k + 1) / (k + 1), k / (k + 1)
        zr, zi = x * b[0] - y * b[1], x * b[1] + y * b[0]
        a, b = b, (p * zr - q * a[0], p * zi - q * a[1])
    return b, a


def _moments(x, y, n: int, both: bool = False):
    """mu_0 and mu_n (and mu_{n-1}) at z = x + i y, each as (real, imaginary)."""
    switch, terms = _FAR["float32" if x.dtype == jnp.float32 else "float64"]
    # |z + sqrt(z^2 - 1)| = rho; rho + 1/rho = |z - 1| + |z + 1| is monotonic in rho
    s = jnp.sqrt((x - 1.0) ** 2 + y * y) + jnp.sqrt((x + 1.0) ** 2 + y * y)
    far = s > switch + 1.0 / switch
    mu0 = _mu0(x, y)
    there = _far_moments(jnp.where(far, x, 3.0), jnp.where(far, y, -1.0), (n, n - 1)[: 1 + both], terms)
    keep = lambda v, other: jnp.where(far, other, v)  # noqa: E731
    here = _near_moments(keep(x, 1.2), keep(y, -0.3), (keep(mu0[0], 0.0), keep(mu0[1], 0.0)), n)
    chosen = [tuple(jnp.where(far, f, g) for f, g in zip(*pair, strict=True)) for pair in zip(there, here, strict=False)]
    return tuple((once(re), once(im)) for re, im in (mu0, *chosen))


def _nodes_first(n: int, dtype):
    """Nodes, weights and slopes (n, 1) of :func:`_rule`."""
    return (jnp.asarray(a, dtype)[:, None] for a in _rule(n))


def _divide(ar, ai, x, y, total, n: int):
    """(ar + i ai)/(x_j - z) for every node, (..., n, B); at a node that is close to z, total minus the others."""
    nodes, _, _ = _nodes_first(n, x.dtype)
    dx, dy = nodes - x[..., None, :], -y[..., None, :]
    d2 = dx * dx + dy * dy
    close = d2 < _CLOSE * _CLOSE
    inverse = jnp.where(close, 0.0, 1.0 / jnp.where(close, 1.0, d2))
    re, im = (ar * dx + ai * dy) * inverse, (ai * dx - ar * dy) * inverse
    rest = [(t - jnp.sum(v, axis=-2))[..., None, :] for t, v in zip(total, (re, im), strict=True)]
    return jnp.where(close, rest[0], re), jnp.where(close, rest[1], im)


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def product_weights(x, y, n: int):
    r"""Weights W_j of int_{-1}^{1} f(t)/(t - z) dt = sum_j W_j f(x_j) on n Gauss-Legendre nodes, at z = x + i y with y < 0.

    W_j = [w_j - mu_n(z)/P_n'(x_j)]/(x_j - z): exact for polynomials f up to degree n - 1, since the Lagrange polynomials are
    P_n(t)/((t - x_j) P_n'(x_j)).  Only one moment is needed; the weight of a node next to z is mu_0 minus the others.

    Parameters: x, y real arrays (..., B) of one shape (y strictly negative); n is static, 2 <= n <= 16.
    Returns (real, imaginary), each of shape (..., n, B).
    Accuracy (float64, n <= 12): 2e-13 of the largest weight anywhere, in the imaginary part too, also where that is proportional
    to a tiny y.  Derivatives follow from (z^2 - 1) Q_n' = n (z Q_n - Q_{n-1}) and are as accurate.
    """
    mu0, (mr, mi) = _moments(x, y, n)
    _, w, slope = _nodes_first(n, x.dtype)
    return _divide(w - mr[..., None, :] / slope, -mi[..., None, :] / slope, x, y, mu0, n)


@product_weights.defjvp
def _product_weights_jvp(n, primals, tangents):
    re, im, *slope = _weights_and_slope(*primals, n)
    return (re, im), _along(slope, tangents)


def _along(slope, tangents):
    """Change of an analytic function of z with this derivative, (..., n, B) each."""
    return _product(slope, tuple(d[..., None, :] for d in tangents))


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _weights_and_slope(x, y, n: int):
    """:func:`product_weights` and dW/dz, each as real, imaginary."""
    w, slope, _ = _with_slope(x, y, n)
    return (*w, *slope)


def _with_slope(x, y, n: int):
    """W, dW/dz and, for the second derivative: 1/(z^2 - 1), mu_n and mu_n'."""
    mu0, (mr, mi), (lr, li) = _moments(x, y, n, both=True)
    _, w, p = _nodes_first(n, x.dtype)
    re, im = _divide(w - mr[..., None, :] / p, -mi[..., None, :] / p, x, y, mu0, n)
    # mu_0' = 2/(z^2 - 1), mu_n' = n (z mu_n - mu_{n-1})/(z^2 - 1), W_j' = (W_j - mu_n'/P_n'(x_j))/(x_j - z)
    dr, di = (x - 1.0) * (x + 1.0) - y * y, 2.0 * x * y
    norm = 1.0 / (dr * dr + di * di)
    er, ei = dr * norm, -di * norm
    sr, si = _product((n * (x * mr - y * mi - lr), n * (x * mi + y * mr - li)), (er, ei))
    slope = _divide(re - sr[..., None, :] / p, im - si[..., None, :] / p, x, y, (2.0 * er, 2.0 * ei), n)
    return (re, im), slope, ((er, ei), (mr, mi), (sr, si))


@_weights_and_slope.defjvp
def _weights_and_slope_jvp(n, primals, tangents):
    x, y = primals
    w, slope, (e, mu, first) = _with_slope(x, y, n)
    _, _, p = _nodes_first(n, x.dtype)
    # Legendre's equation: (z^2 - 1) mu_n'' = n (n + 1) mu_n - 2 z mu_n'; W_j'' = (2 W_j' - mu_n''/P_n'(x_j))/(x_j - z)
    turned = _product((x, y), first)
    second = _product(tuple(n * (n + 1) * m - 2.0 * t for m, t in zip(mu, turned, strict=True)), e)
    top, bottom = (2.0 * s - m[..., None, :] / p for s, m in zip(slope, second, strict=True))
    curve = _divide(top, bottom, x, y, _product((-4.0 * x, -4.0 * y), _product(e, e)), n)
    return (*w, *slope), (*_along(slope, tangents), *_along(curve, tangents))


def lagrange(x, n: int):
    """Lagrange polynomials of the n Gauss-Legendre nodes at x (..., B) in [-1, 1]: (..., n, B)."""
    a, b = jnp.ones_like(x), x
    for k in range(1, n):
        a, b = b, ((2 * k + 1) * x * b - k * a) / (k + 1)
    b = once(b)
    nodes, _, slope = _nodes_first(n, x.dtype)
    gap = x[..., None, :] - nodes
    close = jnp.abs(gap) < _CLOSE
    value = jnp.where(close, 0.0, b[..., None, :] / (slope * jnp.where(close, 1.0, gap)))
    return jnp.where(close, (1.0 - jnp.sum(value, axis=-2))[..., None, :], value)


class Panels(NamedTuple):
    """Fixed integration panels in q: host (NumPy) arrays, made once by :func:`fipkernels.panels.make_panels`.

    kind: (P,) 0: linear map; +1: t = sqrt(q - q_t); -1: t = sqrt(q_t - q).
    center, half: (P,) centre and half-width of the panel in its variable (q, or t).
    threshold: (P,) q_t in GeV (unused for kind 0).
    q, w: (P, n) nodes in GeV and weights dq of plain Gauss-Legendre integration.
    """

    kind: np.ndarray
    center: np.ndarray
    half: np.ndarray
    threshold: np.ndarray
    q: np.ndarray
    w: np.ndarray


def roots(mass, width, scheme: str = "sqrt_q2"):
    """The zeros q1, q2 of D as (Re q1, Im q1, Re q2, Im q2); Im < 0 for q1, see the module's text.

    ``width`` must be below 2 ``mass`` for ``"sqrt_q2"`` (a broader state has no pole with Re q > 0).
    """
    width = jnp.maximum(width, GAMMA_FLOOR * mass)
    if scheme == "sqrt_q2":
        # factorised, so that it does not cancel near Gamma = 2m; floor keeps the square root differentiable
        disc = jnp.maximum((2.0 * mass - width) * (2.0 * mass + width), 1e-12 * mass * mass)
        re = 0.5 * jnp.sqrt(disc)
        return re, -0.5 * width, -re, -0.5 * width
    if scheme == "constant":
        # sqrt(m^2 - i m Gamma) = a - i b without cancellation
        r = width / mass
        a = mass * jnp.sqrt(0.5 * (1.0 + jnp.sqrt(1.0 + r * r)))
        b = 0.5 * mass * width / a
        return a, -b, -a, b
    raise ValueError(f"width scheme {scheme!r} (allowed: 'sqrt_q2', 'constant')")


def inverse_propagator(q2, mass, width, scheme: str = "sqrt_q2"):
    """1/D as (real, imaginary) at given q^2 >= 0 in GeV^2 (elementwise)."""
    re = q2 - mass * mass
    im = width * (jnp.sqrt(q2) if scheme == "sqrt_q2" else mass)
    norm = 1.0 / (re * re + im * im)
    return re * norm, -im * norm


def _linear(center, half, re, im, n):
    """Weights (P, n, B) of the pole re + i im (B,), im < 0 or > 0, on linear panels (P,)."""
    c, h = center[:, None], half[:, None]
    flip = jnp.where(im > 0, -1.0, 1.0)  # W(conj z) = conj W(z)
    re, im = everywhere(re, center.shape), everywhere(im, center.shape)
    wr, wi = product_weights((re - c) / h, -jnp.abs(im) / h, n)
    return wr, flip * wi


# Two poles this much closer to each other than to the panel are one
_NARROW = 1e-5


def _root(kind, center, half, threshold, re, im, n):
    """The same on panels in t = sqrt(+-(q - q_t)): the sum over the poles +-tau, tau^2 = +-(q1 - q_t)."""
    c, h, t0 = center[:, None], half[:, None], threshold[:, None]
    sign = jnp.where(kind >= 0, 1.0, -1.0)[:, None]
    re, im = everywhere(re, center.shape), everywhere(im, center.shape)
    ar, ai = sign * (re - t0), sign * im
    mod = jnp.sqrt(ar * ar + ai * ai)
    # principal root without cancellation on either side of ar = 0
    big = jnp.sqrt(0.5 * (mod + jnp.abs(ar)))
    small = 0.5 * jnp.abs(ai) / big
    tr = jnp.where(ar >= 0, big, small)
    ti = jnp.where(ar >= 0, small, big)
    up = jnp.where(ai >= 0, 1.0, -1.0)[:, None]  # tau = tr + i up ti
    # beyond the threshold tau is imaginary but for tr ~ width, and the imaginary parts of the two poles cancel: their difference
    # from the slope between them, good to (tr/distance)^2
    narrow = (ar < 0) & (tr < _NARROW * (ti + c - h))
    m1r, m1i, _, slope = _weights_and_slope((jnp.where(narrow, 0.0, tr) - c) / h, -ti / h, n)
    m2r, m2i = product_weights((-tr - c) / h, -ti / h, n)
    change = jnp.where(narrow[:, None], (-2.0 * tr / h)[:, None] * slope, m2i - m1i)
    # dq = +-2t dt and q - q1 = +-(t^2 - tau^2): the sign of the map remains once
    return sign[:, None] * (m1r + m2r), sign[:, None] * up * change


def _pole(panels: Panels, re, im):
    """Weights (P, n, B), real and imaginary, of 1/(q - (re + i im)) on every panel; re, im: (B,)."""
    n = panels.q.shape[-1]
    kind = np.asarray(panels.kind)
    lin, root = np.flatnonzero(kind == 0), np.flatnonzero(kind != 0)
    take = lambda a, idx: jnp.asarray(np.asarray(a)[idx], re.dtype)  # noqa: E731
    parts = []
    if lin.size:
        parts.append(_linear(take(panels.center, lin), take(panels.half, lin), re, im, n))
    if root.size:
        kinds, centers, halves, starts = (take(a, root) for a in (kind, panels.center, panels.half, panels.threshold))
        parts.append(_root(kinds, centers, halves, starts, re, im, n))
    if len(parts) == 1:
        return parts[0]
    back = np.argsort(np.concatenate([lin, root]))
    return tuple(take_runs(jnp.concatenate([p[i] for p in parts]), back) for i in (0, 1))


class Weights(NamedTuple):
    """Product-quadrature weights on the nodes of :class:`Panels`: int f/D = sum (re + i im) f, int f |1/D|^2 = sum sq f.

    Each of shape (P, n, B).
    """

    re: jax.Array
    im: jax.Array
    sq: jax.Array


def _edges(panels: Panels):
    """Ends of the panels in q: two arrays (P,)."""
    kind, c, h, t0 = (np.asarray(x) for x in (panels.kind, panels.center, panels.half, panels.threshold))
    lo, hi = c - h, c + h
    ends = np.sort(np.stack([t0 + kind * lo * lo, t0 + kind * hi * hi]), axis=0)
    return np.where(kind == 0, lo, ends[0]), np.where(kind == 0, hi, ends[1])


def _lagrange_at(panels: Panels, mass):
    """Lagrange polynomials of the panels' nodes at q = mass, at the nearer end of the panel where mass lies outside: (P, n, B)."""
    lo, hi = _edges(panels)
    q = jnp.clip(mass[None, :], lo[:, None], hi[:, None])
    kind, c, h, t0 = (np.asarray(x)[:, None] for x in (panels.kind, panels.center, panels.half, panels.threshold))
    away = kind * (q - t0)
    inside = away > 0.0
    t = jnp.where(kind == 0, q, jnp.where(inside, jnp.sqrt(jnp.where(inside, away, 1.0)), 0.0))
    return lagrange(jnp.clip((t - c) / h, -1.0, 1.0), panels.q.shape[-1])


def _share(panels: Panels, mass, resolution: float):
    """Part of a narrow peak at mass that is seen within each panel, (P, B)."""
    lo, hi = _edges(panels)
    return ndtr((hi[:, None] - mass) / resolution) - ndtr((lo[:, None] - mass) / resolution)


# Beyond this many resolutions from its ends a panel sees a narrow peak entirely or not at all (1e-15)
_SIGMAS = 8.0


def on_shell_weights(panels: Panels, mass, width, resolution: float) -> Weights:
    r"""The same as :func:`weights` for the peak alone: f(m) pi/(2 m^2 Gamma) times the part of the peak seen in the panel.

    Narrow widths only: int f |1/D|^2 dq -> pi f(m)/(2 m^2 Gamma) for Gamma -> 0.  resolution: in q, GeV.
    """
    width = jnp.maximum(width, GAMMA_FLOOR * mass)
    sq = _lagrange_at(panels, mass) * (_share(panels, mass, resolution) * jnp.pi / (2.0 * mass * mass * width))[:, None, :]
    return Weights(jnp.zeros_like(sq), jnp.zeros_like(sq), sq)


def weights(panels: Panels, mass, width, scheme: str = "sqrt_q2", resolution: float | None = None) -> Weights:
    r"""Weights for integrals over dq (not dq^2) of f/D and f |1/D|^2.

    mass, width: (B,) in GeV, mass > 0, 0 <= width < 2 mass.  Returns arrays of shape (P, n, B).
    resolution: Gaussian, in q, GeV, static; it smears the peak of |1/D|^2 and Im 1/D over the ends of the panels, with a weight
    exp(-(Gamma/resolution)^2), so that it fades out for states that are wider.  Re 1/D keeps sharp ends.
    """
    mass = once(mass)
    width = once(jnp.maximum(width, GAMMA_FLOOR * mass))
    r1, i1, r2, i2 = roots(mass, width, scheme)
    vr, vi = _pole(panels, r1, i1)
    if resolution is not None:
        lo, hi = _edges(panels)
        # the peak's angle, -pi times what of it is inside, is all that changes; tails (~Gamma/resolution) keep their sharp ends
        near = (mass > lo[:, None] - _SIGMAS * resolution) & (mass < hi[:, None] + _SIGMAS * resolution)
        fade = jnp.exp(-((width / resolution) ** 2))
        angle = jnp.sum(vi, axis=1)
        change = jnp.where(near, fade * (-jnp.pi * _share(panels, mass, resolution) - angle), 0.0)
        vi = once(vi + once(change)[:, None, :] * _lagrange_at(panels, mass))
    re, im = _over(vr, vi, r2, i2, panels.q)
    q = jnp.asarray(panels.q, re.dtype)[..., None]
    strength = everywhere(1.0 / (width if scheme == "sqrt_q2" else mass * width), panels.q.shape)
    sq = -im * (strength / q if scheme == "sqrt_q2" else strength)
    return Weights(re, im, sq)


@partial(jax.custom_jvp, nondiff_argnums=(4,))
def _over(vr, vi, re, im, q):
    """(vr + i vi)/(q - re - i im) as (real, imaginary): v (P, n, B), pole (B,), nodes q (P, n)."""
    dr, di = jnp.asarray(q, re.dtype)[..., None] - re, -im
    # a division each: stored then, where products would be repeated for every use
    den = dr * dr + di * di
    return (vr * dr + vi * di) / den, (vi * dr - vr * di) / den


@_over.defjvp
def _over_jvp(q, primals, tangents):
    vr, vi, re, im = primals
    tr, ti, d_re, d_im = tangents
    out = _over(vr, vi, re, im, q)
    dr, di = jnp.asarray(q, re.dtype)[..., None] - re, -im
    norm = 1.0 / (dr * dr + di * di)
    er, ei = dr * norm, -di * norm
    # d(v/(q - z)) = (dv + v/(q - z) dz)/(q - z)
    move = _product(out, (everywhere(d_re, q.shape), everywhere(d_im, q.shape)))
    return out, _product((tr + move[0], ti + move[1]), (er, ei))


def cross_weights(panels: Panels, first, second, scheme1: str = "sqrt_q2", scheme2: str = "sqrt_q2"):
    r"""Weights (re, im), each (P, n, B), of int f/(D_1 D_2^*) dq for two mediators (mass, width).

    1/((q - z)(q - z')) = [1/(q - z) - 1/(q - z')]/(z - z') with z = q1 of the first, z' the conjugate of that of the second:
    the poles lie on opposite sides of the real axis and never coincide for positive widths.
    """
    (m1, g1), (m2, g2) = first, second
    r1, i1, r1b, i1b = roots(m1, g1, scheme1)
    r2, i2, r2b, i2b = roots(m2, g2, scheme2)
    a_re, a_im = _pole(panels, r1, i1)
    b_re, b_im = _pole(panels, r2, i2)
    # second pole conjugated: conjugate weights
    gap = (r1 - r2) + 1j * (i1 + i2)
    v = ((a_re - b_re) + 1j * (a_im + b_im)) / gap
    q = panels.q[..., None]
    v = v / ((q - r1b - 1j * i1b) * (q - r2b + 1j * i2b))
    return jnp.real(v), jnp.imag(v)


def cross_weights_all(panels: Panels, mediators):
    """:func:`cross_weights` for every pair of objects with .mass, .width, .scheme; None if there is only one."""
    if len(mediators) < 2:
        return None
    return {
        (i, j): cross_weights(panels, (a.mass, a.width), (b.mass, b.width), a.scheme, b.scheme)
        for i, a in enumerate(mediators)
        for j, b in enumerate(mediators)
        if i < j
    }


def point_weights(q, mass, width, scheme: str = "sqrt_q2") -> Weights:
    """Weights at single nodes q (P, 1), with measure 1/(2q): densities in q^2 instead of integrals over dq."""
    width = jnp.maximum(width, GAMMA_FLOOR * mass)
    re, im = inverse_propagator((q * q)[..., None], mass, width, scheme)
    jac = 0.5 / q[..., None]
    return Weights(re * jac, im * jac, (re * re + im * im) * jac)


def cross_point_weights_all(q, mediators):
    """1/(D_i D_j^*) at single nodes, with the measure of :func:`point_weights`; None for a single mediator."""
    if len(mediators) < 2:
        return None
    inv = []
    for m in mediators:
        re, im = inverse_propagator((q * q)[..., None], m.mass, jnp.maximum(m.width, GAMMA_FLOOR * m.mass), m.scheme)
        inv.append(re + 1j * im)
    jac = 0.5 / q[..., None]
    out = {}
    for i in range(len(inv)):
        for j in range(i + 1, len(inv)):
            z = inv[i] * jnp.conj(inv[j]) * jac
            out[(i, j)] = (jnp.real(z), jnp.imag(z))
    return out
