"""Tree-level decay widths of light mediators into fermion pairs.

Elementwise on broadcasting arrays; masses and widths in GeV, couplings dimensionless (real or complex), colour factor
n_c = 3 for quarks.  A channel below threshold (m <= 2 m_f) is exactly 0 with zero derivatives.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipkernels.kinematics import momentum


def _abs2(g):
    return jnp.real(g * jnp.conj(g))


def vector_to_fermions(m_v, m_f, g_v, g_a, n_c=1.0):
    """Gamma(V -> f fbar) for V_mu fbar gamma^mu (g_v + g_a gamma5) f, arXiv:2002.11150 eq. (9).

    Gamma = n_c m_V/(12 pi) beta [g_v^2 (1 + 2r) + g_a^2 (1 - 4r)], r = m_f^2/m_V^2, beta = sqrt(1 - 4r).
    m_v > 0, m_f >= 0 in GeV.  Accurate to rounding, next to threshold too.
    """
    b = 2.0 * momentum(m_v, m_f, m_f) / m_v
    b2 = b * b  # 1 - 4r, without its cancellation
    return n_c * m_v / (12.0 * math.pi) * b * (_abs2(g_v) * 0.5 * (3.0 - b2) + _abs2(g_a) * b2)


def vector_to_scalars(m_v, m_s, g, n_c=1.0):
    """Gamma(V -> S S^*) = n_c g^2 m_V beta^3/(48 pi) for a complex scalar of charge g (V_mu g i S^* d^mu S + h.c., the standard
    tree-level result).  m_v > 0, m_s >= 0 in GeV.  A quarter of the width to a Dirac fermion for massless particles.
    """
    b = 2.0 * momentum(m_v, m_s, m_s) / m_v
    return n_c * m_v / (48.0 * math.pi) * _abs2(g) * b**3


def scalar_to_fermions(m_s, m_f, g_s, g_p, n_c=1.0):
    """Gamma(phi -> f fbar) for phi fbar (g_s + i g_p gamma5) f, f a Dirac fermion.

    Gamma = n_c m_phi/(8 pi) beta [g_s^2 beta^2 + g_p^2] (the standard tree-level result; with g_s = m_f/v this is the
    Higgs width).  m_s > 0, m_f >= 0 in GeV.  Accurate to rounding, next to threshold too.
    """
    b = 2.0 * momentum(m_s, m_f, m_f) / m_s
    return n_c * m_s / (8.0 * math.pi) * b * (_abs2(g_s) * b * b + _abs2(g_p))


def _channels(value, ndim):
    """Give an array with a leading channel axis the trailing axes it needs to broadcast against the mediator."""
    value = jnp.asarray(value)
    if value.ndim == 0:
        return value
    return value.reshape(value.shape[:1] + (1,) * max(ndim - (value.ndim - 1), 0) + value.shape[1:])


def total_vector_width(m_v, m_f, g_v, g_a, n_c=1.0):
    """Total width of a vector boson: vector_to_fermions summed over channels, arXiv:2002.11150 eq. (9).

    m_f, g_v, g_a, n_c: a leading axis runs over the channels, the others broadcast against m_v; a scalar is common to
    all channels.  Closed channels contribute exactly 0.  Returns the shape of m_v (broadcast with the rest).
    """
    ndim = jnp.ndim(m_v)
    m_f, g_v, g_a, n_c = (_channels(v, ndim) for v in (jnp.atleast_1d(m_f), g_v, g_a, n_c))
    return jnp.sum(vector_to_fermions(m_v, m_f, g_v, g_a, n_c), axis=0)


def total_scalar_width(m_s, m_f, g_s, g_p, n_c=1.0):
    """Total width of a spin-0 boson: scalar_to_fermions summed over channels; axes as in total_vector_width."""
    ndim = jnp.ndim(m_s)
    m_f, g_s, g_p, n_c = (_channels(v, ndim) for v in (jnp.atleast_1d(m_f), g_s, g_p, n_c))
    return jnp.sum(scalar_to_fermions(m_s, m_f, g_s, g_p, n_c), axis=0)


def share(part, total):
    """part/total; 0 with zero derivatives where there is no width at all."""
    there = total > 0.0
    return jnp.where(there, part / jnp.where(there, total, 1.0), 0.0)
