r"""Bin integrals through a resonance, with no node that depends on the parameters.

A light mediator enters every amplitude through 1/D with

* ``"sqrt_q2"``  D(q) = q^2 - m^2 + i Gamma q   (q = sqrt(q^2); arXiv:2106.12582 eq. 3.4), or
* ``"constant"`` D(q) = q^2 - m^2 + i m Gamma   (arXiv:2002.11150 eq. 7).

D = (q - q1)(q - q2) with Re q1 >= 0 >= Re q2.  For a smooth f, the integral of f/D over a panel follows from
the moments of the Legendre polynomials, mu_n(z) = int_{-1}^{1} P_n(x)/(x - z) dx = -2 Q_n(z), because
f/(q - q2) is smooth for q > 0.  Evaluated on the panel's own Gauss-Legendre nodes this is a product
quadrature: int f/D dq = sum_j W_j f(q_j), with weights W_j that depend on (m, Gamma) and nothing else.  For real
f, |1/D|^2 = -Im(1/D)/(Gamma q) (or -Im(1/D)/(m Gamma)), so the same weights integrate the squared propagator.

A panel next to a square-root threshold q_t uses the variable t = sqrt(+-(q - q_t)), in which phase-space
factors are analytic; there dq/(q - q1) = dt [1/(t - tau) + 1/(t + tau)], tau^2 = +-(q1 - q_t).

A detector resolution sigma in q, for states much narrower than sigma, replaces the step at either end of a panel by a Gaussian
integral (arXiv:2210.15662 eq. 2.14): the peak moves gradually from one bin to the next.

Layout: panels first, nodes second, points last.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

from fipkernels.indexing import take as take_runs

# Widths below this fraction of the mass are integrated as if they were this wide: 1/D is not defined on the real
# axis at Gamma = 0.  Off the pole the difference is of relative size Gamma/m.
GAMMA_FLOOR = 1e-18

# Bernstein radius where the forward recurrence hands over to the backward one. Forward loses rho^(2n) of
# precision in Q_n (1.6^(2*11) = 3e4 for 12 moments), backward started EXTRA terms higher is exact to rho^(-2 EXTRA).
_RHO_SWITCH = 1.6
_EXTRA = 36  # 1.6^(-72) = 2e-15


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


def _forward(x, y, n):
    """mu_0..mu_{n-1} by the upward recurrence (stable close to the panel)."""
    r0, i0 = _mu0(x, y)
    out = [(r0, i0)]
    if n == 1:
        return out
    out.append((2.0 + x * r0 - y * i0, x * i0 + y * r0))
    for k in range(1, n - 1):
        a, b = (2 * k + 1) / (k + 1), k / (k + 1)
        (r1, i1), (r2, i2) = out[k], out[k - 1]
        out.append((a * (x * r1 - y * i1) - b * r2, a * (x * i1 + y * r1) - b * i2))
    return out


def _backward(x, y, n):
    """mu_0..mu_{n-1} by Miller's downward recurrence, normalised with mu_0 (stable away from the panel).

    With p_k z^k as unknowns the recurrence needs only w = 1/z^2, stays in range for any |z|, and has no division.
    """
    norm = 1.0 / (x * x + y * y)
    ir, ii = x * norm, -y * norm  # 1/z
    wr, wi = (ir - ii) * (ir + ii), 2.0 * ir * ii
    ar, ai = jnp.ones_like(x), jnp.zeros_like(x)  # p_k
    br, bi = jnp.zeros_like(x), jnp.zeros_like(x)  # p_{k+1}
    kept = []
    for k in range(n - 1 + _EXTRA, 0, -1):
        c, d = (2 * k + 1) / k, (k + 1) / k
        cr = c * ar - d * (wr * br - wi * bi)
        ci = c * ai - d * (wr * bi + wi * br)
        ar, ai, br, bi = cr, ci, ar, ai
        if k <= n:
            kept.append((ar, ai))
    # kept: p_{n-1}, ..., p_0
    r, i = _mu0(x, y)
    norm = 1.0 / (ar * ar + ai * ai)
    sr, si = (r * ar + i * ai) * norm, (i * ar - r * ai) * norm  # mu_0/p_0
    out = [(r, i)]
    for pr, pi in reversed(kept[:-1]):
        sr, si = sr * ir - si * ii, sr * ii + si * ir
        out.append((sr * pr - si * pi, sr * pi + si * pr))
    return out


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def legendre_moments(x, y, n: int):
    r"""Moments mu_k = int_{-1}^{1} P_k(t)/(t - z) dt, k = 0..n-1, at z = x + i y with y < 0.

    Parameters: x, y real arrays of one shape S (y strictly negative); n is static.
    Returns (real, imaginary), each of shape (n,) + S.
    Accuracy (float64): 1e-12 of |mu_k| for n <= 12 anywhere; relative in the imaginary part too, also where it is
    proportional to a tiny y.  Derivatives follow from (z^2 - 1) Q_k' = k (z Q_k - Q_{k-1}) and are as accurate.
    """
    # |z + sqrt(z^2 - 1)| = rho; rho + 1/rho = |z - 1| + |z + 1| is monotonic in rho
    s = jnp.sqrt((x - 1.0) ** 2 + y * y) + jnp.sqrt((x + 1.0) ** 2 + y * y)
    far = s > _RHO_SWITCH + 1.0 / _RHO_SWITCH
    fx, fy = jnp.where(far, x, 3.0), jnp.where(far, y, -1.0)
    nx, ny = jnp.where(far, 1.2, x), jnp.where(far, -0.3, y)
    out = [
        (jnp.where(far, br, ar), jnp.where(far, bi, ai))
        for (ar, ai), (br, bi) in zip(_forward(nx, ny, n), _backward(fx, fy, n), strict=True)
    ]
    return jnp.stack([r for r, _ in out]), jnp.stack([i for _, i in out])


@legendre_moments.defjvp
def _legendre_moments_jvp(n, primals, tangents):
    x, y = primals
    dx, dy = tangents
    mr, mi = legendre_moments(x, y, n)
    k = jnp.arange(1, n, dtype=mr.dtype).reshape((n - 1,) + (1,) * jnp.ndim(x))
    # k (z mu_k - mu_{k-1}); the k = 0 entry is 2: mu_0' = 2/(z^2 - 1)
    ar = jnp.concatenate([jnp.full_like(mr[:1], 2.0), k * (x * mr[1:] - y * mi[1:] - mr[:-1])])
    ai = jnp.concatenate([jnp.zeros_like(mr[:1]), k * (x * mi[1:] + y * mr[1:] - mi[:-1])])
    dr, di = (x - 1.0) * (x + 1.0) - y * y, 2.0 * x * y
    norm = 1.0 / (dr * dr + di * di)
    er, ei = dr * norm, -di * norm
    gr, gi = ar * er - ai * ei, ar * ei + ai * er
    return (mr, mi), (gr * dx - gi * dy, gr * dy + gi * dx)


class Panels(NamedTuple):
    """Fixed integration panels in q: host (NumPy) arrays, made once by :func:`fipkernels.panels.make_panels`.

    kind: (P,) 0: linear map; +1: t = sqrt(q - q_t); -1: t = sqrt(q_t - q).
    center, half: (P,) centre and half-width of the panel in its variable (q, or t).
    threshold: (P,) q_t in GeV (unused for kind 0).
    q, w: (P, n) nodes in GeV and weights dq of plain Gauss-Legendre integration.
    project: (n, n) matrix B with B[j, k] = (k + 1/2) w_j P_k(x_j) of the Gauss-Legendre rule.
    """

    kind: np.ndarray
    center: np.ndarray
    half: np.ndarray
    threshold: np.ndarray
    q: np.ndarray
    w: np.ndarray
    project: np.ndarray


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


def _linear_moments(center, half, re, im, n):
    """Moments (n, P, B) of the pole re + i im (B,), im < 0 or > 0, on linear panels (P,)."""
    c, h = center[:, None], half[:, None]
    flip = jnp.where(im > 0, -1.0, 1.0)  # mu(conj z) = conj mu(z)
    mr, mi = legendre_moments((re - c) / h, -jnp.abs(im) / h, n)
    return mr, flip * mi


def _sqrt_moments(kind, center, half, threshold, re, im, n):
    """The same on panels in t = sqrt(+-(q - q_t)): the sum over the poles +-tau, tau^2 = +-(q1 - q_t)."""
    c, h, t0 = center[:, None], half[:, None], threshold[:, None]
    sign = jnp.where(kind >= 0, 1.0, -1.0)[:, None]
    ar, ai = sign * (re - t0), sign * im
    mod = jnp.sqrt(ar * ar + ai * ai)
    # principal root without cancellation on either side of ar = 0
    big = jnp.sqrt(0.5 * (mod + jnp.abs(ar)))
    small = 0.5 * jnp.abs(ai) / big
    tr = jnp.where(ar >= 0, big, small)
    ti = jnp.where(ar >= 0, small, big)
    up = jnp.where(ai >= 0, 1.0, -1.0)  # tau = tr + i up ti
    m1r, m1i = legendre_moments((tr - c) / h, -ti / h, n)
    m2r, m2i = legendre_moments((-tr - c) / h, -ti / h, n)
    # dq = +-2t dt and q - q1 = +-(t^2 - tau^2): the sign of the map remains once
    return sign * (m1r + m2r), sign * up * (m2i - m1i)


def _moments_of_panel(panels: Panels, re, im, n: int):
    """Moments (n, P, B), real and imaginary, of 1/(q - (re + i im)) on every panel; re, im: (B,)."""
    kind = np.asarray(panels.kind)
    lin, root = np.flatnonzero(kind == 0), np.flatnonzero(kind != 0)
    take = lambda a, idx: jnp.asarray(np.asarray(a)[idx])  # noqa: E731
    parts = []
    if lin.size:
        parts.append(_linear_moments(take(panels.center, lin), take(panels.half, lin), re, im, n))
    if root.size:
        kinds, centers, halves, starts = (take(a, root) for a in (kind, panels.center, panels.half, panels.threshold))
        parts.append(_sqrt_moments(kinds, centers, halves, starts, re, im, n))
    if len(parts) == 1:
        return parts[0]
    back = np.argsort(np.concatenate([lin, root]))
    return tuple(take_runs(jnp.concatenate([p[i] for p in parts], axis=1), back, axis=1) for i in (0, 1))


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


def _legendre_at(panels: Panels, mass):
    """P_k of the panel's own variable at q = mass, at the nearer end of the panel where mass lies outside: (n, P, B)."""
    lo, hi = _edges(panels)
    q = jnp.clip(mass[None, :], lo[:, None], hi[:, None])
    kind, c, h, t0 = (np.asarray(x)[:, None] for x in (panels.kind, panels.center, panels.half, panels.threshold))
    away = kind * (q - t0)
    inside = away > 0.0
    t = jnp.where(kind == 0, q, jnp.where(inside, jnp.sqrt(jnp.where(inside, away, 1.0)), 0.0))
    x = jnp.clip((t - c) / h, -1.0, 1.0)
    out = [jnp.ones_like(x), x]
    for k in range(1, panels.q.shape[-1] - 1):
        out.append(((2 * k + 1) * x * out[k] - k * out[k - 1]) / (k + 1))
    return jnp.stack(out[: panels.q.shape[-1]])


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
    at = jnp.einsum("jk,kpb->pjb", panels.project, _legendre_at(panels, mass), precision="highest")
    sq = at * (_share(panels, mass, resolution) * jnp.pi / (2.0 * mass * mass * width))[:, None, :]
    return Weights(jnp.zeros_like(sq), jnp.zeros_like(sq), sq)


def weights(panels: Panels, mass, width, scheme: str = "sqrt_q2", resolution: float | None = None) -> Weights:
    r"""Weights for integrals over dq (not dq^2) of f/D and f |1/D|^2.

    mass, width: (B,) in GeV, mass > 0, 0 <= width < 2 mass.  Returns arrays of shape (P, n, B).
    resolution: Gaussian, in q, GeV, static; it smears the peak of |1/D|^2 and Im 1/D over the ends of the panels, with a weight
    exp(-(Gamma/resolution)^2), so that it fades out for states that are wider.  Re 1/D keeps sharp ends.
    """
    n = panels.q.shape[-1]
    width = jnp.maximum(width, GAMMA_FLOOR * mass)
    r1, i1, r2, i2 = roots(mass, width, scheme)
    mr, mi = _moments_of_panel(panels, r1, i1, n)
    if resolution is not None:
        lo, hi = _edges(panels)
        # the peak's angle, -pi times what of it is inside, is all that changes; tails (~Gamma/resolution) keep their sharp ends
        near = (mass > lo[:, None] - _SIGMAS * resolution) & (mass < hi[:, None] + _SIGMAS * resolution)
        fade = jnp.exp(-((width / resolution) ** 2))
        change = jnp.where(near, fade * (-jnp.pi * _share(panels, mass, resolution) - mi[0]), 0.0)
        mi = mi + change * _legendre_at(panels, mass)
    vr = jnp.einsum("jk,kpb->pjb", panels.project, mr, precision="highest")
    vi = jnp.einsum("jk,kpb->pjb", panels.project, mi, precision="highest")
    # 1/(q - q2)
    q = jnp.asarray(panels.q)[..., None]
    dr, di = q - r2, -i2
    norm = 1.0 / (dr * dr + di * di)
    er, ei = dr * norm, -di * norm
    re = vr * er - vi * ei
    im = vr * ei + vi * er
    sq = -im / (width * q if scheme == "sqrt_q2" else mass * width)
    return Weights(re, im, sq)


def cross_weights(panels: Panels, first, second, scheme1: str = "sqrt_q2", scheme2: str = "sqrt_q2"):
    r"""Weights (re, im), each (P, n, B), of int f/(D_1 D_2^*) dq for two mediators (mass, width).

    1/((q - z)(q - z')) = [1/(q - z) - 1/(q - z')]/(z - z') with z = q1 of the first, z' the conjugate of that of the second:
    the poles lie on opposite sides of the real axis and never coincide for positive widths.
    """
    n = panels.q.shape[-1]
    (m1, g1), (m2, g2) = first, second
    r1, i1, r1b, i1b = roots(m1, g1, scheme1)
    r2, i2, r2b, i2b = roots(m2, g2, scheme2)
    a_re, a_im = _moments_of_panel(panels, r1, i1, n)
    b_re, b_im = _moments_of_panel(panels, r2, i2, n)
    # second pole conjugated: conjugate moments
    num = (a_re - b_re) + 1j * (a_im + b_im)
    gap = (r1 - r2) + 1j * (i1 + i2)
    v = jnp.einsum("jk,kpb->pjb", panels.project + 0.0j, num / gap, precision="highest")
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
