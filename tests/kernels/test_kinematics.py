"""Two-body kinematics: exact polynomials, thresholds."""

import itertools

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import kinematics as kin

jax.config.update("jax_enable_x64", True)


def exact_kallen(x, y, z):
    with mp.workdps(80):
        x, y, z = (mp.mpf(float(v)) for v in (x, y, z))
        return x * x + y * y + z * z - 2 * (x * y + x * z + y * z)


def triples():
    rng = np.random.default_rng(3)
    out = [(1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (27.9, 0.2437, 5.0), (27.9, 0.2437, -3.0), (1e-12, 1.0, 1.0)]
    out += [(4.0, 1.0, 1.0)]
    out += [(2.0, 2.0, 1e-14), (-2.0, -2.0, -1e-14), (-2.0, -2.0, 1e-14), (1.0, -1.0, 1e-9), (3.0, 3.0, 3.0)]
    for _ in range(300):
        v = 10 ** rng.uniform(-8, 4, 3) * rng.choice([-1, 1], 3)
        if rng.random() < 0.3:
            v[1] = v[0] * (1 + 10 ** rng.uniform(-15, -1))
        out.append(tuple(v))
    return np.array(out)


def test_kallen_everywhere():
    """Any signs and scales.  Rounding errors are at most 8 eps times lambda's own sensitivity to its arguments,
    sum |x dlambda/dx| (equal to 2|lambda| or more)."""
    t = triples()
    values = np.asarray(jax.jit(kin.kallen)(*t.T))
    slopes = np.asarray(jax.jit(jax.vmap(jax.grad(kin.kallen, argnums=(0, 1, 2))))(*t.T)).T
    for (x, y, z), value, slope in zip(t, values, slopes, strict=True):
        dx = [2 * (mp.mpf(x) - y - z), 2 * (mp.mpf(y) - x - z), 2 * (mp.mpf(z) - x - y)]
        sensitivity = sum(abs(v * d) for v, d in zip((x, y, z), dx, strict=True))
        assert abs(value - exact_kallen(x, y, z)) <= 8 * 2.3e-16 * sensitivity
        # the derivatives are linear: relative to their largest term
        assert all(abs(s - d) <= 1e-15 * 4 * (abs(x) + abs(y) + abs(z)) for s, d in zip(slope, dx, strict=True))


def test_kallen_does_not_lose_a_light_mass():
    """lambda(y, y, x) = x (x - 4y): the expanded polynomial has no correct digit at x/y = 1e-16."""
    for x in (1e-16, 1e-10, 1e-3):
        for args in itertools.permutations((x, 1.0, 1.0)):
            assert float(kin.kallen(*args)) == pytest.approx(x * (x - 4.0), rel=1e-15)


def test_kallen_symmetry_and_hessian():
    t = triples().T
    fast = jax.jit(kin.kallen)
    for p in itertools.permutations(t):
        np.testing.assert_array_equal(fast(*p), fast(*t))
        np.testing.assert_array_equal(fast(*(-v for v in p)), fast(*t))
    # constant Hessian 4 I - 2, at ties as well
    hessian = jax.jit(jax.hessian(kin.kallen, argnums=(0, 1, 2)))
    for args in ((1.0, 1.0, 2.0), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -1.0, 3.0), (5.0, -2.0, 0.3)):
        h = hessian(*args)
        np.testing.assert_array_equal(np.array(h), 4 * np.eye(3) - 2)


def test_kallen_shapes_and_types():
    x = jnp.ones((4, 1))
    assert kin.kallen(x, jnp.zeros(3), 0.25).shape == (4, 3)
    assert int(kin.kallen(25, 4, 1)) == 25**2 + 16 + 1 - 200 - 50 - 8
    assert kin.kallen(np.float32(2), np.float32(0.3), np.float32(0.1)).dtype == jnp.float32
    check_grads(jax.jit(kin.kallen), (27.9, 0.25, 5.0), order=1, modes=["fwd", "rev"])


def test_sqrt_pos():
    x = jnp.array([-1.0, -1e-300, 0.0, 5e-324, 1e-300, 0.25, 4.0])
    np.testing.assert_array_equal(kin.sqrt_pos(x), [0, 0, 0, 0, 1e-150, 0.5, 2])
    np.testing.assert_array_equal(jax.vmap(jax.grad(kin.sqrt_pos))(x), [0, 0, 0, 0, 5e149, 1, 0.25])
    np.testing.assert_array_equal(jax.vmap(jax.grad(jax.grad(kin.sqrt_pos)))(x[:4]), 0)


def exact_momentum(m, m1, m2):
    with mp.workdps(60):
        m, m1, m2 = (mp.mpf(float(v)) for v in (m, m1, m2))
        p = mp.sqrt((m - m1 - m2) * (m + m1 + m2) * (m - m1 + m2) * (m + m1 - m2)) / (2 * m)
        e1, e2 = (m * m + m1 * m1 - m2 * m2) / (2 * m), (m * m + m2 * m2 - m1 * m1) / (2 * m)
        # from m = e1 + e2: dp/dm = e1 e2/(p m), dp/dm1 = -(m1/p) e2/m, dp/dm2 = -(m2/p) e1/m
        return p, (e1 * e2 / (p * m), -m1 * e2 / (p * m), -m2 * e1 / (p * m))


def test_momentum_above_threshold():
    """Relative accuracy 1e-15 from one part in 1e14 above threshold up; 1e-13 in the derivatives, where the energies
    of nearly static daughters cancel."""
    rng = np.random.default_rng(5)
    cases = [(5.27934, 0.493677, 1.0), (1.0, 0.0, 0.0), (1.0, 0.25, 0.0), (1.0, 0.0, 0.25)]
    cases += [(0.2113167491, 0.10565837, 0.10565837)]
    for _ in range(200):
        m1, m2 = 10 ** rng.uniform(-4, 1, 2)
        cases.append(((m1 + m2) * (1 + 10 ** rng.uniform(-14, 3)), m1, m2))
    cases = np.array([c for c in cases if mp.mpf(c[0]) > mp.mpf(c[1]) + mp.mpf(c[2])])
    values = jax.jit(kin.momentum)(*cases.T)
    slopes = np.asarray(jax.jit(jax.vmap(jax.grad(kin.momentum, argnums=(0, 1, 2))))(*cases.T)).T
    for case, value, slope in zip(cases, values, slopes, strict=True):
        p, dp = exact_momentum(*case)
        assert abs(float(value) / p - 1) < 1e-15
        for s, d in zip(slope, dp, strict=True):
            assert abs(float(s) - d) <= 1e-13 * max(abs(d), max(abs(v) for v in dp))


@pytest.mark.parametrize("m", [0.0, 0.1, 0.6999999, 0.7])
def test_momentum_below_and_at_threshold(m):
    value, slopes = jax.value_and_grad(kin.momentum, argnums=(0, 1, 2))(m, 0.5, 0.2)
    if m == 0.7:  # 0.7 - 0.5 - 0.2 is 0 or a rounding error of the decimals; exact threshold is tested below
        assert value < 1e-7 and np.all(np.isfinite(slopes))
    else:
        assert value == 0.0 and [float(s) for s in slopes] == [0.0, 0.0, 0.0]
    value, slopes = jax.value_and_grad(kin.momentum, argnums=(0, 1, 2))(0.75, 0.5, 0.25)
    assert value == 0.0 and [float(s) for s in slopes] == [0.0, 0.0, 0.0]
    assert np.isfinite(jax.grad(jax.grad(kin.momentum))(0.75, 0.5, 0.25))
    # one ulp above: finite and not zero
    value, slope = jax.value_and_grad(kin.momentum)(np.nextafter(0.75, 1), 0.5, 0.25)
    assert value > 0.0 and np.isfinite(slope) and slope > 0.0


def test_beta():
    m = 0.1056583745
    s = np.array([-1.0, 0.0, 1e-3, 4 * m * m, 4 * m * m * (1 + 1e-12), 0.05, 1.0, 25.0])
    value = kin.beta(m, s)
    np.testing.assert_array_equal(value[:4], 0.0)
    with mp.workdps(40):
        # 1e-3: of the relative distance 1e-12 from threshold float64 keeps three to four digits
        for v, q2, tol in zip(value[4:], s[4:], [1e-3, 1e-15, 1e-15, 1e-15], strict=True):
            assert abs(float(v) / mp.sqrt(1 - 4 * mp.mpf(m) ** 2 / mp.mpf(float(q2))) - 1) < tol
    slopes = jax.vmap(jax.grad(kin.beta, argnums=(0, 1)), in_axes=(None, 0))(m, s)
    for d in slopes:
        assert np.all(np.isfinite(d)) and np.all(np.asarray(d)[:4] == 0.0)
    np.testing.assert_array_equal(kin.beta(0.0, jnp.array([-1.0, 0.0, 1e-12, 3.0])), [0, 0, 1, 1])
    check_grads(jax.jit(kin.beta), (m, 0.3), order=1, modes=["fwd", "rev"])


def test_transformations():
    m = jnp.array([0.1, 0.6, 0.75, 0.9, 5.0])
    f = lambda v: kin.momentum(v, 0.5, 0.25)  # noqa: E731
    np.testing.assert_allclose(jax.jit(f)(m), f(m), rtol=1e-15)
    np.testing.assert_array_equal(jax.vmap(f)(m), jnp.array([f(v) for v in m]))
    check_grads(jax.jit(kin.momentum), (0.9, 0.5, 0.25), order=1, modes=["fwd", "rev"])
    low = f(m.astype(jnp.float32))
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, f(m), rtol=1e-6)  # eps times the factor 5 of the nearest threshold
    assert np.all(np.isfinite(jax.vmap(jax.grad(f))(m.astype(jnp.float32))))
