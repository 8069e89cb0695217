"""W -> l nu V against Dirac matrices, adaptive integration, a Monte Carlo and the light limit."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import dblquad

from fipkernels import w_decay

jax.config.update("jax_enable_x64", True)

M_W, G_F = 80.379, 1.1663787e-5
width = jax.jit(w_decay.width)
amplitude = jax.jit(w_decay.squared_amplitude)
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])


def dirac():
    """Gamma matrices in the chiral representation and the left-handed projector."""
    zero, one = np.zeros((2, 2)), np.eye(2)
    sigma = [np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.array([[1, 0], [0, -1]])]
    gammas = [np.block([[zero, one], [one, zero]])] + [np.block([[zero, s], [-s, zero]]) for s in sigma]
    return [g.astype(complex) for g in gammas], np.diag([1.0, 1.0, 0.0, 0.0])


def slash(p, gammas):
    return sum(METRIC[i, i] * p[i] * gammas[i] for i in range(4))


def boosted(p, frame):
    """p from the rest frame of ``frame`` to where ``frame`` is given."""
    m = math.sqrt(frame @ METRIC @ frame)
    along = frame[1:] @ p[1:]
    e = (frame[0] * p[0] + along) / m
    return np.concatenate([[e], p[1:] + (p[0] + e) / (frame[0] + m) * frame[1:]])


def decay(parent_mass, m1, m2, rng):
    k = math.sqrt((parent_mass**2 - (m1 + m2) ** 2) * (parent_mass**2 - (m1 - m2) ** 2)) / (2 * parent_mass)
    n = rng.normal(size=3)
    n *= k / np.linalg.norm(n)
    return np.concatenate([[math.hypot(k, m1)], n]), np.concatenate([[math.hypot(k, m2)], -n])


def dalitz_point(m, rng):
    """Momenta of lepton, neutrino and V from W at rest."""
    s1 = rng.uniform(m * m, M_W**2)
    pair, nu = decay(M_W, math.sqrt(s1), 0.0, rng)
    lep, v = decay(math.sqrt(s1), 0.0, m, rng)
    return boosted(lep, pair), nu, boosted(v, pair)


@pytest.mark.parametrize("couplings", [(1.0, 0.0), (0.0, 1.0), (0.7, 0.7), (0.4, -0.9)])
@pytest.mark.parametrize("m", [0.5, 20.0, 70.0])
def test_amplitude_against_traces(m, couplings):
    """Spin sums as traces of explicit matrices; 1e-9: cancellation in the trace, worst for small m_V."""
    gammas, left = dirac()
    g_l, g_nu = couplings
    rng = np.random.default_rng(5)
    for _ in range(3):
        p1, p2, k = dalitz_point(m, rng)
        total = p1 + p2 + k
        s1, s2 = ((p1 + k) @ METRIC @ (p1 + k)), ((p2 + k) @ METRIC @ (p2 + k))
        # amplitude ubar(p1) T^{mu nu} P_L v(p2), mu for V and nu for W, indices up
        t = np.array(
            [
                [(g_l * a @ slash(p1 + k, gammas) @ b / s1 - g_nu * b @ slash(p2 + k, gammas) @ a / s2) @ left for b in gammas]
                for a in gammas
            ]
        )
        sum_v = -METRIC + np.outer(METRIC @ k, METRIC @ k) / m**2
        sum_w = -METRIC + np.outer(METRIC @ total, METRIC @ total) / M_W**2
        bar = np.array([[gammas[0] @ t[i, j].conj().T @ gammas[0] for j in range(4)] for i in range(4)])
        expected = np.einsum(
            "ab,mnbc,cd,pqda,mp,nq->", slash(p1, gammas), t, slash(p2, gammas), bar, sum_v, sum_w, optimize=True
        ).real
        assert float(amplitude(s1, s2, m, M_W, g_l, g_nu)) == pytest.approx(expected, rel=1e-9)


def prefactor():
    # g^2/2 = 2 sqrt2 G_F M_W^2, average over three polarisations, Dalitz phase space
    return 2 * math.sqrt(2) * G_F * M_W**2 / 3 / ((2 * math.pi) ** 3 * 32 * M_W**3)


@pytest.mark.parametrize("couplings", [(1.0, 0.0), (1.0, 1.0), (0.3, -0.7)])
@pytest.mark.parametrize("m", [1.0, 30.0, 79.0])
def test_width_against_integration(m, couplings):
    """Adaptive integration of the Dalitz plot, asked for 1e-9; next to threshold its own rounding is 1e-11."""

    def integrand(s2, s1):
        mm, ww = m * m, M_W**2
        s12, room, d = mm + ww - s1 - s2, s1 * s2 - mm * ww, couplings[0] - couplings[1]
        soft = couplings[0] ** 2 * room / s1**2 + couplings[1] ** 2 * room / s2**2
        soft += 2 * couplings[0] * couplings[1] * s12 * (mm + ww) / (s1 * s2)
        return 4 * soft + d * d * (2 * s12 / mm + 2 * s12 / ww + room / (mm * ww))

    total, _ = dblquad(integrand, m * m, M_W**2, lambda s: m * m * M_W**2 / s, lambda s: M_W**2 + m * m - s, epsabs=0, epsrel=1e-9)
    assert float(width(m, *couplings, M_W, G_F)) == pytest.approx(prefactor() * total, rel=1e-8)


def test_width_against_monte_carlo():
    """Sequential two-body phase space, W -> (l V) nu, 400000 points: 5 standard deviations of the estimate itself."""
    m, g_l, g_nu, n = 10.0, 0.6, -0.2, 400_000
    rng = np.random.default_rng(8)
    s1 = rng.uniform(m * m, M_W**2, n)
    cos = rng.uniform(-1, 1, n)
    # in the (l V) rest frame: s2 is linear in the angle between neutrino and V
    e_v, e_nu = (s1 + m * m) / (2 * np.sqrt(s1)), (M_W**2 - s1) / (2 * np.sqrt(s1))
    s2 = m * m + 2 * e_nu * (e_v - np.sqrt(e_v**2 - m * m) * cos)
    # two-body factors (1 - s1/M^2)/(8 pi), (1 - m^2/s1)/(8 pi), ds1/(2 pi)
    weight = (1 - s1 / M_W**2) * (1 - m * m / s1) / (64 * math.pi**2) * (M_W**2 - m * m) / (2 * math.pi)
    f = weight * np.asarray(amplitude(s1, s2, m, M_W, g_l, g_nu)) * 2 * math.sqrt(2) * G_F * M_W**2 / (3 * 2 * M_W)
    error = f.std() / math.sqrt(n)
    assert error < 0.005 * f.mean()
    assert abs(float(width(m, g_l, g_nu, M_W, G_F)) - f.mean()) < 5 * error


def test_light_vector():
    """1.74308 (g_l - g_nu)^2/m_V^2 GeV; corrections are of order (m/M)^2 times a logarithm."""
    assert float(w_decay.width_light(1.0, 1.0, 0.0, M_W, G_F)) == pytest.approx(1.74308, abs=5e-6)
    m = np.geomspace(1e-3, 0.1, 7)
    x, logs = (m / M_W) ** 2, np.log(M_W / m)
    light = w_decay.width_light(m, 1.0, 0.0, M_W, G_F)
    for couplings in ((1.0, 0.0), (0.0, 1.0)):
        # 1 - 8 m^2/M^2 + ..., the next order being (m/M)^4 times logarithms
        np.testing.assert_allclose((width(m, *couplings, M_W, G_F) / light - 1) / x, -8.0, rtol=1e-4)
    # both couplings: (g_l - g_nu)^2, and the double logarithm of a massive photon times g_l g_nu
    mixed = width(m, 0.9, -0.3, M_W, G_F) / w_decay.width_light(m, 0.9, -0.3, M_W, G_F)
    assert np.all(np.abs(mixed - 1) < 10 * logs**2 * x)
    # conserved current: no growth, only that logarithm
    same = np.asarray(width(m, 1.0, 1.0, M_W, G_F))
    second = np.diff(np.diff(same)) / np.diff(logs)[0] ** 2
    np.testing.assert_allclose(second, second[0], rtol=1e-3)
    assert np.all(same < 60 * logs**2 * x * light)


def test_threshold():
    """Exactly zero with zero derivatives from m_W on; finite just below; steep rise with the release below it."""
    f = jax.jit(jax.value_and_grad(w_decay.width, argnums=(0, 1, 2, 3)))
    for m in (M_W, np.nextafter(M_W, 90.0), 81.0, 500.0):
        value, slopes = f(m, 0.3, 0.1, M_W, G_F)
        assert float(value) == 0.0 and [float(s) for s in slopes] == [0.0] * 4
    value, slopes = f(np.nextafter(M_W, 0.0), 0.3, 0.1, M_W, G_F)
    assert float(value) >= 0.0 and np.all(np.isfinite(slopes))
    near, nearer = (float(width(M_W * (1 - x), 0.3, 0.0, M_W, G_F)) for x in (2e-4, 1e-4))
    # massless leptons: the muon term goes as the fifth power of the release, and the correction is of its first order
    assert near / nearer == pytest.approx(2.0**5, rel=1e-3)
    assert np.all(np.isfinite(jax.jit(jax.hessian(w_decay.width, argnums=(0, 1)))(1.0, 0.3, 0.1, M_W, G_F)))


def test_transformations():
    m = jnp.array([0.01, 1.0, 60.0, 100.0])
    f = lambda v: w_decay.width(v, 0.1, 0.02, M_W, G_F)  # noqa: E731
    np.testing.assert_allclose(jax.jit(f)(m), f(m), rtol=1e-13)
    np.testing.assert_allclose(jax.vmap(f)(m), f(m), rtol=1e-13)
    check_grads(jax.jit(lambda v, a, b: w_decay.width(v, a, b, M_W, G_F)), (20.0, 0.3, 0.1), order=1, modes=["fwd", "rev"])
    # float32: sums of 24 terms spanning many decades
    low = w_decay.width(m.astype(jnp.float32), *(np.float32(v) for v in (0.1, 0.02, M_W, G_F)))
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, f(m), rtol=2e-5)
