r"""Light gauge bosons X of lepton-flavoured symmetries, arXiv:2103.13991 section III.A (type B), and the classes of its Table I.

"b3lmu": B - 3 L_mu.  L = X_mu [g_X (J_B - 3 J_(L_mu)) + epsilon e J_em]: muons and muon neutrinos -3 g_X, quarks g_X/3.
"lmu_ltau": L = X_mu [g_X (J_(L_mu) - J_(L_tau)) + epsilon e J_em], muons and nu_mu +g_X, taus and nu_tau -g_X.

Kinetic mixing with hypercharge, (1/2) epsilon_BX B X, gives epsilon = epsilon_BX cos(theta_W) for m_X << m_Z; the paper drops the
cosine (``printed``).  epsilon_BX is a number or, through "mixing", a multiple of g_X.  For L_mu - L_tau the part of epsilon from
muon and tau loops below m_tau is finite, +e g_X/(12 pi^2) ln(m_tau^2/m_mu^2) = g_X/69.3 in the convention above; it is taken at
q^2 = 0, "loop_mixing" times.  That is a good approximation for m_X and momentum transfers below m_mu, and an estimate above.

One left-handed neutrino of each charged flavour is light; "light_nu_R" = 1 makes it a Dirac neutrino (nu_R with the same charge).
Muon and neutrino have the same charge, up and down quarks too, so nothing is left uncompensated in W, K, pi -> mu nu X but what
kinetic mixing brings, which the meson and the W compensate.

Valid for m_X from below 1 MeV to about 10 GeV: no mixing with the Z, no top quark in the width; hadrons from
fipkernels.hadronic_width (below 0.5 GeV only pi0 gamma is left of a baryon number; the width to hadrons is good to a factor of 4
there).  Kaon decays through the quark charges (as K -> pi gamma*) are not included.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp

from fipjax.data._hadrons import hadronic_tables
from fipjax.models.base import Model, Parameter, register_model
from fipjax.priors import Flat, LogFlat
from fipjax.theory import Theory, VectorMediator
from fipkernels import g2, hadronic_width, widths
from fipkernels.dark_photon import E_CHARGE, M_E, M_MU, M_TAU
from fipkernels.leptoquarks import V_F2

PAPER = "arXiv:2103.13991"
# cos(theta_W), MS-bar at m_Z (PDG: sin^2 = 0.2312)
COS_THETA = math.sqrt(1.0 - 0.2312)
# kinetic mixing by loops of muons and taus over g_X, L_mu - L_tau
LOOP = E_CHARGE / (12.0 * math.pi**2) * math.log(M_TAU**2 / M_MU**2)
# charges: quarks, muon, tau (neutrinos alike), scalar that breaks the symmetry
CHARGES = {"b3lmu": (1 / 3, -3.0, 0.0, 3.0), "lmu_ltau": (0.0, 1.0, -1.0, 1.0)}


def build(params, group: str = "b3lmu", printed: bool = False) -> Theory:
    """Theory of X from the parameters of "b3lmu" or "lmu_ltau" (arrays (B,)).  printed: epsilon = epsilon_BX."""
    quark, muon, tau, _ = CHARGES[group]
    mass, g = params["m_V"], params["g_X"]
    zero = jnp.zeros_like(mass)
    epsilon = (1.0 if printed else COS_THETA) * (params.get("epsilon_BX", zero) + params.get("mixing", zero) * g)
    if group == "lmu_ltau":
        epsilon = epsilon + params.get("loop_mixing", zero) * LOOP * g
    em = E_CHARGE * epsilon
    mu_v, tau_v = muon * g - em, tau * g - em
    neutrinos = (muon * muon + tau * tau) * g * g * (1.0 + params.get("light_nu_R", zero))
    partial_widths = {
        "ee": widths.vector_to_fermions(mass, M_E, em, zero),
        "mumu": widths.vector_to_fermions(mass, M_MU, mu_v, zero),
        "tautau": widths.vector_to_fermions(mass, M_TAU, tau_v, zero),
        "hadrons": hadronic_width.vector_width(mass, quark * g + 2.0 / 3.0 * em, quark * g - em / 3.0, hadronic_tables()),
        "nunu": mass / (24.0 * math.pi) * neutrinos,
    }
    mediator = VectorMediator(
        mass,
        sum(partial_widths.values(), zero),
        mu_V=(muon * g)[None],
        numu_L=(muon * g)[None],
        nutau_L=(tau * g)[None] if tau else None,
        up_V=quark * g if quark else None,
        down_V=quark * g if quark else None,
        epsilon=epsilon,
        partial_widths=partial_widths,
        name="X",
    )
    return Theory(mediators=(mediator,), a_mu=g2.delta_a_mu_vector(mu_v, zero, mass, M_MU), couplings={"g_X": muon * g})


_MASS = Parameter("m_V", r"m_X", "GeV", "mass of X (valid well below m_Z)", None, 0.0, open_lower=True)
_G = Parameter("g_X", r"g_X", "", "gauge coupling of X", None)
_EPS = Parameter(
    "epsilon_BX", r"\epsilon_{BX}", "", "kinetic mixing with hypercharge at low energy; epsilon = epsilon_BX cos(theta_W)"
)
_RATIO = Parameter("mixing", r"\epsilon_{BX}/g_X", "", "kinetic mixing with hypercharge added, in units of g_X")
_LOOP = Parameter("loop_mixing", r"\kappa_\epsilon", "", "kinetic mixing added, in units of the loop of muons and taus", 1.0)
_NU_R = Parameter("light_nu_R", r"n_{\nu_R}", "", "right-handed neutrinos light: 0 no, 1 yes", 0.0, 0.0, 1.0)
_PRIORS = {"m_V": LogFlat(1e-3, 1.0), "g_X": LogFlat(1e-6, 1e-2)}

for _name, _text, _more in (
    ("b3lmu", "light gauge boson of B - 3 L_mu with kinetic mixing", (_RATIO, _EPS)),
    ("lmu_ltau", "light gauge boson of L_mu - L_tau with kinetic mixing", (_LOOP, _RATIO, _EPS)),
):
    register_model(
        Model(
            _name,
            _text,
            PAPER,
            (_MASS, _G, *_more, _NU_R),
            partial(build, group=_name),
            _PRIORS,
            {"heavy": {"m_V": Flat(1.0, 10.0)}},
            printed=partial(build, group=_name, printed=True),
        )
    )


# --- Table I ---------------------------------------------------------------------------------------------------------
class Leptoquark(NamedTuple):
    """Colour "3" or "3bar", SU(2) dimension and hypercharge of a scalar leptoquark, and its couplings to leptons and quarks."""

    colour: str
    su2: int
    hypercharge: Fraction
    couplings: tuple[str, ...]


LEPTOQUARKS = {
    "S1": Leptoquark("3bar", 1, Fraction(1, 3), ("qbar^c l", "ubar^c mu")),
    "S3": Leptoquark("3bar", 3, Fraction(1, 3), ("qbar^c l",)),
    "R2": Leptoquark("3", 2, Fraction(7, 6), ("ubar l", "qbar mu")),
}
# Table I: what explains b -> s mu mu, and what explains the muon g-2 (alternatives)
TYPES = {"A": (("S3",), ("S1", "R2")), "B": (("S3",), ("light X",)), "C": (("heavy X",), ("S1", "R2"))}


def group_charges(group: str) -> dict[str, Fraction]:
    """Charges of quarks, electron, muon and tau (neutrinos alike) under "b3lmu" or "lmu_ltau"."""
    quark, mu, tau, _ = CHARGES[group]
    return {"q": Fraction(quark).limit_denominator(3), "e": Fraction(0), "mu": Fraction(mu), "tau": Fraction(tau)}


def leptoquark_charge(name: str, group: str = "b3lmu", lepton: str = "mu") -> Fraction:
    """Charge that lets S1 and S3 (qbar^c l S) or R2 (qbar l R2) couple to ``lepton``; 8/3 of S1 and S3 under B - 3 L_mu, -1 under
    L_mu - L_tau."""
    c = group_charges(group)
    return (-c["q"] if LEPTOQUARKS[name].colour == "3bar" else c["q"]) - c[lepton]


def selection(name: str, group: str = "b3lmu", lepton: str = "mu", q_phi: float | None = None) -> dict[str, bool]:
    """Which operators the charges allow for a leptoquark that couples to ``lepton``; q_phi: charge of Phi (default 3 and 1).

    Keys: "e", "mu", "tau": the coupling to that lepton.  "diquark": the renormalisable coupling to two quarks.  "dim5": an operator
    of dimension five that violates baryon number.  For S1 and S3 those are qbar qbar S Phi, qbar S S with a lepton, and S S S with
    two scalars; for R2, which has no diquark coupling, d d R2 H^dagger (the rest fails by hypercharge).  Charges alone decide: an
    operator called allowed may still vanish by its symmetry.
    """
    s, c = leptoquark_charge(name, group, lepton), group_charges(group)
    phi = Fraction(CHARGES[group][3] if q_phi is None else q_phi).limit_denominator(12)
    out = {other: c[other] == c[lepton] for other in ("e", "mu", "tau")}
    if LEPTOQUARKS[name].colour == "3":
        return {**out, "diquark": False, "dim5": s + 2 * c["q"] == 0}
    leptons = {sign * c[k] for k in ("e", "mu", "tau") for sign in (1, -1)}
    sums = {s - 2 * c["q"] + n * phi for n in (-1, 0, 1)}
    sums |= {2 * s - c["q"] + x for x in leptons}
    sums |= {3 * s + n * phi for n in (-2, -1, 0, 1, 2)}
    return {**out, "diquark": s == 2 * c["q"], "dim5": 0 in sums}


def mediators(kind: str, group: str = "b3lmu") -> dict[str, dict]:
    """Table I: what explains "b -> s mu mu" and "g-2" in type "A", "B" or "C", each with its charge (None for X)."""
    names = dict(zip(("b -> s mu mu", "g-2"), TYPES[kind], strict=True))
    return {k: {n: leptoquark_charge(n, group) if n in LEPTOQUARKS else None for n in v} for k, v in names.items()}


def r2_a_mu(left, right, mass, m_t):
    """Delta a_mu of R2 with the top in the loop, elementwise, for -L = left tbar_R mu_L R2 + right tbar_L mu_R R2 (charge 5/3).

    As fipkernels.leptoquarks.a_mu_s1 with charges 2/3 of the quark and -5/3 of the scalar: functions f_F - (5/3) f_S and
    g_F - (5/3) g_S of x = m_t^2/M^2.  Closed forms, for x < 0.7.  For small x the flip goes as (1 + 4 ln x)/6, that of S1 as
    -(7 + 4 ln x)/6: here left*right < 0 raises a_mu.
    """
    x = (m_t / mass) ** 2
    u, log = 1.0 - x, jnp.log(x)
    f_s, f_f = (x + 1.0) / (4.0 * u**2) + x * log / (2.0 * u**3), (x * x - 5.0 * x - 2.0) / (-12.0 * u**3) + x * log / (2.0 * u**4)
    g_s, g_f = -1.0 / u - log / u**2, (x - 3.0) / (2.0 * u**2) - log / u**3
    squares = jnp.real(left * jnp.conj(left) + right * jnp.conj(right))
    flip = m_t / M_MU * jnp.real(left * jnp.conj(right))
    loop = squares * (f_f - 5.0 / 3.0 * f_s) + flip * (g_f - 5.0 / 3.0 * g_s)
    return 3.0 * M_MU**2 / (8.0 * math.pi**2 * mass * mass) * loop


def r2_c9(right_s, right_b, mass, lambda_t, alpha):
    """C9 = C10 of b -> s mu mu by tree-level exchange of R2, -L = right_i qbar_i mu_R R2; lambda_t = V_tb V_ts^*, mass in GeV.

    -(pi v^2/(2 alpha lambda_t)) right_s right_b^*/M^2: unlike S3 (C9 = -C10) it does not lower R_K and R_K* by interference, and in
    Bs -> mu mu it adds to the C10 of a heavy X with vector muon couplings.
    """
    return -math.pi * V_F2 / (2.0 * alpha * lambda_t) * right_s * jnp.conj(right_b) / (mass * mass)
