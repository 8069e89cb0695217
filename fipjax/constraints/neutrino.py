r"""Neutrinos on electrons and in matter: Borexino, CHARM II, TEXONO, oscillations in the Earth.

Couplings of V to electrons are the direct ones and -epsilon e; exchange on top of the Standard Model at tree level
(:mod:`fipkernels.neutrino_electron`), interference of either sign included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np

from fipjax.constraints.base import Constraint, Context, register_constraint
from fipjax.constraints.curves import interpolate, load_curve
from fipjax.constraints.parity import nucleons
from fipjax.theory import Theory, VectorMediator, charged_at, evaluate_at
from fipkernels import neutrino_electron as ne

GROUP = "neutrinos"
FLAVOURS = ("e", "mu", "tau")
# MS-bar at zero momentum transfer (PDG 2022); arXiv:1803.05466 has its own, a percent effect on the ratio
SIN2 = 0.23857


@dataclass(frozen=True)
class Target:
    """Neutrinos (or antineutrinos) of one energy on electrons: energy and recoils in GeV, shares of the flavours e, mu, tau."""

    energy: float
    low: float
    high: float
    shares: tuple[float, float, float]
    anti: bool = False

    @property
    def window(self) -> tuple[float, float]:
        return self.low, min(self.high, float(ne.largest_recoil(self.energy)))


# Borexino: 7Be line, window of the published analysis, P_ee = 0.53, the rest half muon, half tau, arXiv:1104.1816 and 1707.09279.
# CHARM II: one mean energy and nu_mu alone (nubar_mu change by as much with the other sign), Phys. Lett. B 335 (1994) 246.
# TEXONO: arXiv:0911.1597, one energy for the reactor spectrum.  Chosen such that the limits of arXiv:1803.05466 are one change of
# the rate, 4.5 to 5.5 % and 30 to 32 %, for all masses above 4 MeV; below, that of TEXONO grows to 77 %.
BOREXINO = Target(0.862e-3, 0.19e-3, 0.665e-3, (0.53, 0.235, 0.235))
CHARM2 = Target(23.7, 3.0, 24.0, (0.0, 1.0, 0.0))
TEXONO = Target(4.0e-3, 2.0e-3, 8.0e-3, (1.0, 0.0, 0.0), True)
# allowed range of rate over Standard Model, 2 sigma: measurement and solar model, as used for arXiv:2103.13991 figure 3
BOREXINO_RANGE = (0.88, 1.20)
# number density of neutrons over that of electrons, average of the Earth's mantle and core; of d quarks: 1 + 2 times this
NEUTRONS = 1.051
# |eps_tautau - eps_mumu| on d quarks, two flavours, 99 %: arXiv:hep-ph/0108043
NSI_LIMIT = 0.17


@lru_cache(maxsize=8)
def _nodes(target: Target) -> tuple[np.ndarray, np.ndarray]:
    return ne.nodes(*target.window)


def _neutrino(m: VectorMediator, flavour: str):
    return getattr(m, f"nu{flavour}_L")


def rate(theory: Theory, target: Target):
    """Rate over its Standard-Model value (B,); None if no mediator couples to electrons and a neutrino of the beam."""
    t, w = _nodes(target)
    q2 = -2.0 * ne.M_E * jnp.asarray(t)[:, None]
    above, below = jnp.zeros((1,)), 0.0
    found = False
    for flavour, share in zip(FLAVOURS, target.shares, strict=True):
        if not share:
            continue
        left, right = jnp.zeros((len(t), 1)), jnp.zeros((len(t), 1))
        for m in theory.mediators:
            electron, nu = charged_at(m, "e", q2), _neutrino(m, flavour)
            if electron is None or nu is None:
                continue
            found = True
            x = ne.exchange(jnp.real(evaluate_at(nu, q2)), m.mass, t)
            left, right = left + x * (electron[0] - electron[1]), right + x * (electron[0] + electron[1])
        g = ne.standard_model(flavour, SIN2)
        above = above + share * ne.rate(left, right, *g, t, w, target.energy, target.anti)
        below += share * float(np.sum(w * ne.spectrum(*(g[::-1] if target.anti else g), t, target.energy)))
    return above / below if found else None


def _borexino(theory: Theory, context: Context):
    r = rate(theory, BOREXINO)
    if r is None:
        return None
    low, high = BOREXINO_RANGE
    return jnp.where(r > 1.0, (r - 1.0) / (high - 1.0), (1.0 - r) / (1.0 - low))


def _unit(target: Target, mass, g):
    """Rate of the B - L boson with coupling g (B,)."""
    coupling = -g[None]
    m = VectorMediator(mass, jnp.zeros_like(mass), e_V=coupling, nue_L=coupling, numu_L=coupling, nutau_L=coupling)
    return rate(Theory((m,)), target)


def _recast(target: Target, curve: str):
    """Change of the rate over that of a B - L boson at its published limit; several mediators: limit at the mass of each."""

    def ratio(theory: Theory, context: Context):
        r = rate(theory, target)
        if r is None:
            return None
        c = load_curve(curve)
        smallest: Any = 0.0
        for m in theory.mediators:
            g = interpolate(m.mass, c["m"], c["g_up"])
            there = jnp.isfinite(g)
            limit = jnp.abs(_unit(target, m.mass, jnp.where(there, g, 1.0)) - 1.0)
            inverse = jnp.where(there, 1.0 / limit, 0.0)
            smallest = jnp.maximum(smallest, inverse)
        return jnp.abs(r - 1.0) * smallest

    return ratio


def matter_potential(theory: Theory, flavour: str):
    """Potential of the flavour in the Earth by V over sqrt2 G_F N_e (B,): the diagonal eps of the neutrino; None without couplings.

    Electrons, protons and neutrons with their vector couplings, V much heavier than 1e-12 eV; kinetic mixing cancels.
    """
    out = None
    for m in theory.mediators:
        nu, quarks, electron = _neutrino(m, flavour), nucleons(m), charged_at(m, "e", jnp.zeros_like(m.mass))
        if nu is None or (m.up_V is None and m.down_V is None and m.e_V is None):
            continue
        p, n = (0.0, 0.0) if quarks is None else quarks
        e = 0.0 if electron is None else electron[0]
        g_nu = jnp.real(evaluate_at(nu, jnp.zeros_like(m.mass)))
        eps = g_nu * (e + p + NEUTRONS * n) / (math.sqrt(2.0) * ne.G_F * m.mass * m.mass)
        out = eps if out is None else out + eps
    return out


def _nsi(theory: Theory, context: Context):
    mu, tau = (matter_potential(theory, f) for f in ("mu", "tau"))
    if mu is None and tau is None:
        return None
    difference = (0.0 if tau is None else tau) - (0.0 if mu is None else mu)
    # per d quark instead of per electron
    return jnp.abs(difference) / (1.0 + 2.0 * NEUTRONS) / NSI_LIMIT


_WHEN = "V coupled to electrons (or kinetic mixing) and to neutrinos"
register_constraint(
    Constraint(
        "borexino", r"\nu e\ \mathrm{(Borexino)}",
        "rate of solar 7Be neutrinos on electrons over its Standard-Model value between 0.88 and 1.20",
        "arXiv:1104.1816, 1707.09279; way of arXiv:1202.6073", "95%", _WHEN, _borexino,
        kind="gaussian", strength=2.0, group=GROUP, color="#CC6677",
        notes="recoils of 0.19 to 0.665 MeV, P_ee = 0.53 and the rest half nu_mu, half nu_tau; effects of V on the oscillation"
        " in the sun and resolution are left out; interference of either sign",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "charm2_nue", r"\nu_\mu e\ \mathrm{(CHARM\,II)}", "rate of muon neutrinos on electrons at 24 GeV",
        "Phys. Lett. B 335 (1994) 246; recast of arXiv:1803.05466", "90-95%",
        "V coupled to electrons (or kinetic mixing) and to nu_mu",
        _recast(CHARM2, "bl_charm2_1803.05466"), softness=0.2, group=GROUP, color="#88CCEE",
        notes="change of the rate (5 %) over that of a B - L boson at its limit, which is digitised; one energy of 23.7 GeV, nu_mu"
        " alone; used for either sign; the confidence level is not stated",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "texono_nue", r"\bar\nu_e e\ \mathrm{(TEXONO)}", "rate of reactor antineutrinos on electrons",
        "arXiv:0911.1597; recast of arXiv:1803.05466", "90-95%", "V coupled to electrons and to nu_e",
        _recast(TEXONO, "bl_texono_1803.05466"), softness=0.2, group=GROUP, color="#44AA99",
        notes="change of the rate over that of a B - L boson at its limit, which is digitised; one energy of 4 MeV and recoils"
        " above 2 MeV stand for the reactor spectrum; used for either sign; the confidence level is not stated",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "nsi_mutau", r"\epsilon_{\tau\tau}-\epsilon_{\mu\mu}", "matter effect of V on atmospheric neutrinos, per d quark < 0.17",
        "arXiv:hep-ph/0108043", "99%", "V with different couplings to nu_mu and nu_tau, and to nucleons", _nsi,
        softness=0.3, group=GROUP, color="#999933", opt_in=True,
        notes="two flavours, data of 2001; later data are stronger.  Not part of arXiv:2103.13991, which it contradicts: it leaves"
        " nothing of the light B - 3 L_mu explanation of g-2.  Zero for L_mu - L_tau: kinetic mixing does not see neutral matter",
    )
)  # fmt: skip
