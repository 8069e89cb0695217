"""Neutrino tridents: amplitude against QED and exact identities, ratio to the Standard Model against closed forms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import trident

M = 0.1056583755


def momenta(w, c, phi):
    """k, p3, p4 of a boson pair of equal energies in the muon-pair rest frame."""
    p, s = math.sqrt(w * w / 4 - M * M), math.sqrt(1 - c * c)
    d = np.array([s * math.cos(phi), s * math.sin(phi), c])
    return np.array([w / 2, 0, 0, w / 2]), np.array([w / 2, *p * d]), np.array([w / 2, *-p * d])


@pytest.mark.parametrize("w,c,phi", [(0.22, 0.1, 0.4), (0.7, -0.8, 2.0), (30.0, 0.99, 1.0)])
def test_two_photons(w, c, phi):
    """With a transverse photon as the current: gamma gamma -> mu mu of QED, to rounding."""
    k, p3, p4 = momenta(w, c, phi)
    total = 0.0
    for e in ([0, 1, 0, 0], [0, 0, 1, 0]):
        total += float(trident.muon_pair_squared(k, np.array(e, complex), p3, p4, M)[0])
    b2 = 1 - 4 * M * M / w**2
    # dsigma/dOmega = alpha^2 beta/s times this; |M|^2 averaged = 64 pi^2 s/beta dsigma/dOmega, e^4 = 16 pi^2 alpha^2
    expected = (1 - b2 * b2 * c**4 + 2 * (1 - b2) * b2 * (1 - c * c)) / (1 - b2 * c * c) ** 2
    assert total / 4 * 16 * math.pi**2 / (64 * math.pi**2) == pytest.approx(expected, rel=1e-11)


def test_kinematics_and_neutrino_current():
    s, w2, q2, c, phi = 7.0, 1.3, 2.1, 0.37, 0.9
    k, j, p3, p4 = (np.asarray(v) for v in trident.neutrino_kinematics(s, w2, q2, c, phi, M))
    g = np.diag([1.0, -1.0, -1.0, -1.0])
    q = p3 + p4 - k
    assert q @ g @ q == pytest.approx(-q2, rel=1e-13)
    # neutrino momenta from their invariants with k and q
    e1 = (s - q2) / (2 * math.sqrt(w2))
    p1 = np.array([e1, math.sqrt(s * q2 * (s - w2 - q2)) / (w2 + q2), 0, e1 - s / (2 * k[0])])
    p2 = p1 - q
    assert abs(p1 @ g @ p1) < 1e-13 and abs(p2 @ g @ p2) < 1e-13
    assert (p1 + k) @ g @ (p1 + k) == pytest.approx(s, rel=1e-13)
    tensor = 8 * (np.outer(p1, p2) + np.outer(p2, p1) - g * (p1 @ g @ p2))
    np.testing.assert_allclose(np.real(np.outer(j, j.conj())), tensor, atol=1e-12 * np.max(np.abs(tensor)))
    # current conservation, and the neutrino is left-handed: the antisymmetric part does not vanish
    assert abs(j @ g @ q) < 1e-12 * np.max(np.abs(j))
    assert np.max(np.abs(np.imag(np.outer(j, j.conj())))) > 1.0


def test_gauge_invariance():
    """A current along its own momentum gives nothing for a vector; for an axial coupling it does, in proportion to the mass."""
    k, j, p3, p4 = trident.neutrino_kinematics(7.0, 0.81, 2.1, 0.3, 0.5, M)
    vector, axial = trident.muon_pair_squared(k, p3 + p4 - k + 0j, p3, p4, M)
    size = trident.muon_pair_squared(k, j, p3, p4, M)
    assert abs(float(vector)) < 1e-12 * float(size[0])
    assert float(axial) > 1e-6 * float(size[1])
    # massless muons: chirality does not matter
    k0, j0, p30, p40 = trident.neutrino_kinematics(7.0, 0.81, 2.1, 0.3, 0.5, 0.0)
    v0, a0 = trident.muon_pair_squared(k0, j0, p30, p40, 0.0)
    assert float(v0) == pytest.approx(float(a0), rel=1e-12)


def test_emission():
    """gamma* -> mu mu V: no longitudinal part for vector couplings; for axial ones that of a pseudoscalar 2 m/m_V."""
    rng = np.random.default_rng(3)
    root_s = 10.58
    for m_v in (1e-3, 0.5):
        # a random three-body configuration: pair of mass w, V recoiling along z in the pair frame
        w, c = 3.0 + rng.random(), 0.6 * rng.random()
        e_v = (root_s**2 - w * w - m_v**2) / (2 * w)
        _, p3, p4 = momenta(w, c, 0.7)
        k = np.array([e_v, 0, 0, math.sqrt(e_v**2 - m_v**2)])
        vector, axial = (float(v) for v in trident.vector_emission_squared(k, p3, p4, M, m_v))
        big_m = [float(v) for v in trident.vector_emission_squared(k, p3, p4, M, 1e6)]  # switches the second part off
        assert vector == pytest.approx(big_m[0], rel=1e-9)
        # independent: pseudoscalar emission with unit Yukawa coupling, traces by hand
        g = trident._GAMMA
        g5 = trident._GAMMA5

        def slash(p, g=g):
            return p[0] * g[0] - p[1] * g[1] - p[2] * g[2] - p[3] * g[3]

        one = M * np.eye(4)
        d3 = m_v**2 + 2 * (p3[0] * k[0] - p3[1:] @ k[1:])
        d4 = m_v**2 + 2 * (p4[0] * k[0] - p4[1:] @ k[1:])
        total = 0.0
        for mu, sign in enumerate((1, -1, -1, -1)):
            x = g5 @ (slash(p3 + k) + one) @ g[mu] / d3 + g[mu] @ (-slash(p4 + k) + one) @ g5 / d4
            total -= sign * np.real(np.trace((slash(p3) + one) @ x @ (slash(p4) - one) @ (g[0] @ x.conj().T @ g[0])))
        assert axial - big_m[1] == pytest.approx((2 * M / m_v) ** 2 * total, rel=1e-7)


Q2 = jnp.asarray(np.exp(np.linspace(-12, 3, 12)))
W_V = jnp.asarray(np.linspace(1, 3, 12) / 24)
W_A = 1.1 * W_V[::-1]


def test_ratio():
    """Standard Model, heavy limit, and the expansion in moments."""
    zero = jnp.zeros((12, 1))
    assert float(trident.ratio(zero, zero, W_V, W_A)[0]) == 1.0
    m = jnp.array([1e-3, 0.3, 1e3])
    product_v, product_a = jnp.array([3e-7, -2e-5, 2.0]), jnp.array([1e-7, 3e-5, -1.0])
    r = trident.ratio(trident.exchange(product_v, m, Q2), -trident.exchange(product_a, m, Q2), W_V, W_A)
    g_v, g_a = trident.G_V_SM, trident.G_A_SM
    (v1, v2), (a1, a2) = trident.moments(m, Q2, W_V), trident.moments(m, Q2, W_A)
    n_v, n_a = float(W_V.sum()), float(W_A.sum())
    by_moments = n_v * (g_v**2 + 2 * g_v * product_v * v1 + product_v**2 * v2)
    by_moments += n_a * (g_a**2 - 2 * g_a * product_a * a1 + product_a**2 * a2)
    np.testing.assert_allclose(r, by_moments / (n_v * g_v**2 + n_a * g_a**2), rtol=1e-13)
    heavy_v, heavy_a = g_v + trident.V2 * 2.0 / 1e6, g_a + trident.V2 * 1.0 / 1e6
    # Q^2/m_V^2 < 2e-5 is what the contact limit leaves out
    expected = (n_v * heavy_v**2 + n_a * heavy_a**2) / (n_v * g_v**2 + n_a * g_a**2)
    assert float(r[2]) == pytest.approx(expected, rel=2e-5)
    # v^2 = 60624 GeV^2 of arXiv:1406.2332
    assert trident.V2 == pytest.approx(60624, abs=1)


def test_transformations():
    def f(product, m):
        x = trident.exchange(product, m, Q2)
        return trident.ratio(x, -0.3 * x, W_V, W_A)

    grads = jax.jit(lambda g, lm: f(1e-4 * g, jnp.exp(lm)))

    args = (jnp.array([1e-6, 1e-3, 0.0]), jnp.array([1e-3, 1.0, 50.0]))
    np.testing.assert_allclose(jax.jit(f)(*args), f(*args), rtol=1e-14)
    check_grads(grads, (jnp.array([0.3]), jnp.array([-1.0])), order=1, modes=["fwd", "rev"])
    low = f(args[0].astype(jnp.float32), args[1].astype(jnp.float32))
    # relative to R - 1, which is where single precision is lost
    np.testing.assert_allclose(low, f(*args), rtol=1e-5)
