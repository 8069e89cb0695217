r"""Bin integrals of products of amplitudes that contain light mediators.

Any helicity amplitude of b -> s l l is linear in the Wilson coefficients,

    X(q) = N s(q) + N sum_c C_c p_c(q) + sum_m r_m(q) L_m(q^2) / D_m(q),

with s the Standard-Model part (strong phases, form factors), C_c constant (heavy) coefficients with known functions p_c,
and L_m a polynomial in q^2: the product of the quark and lepton couplings of light mediator m, whose inverse propagator is
D_m.  The CP-conjugate amplitude has N, C_c and L_m conjugated (weak phases), while s -> s_bar is given, and
the phase of 1/D_m does not change (it is CP-even).

:func:`bilinear` integrates kernel(q) Re(X Y^* +- X_bar Y_bar^*) over every panel.  Only the couplings and the weights
carry a batch axis (last); everything else is data that is contracted before it meets the batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fipkernels.breit_wigner import Weights


class Channel(NamedTuple):
    """One amplitude on the nodes of the panels.

    s, s_bar: (P, n) complex or None.
    constants: tuple of (C, p): C (B,) complex or real, p (P, n) real.
    light: tuple of (m, L, r): index of the mediator, polynomial (K, B) complex or real, r (P, n) real.
    """

    s: Any
    s_bar: Any
    constants: tuple = ()
    light: tuple = ()


class Grid(NamedTuple):
    """Nodes shared by the channels of one decay: q2 (P, n), weights w (P, n) over dq, N and N_bar (complex scalars)."""

    q2: jax.Array
    w: jax.Array
    n: jax.Array
    n_bar: jax.Array


def multiply(a, b):
    """Product of two polynomials in q^2, (K, B) and (M, B), lowest power first -> (K + M - 1, B)."""
    k, m = a.shape[0], b.shape[0]
    return jnp.stack([sum(a[i] * b[r - i] for i in range(max(0, r - m + 1), min(k, r + 1))) for r in range(k + m - 1)])


def evaluate(poly, x):
    """Polynomial (K, ...) at x, lowest power first (Horner)."""
    out = poly[-1]
    for k in range(poly.shape[0] - 2, -1, -1):
        out = out * x + poly[k]
    return out


def _contract(rows, weight):
    """sum_j rows[r, p, j] weight[p, j, b] -> (r, p, b)."""
    return jnp.einsum("rpj,pjb->rpb", rows, weight, precision="highest")


def _powers(q2, count):
    return jnp.stack([q2**k for k in range(count)])


def _dot(coefficients, integrals):
    """sum_r coefficients[r, b] integrals[r, p, b] -> (p, b)."""
    return jnp.sum(coefficients[:, None, :] * integrals, axis=0)


def _constant_with_sm(grid, kernel, constants, s, s_bar, sgn):
    """Re(C p N (N s)^*) +- its CP conjugate, integrated."""
    out: Any = 0.0
    norm = jnp.abs(grid.n) ** 2
    for c, p in constants:
        k = kernel * grid.w * p
        out = out + norm * jnp.sum(k * (jnp.real(s) + sgn * jnp.real(s_bar)), axis=1)[:, None] * jnp.real(c)
        if jnp.iscomplexobj(c):
            out = out + norm * jnp.sum(k * (jnp.imag(s) - sgn * jnp.imag(s_bar)), axis=1)[:, None] * jnp.imag(c)
    return out


def _light_with_sm(grid, kernel, light, weights, s, s_bar, sgn):
    """Re(r L/D (N s)^*) +- its CP conjugate, integrated."""
    out: Any = 0.0
    x, y = jnp.conj(grid.n * s), jnp.conj(grid.n_bar * s_bar)
    for m, poly, r in light:
        rows = _powers(grid.q2, poly.shape[0]) * (kernel * r)
        w = weights[m]
        even = rows * (x + sgn * y)
        out = out + _dot(jnp.real(poly), _contract(jnp.real(even), w.re) - _contract(jnp.imag(even), w.im))
        if jnp.iscomplexobj(poly):
            odd = rows * (x - sgn * y)
            out = out - _dot(jnp.imag(poly), _contract(jnp.real(odd), w.im) + _contract(jnp.imag(odd), w.re))
    return out


def _light_with_constant(grid, kernel, light, weights, constants, sgn):
    """Re(r L/D (N C p)^*) +- its CP conjugate, integrated."""
    out: Any = 0.0
    for m, poly, r in light:
        for c, p in constants:
            rows = _powers(grid.q2, poly.shape[0]) * (kernel * r * p)
            integral = _contract(rows, weights[m].re) + 1j * _contract(rows, weights[m].im)
            factor = jnp.conj(grid.n * c) * poly + sgn * jnp.conj(grid.n_bar) * c * jnp.conj(poly)
            out = out + jnp.real(_dot(factor, integral))
    return out


def bilinear(grid: Grid, kernel, x: Channel, y: Channel, weights: tuple[Weights, ...] = (), cross=None, sign: int = 1):
    """Panel integrals over dq of kernel Re(X Y^* + sign X_bar Y_bar^*); kernel (P, n) real.

    weights: one :class:`~fipkernels.breit_wigner.Weights` per mediator.  cross: for two or more mediators, mapping
    (m, m') with m < m' -> complex weights of 1/(D_m D_m'^*), see :func:`fipkernels.breit_wigner.cross_weights`.
    Returns (P, B), or (P, 1) when nothing depends on the point.
    """
    sgn = float(sign)
    same = x is y
    norm = jnp.abs(grid.n) ** 2
    out = jnp.zeros((grid.w.shape[0], 1), grid.w.dtype)
    if x.s is not None and y.s is not None:
        direct = jnp.real(x.s * jnp.conj(y.s)) + sgn * jnp.real(x.s_bar * jnp.conj(y.s_bar))
        out = out + norm * jnp.sum(kernel * grid.w * direct, axis=1)[:, None]
    for a, b in ((x, y),) if same else ((x, y), (y, x)):
        times = 2.0 if same else 1.0
        if b.s is not None and a.constants:
            out = out + times * _constant_with_sm(grid, kernel, a.constants, b.s, b.s_bar, sgn)
        if b.s is not None and a.light:
            out = out + times * _light_with_sm(grid, kernel, a.light, weights, b.s, b.s_bar, sgn)
        if a.light and b.constants:
            out = out + times * _light_with_constant(grid, kernel, a.light, weights, b.constants, sgn)
    if sign > 0:
        for ca, pa in x.constants:
            for cb, pb in y.constants:
                k = jnp.sum(kernel * grid.w * pa * pb, axis=1)[:, None]
                out = out + 2.0 * norm * k * jnp.real(ca * jnp.conj(cb))
    for ma, la, ra in x.light:
        for mb, lb, rb in y.light:
            product = multiply(la, jnp.conj(lb))
            rows = _powers(grid.q2, product.shape[0]) * (kernel * ra * rb)
            if ma == mb:
                if sign > 0:
                    out = out + 2.0 * _dot(jnp.real(product), _contract(rows, weights[ma].sq))
                continue
            # 1/(D_a D_b^*): conjugate of the stored weight if the order is reversed
            z_re, z_im = cross[(min(ma, mb), max(ma, mb))]
            if sign > 0:
                out = out + 2.0 * _dot(jnp.real(product), _contract(rows, z_re))
            else:
                out = out - 2.0 * (1.0 if ma < mb else -1.0) * _dot(jnp.imag(product), _contract(rows, z_im))
    return out
