"""The narrow waist: what a model predicts before any hadronic physics enters.

A model is a function ``params -> Theory``; observables and constraints see nothing but the ``Theory``.  All arrays carry
one batch axis, last, of length B (1 for a single point); polynomials in q^2 have shape (K, B), lowest power first, in
GeV^(-2k) for the coefficient of q^(2k).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from fipkernels.quadratic import evaluate_polynomial
from fipkernels.widths import share

Array = jax.Array


@dataclass(frozen=True)
class VectorMediator:
    r"""A light vector V with L = V_mu [sbar gamma^mu (bs_L P_L + bs_R P_R) b + h.c. + lbar gamma^mu (l_V + l_A gamma5) l].

    Powers of q^2 in a coupling stand for the transverse structure (q^2 g - q q) of a d_sigma V^(sigma rho) operator
    (arXiv:2106.12582 eq. 2.3), which does not contribute to longitudinal exchange.
    mass, width: (B,) GeV.  Couplings: (K, B), real or complex (b-s only), or None where absent.
    nue_L, numu_L, nutau_L: V_mu nubar gamma^mu g P_L nu, (K, B).
    epsilon: kinetic mixing (B,), a coupling epsilon e Q to every charged particle beside the couplings above.
    dark_mass (N, B) in GeV, dark_strength (N, B): dark Dirac fermions with a vector coupling g, strength g^2; invisible.
    partial_widths: final state -> (B,) GeV, where the model predicts them: "mumu", "ee", "tautau", "hadrons" (visible), "dark",
    "nunu" (invisible).
    scheme: form of the propagator, "sqrt_q2" (i Gamma sqrt(q2), 2106.12582) or "constant" (i m Gamma, 2002.11150).
    """

    mass: Array
    width: Array
    bs_L: Array | None = None
    bs_R: Array | None = None
    mu_V: Array | None = None
    mu_A: Array | None = None
    e_V: Array | None = None
    e_A: Array | None = None
    nue_L: Array | None = None
    numu_L: Array | None = None
    nutau_L: Array | None = None
    epsilon: Array | None = None
    dark_mass: Array | None = None
    dark_strength: Array | None = None
    partial_widths: dict[str, Array] = field(default_factory=dict)
    name: str = "V"
    scheme: str = "sqrt_q2"


@dataclass(frozen=True)
class Theory:
    """mediators: light vectors; wc: heavy Wilson coefficients by WCxf flavio name (``C9_bsmumu``, ``CVLL_bsbs``, ...), each (B,)
    real or complex, new physics only, at 4.8 GeV (4.2 GeV for Delta F = 2); a_mu: new-physics shift (B,) or None.
    couplings: dimensionless couplings by name, for perturbativity.
    """

    mediators: tuple[VectorMediator, ...] = ()
    wc: dict[str, Array] = field(default_factory=dict)
    a_mu: Array | None = None
    couplings: dict[str, Array] = field(default_factory=dict)


jax.tree_util.register_dataclass(
    VectorMediator,
    data_fields=[
        "mass", "width", "bs_L", "bs_R", "mu_V", "mu_A", "e_V", "e_A", "nue_L", "numu_L", "nutau_L", "epsilon", "dark_mass",
        "dark_strength", "partial_widths",
    ],
    meta_fields=["name", "scheme"],
)  # fmt: skip
jax.tree_util.register_dataclass(Theory, data_fields=["mediators", "wc", "a_mu", "couplings"], meta_fields=[])


def wilson(theory: Theory, name: str) -> Array | None:
    """A heavy Wilson coefficient, or None if the model does not set it."""
    return theory.wc.get(name)


def total(*terms: Any) -> Any:
    """Sum of the terms that are not None; None if all are."""
    present = [t for t in terms if t is not None]
    return sum(present[1:], present[0]) if present else None


def poly_sum(a: Array | None, b: Array | None, sign: float = 1.0) -> Array | None:
    """Sum a + sign b of two polynomials of possibly different degree, either of which may be None."""
    if a is None:
        return None if b is None else sign * b
    if b is None:
        return a
    k = max(a.shape[0], b.shape[0])

    def pad(p):
        return jnp.concatenate([p, jnp.zeros((k - p.shape[0], *p.shape[1:]), p.dtype)]) if p.shape[0] < k else p

    return pad(a) + sign * pad(b)


def evaluate_at(poly: Array | None, q2: Array) -> Array:
    """A coupling polynomial (K, B) at q2 (B,); 0 for None."""
    return jnp.zeros_like(q2) if poly is None else evaluate_polynomial(poly, q2)


def couples_to_bs(m: VectorMediator) -> bool:
    """Whether V has a b-s coupling."""
    return m.bs_L is not None or m.bs_R is not None


INVISIBLE = ("dark", "nunu")


def branching(m: VectorMediator, *channels: str) -> Array:
    """Branching fraction of V to the channels together (B,): sum of their partial widths over the total width."""
    zero = jnp.zeros_like(m.mass)
    known = sum((m.partial_widths[c] for c in channels if c in m.partial_widths), zero)
    # a total width below its parts is a matter for the constraint "total_width"
    every = sum(m.partial_widths.values(), zero)
    return share(known, jnp.maximum(m.width, every))


def invisible_branching(m: VectorMediator) -> Array:
    """Branching fraction into dark fermions and neutrinos (B,)."""
    return branching(m, *INVISIBLE)
