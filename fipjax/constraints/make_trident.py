"""Makes fipjax/data/trident.npz: spectra of neutrino tridents in Q^2, and axial over vector emission in e+e- -> mu+ mu- V.

``python -m fipjax.constraints.make_trident [FILE]``; about two minutes on one core.  Deterministic:
Gauss-Legendre rules in variables in which the integrands are smooth, no random numbers.

Trident: sigma = (Z^2 alpha/pi) int ds/s sigma(gamma nu -> nu mu mu; s) int_{(s/2E)^2} dq^2/q^2 F^2(q^2), the equivalent-photon
approximation of arXiv:1406.2332 with a real photon and the Helm form factor of the nucleus.  Neglected: scattering on single
nucleons with its Pauli blocking, magnetic and inelastic parts (a few per cent of the rate at 160 GeV, less of a ratio), the
photon's virtuality in the subprocess, the spread of the neutrino energy.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import fipjax  # noqa: F401  (float64)
from fipkernels import trident
from fipkernels.dark_photon import M_MU

HBARC = 0.1973269804  # GeV fm
# name: (neutrino energy in GeV, ((Z, A, nuclei per formula unit), ...)).  Mean energies and targets as in arXiv:1406.2332 section
# "experiments": CCFR 160 GeV on iron, CHARM-II 20 GeV on glass (taken as SiO2).
BEAMS = {"ccfr": (160.0, ((26, 56, 1),)), "charm2": (20.0, ((14, 28, 1), (8, 16, 2)))}
# ln Q^2 / GeV^2, from far below (0.1 MeV)^2 to beyond the kinematic end.  With this step the averages of 1/(m^2 + Q^2) and of its
# square are converged to 2e-4 for m > 1 MeV.
LOW, HIGH, STEP = np.log(1e-12), np.log(400.0), 0.75
ROOT_S = 10.58  # BaBar and Belle II, GeV


def helm(q, a):
    """Helm form factor of a nucleus of mass number a, parameters of Lewin and Smith (1996); q in GeV."""
    c, skin, thickness = 1.23 * a ** (1 / 3) - 0.60, 0.9 / HBARC, 0.52
    radius = np.sqrt(c**2 + 7 / 3 * np.pi**2 * thickness**2 - 5 * 0.9**2) / HBARC
    x = np.maximum(q * radius, 1e-6)
    bessel = np.where(x < 1e-2, 1 - x * x / 10, 3 * (np.sin(x) - x * np.cos(x)) / x**3)
    return bessel * np.exp(-0.5 * (q * skin) ** 2)


def photon_flux(s, energy, nuclei, n=400):
    """sum Z^2 int_{q_min} dq^2/q^2 F^2, q_min = s/2E."""
    x, w = np.polynomial.legendre.leggauss(n)
    low = np.log(s / (2 * energy))
    high = np.log(3.0)
    t = 0.5 * (high - low)[:, None] * (x + 1) + low[:, None]
    out = np.zeros_like(s)
    for z, a, number in nuclei:
        out += number * z * z * np.sum(w * helm(np.exp(t), a) ** 2, axis=1) * (high - low)
    return np.where(low < high, out, 0.0)


@partial(jax.jit, static_argnames=("n_w", "n_c"))
def subprocess_spectrum(s, q2, n_w=20, n_c=12):
    """dsigma/dQ^2 of gamma nu -> nu mu mu for unit g_V and for unit g_A, in units of G_F^2 alpha; s (S,), q2 scalar."""
    xw, ww = np.polynomial.legendre.leggauss(n_w)
    xc, wc = np.polynomial.legendre.leggauss(n_c)
    room = (s - q2) / (4 * M_MU**2)
    there = room > 1.0 + 1e-12
    top = jnp.arccosh(jnp.sqrt(jnp.where(there, room, 2.0)))[:, None, None, None]
    eta = 0.5 * top * (xw + 1)[:, None, None]
    w2 = 4 * M_MU**2 * jnp.cosh(eta) ** 2
    beta = jnp.tanh(eta)
    # rapidity of mu- along the photon: half of the range, the other half is equal after the average over phi
    y = 0.5 * eta * (xc + 1)[:, None]
    c = jnp.tanh(y) / beta
    phi = (np.arange(3) + 0.5) * np.pi / 3  # exact: cosines up to 2 phi
    s_ = s[:, None, None, None]
    k, current, p3, p4 = trident.neutrino_kinematics(
        jnp.where(there[:, None, None, None], s_, 8 * M_MU**2 + 2 * q2), w2, q2, c, phi, M_MU
    )
    jac_w = 0.5 * top * ww[:, None, None] * 8 * M_MU**2 * jnp.cosh(eta) * jnp.sinh(eta)
    jac_c = 0.5 * eta * wc[:, None] / jnp.cosh(y) ** 2 / beta
    # (1/2s)(1/2 photon spins) dW^2/2pi 1/(8 pi s) beta/(8 pi) <|M|^2>, |M|^2 = (G_F^2/2) e^2 |...|^2
    measure = jac_w * jac_c / 3.0 * beta / (8 * np.pi * 2 * np.pi * 8 * np.pi * 4 * s_**2) * 0.5 * 4 * np.pi
    squared = trident.muon_pair_squared(k, current, p3, p4, M_MU)
    return tuple(jnp.where(there, jnp.sum(measure * f, axis=(1, 2, 3)), 0.0) for f in squared)


def spectrum(q2, energy, nuclei, n_s=30):
    """Nucleus-folded dsigma/dQ^2 (vector, axial) at one Q^2."""
    x, w = np.polynomial.legendre.leggauss(n_s)
    # exponent: the subprocess opens like a power just above threshold, so crowd the nodes there
    low, high = np.log(4 * M_MU**2 + q2), np.log(2 * energy * 2.5)
    if low >= high:
        return np.zeros(2)
    t = 0.5 * (x + 1)
    ln_s = low + (high - low) * t * t
    jac = (high - low) * 2 * t * 0.5 * w
    s = np.exp(ln_s)
    parts = subprocess_spectrum(jnp.asarray(s), q2)
    return np.array([np.sum(jac * photon_flux(s, energy, nuclei) * np.asarray(p)) for p in parts])


def nodes():
    return np.exp(np.arange(LOW, HIGH, STEP))


def tables(energy, nuclei, q2=None, **kw):
    """Q^2 nodes (J,), weights of the vector and of the axial spectrum, scaled to a vector sum of 1; empty end nodes dropped."""
    q2 = nodes() if q2 is None else q2
    w = np.array([spectrum(v, energy, nuclei, **kw) * v for v in q2])
    keep = (w.sum(1) > 1e-14 * w.sum()) | (q2 < 1.0)
    q2, w = q2[keep], w[keep]
    return q2, w[:, 0] / w[:, 0].sum(), w[:, 1] / w[:, 0].sum()


@jax.jit
def _emission(k, p3, p4, m_v):
    return trident.vector_emission_squared(k, p3, p4, M_MU, m_v)


def emission_rate(m_v, root_s=ROOT_S, n=48):
    """Rate of gamma* -> mu mu V for unit vector and unit axial coupling, common normalisation."""
    s = root_s**2
    x, w = np.polynomial.legendre.leggauss(n)
    # pair mass W and angle: W = 2 m cosh(eta) up to sqrt(s) - m_V; in the pair frame the rapidity of mu-
    top = np.arccosh((root_s - m_v) / (2 * M_MU))
    eta = (0.5 * top * (x + 1))[:, None]
    pair = 2 * M_MU * np.cosh(eta)
    beta = np.tanh(eta)
    # V momentum in the pair rest frame
    e_v = (s - pair**2 - m_v**2) / (2 * pair)
    p_v = np.sqrt(np.maximum(e_v**2 - m_v**2, 0.0))
    # propagators ~ 1/(1 - b c), b = beta p_v/(E_v + m_v^2/W): rapidity-like variable
    b = beta * p_v / (e_v + m_v**2 / pair)
    y_max = np.arctanh(b)
    y = y_max * x
    c = np.tanh(y) / b
    jac = (0.5 * top * w)[:, None] * pair * np.tanh(eta) * beta * p_v * (y_max * w) / np.cosh(y) ** 2 / b * pair
    energy, zero = np.broadcast_to(0.5 * pair, c.shape), np.zeros_like(c)
    p = energy * beta
    sine = np.sqrt(np.maximum(1 - c * c, 0.0))
    p3 = jnp.stack([energy, p * sine, zero, p * c])
    p4 = jnp.stack([energy, -p * sine, zero, -p * c])
    k = jnp.stack([np.broadcast_to(e_v, c.shape), zero, zero, np.broadcast_to(p_v, c.shape)])
    return [float(jnp.sum(jac * f / pair)) for f in _emission(k, p3, p4, m_v)]


def axial_over_vector():
    """Masses in GeV and (axial rate)/(vector rate) of e+e- -> mu mu V at sqrt(s) = 10.58 GeV for equal couplings."""
    m = np.concatenate([np.geomspace(1e-3, 0.2, 16), np.geomspace(0.25, 9.5, 24), [10.0, 10.3]])
    rates = np.array([emission_rate(v) for v in m])
    return m, rates[:, 1] / rates[:, 0]


def main(target=None):
    target = Path(target) if target else Path(__file__).parents[1] / "data" / "trident.npz"
    arrays = {}
    for name, (energy, nuclei) in BEAMS.items():
        arrays[f"{name}_q2"], arrays[f"{name}_vv"], arrays[f"{name}_aa"] = tables(energy, nuclei)
    arrays["mumuv_mass"], arrays["mumuv_axial"] = axial_over_vector()
    np.savez(target, **arrays)
    print(f"{target}: " + ", ".join(f"{k} {v.shape}" for k, v in arrays.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
