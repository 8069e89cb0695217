"""Bounds of the split dark sector, arXiv:2002.11150: relic density, t -> c mu mu, and Bs -> mu mu as printed there."""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipjax.constraints.base import Constraint, Context, largest, register_constraint
from fipjax.theory import Theory, VectorMediator, charged, evaluate_at, total
from fipkernels import leptonic, relic
from fipkernels.dark_photon import E_CHARGE

# PDG
_M_LEPTON = {"e": 0.51099895e-3, "mu": 0.1056583755, "tau": 1.77686}
_M_BS = 5.36688

# Planck 2018, arXiv:1807.06209 (TT,TE,EE+lowE+lensing): 0.1200 +- 0.0012
OMEGA, OMEGA_ERROR = 0.1200, 0.0012
# constant g_star, one resonance, no V V final state: 10 %
_OMEGA_THEORY = 0.10
# below 1 keV the fermion is radiation, not matter
_M_DARK_MIN = 1e-6


def channels(m: VectorMediator) -> list[relic.Channel]:
    """Annihilation channels that the mediator's couplings open: charged leptons (kinetic mixing included) and neutrinos."""
    out = []
    zero = jnp.zeros_like(m.mass)[None]
    tau = None if m.epsilon is None else -E_CHARGE * m.epsilon[None]
    for lepton, couplings in (("e", charged(m, "e")), ("mu", charged(m, "mu")), ("tau", (tau, None))):
        if any(g is not None for g in couplings):
            vector, axial = (zero if g is None else g for g in couplings)
            out.append(relic.Channel(_M_LEPTON[lepton], vector, axial))
    for left in (m.nue_L, m.numu_L, m.nutau_L):
        if left is not None:
            out.append(relic.Channel(0.0, 0.5 * left, -0.5 * left))
    return out


def omega(m: VectorMediator):
    """Omega h^2 (B,) of the mediator's lightest dark fermion, 0 for one below 1 keV; None without one, or without couplings.

    Freeze-out through the mediator alone, g_star = 10.75 (:mod:`fipkernels.relic`); hadrons and V V final states are left out, so
    it is too large where m_dark > m_pi and V couples to quarks, or m_dark > m_V.
    """
    if m.dark_mass is None or m.dark_strength is None:
        return None
    open_to = channels(m)
    if not open_to:
        return None
    lightest = jnp.argmin(m.dark_mass, axis=0)[None]
    mass = jnp.take_along_axis(m.dark_mass, lightest, axis=0)[0]
    strength = jnp.take_along_axis(m.dark_strength, lightest, axis=0)[0]
    heavy = mass > _M_DARK_MIN
    width = jnp.maximum(m.width, 1e-9 * m.mass)
    value = relic.relic_density(jnp.where(heavy, mass, 1.0), strength, open_to, m.mass, width, m.propagator)
    return jnp.where(heavy, value, 0.0)


def _over_abundance(theory: Theory, context: Context):
    values = (omega(m) for m in theory.mediators)
    return largest(v / OMEGA for v in values if v is not None)


def _abundance(theory: Theory, context: Context):
    every = total(*(omega(m) for m in theory.mediators))
    if every is None:
        return None
    sigma = math.hypot(OMEGA_ERROR, _OMEGA_THEORY * OMEGA)
    return jnp.abs(every - OMEGA) / (2.0 * sigma)


# Inputs of the paper's formulas: V_tb V_ts^* = -0.0404, alpha = 1/133, C10 = -4.31; exp/SM - 1 of arXiv:2106.12582 (4.2), by the
# same authors: (2.93 +- 0.35)/(3.67 +- 0.15) - 1
_K = -1.25399431e9
_C10 = -4.31
_R_BS, _R_BS_ERROR = -0.2016, 0.1008


def printed_bs_mumu(m: VectorMediator):
    """BR(Bs -> mu mu)/SM - 1 (B,) from eqs. (19) and (20) of arXiv:2002.11150 as printed; None without both couplings.

    R = |1 + C10 (m_V^2 - M^2)/(m_V^2 C10SM)|^2 - 1 with C10 = K g(M^2) g_A/(M^2 - m_V^2 + i m_V Gamma).  Wrong for this model: the
    penguin is transverse, its C_P has 1/M^2 in place of 1/m_V^2, and the sum vanishes.
    """
    if m.bs_L is None or m.mu_A is None:
        return None
    s = jnp.full_like(m.mass, _M_BS**2)
    # C10 (1 - M^2/m_V^2) in one piece: regular at m_V = M
    re, im = leptonic.light_vector(evaluate_at(m.bs_L, s) * evaluate_at(m.mu_A, s), m.mass, m.width, _M_BS, m.propagator)
    z = _K / _C10 * (re + 1j * im)
    return 2.0 * jnp.real(z) + jnp.real(z * jnp.conj(z))


def _bs_mumu(theory: Theory, context: Context):
    if not context.as_printed:
        return None
    values = (printed_bs_mumu(m) for m in theory.mediators if m.name == "split")
    return largest(jnp.abs(v - _R_BS) / (3.0 * _R_BS_ERROR) for v in values if v is not None)


def _top(theory: Theory, context: Context):
    out = []
    for m in theory.mediators:
        if m.name == "split" and m.bs_L is not None and m.mu_V is not None:
            s = jnp.full_like(m.mass, _M_BS**2)
            out.append(jnp.abs(evaluate_at(m.bs_L, s) / s * evaluate_at(m.mu_V, s)) / 1e-6)
    return largest(out)


register_constraint(
    Constraint(
        "relic_density",
        r"\Omega_\chi h^2 < 0.12",
        "thermal relic density of the lightest dark fermion not above the density of dark matter",
        "Planck 2018, arXiv:1807.06209; freeze-out: Nucl. Phys. B360 (1991) 145",
        "theory",
        "stable dark fermions above 1 keV that annihilate through the mediator",
        _over_abundance,
        0.1,
        group="dark matter",
        color="#999933",
        opt_in=True,
        notes="standard thermal history, g_star = 10.75",
    )
)
register_constraint(
    Constraint(
        "relic_density_measured",
        r"\Omega_\chi h^2 = 0.12",
        "thermal relic density of the dark fermions equal to the density of dark matter (10 % theory error)",
        "Planck 2018, arXiv:1807.06209; freeze-out: Nucl. Phys. B360 (1991) 145",
        "95% CL",
        "stable dark fermions above 1 keV that annihilate through the mediator",
        _abundance,
        kind="gaussian",
        strength=2.0,
        group="dark matter",
        color="#999933",
        opt_in=True,
        notes="standard thermal history, g_star = 10.75",
    )
)
register_constraint(
    Constraint(
        "Bsmumu_split_printed",
        r"\mathcal{B}(B_s\to\mu\mu)",
        "Bs -> mu mu with the C_P of the paper as printed; in the default conventions the penguin does not contribute",
        "arXiv:2002.11150 eqs. (19)-(20); data: arXiv:2106.12582 eq. (4.2)",
        "3 sigma",
        "split dark sector, as_printed only; drop BR(Bs->mumu) from the data then, its prediction stays that of the SM",
        _bs_mumu,
        kind="gaussian",
        strength=3.0,
        group="flavour",
        color="#882255",
    )
)
register_constraint(
    Constraint(
        "top_cmumu",
        r"t\to c\mu\mu",
        "rough bound on the up-type penguin, |gt g_V| < 1e-6 GeV^-2, from t -> c mu mu searches meant for heavy mediators",
        "arXiv:2002.11150 eq. (30)",
        "95% CL",
        "split dark sector with the quark doublet in the loop, m_V well below m_t",
        _top,
        0.5,
        group="flavour",
        color="#882255",
        opt_in=True,
    )
)
