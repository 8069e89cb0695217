"""Seesaw and Takagi factorisation: random, degenerate and massless spectra, derivatives, angles and phases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import neutrino_mass as nm

jax.config.update("jax_enable_x64", True)


def unitary(rng):
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))
    return q


@pytest.mark.parametrize(
    "masses",
    [(0.1, 0.5, 2.0), (1.0, 1.0, 2.0), (0.3, 1.0, 1.0), (1.0, 1.0, 1.0), (0.0, 0.4, 1.0), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0)],
)
def test_takagi_reconstructs(masses):
    """U^T m U diagonal with the right masses and U unitary, degenerate or not: 2e-14, rounding of the eigensolver; one or two
    massless states included."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        v = unitary(rng)
        m = np.conj(v) @ np.diag(masses) @ np.conj(v).T
        s, u = map(np.asarray, nm.takagi(m))
        np.testing.assert_allclose(s, masses, atol=2e-14)
        np.testing.assert_allclose(np.conj(u).T @ u, np.eye(3), atol=2e-14)
        np.testing.assert_allclose(u.T @ m @ u, np.diag(s), atol=2e-14)
    s, u = nm.takagi(m, order="inverted")
    np.testing.assert_allclose(s, [masses[1], masses[2], masses[0]], atol=2e-14)
    np.testing.assert_allclose(u.T @ m @ u, np.diag(s), atol=2e-14)
    # the swap matrix: equal masses of opposite sign as a real matrix
    swap = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.5]])
    s, u = nm.takagi(swap)
    np.testing.assert_allclose(s, [0.5, 1.0, 1.0], atol=2e-14)
    np.testing.assert_allclose(u.T @ swap @ u, np.diag(s), atol=2e-14)


def _random_symmetric(seed):
    rng = np.random.default_rng(seed)
    m = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    return jnp.asarray(m + m.T)


def test_derivatives():
    """Against finite differences for a generic matrix; finite for degenerate ones, where the sum of masses is smooth."""
    m, d = _random_symmetric(2), _random_symmetric(3)

    def both(t):
        s, u = nm.takagi(m + t * d)
        p = nm.mixing_parameters(u)
        return jnp.concatenate([s, jnp.stack(list(p.values()))])

    slope = jax.jit(jax.jacfwd(both))(0.0)
    h = 1e-5
    both = jax.jit(both)
    difference = (both(h) - both(-h)) / (2 * h)
    # error h^2 of the difference with third derivatives of order 1e2
    np.testing.assert_allclose(slope, difference, atol=2e-7)
    check_grads(jax.jit(lambda t: jnp.sum(nm.takagi(m + t * d)[0] ** 2)), (0.1,), order=1, modes=["fwd", "rev"])

    def masses_and_mixing(t, at):
        s, u = nm.takagi(at + t * d)
        return jnp.concatenate([s, u.real.ravel(), u.imag.ravel()])

    slopes = jax.jit(jax.jacrev(masses_and_mixing))
    for deg in (np.eye(3), np.diag([0.0, 1.0, 1.0]), np.zeros((3, 3)), np.array([[0, 1.0, 0], [1.0, 0, 0], [0, 0, 1.0]])):
        assert np.all(np.isfinite(slopes(0.0, deg)))
    # tr sqrt(m m^+) at m = 1: slope is Re tr d
    total = jax.grad(lambda t: jnp.sum(nm.takagi(jnp.eye(3) + t * d)[0]))(0.0)
    assert float(total) == pytest.approx(float(jnp.real(jnp.trace(d))), abs=1e-12)


def test_parameters_round_trip():
    """Angles and phases in, matrix with arbitrary lepton phases and Takagi, the same angles and phases out: 1e-12, splittings of
    a tenth."""
    angles = dict(theta12=0.59, theta13=0.15, theta23=0.83, delta=-1.9, alpha21=0.7, alpha31=-2.6)
    u = nm.pmns(**angles)
    np.testing.assert_allclose(np.conj(u).T @ u, np.eye(3), atol=1e-15)
    out = nm.mixing_parameters(jnp.diag(jnp.exp(1j * jnp.array([0.3, 2.0, -1.0]))) @ u)
    for k, v in angles.items():
        assert float(out[k]) == pytest.approx(v, abs=1e-13), k
    s12, c12, s13, c13, s23, c23 = (f(angles[k]) for k in ("theta12", "theta13", "theta23") for f in (np.sin, np.cos))
    # J = Im(U_e1 U_mu2 U_e2^* U_mu1^*), sign of sin(delta)
    expected = s12 * c12 * s23 * c23 * s13 * c13**2 * np.sin(angles["delta"])
    assert float(out["jarlskog"]) == pytest.approx(expected, rel=1e-12)
    m = np.conj(u) @ np.diag([0.01, 0.02, 0.05]) @ np.conj(u).T
    s, found = nm.takagi(m)
    np.testing.assert_allclose(s, [0.01, 0.02, 0.05], rtol=1e-12)
    out = nm.mixing_parameters(found)
    for k, v in angles.items():
        assert float(out[k]) == pytest.approx(v, abs=1e-12), k
    ee = abs(sum(x * y for x, y in zip(np.asarray(u)[0] ** 2, [0.01, 0.02, 0.05], strict=True)))
    assert float(nm.effective_mass(m)) == pytest.approx(float(ee), rel=1e-12)
    for theta in (0.0, np.pi / 2):
        g = jax.jit(jax.grad(lambda t: sum(v for v in nm.mixing_parameters(nm.pmns(t, t, t, 0.3)).values())))(theta)
        assert np.isfinite(g)


def test_seesaw():
    """Against the singular values of the 6 x 6 mass matrix, for a moderate hierarchy; numbers of the notes on 2103.13991."""
    rng = np.random.default_rng(4)
    y = rng.normal(size=(3, 3)) * 1e-2 + 1j * rng.normal(size=(3, 3)) * 1e-2
    m_r, y_phi = (np.asarray(_random_symmetric(k)) for k in (5, 6))
    big = np.asarray(nm.majorana_matrix(m_r, y_phi, 0.3))
    np.testing.assert_allclose(big, 2 * (m_r + 0.3 * y_phi), rtol=1e-15)
    np.testing.assert_allclose(nm.majorana_matrix(m_r, y_phi, 0.3, printed=True), big / 2, rtol=1e-15)
    np.testing.assert_allclose(nm.inverse(big) @ big, np.eye(3), atol=1e-13)
    v = 0.1
    full = np.block([[np.zeros((3, 3)), v * y], [v * y.T, big]])
    exact = np.sort(np.linalg.svd(full, compute_uv=False))[:3]
    light, u = nm.light_neutrinos(y, big, v)
    # next order of the expansion: v^2 y^2/M^2 = 1e-6
    np.testing.assert_allclose(light, exact, rtol=1e-5)
    m = np.asarray(nm.seesaw(y, big, v))
    np.testing.assert_allclose(np.conj(u).T @ m @ np.conj(u), np.diag(light), atol=1e-18)
    # 0.05 eV: 1.3e-6 for 1 TeV, 4.1e-6 for 10 TeV (two digits)
    for heavy, expected in ((1e3, 1.3e-6), (1e4, 4.1e-6)):
        assert float(nm.seesaw_yukawa(0.05e-9, heavy)) == pytest.approx(expected, rel=0.02)
    m = nm.texture([jnp.ones(2), 2 * jnp.ones(2), 3 * jnp.ones(2)], [4 * jnp.ones(2), 5 * jnp.ones(2)])
    np.testing.assert_array_equal(m[:, :, 1], [[1, 4, 2], [4, 0, 5], [2, 5, 3]])
    np.testing.assert_array_equal(nm.texture(None, [1.0, 2.0]), [[0, 1, 0], [1, 0, 2], [0, 2, 0]])


def test_batches_and_float32():
    m = jnp.stack([_random_symmetric(k) for k in range(4)], axis=-1)
    s, u = jax.jit(nm.takagi)(m)
    assert s.shape == (3, 4) and u.shape == (3, 3, 4)
    for k in range(4):
        np.testing.assert_allclose(s[:, k], jax.jit(nm.takagi)(m[:, :, k])[0], rtol=1e-12)
    low, _ = nm.takagi(m.astype(jnp.complex64))
    assert low.dtype == jnp.float32
    # relative to the largest mass
    np.testing.assert_allclose(low / s[2], s / s[2], atol=3e-6)
