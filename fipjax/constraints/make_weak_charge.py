"""Make ``fipjax/data/weak_charge_cs.csv``: overlap f(m_V) of a light vector with the parity-violating electron density of caesium.

f = <rho_V>/<rho>: the gamma5 transition density of zero-energy s_1/2 and p_1/2 electrons in the field of the nucleus, averaged over
the nuclear weak density folded with the Yukawa potential m^2 e^(-m r)/(4 pi r), over the same with a contact interaction; the
quantity that arXiv:hep-ph/0410260 calls K and arXiv:2210.15662 f.  Dirac equation at the energy of the electron mass (binding and
screening by other electrons are small at the distances that matter, r << a_B/Z^(1/3) = 1.4e4 fm: m_V above 0.05 MeV), uniform
nucleus.

    python -m fipjax.constraints.make_weak_charge
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HBAR_C = 197.3269804  # MeV fm
M_E = 0.51099895 / HBAR_C  # fm^-1
ALPHA = 1.0 / 137.035999
# caesium-133: charge radius 4.804 fm, the same for the neutrons (their skin changes f by less than 1 % below 50 MeV)
Z, R_RMS = 55, 4.804
RADIUS = np.sqrt(5.0 / 3.0) * R_RMS
MASSES = np.geomspace(0.05, 2000.0, 54)  # MeV


def potential(r):
    """Energy of the electron in fm^-1: uniformly charged sphere."""
    inside = -Z * ALPHA / (2.0 * RADIUS) * (3.0 - (r / RADIUS) ** 2)
    return np.where(r < RADIUS, inside, -Z * ALPHA / r)


def solve(kappa: int, r: np.ndarray) -> np.ndarray:
    """Radial functions (G, F) of the Dirac equation at energy m_e on a grid r, equally spaced in ln r, by Runge-Kutta; any norm.

    G' = -kappa/r G + (2 m - V) F,  F' = kappa/r F + V G.
    """
    h = np.log(r[1] / r[0])
    v, middle = potential(r), potential(r[:-1] * np.exp(0.5 * h))
    v0 = v[0]
    y = np.array([r[0], v0 * r[0] ** 2 / 3.0]) if kappa == -1 else np.array([(2.0 * M_E - v0) * r[0] ** 2 / 3.0, r[0]])
    out = np.empty((len(r), 2))
    out[0] = y

    def slope(x, u, w):
        return np.array([-kappa * w[0] + x * (2.0 * M_E - u) * w[1], kappa * w[1] + x * u * w[0]])

    for i in range(len(r) - 1):
        x = r[i] * np.exp(0.5 * h)
        a = slope(r[i], v[i], y)
        b = slope(x, middle[i], y + 0.5 * h * a)
        c = slope(x, middle[i], y + 0.5 * h * b)
        d = slope(r[i + 1], v[i + 1], y + h * c)
        y = y + h / 6.0 * (a + 2.0 * b + 2.0 * c + d)
        out[i + 1] = y
    return out.T


def smeared(m: float, r: np.ndarray) -> np.ndarray:
    """Uniform sphere of unit norm folded with m^2 e^(-m r)/(4 pi r); m in fm^-1."""
    x, big = m * r, m * RADIUS
    density = 3.0 / (4.0 * np.pi * RADIUS**3)
    sinh_over_x = 0.5 * (np.exp(np.minimum(x - big, 0.0)) - np.exp(-x - big)) / x
    inside = density * (1.0 - (1.0 + big) * sinh_over_x)
    outside = density * 0.5 * ((big - 1.0) * np.exp(np.minimum(big - x, 0.0)) + (big + 1.0) * np.exp(-big - x)) / x
    return np.where(r < RADIUS, inside, outside)


def overlap(masses, h: float = 5e-4, r_max: float = 3e4) -> np.ndarray:
    """f at masses in MeV."""
    # a grid point on the surface, where the integrands have a kink
    lower = np.arange(np.log(1e-3 / RADIUS), 0.0, h)
    r = RADIUS * np.exp(np.arange(-len(lower), int(np.log(r_max / RADIUS) / h)) * h)
    g_s, f_s = solve(-1, r)
    g_p, f_p = solve(1, r)
    # r^2 is contained in G and F; dr = r d ln r
    w = (g_p * f_s - f_p * g_s) * r
    sphere = r <= RADIUS * (1.0 + 1e-9)
    contact = np.trapezoid(np.where(sphere, w, 0.0)[sphere], np.log(r[sphere])) * 3.0 / (4.0 * np.pi * RADIUS**3)
    return np.array([np.trapezoid(w * smeared(m / HBAR_C, r), np.log(r)) for m in masses]) / contact


HEADER = """# Overlap f of a light vector of mass m (GeV) with the parity-violating electron density of caesium-133
# experiment: none, calculated (fipjax/constraints/make_weak_charge.py); definition: arXiv:hep-ph/0410260, 2210.15662 section 4.7
# CL: none; coupling: none, multiplies the contact interaction 1/m^2; quality: recast, 1 % (nuclear radius, neutron skin)
"""


def main(target=None):
    target = Path(target) if target else Path(__file__).parents[1] / "data" / "limits" / "weak_charge_cs.csv"
    f = overlap(MASSES)
    rows = "".join(f"{m * 1e-3:.8e},{v:.8e}\n" for m, v in zip(MASSES, f, strict=True))
    target.write_text(HEADER + "m,f\n" + rows)
    print(f"{target}: {len(f)} rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
