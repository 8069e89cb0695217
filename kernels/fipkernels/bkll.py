r"""B -> K l+ l- with Wilson coefficients that may be complex, constant or resonant.

Amplitudes and rates: arXiv:1506.03970 (Gratrex, Hopfer, Zwicky) and arXiv:0709.4174 (Bobeth, Hiller, Piranishvili).
With N = 4 G_F/sqrt2 lambda_t alpha_e/(4 pi), everything per unit of k_V = sqrt(lambda) f+/(2q) for V, A and
k_P = (m_B^2 - m_K^2) f0/2 for P, S:

    V: N [2 m_b/(m_B + m_K) c7 fT/f+ + c9 + C9 + C9'],       A: N [c10 + C10 + C10'],
    P: N [C_P + C_P' + (2 m_l/q^2)(c10 + C10 + C10')],        S: N [C_S + C_S'].

No scalar or tensor form-factor corrections, no charm resonances; valid for 4 m_l^2 < q^2 < (m_B - m_K)^2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from fipkernels.amplitudes import Channel, Grid, bilinear


class Tables(NamedTuple):
    """New-physics-independent part of B -> K l l on panel nodes; see :func:`make_tables`.

    s, s_bar: dict 'V', 'A' -> (P, n) complex.  rate, flat: dict 'V', 'A', 'P', 'S' -> (P, n) kernels (per dq) of dGamma
    and of the numerator of F_H.  asym: kernel of Re(V S^*) in the numerator of A_FB.  helicity: 2 m_l/q^2.
    """

    grid: Grid
    s: dict
    s_bar: dict
    rate: dict
    flat: dict
    asym: jax.Array
    helicity: jax.Array


def phase_space(q2, m_b, m_k, m_l):
    """(sqrt(lambda), beta) inside the physical region; exactly zero outside, without NaN in the gradient."""
    q = jnp.sqrt(q2)
    ok = ((m_b - m_k) ** 2 > q2) & (q > 2.0 * m_l)
    lam = ((m_b - m_k) ** 2 - q2) * ((m_b + m_k) ** 2 - q2)
    root = jnp.where(ok, jnp.sqrt(jnp.where(ok, lam, 1.0)), 0.0)
    b2 = (q - 2.0 * m_l) * (q + 2.0 * m_l) / q2
    beta = jnp.where(ok, jnp.sqrt(jnp.where(ok, b2, 1.0)), 0.0)
    return root, beta


def make_tables(q, w, *, m_b, m_k, m_l, n, n_bar, c7, c7_bar, c9, c9_bar, c10, m_b_run, ff) -> Tables:
    r"""Tables on nodes q (P, n) in GeV with weights w (P, n) for integrals over dq.

    m_b, m_k, m_l: masses of B, K, l in GeV; n, n_bar: N and its CP conjugate (complex scalars, GeV^-2);
    c7 = C7eff + C7'eff + delta C7 and c9 = C9 + Y + ... (P, n) complex, with CP conjugates; c10: the SM coefficient;
    m_b_run: MS-bar b mass at the scale of the coefficients; ff = (f+, f0, fT), each (P, n).
    """
    q2 = q * q
    f_plus, f_zero, f_t = ff
    root, beta = phase_space(q2, m_b, m_k, m_l)
    b2 = beta * beta
    k_v = root / (2.0 * q) * f_plus
    k_p = 0.5 * (m_b**2 - m_k**2) * f_zero
    # dGamma = 2 G0 dq^2 and dq^2 = 2 q dq
    base = 2.0 * q * root * beta / (2.0**9 * math.pi**3 * m_b**3)
    rate = {
        "V": base * 2.0 * (2.0 * q2 / 3.0) * (3.0 - b2) * k_v**2,
        "A": base * 2.0 * (2.0 * q2 / 3.0) * 2.0 * b2 * k_v**2,
        "P": base * 2.0 * (2.0 * q2) * k_p**2,
        "S": base * 2.0 * (2.0 * q2) * b2 * k_p**2,
    }
    two_g2 = -base * 2.0 * (4.0 / 3.0) * q2 * b2 * k_v**2
    flat = {"V": rate["V"] + two_g2, "A": rate["A"] + two_g2, "P": rate["P"], "S": rate["S"]}
    asym = -base * 8.0 * q2 * beta * (m_l / q) * k_v * k_p
    dipole = 2.0 * m_b_run / (m_b + m_k) * f_t / f_plus
    axial = c10 * jnp.ones_like(q2) + 0.0j
    return Tables(
        Grid(q2, w, n, n_bar),
        {"V": dipole * c7 + c9, "A": axial},
        {"V": dipole * c7_bar + c9_bar, "A": axial},
        rate,
        flat,
        asym,
        2.0 * m_l / q2,
    )


class NewPhysics(NamedTuple):
    """Coefficients in B -> K l l: constants of shape (B,) or None, light mediators' polynomials (K, B).

    c9, c10, cs, cp: C + C' sums (they enter B -> K only as sums); cs, cp in GeV^-1.
    light: tuple of (v, a, p): products of the b-s coupling (left plus right) with the vector and axial lepton
    couplings, and the longitudinal polynomial of :func:`longitudinal`; each (K, B) or None, one tuple per mediator.
    """

    c9: jax.Array | None = None
    c10: jax.Array | None = None
    cs: jax.Array | None = None
    cp: jax.Array | None = None
    light: tuple = ()


def longitudinal(bs, axial, mass):
    """(1 - q^2/m^2) bs_0 axial_0 as a polynomial (2, B): what multiplies 2 m_l/q^2 in the amplitude P.

    2106.12582 eq. (A.6) with the sign of the dimension-six term corrected: couplings that grow with q^2 are transverse
    and drop out, only the dimension-four couplings bs_0, axial_0 remain.
    """
    g = bs[0] * axial[0]
    return jnp.stack([g, -g / (mass * mass)])


def channels(t: Tables, np_: NewPhysics) -> dict[str, Channel]:
    """The four amplitudes with their new-physics parts."""
    one = jnp.ones_like(t.helicity)

    def light(index, r):
        return tuple((m, entry[index], r) for m, entry in enumerate(np_.light) if entry[index] is not None)

    def const(*pairs):
        return tuple((c, p) for c, p in pairs if c is not None)

    return {
        "V": Channel(t.s["V"], t.s_bar["V"], const((np_.c9, one)), light(0, one)),
        "A": Channel(t.s["A"], t.s_bar["A"], const((np_.c10, one)), light(1, one)),
        "P": Channel(
            t.helicity * t.s["A"],
            t.helicity * t.s_bar["A"],
            const((np_.cp, one), (np_.c10, t.helicity)),
            light(2, t.helicity),
        ),
        "S": Channel(None, None, const((np_.cs, one)), ()),
    }


def _sum_channels(t, ch, kernels, weights, cross, sign):
    total = 0.0
    for name, channel in ch.items():
        if channel.s is None and not channel.constants and not channel.light:
            continue
        total = total + bilinear(t.grid, kernels[name], channel, channel, weights, cross, sign)
    return total


def rate(t: Tables, ch, weights=(), cross=None):
    """Panel integrals of dGamma + dGamma_bar in GeV: (P, B) or (P, 1)."""
    return _sum_channels(t, ch, t.rate, weights, cross, 1)


def rate_difference(t: Tables, ch, weights=(), cross=None):
    """Panel integrals of dGamma - dGamma_bar, dGamma that of b -> s (B-bar, B^-)."""
    return _sum_channels(t, ch, t.rate, weights, cross, -1)


def flat(t: Tables, ch, weights=(), cross=None):
    """Numerator of F_H: panel integrals of 2(a + c) + CP conjugate (0709.4174)."""
    return _sum_channels(t, ch, t.flat, weights, cross, 1)


def forward_backward(t: Tables, ch, weights=(), cross=None):
    """Numerator of A_FB: panel integrals of b + b_bar; needs a scalar coefficient, zero otherwise."""
    if not ch["S"].constants and not ch["S"].light:
        return jnp.zeros((t.helicity.shape[0], 1), t.helicity.dtype)
    return bilinear(t.grid, t.asym, ch["V"], ch["S"], weights, cross, 1)
