r"""B -> V l+ l- (K*, phi) with Wilson coefficients that may be complex, constant or resonant: all angular coefficients.

Helicity amplitudes and rates: arXiv:1506.03970 (Gratrex, Hopfer, Zwicky), with lepton masses, vector, axial, scalar and
pseudoscalar lepton currents; angular conventions of 0811.1214.  Everything per unit of i N, N = 4 G_F/sqrt2 lambda_t
alpha_e/(4 pi).  With A12 and T23 the form factors of 1503.05534,

    V0 = 4 m_B m_V/q [(c9 - C9') A12 + m_b (c7 - c7') T23/(m_B + m_V)],        A0 = 4 m_B m_V/q (C10 - C10') A12,
    V+- = [+-sqrt(lambda) (c9 + C9') V - (m_B + m_V)^2 (c9 - C9') A1] / (2 (m_B + m_V))
          + m_b/q^2 [+-sqrt(lambda) (c7 + c7') T1 - (m_B^2 - m_V^2)(c7 - c7') T2],
    A+- = [+-sqrt(lambda) (C10 + C10') V - (m_B + m_V)^2 (C10 - C10') A1] / (2 (m_B + m_V)),
    P = sqrt(lambda)/2 A_0 [C_P - C_P' + (2 m_l/q^2)(C10 - C10')],               S = sqrt(lambda)/2 A_0 (C_S - C_S').

No tensor operators, no charm resonances, narrow V; valid for 4 m_l^2 < q^2 < (m_B - m_V)^2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp

from fipkernels.bkll import phase_space
from fipkernels.quadratic import Mixing, Process

# order of the amplitudes
VP, VM, V0, AP, AM, A0, P, S = range(8)
ANGULAR = ("J1s", "J1c", "J2s", "J2c", "J3", "J4", "J5", "J6s", "J6c", "J7", "J8", "J9")

# the CP-conjugate amplitude that interferes with each: V+- <-> V-+, S changes sign (CP-odd); arXiv:1502.05509 table 1
PARTNER, SIGN = (VM, VP, V0, AM, AP, A0, P, S), (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0)


class FormFactors(NamedTuple):
    """V, A_0, A1, A12, T1, T2, T23 of arXiv:1503.05534, each (P, n)."""

    v: object
    a0: object
    a1: object
    a12: object
    t1: object
    t2: object
    t23: object


def _combine(*parts):
    """Sum of weighted forms: (weight, {(a, b, base): number}) -> tuple of (a, b, base, number)."""
    out: dict = {}
    for weight, form in parts:
        for key, number in form.items():
            out[key] = out.get(key, 0.0) + weight * number
    return tuple((*key, number) for key, number in out.items())


def _tables():
    """The J_i and dGamma/(6 kappa) as sums of numbers times base functions times products of amplitudes.

    From the G^(l)_{k m} of arXiv:1506.03970 eqs. (B.11)-(B.19) for equal lepton masses.  Base functions: "v" = q^2 (3 - beta^2),
    "a" = q^2
    beta^2, "q" = q^2, "b" = q^2 beta, "m" = q^2 beta m_l/q, all times kappa.
    """
    transverse, vectors, axials = (VP, VM), (VP, VM, V0), (AP, AM, A0)
    g000 = {
        **{(i, i, "v"): 2.0 / 9.0 for i in vectors},
        **{(i, i, "a"): 4.0 / 9.0 for i in axials},
        (P, P, "q"): 2.0 / 3.0,
        (S, S, "a"): 2.0 / 3.0,
    }
    g200 = {
        **{(i, i, "v"): -2.0 / 9.0 for i in transverse},
        (V0, V0, "v"): 4.0 / 9.0,
        **{(i, i, "a"): -4.0 / 9.0 for i in (AP, AM)},
        (A0, A0, "a"): 8.0 / 9.0,
        (P, P, "q"): 4.0 / 3.0,
        (S, S, "a"): 4.0 / 3.0,
    }
    long = (V0, A0)
    g020 = {(i, i, "a"): 2.0 / 9.0 * (-2.0 if i in long else 1.0) for i in (*vectors, *axials)}
    g220 = {(i, i, "a"): -2.0 / 9.0 * (4.0 if i in long else 1.0) for i in (*vectors, *axials)}
    g010 = {(VP, AP, "b"): 4.0 / 3.0, (VM, AM, "b"): -4.0 / 3.0, (V0, S, "m"): -8.0 / 3.0}
    g210 = {(VP, AP, "b"): -4.0 / 3.0, (VM, AM, "b"): 4.0 / 3.0, (V0, S, "m"): -16.0 / 3.0}
    k = 4.0 / math.sqrt(3.0)
    g211 = {
        (VP, A0, "b"): k,
        (AP, V0, "b"): k,
        (V0, AM, "b"): -k,
        (A0, VM, "b"): -k,
        (VP, S, "m"): 2.0 * k,
        (S, VM, "m"): 2.0 * k,
    }
    g221 = {(x, y, "a"): 4.0 / 3.0 for x, y in ((VP, V0), (V0, VM), (AP, A0), (A0, AM))}
    g222 = {(x, y, "a"): -8.0 / 3.0 for x, y in ((VP, VM), (AP, AM))}
    j = 32.0 / 3.0
    third = j * math.sqrt(3.0) / 16.0
    # Im X = Re(-i X)
    return {
        "rate": _combine((6.0, g000)),
        "J1s": _combine((j / 4, g000), (j / 16, g020), (-j / 8, g200), (-j / 32, g220)),
        "J1c": _combine((j / 4, g000), (j / 16, g020), (j / 4, g200), (j / 16, g220)),
        "J2s": _combine((j * 3 / 16, g020), (-j * 3 / 32, g220)),
        "J2c": _combine((j * 3 / 16, g020), (j * 3 / 16, g220)),
        "J6s": _combine((-j / 4, g010), (j / 8, g210)),
        "J6c": _combine((-j / 4, g010), (-j / 4, g210)),
        "J3": _combine((j * 3 / 32, g222)),
        "J4": _combine((-j * 3 / 32, g221)),
        "J5": _combine((third, g211)),
        "J7": _combine((1j * third, g211)),
        "J8": _combine((-1j * j * 3 / 32, g221)),
        "J9": _combine((1j * j * 3 / 32, g222)),
    }


_TABLES = _tables()


def _forms(q2, m_l, beta, kappa, names: Sequence[str]):
    b2 = beta * beta
    base = {
        "v": kappa * q2 * (3.0 - b2),
        "a": kappa * q2 * b2,
        "q": kappa * q2,
        "b": kappa * q2 * beta,
        "m": kappa * jnp.sqrt(q2) * beta * m_l,
    }
    return {n: tuple((x, y, base[f], c) for x, y, f, c in _TABLES[n]) for n in names}


def process(
    q, *, m_b, m_v, m_l, n_abs, c7, c7_bar, c9, c9_bar, c7p, c10, m_b_run, ff: FormFactors, extra=None, extra_bar=None,
    forms: Sequence[str] = ("rate", *ANGULAR),
) -> Process:  # fmt: skip
    r"""Helicity amplitudes on nodes q (P, n) in GeV, and the forms of dGamma and of the angular coefficients.

    m_b, m_v, m_l: masses of B, V, l in GeV; n_abs: |N| in GeV^-2; c7, c9 (and CP conjugates): (P, n) complex, without C7';
    c7p, c10: SM coefficients; m_b_run: MS-bar b mass at their scale; extra, extra_bar: (V+, V-, V0) to be added to the vector
    amplitudes (non-factorisable terms; units of i N), each (P, n) complex.

    Operators: "7", "7p", "9", "9p", "10", "10p" (in A+-0), "H", "Hp" (longitudinal axial exchange, times 2 m_l/q^2 in P: equal to
    C10 for a
    contact interaction), "P", "Pp", "S", "Sp" (GeV^-1).
    Forms (integrands over dq, GeV): "rate" = dGamma and the J_i of 0811.1214 in :data:`ANGULAR`, dGamma = 3/4 (2 J1s + J1c) - 1/4
    (2 J2s +
    J2c).
    """
    q2 = q * q
    root, beta = phase_space(q2, m_b, m_v, m_l)
    plus, minus = m_b + m_v, m_b**2 - m_v**2
    # c9 + C9' and c9 - C9' in the transverse amplitudes, sign of the helicity outside
    odd, even = root * ff.v / (2.0 * plus), -plus * ff.a1 / 2.0
    odd7, even7 = m_b_run / q2 * root * ff.t1, -m_b_run / q2 * minus * ff.t2
    long9 = 4.0 * m_b * m_v / q * ff.a12
    long7 = 4.0 * m_b * m_v / q * m_b_run * ff.t23 / plus
    zero = jnp.zeros_like(q2)
    helicity = 2.0 * m_l / q2
    scalar = 0.5 * root * ff.a0

    def sm(c7, c9, extra):
        sum7, diff7 = c7 + c7p, c7 - c7p
        vp = odd * c9 + even * c9 + odd7 * sum7 + even7 * diff7
        vm = -odd * c9 + even * c9 - odd7 * sum7 + even7 * diff7
        v0 = long9 * c9 + long7 * diff7
        if extra is not None:
            vp, vm, v0 = vp + extra[0], vm + extra[1], v0 + extra[2]
        axial = c10 + 0.0j * q2
        return jnp.stack(
            [vp, vm, v0, (odd + even) * axial, (even - odd) * axial, long9 * axial, helicity * scalar * axial, 0.0 * axial]
        )

    u = {}
    for op, sign in (("", 1.0), ("p", -1.0)):
        hel = [odd + sign * even, -odd + sign * even, sign * long9]
        hel7 = [odd7 + sign * even7, -odd7 + sign * even7, sign * long7]
        u["7" + op] = jnp.stack([*hel7, zero, zero, zero, zero, zero])
        u["9" + op] = jnp.stack([*hel, zero, zero, zero, zero, zero])
        u["10" + op] = jnp.stack([zero, zero, zero, *hel, zero, zero])
        u["H" + op] = jnp.stack([zero] * 6 + [sign * helicity * scalar, zero])
        u["P" + op] = jnp.stack([zero] * 6 + [sign * scalar, zero])
        u["S" + op] = jnp.stack([zero] * 7 + [sign * scalar])
    # dq^2 = 2 q dq
    kappa = 2.0 * q * n_abs**2 * root * beta / (2.0**9 * math.pi**3 * m_b**3)
    support = {"7": (VP, VM, V0), "9": (VP, VM, V0), "10": (AP, AM, A0), "H": (P,), "P": (P,), "S": (S,)}
    support |= {f"{op}p": where for op, where in support.items()}
    return Process(sm(c7, c9, extra), sm(c7_bar, c9_bar, extra_bar), u, _forms(q2, m_l, beta, kappa, forms), support)


def subleading(q, *, m_b, m_v, m_b_run, ff: FormFactors, c7=None, c9=None):
    """Vector amplitudes (V+, V-, V0) of shifts (C7' in V+, C7 in V-, V0) and (C9 in each), in units of i N.

    c7, c9: triples in the order +, -, 0 (complex, broadcast with q) or None; the parametrisation of non-factorisable
    effects of 1411.3161.
    """
    q2 = q * q
    root, _ = phase_space(q2, m_b, m_v, 0.0)
    plus = m_b + m_v
    odd, even = root * ff.v / (2.0 * plus), -plus * ff.a1 / 2.0
    odd7, even7 = m_b_run / q2 * root * ff.t1, -m_b_run / q2 * (m_b**2 - m_v**2) * ff.t2
    long = 4.0 * m_b * m_v / q
    out = [0.0, 0.0, 0.0]
    if c7 is not None:
        out = [(odd7 - even7) * c7[0], (even7 - odd7) * c7[1], long * m_b_run * ff.t23 / plus * c7[2]]
    if c9 is not None:
        more = [(odd + even) * c9[0], (even - odd) * c9[1], long * ff.a12 * c9[2]]
        out = [a + b for a, b in zip(out, more, strict=True)]
    return tuple(out)


def mixing(n_ratio) -> Mixing:
    """How the amplitudes of a Bs decay interfere with those of the conjugate; n_ratio = N_bar/N."""
    return Mixing(PARTNER, SIGN, n_ratio)
