r"""B -> K S and B -> K* S for a light scalar S, on shell, and its invisible decays at any virtuality.

L = S sbar (g_L P_L + g_R P_R) b + h.c.; with mass^2 s of S, p = sqrt(lambda(m_B^2, m_M^2, s))/(2 m_B), and

    <K|sbar b|B> = (m_B^2 - m_K^2)/(m_b - m_s) f_0(s),      <K*|sbar gamma5 b|B> = -2i m_V A_0(s) (eps^* q)/(m_b + m_s)

(equations of motion; parity leaves one current in each), where the sum over polarisations of |eps^* q|^2 is (m_B p/m_V)^2,

    Gamma(B -> K S)  = |g_L + g_R|^2 [(m_B^2 - m_K^2) f_0/(m_b - m_s)]^2 p/(32 pi m_B^2),
    Gamma(B -> K* S) = |g_R - g_L|^2 A_0^2 p^3/[8 pi (m_b + m_s)^2].

Couplings and quark masses at one scale: the product of both does not depend on it.  Off shell, with Gamma_X(s) the width of an S of
mass sqrt(s) into X,

    dGamma/ds = (sqrt(s)/pi) Gamma_X(s) Gamma(B -> K(*) S)(s)/|D|^2,    D = s - m^2 + i Gamma sqrt(s)  or  s - m^2 + i m Gamma.

The same rates with couplings of a Higgs portal: arXiv:0911.4938.  S does not interfere with the pairs of massless left-handed
neutrinos of the Standard Model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from fipkernels.b_to_v import NODES, Basis, Resonance, _abs2, _integrate, _open, _poly, inverse_propagator, resonance_nodes

# q -> rates of B -> K(*) S with mass q per |g_L + g_R|^2 and per |g_R - g_L|^2
Rates = Callable[[Any], tuple[Any, Any]]


def rates_k(q, m_b, m_k, f_zero, m_b_run, m_s_run=0.0):
    """(Gamma(B -> K S) per |g_L + g_R|^2, 0) in GeV for a scalar of mass q in GeV, any shape.

    m_b, m_k: masses of B and K; f_zero: f_0(q^2), finite also where the channel is closed; m_b_run, m_s_run: quark masses in GeV at
    the scale of the couplings.  Exactly 0 for q <= 0 and q >= m_b - m_k.
    """
    is_open, _, p = _open(q * q, m_b, m_k)
    current = (m_b - m_k) * (m_b + m_k) / (m_b_run - m_s_run) * f_zero
    return jnp.where(is_open, current**2 * p / (32.0 * math.pi * m_b**2), 0.0), 0.0


def rates_kstar(q, m_b, m_v, a0, m_b_run, m_s_run=0.0):
    """(0, Gamma(B -> K* S) per |g_R - g_L|^2) in GeV; a0: A_0(q^2); as :func:`rates_k`.  Falls as p^3 at the end point."""
    is_open, _, p = _open(q * q, m_b, m_v)
    return 0.0, jnp.where(is_open, a0**2 * p**3 / (8.0 * math.pi * (m_b_run + m_s_run) ** 2), 0.0)


def width(q, g_l, g_r, rates: Rates):
    """Gamma(B -> K(*) S) in GeV for mass q and couplings g_l, g_r there; rates: :func:`rates_k` or :func:`rates_kstar`, bound."""
    plus, minus = rates(q)
    return plus * _abs2(g_l + g_r) + minus * _abs2(g_r - g_l)


def pair_bins(lo, hi, s: Resonance, partial, rates: Rates, basis: Basis | None = None, n: int = NODES):
    r"""Gamma(B -> K(*) X) through S in bins of q = sqrt(q^2), GeV: (S, B), or (K, S, B) with a basis of K functions of q.

    lo, hi: (S, 1) or (S, B), GeV, within (0, m_B - m_M); s: mass, total width, b-s couplings (polynomials), scheme; partial: (B,)
    GeV, width of S on shell into X, a massless pair with a constant coupling: Gamma_X(q) = partial q/m.
    """
    nodes = resonance_nodes(lo, hi, s.mass, s.width, n)
    re, im = inverse_propagator(nodes.q, nodes.delta[0], s.mass, s.width, s.scheme)
    q2 = nodes.q * nodes.q
    made = width(nodes.q, _poly(s.bs_l, q2) + 0.0j, _poly(s.bs_r, q2) + 0.0j, rates)
    # (sqrt(s)/pi) Gamma_X ds with ds = 2 q dq
    density = made * (2.0 / math.pi) * q2 * nodes.q * (partial / s.mass) * (re * re + im * im)
    return _integrate(density, nodes, basis)
