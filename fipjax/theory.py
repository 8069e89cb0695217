"""The narrow waist: what a model predicts before any hadronic physics enters.

A model is a function ``params -> Theory``; observables and constraints see nothing but the ``Theory``.  All arrays carry
one batch axis, last, of length B (1 for a single point); polynomials in q^2 have shape (K, B), lowest power first, in
GeV^(-2k) for the coefficient of q^(2k).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import jax
import jax.numpy as jnp

from fipjax.errors import InputError
from fipkernels.dark_photon import E_CHARGE
from fipkernels.quadratic import evaluate_polynomial, pad
from fipkernels.widths import share

Array = jax.Array


@dataclass(frozen=True)
class VectorMediator:
    r"""A light vector V with L = V_mu [sbar gamma^mu (bs_L P_L + bs_R P_R) b + h.c. + lbar gamma^mu (l_V + l_A gamma5) l].

    Powers of q^2 in a coupling stand for the transverse structure (q^2 g - q q) of a d_sigma V^(sigma rho) operator
    (arXiv:2106.12582 eq. 2.3), which does not contribute to longitudinal exchange.
    mass, width: (B,) GeV.  Couplings: (K, B), real or complex (b-s only), or None where absent.
    bs_L_strong: (K, B), part of the b-s coupling with a CP-even phase i (an absorptive part): the coupling is bs_L + i bs_L_strong,
    in the CP-conjugate decay conj(bs_L) + i conj(bs_L_strong).  Used in b -> s l l, beside bs_L of any number of powers.
    bs_dipole_L, bs_dipole_R (B,): V_nu q_mu sbar sigma^(mu nu) (L P_L + R P_R) b + h.c., GeV^-1, q the momentum of the outgoing V;
    used on shell only (B -> K(*) V of searches).  sd_L, bd_L (K, B): the same as bs_L for dbar ... s and dbar ... b.
    nue_L, numu_L, nutau_L: V_mu nubar gamma^mu g P_L nu, (K, B).
    up_V, up_A, down_V, down_A (B,): V_mu qbar gamma^mu (g_V + g_A gamma5) q for all quarks of charge 2/3, -1/3.
    charged_current (B,): the part of g_L(l) - g_L(nu) that the coupling of V to the W compensates by gauge invariance (mixing with
    the Z: -g cos(theta_W) epsilon_Z).  Rates of W, K, pi -> l nu V grow as 1/m_V^2 with what is left.
    epsilon: kinetic mixing (B,), a coupling epsilon e Q to every charged particle beside the couplings above.
    dark_mass (N, B) in GeV, dark_strength (N, B): dark Dirac fermions with a vector coupling g, strength g^2; invisible.
    partial_widths: final state -> (B,) GeV, where the model predicts them: "mumu", "ee", "tautau", "hadrons" (visible), "dark",
    "nunu" (invisible).
    scheme: form of the propagator, "sqrt_q2" (i Gamma sqrt(q2), 2106.12582), "constant" (i m Gamma, 2002.11150), or "narrow": the
    recipe of 2210.15662, where a bin that holds the mass gets the rate on shell and no interference, any other bin the exchange
    without a width, and the axial coupling no longitudinal part.
    resolution: ((lepton, GeV), ...), lepton "e" or "mu": Gaussian resolution in q of a narrow peak in bins of l l.
    lowest: ((field, power), ...), for polynomials to b-s, mu and e whose coefficients below a power of q^2 are zero at every point,
    such as (("bs_L", 1),) for a coupling of dimension six alone: what they would contribute to b -> s l l is then not computed.
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
    bs_L_strong: Array | None = None
    bs_dipole_L: Array | None = None
    bs_dipole_R: Array | None = None
    sd_L: Array | None = None
    bd_L: Array | None = None
    up_V: Array | None = None
    up_A: Array | None = None
    down_V: Array | None = None
    down_A: Array | None = None
    charged_current: Array | None = None
    epsilon: Array | None = None
    dark_mass: Array | None = None
    dark_strength: Array | None = None
    partial_widths: dict[str, Array] = field(default_factory=dict)
    name: str = "V"
    scheme: str = "sqrt_q2"
    resolution: tuple[tuple[str, float], ...] = ()
    lowest: tuple[tuple[str, int], ...] = ()

    @property
    def propagator(self) -> str:
        """Form of the propagator wherever it is needed: "sqrt_q2" or "constant"."""
        return "constant" if self.scheme == "narrow" else self.scheme


@dataclass(frozen=True)
class ScalarMediator:
    r"""A light scalar S with L = S [sbar (bs_L P_L + bs_R P_R) b + h.c. + lbar (l_S + i l_P gamma5) l].

    mass, width: (B,) GeV, width < 2 mass.  Couplings: (K, B), polynomials in q^2 as for a vector (lowest power first, K = 1 for a
    plain coupling), dimensionless at lowest power; real, or complex (b-s only); None where absent.  bs_L, bs_R are MS-bar couplings
    at 4.8 GeV: they run as m_b(mu).  Real b-s couplings belong to a CP-even S, imaginary ones to a CP-odd S (up to the phase of
    V_tb V_ts^*, which the Standard Model has in its amplitudes): sbar i gamma5 b is bs_R = i, bs_L = -i.
    partial_widths: final state -> (B,) GeV, where the model predicts them: "mumu", "ee", "tautau", "hadrons", "photons" (visible),
    "dark", "nunu" (invisible).
    scheme: form of the propagator, "sqrt_q2" (i Gamma sqrt(q2)) or "constant" (i m Gamma).
    resolution: ((lepton, GeV), ...), as for a vector.
    """

    mass: Array
    width: Array
    bs_L: Array | None = None
    bs_R: Array | None = None
    mu_S: Array | None = None
    mu_P: Array | None = None
    e_S: Array | None = None
    e_P: Array | None = None
    partial_widths: dict[str, Array] = field(default_factory=dict)
    name: str = "S"
    scheme: str = "sqrt_q2"
    resolution: tuple[tuple[str, float], ...] = ()

    def __post_init__(self):
        if self.scheme not in ("sqrt_q2", "constant"):
            raise InputError(f"scalar {self.name!r}: scheme = {self.scheme!r} (allowed: 'sqrt_q2', 'constant')")

    @property
    def propagator(self) -> str:
        """Form of the propagator: the scheme."""
        return self.scheme


@dataclass(frozen=True)
class Theory:
    """mediators: light vectors; scalars: light scalars; wc: heavy Wilson coefficients by WCxf flavio name (``C9_bsmumu``,
    ``CVLL_bsbs``, ...), each (B,) real or complex, new physics only, at 4.8 GeV (4.2 GeV for Delta F = 2); a_mu: new-physics shift
    (B,) or None.
    couplings: dimensionless couplings by name, for perturbativity.  extra: anything else a model's own observables and bounds need,
    each (B,); fipjax itself does not look at it.
    """

    mediators: tuple[VectorMediator, ...] = ()
    wc: dict[str, Array] = field(default_factory=dict)
    a_mu: Array | None = None
    couplings: dict[str, Array] = field(default_factory=dict)
    extra: dict[str, Array] = field(default_factory=dict)
    scalars: tuple[ScalarMediator, ...] = ()


STATIC = ("name", "scheme", "resolution", "lowest")
# Fields that may start at a higher power of q^2
POLYNOMIALS = ("bs_L", "bs_R", "mu_V", "mu_A", "e_V", "e_A")
for _kind in (VectorMediator, ScalarMediator):
    _names = [f.name for f in fields(_kind)]
    jax.tree_util.register_dataclass(
        _kind, data_fields=[n for n in _names if n not in STATIC], meta_fields=[n for n in _names if n in STATIC]
    )
jax.tree_util.register_dataclass(Theory, data_fields=["mediators", "wc", "a_mu", "couplings", "extra", "scalars"], meta_fields=[])


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
    return pad(a, k) + sign * pad(b, k)


def evaluate_at(poly: Array | None, q2: Array) -> Array:
    """A coupling polynomial (K, B) at q2 (B,); 0 for None."""
    return jnp.zeros_like(q2) if poly is None else evaluate_polynomial(poly, q2)


def charged(m: VectorMediator, lepton: str) -> tuple[Array | None, Array | None]:
    """Vector and axial coupling of V to "e" or "mu" as polynomials (K, B), kinetic mixing included; None where absent."""
    vector, axial = (m.mu_V, m.mu_A) if lepton == "mu" else (m.e_V, m.e_A)
    if m.epsilon is not None:
        vector = poly_sum(vector, -E_CHARGE * jnp.asarray(m.epsilon)[None])
    return vector, axial


def charged_powers(m: VectorMediator, lepton: str) -> tuple[int, int]:
    """Lowest powers of q^2 that the two polynomials of :func:`charged` can have."""
    known = dict(m.lowest)
    return 0 if m.epsilon is not None else known.get(f"{lepton}_V", 0), known.get(f"{lepton}_A", 0)


def charged_at(m: VectorMediator, lepton: str, q2: Array) -> tuple[Array, Array] | None:
    """Real vector and axial coupling of V to "e" or "mu" at q2 (any shape that broadcasts with (B,)), kinetic mixing included; None
    without any."""
    couplings = charged(m, lepton)
    if all(g is None for g in couplings):
        return None
    vector, axial = (jnp.real(evaluate_at(g, q2)) for g in couplings)
    return vector, axial


def propagating(theory: Theory) -> tuple[VectorMediator | ScalarMediator, ...]:
    """All light states: vectors, then scalars."""
    return (*theory.mediators, *theory.scalars)


def scalar_charges(m: ScalarMediator, lepton: str) -> tuple[Array | None, Array | None]:
    """Scalar and pseudoscalar coupling of S to "e" or "mu" as polynomials (K, B); None where absent."""
    return (m.mu_S, m.mu_P) if lepton == "mu" else (m.e_S, m.e_P)


def scalar_charges_at(m: ScalarMediator, lepton: str, q2: Array) -> tuple[Array, Array] | None:
    """Real scalar and pseudoscalar coupling of S to "e" or "mu" at q2, as :func:`charged_at`; None without any."""
    couplings = scalar_charges(m, lepton)
    if all(g is None for g in couplings):
        return None
    scalar, pseudoscalar = (jnp.real(evaluate_at(g, q2)) for g in couplings)
    return scalar, pseudoscalar


def couples_to_bs(m: VectorMediator | ScalarMediator) -> bool:
    """Whether a light state has a b-s coupling."""
    return m.bs_L is not None or m.bs_R is not None


INVISIBLE = ("dark", "nunu")


def branching(m: VectorMediator | ScalarMediator, *channels: str) -> Array:
    """Branching fraction of a light state to the channels together (B,): sum of their partial widths over the total width."""
    zero = jnp.zeros_like(m.mass)
    known = sum((m.partial_widths[c] for c in channels if c in m.partial_widths), zero)
    # a total width below its parts is a matter for the constraint "total_width"
    every = sum(m.partial_widths.values(), zero)
    return share(known, jnp.maximum(m.width, every))


def invisible_branching(m: VectorMediator | ScalarMediator) -> Array:
    """Branching fraction into dark fermions and neutrinos (B,)."""
    return branching(m, *INVISIBLE)
