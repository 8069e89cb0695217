r"""Elastic neutrino-electron scattering with a light vector V of any mass.

    dsigma/dT = (2 G_F^2 m_e/pi) [g_L^2 + g_R^2 (1 - T/E)^2 - g_L g_R m_e T/E^2]

(tree level; T kinetic energy of the electron, E neutrino energy; g_L and g_R change places for antineutrinos).  V_mu [g_nu nubar
gamma^mu P_L nu + ebar gamma^mu (e_V + e_A gamma5) e] at momentum transfer q^2 = -2 m_e T adds, as in :mod:`fipkernels.trident`,

    g_L -> g_L + x (e_V - e_A),   g_R -> g_R + x (e_V + e_A),   x = g_nu/[2 sqrt2 G_F (m_V^2 + 2 m_e T)].

Flavours do not interfere: V is taken to be diagonal in them.  Nodes in T (and E) first, (J,); batch last, (B,).  Units GeV.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

# GeV^-2, GeV (PDG)
G_F = 1.1663787e-5
M_E = 0.51099895e-3


def standard_model(flavour: str, sin2: float) -> tuple[float, float]:
    """(g_L, g_R) of the flavour "e", "mu" or "tau" at tree level."""
    return (0.5 if flavour == "e" else -0.5) + sin2, sin2


def largest_recoil(energy):
    """Largest kinetic energy of the electron, 2 E^2/(m_e + 2 E)."""
    return 2.0 * energy * energy / (M_E + 2.0 * energy)


def nodes(low: float, high: float, n: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes T and weights (n,) on [low, high], in ln T: rates fall by decades if V is light.  numpy."""
    x, w = np.polynomial.legendre.leggauss(n)
    half = 0.5 * math.log(high / low)
    t = low * np.exp(half * (x + 1.0))
    return t, half * w * t


def spectrum(g_l, g_r, t, energy):
    """dsigma/dT over 2 G_F^2 m_e/pi; elementwise."""
    y = t / energy
    return g_l * g_l + g_r * g_r * (1.0 - y) ** 2 - g_l * g_r * M_E * y / energy


def exchange(g_nu, m_v, t):
    """x of the module: g_nu broadcasting with (J, B), m_v (B,) GeV, t (J,) GeV.  Returns (J, B)."""
    return g_nu / (2.0 * math.sqrt(2.0) * G_F * (m_v * m_v + 2.0 * M_E * t[:, None]))


def rate(shift_l, shift_r, g_l, g_r, t, weight, energy, anti: bool = False):
    """Integral of `spectrum` over T with couplings g + shift: shifts (J, B), t, weight (J,), energy number or (J,).  (B,)."""
    left, right = g_l + shift_l, g_r + shift_r
    if anti:
        left, right = right, left
    e = energy[:, None] if jnp.ndim(energy) else energy
    return jnp.sum(weight[:, None] * spectrum(left, right, t[:, None], e), axis=0)
