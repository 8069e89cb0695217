r"""Neutrino trident production nu_mu N -> nu_mu mu+ mu- N with a light vector of any mass, and its matrix element.

With L = -sqrt2 G_F [nubar gamma^a P_L nu] [mubar gamma_a (g_V - g_A gamma5) mu] and V_a [g_nu nubar gamma^a P_L nu +
mubar gamma^a (c + t gamma5) mu], the exchange of V at momentum transfer q^2 = -Q^2 between neutrinos shifts

    g_V -> g_V + v^2 g_nu c/(m_V^2 + Q^2),    g_A -> g_A - v^2 g_nu t/(m_V^2 + Q^2),    v^2 = 1/(sqrt2 G_F)

(arXiv:1406.2332; the longitudinal part drops with massless neutrinos).  The rate is the integral over Q^2 of
g_V^2 dsigma_VV + g_A^2 dsigma_AA: the V-A interference is odd under mu+ <-> mu-.  The two spectra do not depend on new physics,
so they are kept as weights at nodes equally spaced in ln Q^2 (trapezoidal rule; the integrand is smooth there), and the ratio to
the Standard Model is exact in m_V and in polynomial couplings, with no interpolation.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

# Weinberg angle at low energy scales of the effective couplings, as in arXiv:1406.2332
SIN2_THETA = 0.2312
# 1/(sqrt2 G_F) in GeV^2, G_F = 1.1663787e-5 GeV^-2
V2 = 1.0 / (2.0**0.5 * 1.1663787e-5)
G_V_SM = 0.5 + 2.0 * SIN2_THETA
G_A_SM = 0.5


def ratio(shift_v, shift_a, weight_vv, weight_aa, g_v=G_V_SM, g_a=G_A_SM):
    """sigma/sigma_SM for effective couplings g_V + shift_v, g_A + shift_a at the nodes in Q^2.

    shift_v, shift_a: (J, B) dimensionless; weight_vv, weight_aa: (J,) spectra times node spacing, any common unit.  Returns (B,).
    """
    w_v = weight_vv[:, None]
    w_a = weight_aa[:, None]
    standard = g_v**2 * jnp.sum(weight_vv) + g_a**2 * jnp.sum(weight_aa)
    change = jnp.sum(w_v * shift_v * (2.0 * g_v + shift_v) + w_a * shift_a * (2.0 * g_a + shift_a), axis=0)
    return 1.0 + change / standard


def exchange(product, m_v, q2):
    """v^2 g_nu g_mu/(m_V^2 + Q^2): product (J, B) or (B,) of the couplings, m_v (B,) GeV, q2 (J,) = Q^2 GeV^2.  Returns (J, B)."""
    return V2 * product / (m_v * m_v + q2[:, None])


def moments(m_v, q2, weight):
    """Averages of v^2/(m_V^2 + Q^2) and of its square over a spectrum: two arrays (B,)."""
    x = exchange(1.0, m_v, q2)
    norm = jnp.sum(weight)
    return jnp.sum(weight[:, None] * x, axis=0) / norm, jnp.sum(weight[:, None] * x * x, axis=0) / norm


# --- tree-level matrix element --------------------------------------------------------------------------------------
_I2 = np.eye(2)
_PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
_ZERO = np.zeros((2, 2))
# chiral representation; index down, so that slash(p) = sum_a p^a GAMMA_LOW[a]
_GAMMA = np.array([np.block([[_ZERO, _I2], [_I2, _ZERO]])] + [np.block([[_ZERO, s], [-s, _ZERO]]) for s in _PAULI])
_METRIC = np.array([1.0, -1.0, -1.0, -1.0])
_GAMMA_LOW = _METRIC[:, None, None] * _GAMMA
_GAMMA5 = np.diag([-1.0, -1.0, 1.0, 1.0])


def _slash(p):
    return jnp.einsum("a...,aij->...ij", p, _GAMMA_LOW)


def _dot(p, q):
    return p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3]


def _bar(x):
    return _GAMMA[0] @ jnp.conj(jnp.swapaxes(x, -1, -2)) @ _GAMMA[0]


def _pair(p3, p4, k, m):
    """Muon propagators times numerators for a boson k that enters: left of the other vertex, and right of it."""
    one = m * np.eye(4)
    left = (_slash(p3 - k) + one) / (_dot(k, k) - 2.0 * _dot(p3, k))[..., None, None]
    right = (_slash(k - p4) + one) / (_dot(k, k) - 2.0 * _dot(p4, k))[..., None, None]
    return left, right


def _summed(x, p3, p4, m):
    """Sum over muon spins of |ubar(p3) x v(p4)|^2."""
    one = m * np.eye(4)
    return jnp.real(jnp.einsum("...ij,...ji->...", (_slash(p3) + one) @ x, (_slash(p4) - one) @ _bar(x)))


def muon_pair_squared(k, current, p3, p4, m):
    """Spin-summed |M|^2 of gamma(k) + j -> mu-(p3) mu+(p4) for an external current j, divided by e^2: (vector, axial).

    k, p3, p4 (4, ...): momenta, time first; current (4, ...): complex, contracted with mubar gamma^a mu (vector) or
    mubar gamma^a gamma5 mu (axial).  Sum over photon polarisations with -g (gauge invariance holds diagram by pair).
    """
    left, right = _pair(p3, p4, k, m)
    j = _slash(current)
    out = []
    for vertex in (j, j @ _GAMMA5):
        a, b = left @ vertex, vertex @ right
        total = 0.0
        for beta in range(4):
            x = _GAMMA[beta] @ a + b @ _GAMMA[beta]
            total = total - _METRIC[beta] * _summed(x, p3, p4, m)
        out.append(total)
    return tuple(out)


def vector_emission_squared(k, p3, p4, m, m_v):
    """Spin-summed |M|^2 of gamma* -> mu-(p3) mu+(p4) V(k) for unit vector and for unit axial coupling of V, over e^2.

    Momenta (4, ...), time first; m, m_v > 0 muon and V mass.  The polarisations of the photon are summed with -g, those of V with
    -g + k k/m_V^2, whose second part is the longitudinal mode that an axial coupling excites in proportion to m/m_V.
    """
    left, right = _pair(p3, p4, -k, m)
    k_low = _slash(k)
    out = []
    for g5 in (np.eye(4), _GAMMA5):
        total = 0.0
        for mu in range(4):
            photon = _GAMMA[mu]
            for nu in range(4):
                x = _GAMMA[nu] @ g5 @ left @ photon + photon @ right @ _GAMMA[nu] @ g5
                total = total + _METRIC[mu] * _METRIC[nu] * _summed(x, p3, p4, m)
            x = k_low @ g5 @ left @ photon + photon @ right @ k_low @ g5
            total = total - _METRIC[mu] * _summed(x, p3, p4, m) / m_v**2
        out.append(total)
    return tuple(out)


def neutrino_kinematics(s, w2, q2, cos_theta, phi, m):
    """Momenta of gamma(k) nu(p1) -> nu(p2) mu-(p3) mu+(p4) in the muon-pair rest frame, z along k.

    s: squared energy; w2: squared pair mass; q2 = -(p1 - p2)^2; cos_theta, phi: direction of mu-.  Broadcasting, GeV.
    Returns k, current, p3, p4: (4, ...) each, current = ubar(p2) gamma (1 - gamma5) u(p1).  0 < q2 < s - w2, w2 > 4 m^2.
    """
    s, w2, q2, cos_theta, phi = jnp.broadcast_arrays(s, w2, q2, cos_theta, phi)
    w = jnp.sqrt(w2)
    e_k = 0.5 * (w2 + q2) / w
    zero = jnp.zeros_like(w)
    k = jnp.stack([e_k, zero, zero, e_k])
    p_t = jnp.sqrt(s * q2 * (s - w2 - q2)) / (w2 + q2)
    # light-cone components E - p_z from the products with k
    minus1, minus2 = 0.5 * s / e_k, 0.5 * (s - w2 - q2) / e_k
    chi = []
    for minus in (minus1, minus2):
        plus = p_t * p_t / minus
        chi.append((-jnp.sqrt(minus), jnp.sqrt(plus)))
    (a1, b1), (a2, b2) = chi
    # 2 chi2^dagger (1, -sigma) chi1 for the left-handed spinors; both momenta in the x-z plane
    parts = (a2 * a1 + b2 * b1, -(a2 * b1 + b2 * a1), 1j * (a2 * b1 - b2 * a1), b2 * b1 - a2 * a1)
    current = 2.0 * jnp.stack([v + 0j for v in parts])
    p = jnp.sqrt(0.25 * w2 - m * m)
    sin_theta = jnp.sqrt(1.0 - cos_theta**2)
    direction = (sin_theta * jnp.cos(phi), sin_theta * jnp.sin(phi), cos_theta)
    p3 = jnp.stack([0.5 * w, *(p * d for d in direction)])
    p4 = jnp.stack([0.5 * w, *(-p * d for d in direction)])
    return k, current, p3, p4
