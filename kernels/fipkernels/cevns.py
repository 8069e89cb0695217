r"""Coherent elastic neutrino-nucleus scattering at a stopped-pion source with a light vector V of any mass.

    dsigma/dT = G_F^2 M/(4 pi) Q_W^2 F(q)^2 [1 - T/E - M T/(2 E^2)],    q^2 = 2 M T,

T recoil energy, E neutrino energy, M nuclear mass, Q_W = Z (1 - 4 s^2) - N (arXiv:1708.01294 and earlier; terms of relative order
T/E kept, axial currents of order 1/A left out).  V_mu [g nubar gamma^mu P_L nu + sum_q q_V qbar gamma^mu q] adds, as in
:mod:`fipkernels.weak_charge`,

    Q_W -> Q_W + (sqrt2/G_F) g_nu (Z p_V + N n_V)/(m_V^2 + q^2):

charge-like couplings of equal sign interfere constructively with the neutron part if g_nu n_V < 0.  One form factor for protons and
neutrons.  Everything that does not depend on new physics, flux, form factor, efficiency, is in weights at nodes of T
(:func:`weights`), so the ratio to the Standard Model (:func:`ratio`) is exact in m_V.  Units GeV.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from fipkernels.weak_charge import G_F, SIN2_0

M_PI, M_MU = 0.13957039, 0.1056583755
# line of pi+ -> mu+ nu_mu at rest, end point of the muon decay
E_LINE = (M_PI**2 - M_MU**2) / (2.0 * M_PI)
E_MAX = 0.5 * M_MU
HBAR_C = 0.1973269804  # GeV fm
GEV2_TO_CM2 = 3.893793721e-28


def weak_charge(z, n, sin2=SIN2_0):
    """Z (1 - 4 s^2) - N with s^2 at zero momentum transfer: one-loop terms that depend on flavour (1 % of Q_W) are left out."""
    return z * (1.0 - 4.0 * sin2) - n


def michel(e, flavour: str):
    """Spectra of nu_e ("e") and nubar_mu ("mu") from mu+ decay at rest, normalised to 1, in 1/GeV; 0 above m_mu/2.  Elementwise."""
    x = e / M_MU
    shape = 192.0 * x * x * (0.5 - x) if flavour == "e" else 64.0 * x * x * (0.75 - x)
    return jnp.where((x > 0.0) & (x < 0.5), shape, 0.0) / M_MU


def recoil_shape(t, e, m_n):
    """1 - T/E - M T/(2 E^2), exactly 0 above the largest recoil; t, e > 0, m_n in GeV.  Elementwise."""
    shape = 1.0 - t / e - m_n * t / (2.0 * e * e)
    return jnp.where(shape > 0.0, shape, 0.0)


def helm(q, a, skin=0.9):
    """Helm form factor F(q), F(0) = 1: box radius 1.23 A^(1/3) - 0.6 fm, diffuseness 0.52 fm (Lewin and Smith, Astropart. Phys. 6
    (1996) 87).  q >= 0 in GeV, skin thickness in fm.  Elementwise."""
    c = 1.23 * a ** (1.0 / 3.0) - 0.6
    r = jnp.sqrt(c * c + 7.0 / 3.0 * math.pi**2 * 0.52**2 - 5.0 * skin**2)
    x = q * r / HBAR_C
    small = x < 0.3
    y = jnp.where(small, 1.0, x)
    exact = 3.0 * (jnp.sin(y) - y * jnp.cos(y)) / y**3
    z = jnp.where(small, x * x, 0.0)
    series = 1.0 - z / 10.0 * (1.0 - z / 28.0 * (1.0 - z / 54.0 * (1.0 - z / 88.0 * (1.0 - z / 130.0))))
    return jnp.where(small, series, exact) * jnp.exp(-0.5 * (q * skin / HBAR_C) ** 2)


def flux_factor(t, m_n, nodes: int = 64):
    """Recoil shape averaged over the spectra (2, J): [nu_e, nu_mu + nubar_mu], each neutrino of a stopped pi+ counted once.

    t (J,): recoil energies in GeV.  Gauss-Legendre in E between the smallest energy that reaches t and the end point.
    """
    t = jnp.asarray(t)
    low = 0.5 * (t + jnp.sqrt(t * t + 2.0 * m_n * t))
    there = low < E_MAX
    low = jnp.where(there, low, E_MAX)
    x, w = np.polynomial.legendre.leggauss(nodes)
    e = low + (E_MAX - low) * jnp.asarray(0.5 * (x + 1.0))[:, None]
    jac = (E_MAX - low) * jnp.asarray(0.5 * w)[:, None]
    shape = recoil_shape(t, e, m_n)
    nu_e, nubar_mu = (jnp.sum(jac * michel(e, f) * shape, axis=0) for f in ("e", "mu"))
    return jnp.stack([nu_e, nubar_mu + recoil_shape(t, E_LINE, m_n)])


def weights(t, dt, efficiency, m_n, z, n, sin2=SIN2_0):
    """Standard-Model rate at nodes t with weights dt (J,), per flavour (2, J): [e, mu], in cm^2 summed over the three neutrinos.

    efficiency (J,) at t.  The sum with efficiency 1, over 3, is the flux-averaged cross section.
    """
    form = helm(jnp.sqrt(2.0 * m_n * jnp.asarray(t)), z + n)
    unit = G_F**2 * m_n / (4.0 * math.pi) * weak_charge(z, n, sin2) ** 2 * GEV2_TO_CM2
    return unit * form**2 * efficiency * dt * flux_factor(t, m_n)


def relative_amplitude(g_nu, p_v, n_v, m_v, q2, z, n, sin2=SIN2_0, g_f=G_F):
    """Amplitude of V over that of the Standard Model at q2 = Q^2 (J, 1), couplings and m_v (B,) or (J, B): (J, B)."""
    return math.sqrt(2.0) / g_f * g_nu * (z * p_v + n * n_v) / (m_v * m_v + q2) / weak_charge(z, n, sin2)


def ratio(amplitudes, rates):
    """Rate over its Standard-Model value (B,).

    amplitudes: list of (J, B) from :func:`relative_amplitude`, one for each pair of flavour and nucleus; rates: list of (J,), the
    rows of :func:`weights`, in the same order and in any common unit.
    """
    change = sum(jnp.sum(w[:, None] * a * (2.0 + a), axis=0) for a, w in zip(amplitudes, rates, strict=True))
    return 1.0 + change / sum(jnp.sum(w) for w in rates)
