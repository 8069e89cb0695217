r"""Thermal relic density of a Dirac fermion chi that annihilates through a vector in the s channel.

chi chibar -> V* -> f fbar with couplings g_D V chibar gamma chi and V fbar gamma (g_V + g_A gamma5) f.  Thermal average of
P. Gondolo, G. Gelmini, Nucl. Phys. B360 (1991) 145, valid through resonances and for closed channels f heavier than chi
("forbidden" dark matter), where only the tail of the thermal motion annihilates.  Masses in GeV; chi and chibar equally
abundant; the t-channel process chi chibar -> V V is not included (m_chi < m_V).

The number of relativistic degrees of freedom is a constant g_star, for energy and entropy alike: 10.75 holds for freeze-out
between about 1 and 50 MeV, that is for m_chi from 20 MeV to 1 GeV.  Chemical equilibrium is assumed at T = m_chi.
Batch axis (B,) last; differentiable in all masses and couplings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fipkernels.kinematics import sqrt_pos
from fipkernels.quadratic import evaluate_polynomial

M_PLANCK = 1.220890e19  # GeV
# entropy density 2891.2 cm^-3 over critical density 1.05371e-5 h^2 GeV cm^-3 today (PDG 2022)
_TODAY = 2891.2 / 1.05371e-5

# steps in ln x, densest around freeze-out at x = 22: ln x = ln 22 + sinh(u)/2
_X_FIRST, _X_FREEZE, _X_LAST, _STEPS = 1.0, 22.0, 1000.0, 240
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_RANGE = 40.0  # the thermal tail is followed down to exp(-40)


class Channel(NamedTuple):
    """f fbar of mass m_f >= 0 (scalar or (B,)); g_v, g_a: couplings to V, (K, B) in powers of s; n_c: colours."""

    m_f: jax.Array | float
    g_v: jax.Array
    g_a: jax.Array
    n_c: float = 1.0


@lru_cache(maxsize=4)
def _bessel_coefficients(order: int) -> tuple[float, ...]:
    """sqrt(z) e^z K_order(z) for z >= 1 as powers of 2 sqrt(1/z) - 1, from a Chebyshev fit."""
    n = 40
    theta = (np.arange(n) + 0.5) * np.pi / n
    z = (2.0 / (1.0 + np.cos(theta))) ** 2
    # int_0^inf exp(-2 z sinh^2(t/2)) cosh(order t) dt: the trapezoidal rule converges geometrically
    h = 0.2 / np.sqrt(z)
    t = h[:, None] * np.arange(48)
    f = np.exp(-2.0 * z[:, None] * np.sinh(0.5 * t) ** 2) * np.cosh(order * t)
    value = np.sqrt(z) * h * (f.sum(axis=1) - 0.5 * f[:, 0])
    c = 2.0 / n * np.cos(np.outer(np.arange(n), theta)) @ value
    c[0] *= 0.5
    return tuple(np.polynomial.chebyshev.cheb2poly(c[:18]).tolist())


def bessel_k_scaled(order: int, z):
    """e^z K_order(z), order 1 or 2, z >= 1 (float64: 1e-13)."""
    z = 1.0 * jnp.asarray(z)
    t = 2.0 / jnp.sqrt(z) - 1.0
    c = _bessel_coefficients(order)
    value = jnp.full_like(t, c[-1])
    for k in c[-2::-1]:
        value = value * t + k
    return value / jnp.sqrt(z)


def _amplitude(energy, off_pole, m_chi, strength, channel: Channel, m_v, width, scheme):
    """sigma (s - 4 m_chi^2) at E = sqrt(s) > thresholds, given E - m_V."""
    s = energy * energy
    m_f2, m_c2 = jnp.square(channel.m_f), m_chi * m_chi
    beta_f, beta_c = sqrt_pos(1.0 - 4.0 * m_f2 / s), sqrt_pos(1.0 - 4.0 * m_c2 / s)
    gv, ga = evaluate_polynomial(channel.g_v, s), evaluate_polynomial(channel.g_a, s)
    vertices = gv * gv * (s + 2.0 * m_f2) + ga * ga * (s - 4.0 * m_f2)
    d_re = off_pole * (energy + m_v)
    d_im = width * (energy if scheme == "sqrt_q2" else m_v)
    propagator = d_re * d_re + d_im * d_im
    return channel.n_c * strength / (12.0 * math.pi) * beta_f * beta_c * (s + 2.0 * m_c2) * vertices / propagator


def cross_section(s, m_chi, strength, channel: Channel, m_v, width, scheme: str = "sqrt_q2"):
    """sigma(chi chibar -> V* -> f fbar) in GeV^-2 at s (B,) above both thresholds; strength = g_D^2, all (B,).

    sigma = n_c g_D^2 (beta_f/beta_chi)(s + 2 m_chi^2)[g_V^2 (s + 2 m_f^2) + g_A^2 (s - 4 m_f^2)]/(12 pi s |D(s)|^2); 0 below.
    """
    energy = jnp.sqrt(s)
    flux = s - 4.0 * m_chi * m_chi
    is_open = (flux > 0.0) & (s > 4.0 * jnp.square(channel.m_f))
    value = _amplitude(energy, energy - m_v, m_chi, strength, channel, m_v, width, scheme)
    return jnp.where(is_open, value / jnp.where(is_open, flux, 1.0), 0.0)


def thermal_average(x, m_chi, strength, channels: Sequence[Channel], m_v, width, scheme: str = "sqrt_q2"):
    """<sigma v> in GeV^-2 at x = m_chi/T >= 1, summed over the channels: Gondolo and Gelmini eq. (3.8).

    x, m_chi > 0, strength, m_v, width > 0: (B,).  For one chi with one chibar.  24 + 24 nodes in sqrt(E - threshold), gathered
    around the resonance: 1e-10 in general; 1e-7 for widths of 1e-6 m_V, or where m_chi and m_f differ by less than 0.1 %.
    """
    temperature = m_chi / x
    k2 = bessel_k_scaled(2, x)
    total = jnp.zeros_like(m_chi * x)
    nodes, weights = (v.reshape(-1, *(1,) * total.ndim) for v in (_NODES, _WEIGHTS))
    for channel in channels:
        start = 2.0 * jnp.maximum(m_chi, channel.m_f)
        # E = start + t^2: phase space is analytic in t; pole at t_p = sqrt(m_V - i Gamma/2 - start)
        last = jnp.sqrt(_RANGE * temperature)
        re, im = m_v - start, 0.5 * width
        size = jnp.sqrt(re * re + im * im)
        big = jnp.sqrt(0.5 * (size + jnp.abs(re)))
        small = 0.5 * im / big
        a, b = jnp.where(re >= 0.0, big, small), jnp.where(re >= 0.0, small, big)
        center = jnp.minimum(a, last)
        w = jnp.sqrt((a - center) ** 2 + b * b)
        # two panels, split at the pole
        u_edge = jnp.arcsinh(jnp.stack([-center, last - center])[:, None] / w)
        u = 0.5 * u_edge * (1.0 + nodes)
        step = 0.5 * jnp.abs(u_edge) * weights
        t = center + w * jnp.sinh(u)
        energy = start + t * t
        value = _amplitude(energy, t * t - re, m_chi, strength, channel, m_v, width, scheme)
        value = value * 4.0 * t * energy * energy * bessel_k_scaled(1, energy / temperature) * jnp.exp(-t * t / temperature)
        integral = jnp.sum(step * w * jnp.cosh(u) * value, axis=(0, 1))
        suppression = jnp.exp(-(start - 2.0 * m_chi) / temperature)
        total = total + suppression * integral / (8.0 * m_chi**4 * temperature * k2 * k2)
    return total


def freeze_out(mass, average, dof: int, pairs: float, g_star=10.75):
    """Omega h^2 (B,) of particles of ``mass`` (B,) with ``dof`` degrees of freedom from the Boltzmann equation.

    dY/dln x = -(s/H) pairs <sigma v>(Y^2 - Y_eq^2), Y = n/s, from x = mass/T = 1 to 1000 in steps that solve the equation exactly
    for the coefficients at mid-step, and the remaining annihilation for a constant <sigma v>.  average: x (B,) -> <sigma v> in
    GeV^-2.  pairs: 1 for identical particles, 1/2 for n = n_chi + n_chibar.  g_star: see the module; a value per point is allowed.
    """
    u_first, u_last = (math.asinh(2.0 * math.log(v / _X_FREEZE)) for v in (_X_FIRST, _X_LAST))
    edges = 0.5 * np.sinh(np.linspace(u_first, u_last, _STEPS + 1))
    x = jnp.asarray(_X_FREEZE * np.exp(0.5 * (edges[1:] + edges[:-1])), mass.dtype)
    # s/H = rate * T with s = 2 pi^2 g T^3/45, H = sqrt(4 pi^3 g/45) T^2/M_Planck
    rate = pairs * 2.0 * math.pi**2 / 45.0 / math.sqrt(4.0 * math.pi**3 / 45.0) * jnp.sqrt(g_star) * M_PLANCK

    def equilibrium(x):
        return 45.0 * dof / (4.0 * math.pi**4 * g_star) * x * x * bessel_k_scaled(2, x) * jnp.exp(-x)

    def strength_at(x):
        return rate * mass / x * average(x)

    def step(y, at):
        x, h = at
        a, e = strength_at(x), equilibrium(x)
        # Riccati equation with constant coefficients: Y -> E (Y + E th)/(E + Y th), th = tanh(a E h); E may underflow
        arg = a * e * h
        tiny = arg < 1e-6
        safe_e = jnp.where(tiny, 1.0, e)
        ratio = jnp.where(tiny, a * h, jnp.tanh(jnp.where(tiny, 1.0, arg)) / safe_e)
        return (y + e * e * ratio) / (1.0 + y * ratio), None

    ones = jnp.ones_like(mass)
    # one x per point: a scalar sends the CPU compiler's simplifier in circles
    x = x.reshape(-1, *(1,) * mass.ndim) * ones
    y, _ = jax.lax.scan(jax.checkpoint(step), equilibrium(_X_FIRST * ones), (x, jnp.asarray(np.diff(edges), mass.dtype)))
    y = y / (1.0 + y * strength_at(_X_LAST * ones))
    return _TODAY * mass * y


def relic_density(m_chi, strength, channels: Sequence[Channel], m_v, width, scheme: str = "sqrt_q2", g_star=10.75):
    """Omega h^2 of chi and chibar together, (B,), by :func:`freeze_out`, 0.2 %; arguments (B,) as in thermal_average."""
    m_chi, strength, m_v, width = jnp.broadcast_arrays(*(1.0 * jnp.asarray(v) for v in (m_chi, strength, m_v, width)))

    def average(x):
        return thermal_average(x, m_chi, strength, channels, m_v, width, scheme)

    return freeze_out(m_chi, average, 4, 0.5, g_star)


def forbidden_estimate(m_chi, m_v, g_v, alpha_d, m_mu, x_f=20.0, printed: bool = False):
    """Omega h^2 estimate of arXiv:2002.11150 eq. (31), chi chibar -> mu mu through a heavy V.

    0.05 (0.1 GeV/m)^2 (m_V/8 GeV)^4 (0.05/g_V)^2/alpha_D exp(+2 Delta x_f), Delta = 1 - m/m_mu for m < m_mu, else 0.  printed: the
    paper's sign of the exponent, which lowers the density where annihilation is suppressed.  The prefactor is right to 10 % for
    m > 1.3 m_mu; next to threshold and far below it the estimate is off by factors of 3 to 6: use relic_density.
    """
    delta = jnp.maximum(1.0 - m_chi / m_mu, 0.0)
    sign = -1.0 if printed else 1.0
    return 0.05 * (0.1 / m_chi) ** 2 * (m_v / 8.0) ** 4 * (0.05 / g_v) ** 2 / alpha_d * jnp.exp(sign * 2.0 * delta * x_f)
