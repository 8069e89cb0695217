"""Z -> 4 leptons against Dirac matrices and the known phase space; the table against the function it holds."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipkernels import z4mu

jax.config.update("jax_enable_x64", True)

M = 91.1876
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])


_points = jax.jit(lambda u, s: z4mu.phase_space(u, M, s), static_argnums=1)
_density = jax.jit(lambda p, s: z4mu.phase_space_density(p, M, s), static_argnums=1)
currents = jax.jit(z4mu.currents)


def events(n, seed, s_low=25.0):
    """Points (4, 4, n) from all channels and the inverse of their density."""
    u = np.random.default_rng(seed).random((9, n))
    q = _points(u, s_low)
    k = n // len(z4mu.CHANNELS)
    p = jnp.concatenate([q[np.argsort(c)][:, :, i * k : (i + 1) * k] for i, c in enumerate(z4mu.CHANNELS)], axis=2)
    return p, 1.0 / np.asarray(_density(p, s_low))


def test_phase_space_points():
    """On shell and balanced; rounding of the boosts, relative to M_Z."""
    p, w = events(8000, 1)
    np.testing.assert_allclose(p.sum(axis=0).T, np.tile([M, 0, 0, 0], (8000, 1)), atol=1e-11 * M)
    masses = np.einsum("lan,ab,lbn->ln", p, METRIC, p)
    assert np.abs(masses).max() < 1e-11 * M**2 and np.all(w > 0)
    # every ordering of the legs occurs once for each choice of pair and third leg
    assert len(set(z4mu.CHANNELS)) == 8 and all(sorted(c) == [0, 1, 2, 3] for c in z4mu.CHANNELS)


def test_phase_space_volume():
    """m^4/(24576 pi^5) without a cut; 160000 points, 5 standard deviations of the estimate; the uncovered corner is 1e-5."""
    n, s_low = 160_000, 1e-2
    p, w = events(n, 2, s_low)
    w = np.where(np.asarray(z4mu.pair_mass2(p)).min(axis=0) > s_low, w, 0.0)
    volume = M**4 / (24576 * math.pi**5)
    error = w.std() / math.sqrt(n)
    assert error < 0.01 * volume
    assert abs(w.mean() - volume) < 5 * error + 1e-4 * volume


def gammas():
    zero, one = np.zeros((2, 2)), np.eye(2)
    sigma = [np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.array([[1, 0], [0, -1]])]
    return np.array([np.block([[zero, one], [one, zero]])] + [np.block([[zero, s], [-s, zero]]) for s in sigma])


G = gammas()
LEFT, RIGHT = np.diag([1.0, 1.0, 0, 0]).astype(complex), np.diag([0, 0, 1.0, 1.0]).astype(complex)


def slash(p):
    return np.einsum("a,aij->ij", METRIC @ p, G)


def spinor(p, chirality):
    """A massless spinor with that chirality: slash(p) acting on a fixed spinor of the other one."""
    other = RIGHT if chirality is LEFT else LEFT
    v = slash(p) @ other @ np.array([0.3 + 0.1j, 0.7, -0.4j, 0.9])
    return v / np.linalg.norm(v) * math.sqrt(2 * p[0])


def string(a, b, c, d, line, pair):
    """ubar(a)...v(b) with Z^mu and X, times the current of the pair (c, d): explicit matrices, contraction with the metric."""
    bar = lambda v: v.conj() @ G[0]  # noqa: E731
    q, m2 = c + d, lambda v: v @ METRIC @ v
    current = np.einsum("i,rij,j->r", bar(spinor(c, pair)), G, spinor(d, pair))
    x = np.einsum("r,rij->ij", METRIC @ current, G)
    first = [x @ slash(a + q) @ g / m2(a + q) for g in G]
    second = [g @ slash(b + q) @ x / m2(b + q) for g in G]
    return np.array([bar(spinor(a, line)) @ (f - s) @ spinor(b, line) for f, s in zip(first, second, strict=True)])


@pytest.mark.parametrize("index", [3, 5000, 7900])
def test_amplitudes_against_dirac_matrices(index):
    """|amplitude|^2 of all pairs together for random real couplings, equal (LL, RR) and opposite chiralities.

    1e-10: rounding, with a cancellation between diagrams.  For RR this also checks that the Gram matrix of LL serves.
    """
    p, _ = events(8000, 3)
    point = np.asarray(p[:, :, index])
    p1, p2, p3, p4 = point
    c = np.random.default_rng(index).normal(size=4)
    same, mixed = (np.asarray(z4mu.gram(t))[..., 0] for t in currents(jnp.asarray(point)[:, :, None]))
    for h in (LEFT, RIGHT):
        t = [
            string(p3, p4, p1, p2, h, h),
            string(p1, p2, p3, p4, h, h),
            -string(p3, p2, p1, p4, h, h),
            -string(p1, p4, p3, p2, h, h),
        ]
        total = sum(x * y for x, y in zip(c, t, strict=True))
        assert 4 * c @ same @ c == pytest.approx(-(total @ METRIC @ total.conj()).real, rel=1e-10)
    total = c[0] * string(p3, p4, p1, p2, RIGHT, LEFT) + c[1] * string(p1, p2, p3, p4, LEFT, RIGHT)
    assert 4 * c[:2] @ mixed @ c[:2] == pytest.approx(-(total @ METRIC @ total.conj()).real, rel=1e-10)


def test_currents():
    """Conserved; exchange of the two l-, or of particles and antiparticles of both pairs, only relabels pairs."""
    p, _ = events(800, 4)
    same, mixed = currents(p)
    # Z at rest: the time component is P.T/M
    assert np.abs(same[:, 0]).max() < 1e-10 * np.abs(same).max()
    assert np.abs(mixed[:, 0]).max() < 1e-10 * np.abs(mixed).max()
    g = np.asarray(z4mu.gram(same))
    swapped = np.asarray(z4mu.gram(currents(p[jnp.array([2, 1, 0, 3])])[0]))
    np.testing.assert_allclose(swapped, g[np.ix_([3, 2, 1, 0], [3, 2, 1, 0])], rtol=1e-8, atol=1e-12 * np.abs(g).max())
    assert np.linalg.eigvalsh(g.transpose(2, 0, 1)).min() > -1e-10 * np.abs(g).max()


def test_polarisation():
    """Transverse to z, averaged over the three axes, is unpolarised; soft leptons, which rounding spoils, left out."""
    p, _ = events(400, 5)
    p = p[:, :, np.asarray(p[:, 0]).min(axis=0) > 5.0]
    assert p.shape[2] > 50
    total = 0.0
    for shift in range(3):
        axes = [0, *(1 + (np.arange(3) + shift) % 3)]
        total = total + z4mu.gram(currents(p[:, jnp.array(axes)])[0], "transverse") / 3.0
    plain = np.asarray(z4mu.gram(currents(p)[0]))
    assert np.all(np.abs(total - plain) < 1e-9 * np.abs(plain).max(axis=(0, 1)))
    with pytest.raises(ValueError, match="polarisation 'up'"):
        z4mu.gram(currents(p)[0], "up")


# ---- table, from functions with the limits that real ones have
MASS, GAMMA, SCALE = np.geomspace(0.1, 100.0, 61), np.geomspace(1e-3, 1.0, 19), 40.0


def model(m, gamma):
    """A stand-in: A falls as 1/m^2, gamma B -> on-shell part + gamma times the rest."""
    heavy = 1.0 / (1.0 + (m / SCALE) ** 2)
    a = np.array([(k + 1.0) * np.cos(np.log(m + 1.0) + k) * (1 + 0.1 * gamma) for k in range(9)]) * heavy
    on = np.array([(k + 2.0) * (1.0 + np.tanh(np.log(m / 3.0))) for k in range(18)]) * heavy**2
    off = np.array([(k + 1.0) / (1.0 + gamma) for k in range(18)]) * heavy**2 + 0.0 * m
    return a, on + gamma * off, on


@pytest.fixture(scope="module")
def table():
    mm, gg = np.meshgrid(MASS, GAMMA, indexing="ij")
    a, b, _ = model(mm, gg)
    return z4mu.make_table(MASS, GAMMA, a, b, model(MASS, 0.0 * MASS)[2], SCALE, MASS[0])


def test_table_interpolation(table):
    """0.3 %: the step of 12 % in mass and 47 % in gamma, cubed, with slopes from differences."""
    rng = np.random.default_rng(6)
    m, gamma = np.exp(rng.uniform(np.log(0.2), np.log(90.0), 500)), 10 ** rng.uniform(-6, 0, 500)
    a, b, _ = model(m, gamma)
    coefficients = jax.jit(lambda *x: z4mu.coefficients(table, *x))
    linear, square = coefficients(m, gamma)
    assert np.abs(linear.reshape(9, -1) - a).max() < 3e-3 * np.abs(a).max()
    np.testing.assert_allclose(square[:, [0, 3, 5]].reshape(9, -1), b.reshape(3, 6, -1)[:, [0, 3, 5]].reshape(9, -1), rtol=3e-3)
    # on the knots exactly
    linear, square = coefficients(MASS, np.full_like(MASS, GAMMA[7]))
    np.testing.assert_allclose(square.reshape(18, -1), model(MASS, GAMMA[7] + 0 * MASS)[1], rtol=1e-12)


def test_rate_limits(table):
    m = jnp.array([0.05, 0.2, 2.0, 20.0, 100.0])
    rate = jax.jit(lambda *x: z4mu.relative_rate(table, *x))

    g = jnp.full((1, 5), 0.03)
    # a dimension-six part that is zero changes nothing; degree two is refused
    padded = jnp.concatenate([g, 0 * g])
    np.testing.assert_allclose(rate(m, 0.01, g, -g), rate(m, 0.01, padded, -padded), rtol=1e-12)
    with pytest.raises(ValueError, match="degree 2"):
        rate(m, 0.01, jnp.concatenate([padded, g]), g)
    # narrow width: the square term scales as 1/gamma
    change = [rate(m, gamma, g, g) for gamma in (1e-3, 1e-7, 1e-8)]
    linear = z4mu.coefficients(table, m, jnp.full(5, 1e-7), 0)[0].sum(axis=(0, 1)) * g[0] ** 2
    # below the cut nothing is on shell; 1e-4 of 1/gamma: what is off shell
    np.testing.assert_allclose((change[2] - linear) / (change[1] - linear), [1.0, 10.0, 10.0, 10.0, 10.0], rtol=1e-4)
    # heavy: A ~ 1/m^2
    small = jnp.full((1, 5), 1e-6)
    far = [rate(jnp.full(5, x), 0.1, small, small) for x in (1e4, 1e5)]
    np.testing.assert_allclose(far[0] / far[1], 100.0, rtol=1e-3)
    # no coupling: exactly nothing, also at zero width, with zero slope in the width
    f = lambda mass, width, c: rate(mass, width, c, c).sum()  # noqa: E731
    value, slopes = jax.value_and_grad(f, argnums=(0, 1, 2))(m, jnp.zeros(5), 0 * g)
    assert float(value) == 0.0 and all(np.all(np.asarray(s) == 0.0) for s in slopes)


def test_rate_gradients(table):
    """Finite everywhere, knots and edges included; equal to differences inside."""
    mass = jnp.concatenate([jnp.asarray(MASS), jnp.array([1e-3, 50.0, 1e3, 1e6])])
    f = jax.jit(jax.grad(lambda m, g, c: z4mu.relative_rate(table, m, g, c, c).sum(), argnums=(0, 1, 2)))
    for gamma in (0.0, 1e-12, 1e-3, 0.05, 1.0, 3.0):
        assert all(np.all(np.isfinite(v)) for v in f(mass, jnp.full(mass.shape, gamma), jnp.full((2, len(mass)), 0.1)))
    m, gamma, c, h = jnp.array([2.03, 17.7]), jnp.array([2.3e-4, 0.013]), jnp.full((2, 2), 0.2), 1e-6
    slope = f(m, gamma, c)[0]
    rate = jax.jit(lambda v: z4mu.relative_rate(table, v, gamma, c, c))
    up, down = (rate(m * (1 + s * h)) for s in (1, -1))
    np.testing.assert_allclose(slope, (up - down) / (2 * h * m), rtol=1e-6)


def test_transformations(table):
    m, gamma, c = jnp.array([0.3, 4.0, 30.0]), jnp.array([1e-5, 0.02, 0.5]), jnp.full((2, 3), 0.1)
    f = jax.jit(lambda *x: z4mu.relative_rate(table, *x, 0.5 * x[2]))
    one = [f(m[i : i + 1], gamma[i : i + 1], c[:, i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(f(m, gamma, c), one, rtol=1e-12)
    # float32: logarithms of mass and width limit it
    low = f(m.astype(jnp.float32), gamma.astype(jnp.float32), c.astype(jnp.float32))
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, f(m, gamma, c), rtol=2e-4)
