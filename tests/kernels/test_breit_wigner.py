"""Bin integrals through a resonance: moments, product-quadrature weights and panels against mpmath."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.special import ndtr

from fipkernels import breit_wigner as bw
from fipkernels.panels import RHO_MIN, make_panels, split_interval

N = 12


def exact_moments(x, y, n):
    """mu_0..mu_{n-1}: upward recurrence with 200 digits (it loses rho^(2n), 10^120 at most here)."""
    with mp.workdps(200):
        z = mp.mpc(x, y)
        re = mp.log(abs((1 - z) / (-1 - z)))
        im = mp.atan2(2 * z.imag, (z.real - 1) * (z.real + 1) + z.imag**2)
        mu = [mp.mpc(re, im)]
        mu.append(2 + z * mu[0])
        for k in range(1, n - 1):
            mu.append(((2 * k + 1) * z * mu[k] - k * mu[k - 1]) / (k + 1))
        return mu


def poles():
    rng = np.random.default_rng(0)
    out = [(s * (1 + d), -w) for s in (-1, 1) for d in (-1e-3, 0.0, 1e-12, 1e-3) for w in (1e-13, 1e-6, 1e-2)]
    out += [
        (0.0, -1e-13),
        (0.3, -1e-9),
        (0.0, -0.49),
        (0.0, -0.51),
        (1.28, -1e-5),
        (50.0, -1e-12),
        (-1e3, -1e2),
        (1e5, -1.0),
    ]
    out += [(rng.uniform(-1.5, 1.5), -(10 ** rng.uniform(-13, 0.5))) for _ in range(60)]
    out += [(rng.choice([-1, 1]) * 10 ** rng.uniform(0, 4), -(10 ** rng.uniform(-13, 3))) for _ in range(60)]
    return out


def rule():
    """Nodes, weights and P_n' at the nodes with 60 digits."""
    with mp.workdps(60):
        nodes = [mp.findroot(lambda t: mp.legendre(N, t), mp.mpf(float(x))) for x in np.polynomial.legendre.leggauss(N)[0]]
        slopes = [N * (t * mp.legendre(N, t) - mp.legendre(N - 1, t)) / (t * t - 1) for t in nodes]
        return nodes, [2 / ((1 - t * t) * s * s) for t, s in zip(nodes, slopes, strict=True)]


def exact_weights(x, y, derivative=False):
    """sum_k (k + 1/2) w_j P_k(x_j) mu_k, with moments, nodes and weights of many digits."""
    with mp.workdps(200):
        mu, z = exact_moments(x, y, N), mp.mpc(x, y)
        if derivative:
            mu = [2 / (z * z - 1) if k == 0 else k * (z * mu[k] - mu[k - 1]) / (z * z - 1) for k in range(N)]
        out = []
        for t, w in zip(*rule(), strict=True):
            out.append(w * sum((k + mp.mpf(0.5)) * mp.legendre(k, t) * mu[k] for k in range(N)))
        return out


def at_nodes():
    """Poles at, and next to, nodes: where a weight is given by the others."""
    x = np.polynomial.legendre.leggauss(N)[0]
    return [(x[j] + d, -y) for j in (0, 3, 6) for d in (0.0, 1e-9, -0.0299, 0.0301) for y in (1e-13, 1e-6, 1e-3)]


def test_weights_everywhere():
    """On, inside, next to and far from the panel, at nodes, widths from 1e-13: real and imaginary part (which is what |1/D|^2 is
    made of) relative to their own largest weight.  1e-12: the forward recurrence loses 1.8^12 = 1e3 of double precision."""
    zs = poles() + at_nodes()
    re, im = bw.product_weights(*(jnp.array(v) for v in np.array(zs).T), N)
    for i, (x, y) in enumerate(zs):
        want = exact_weights(x, y)
        scale, imag = max(abs(w) for w in want), max(abs(w.imag) for w in want)
        for j, w in enumerate(want):
            assert abs(float(re[j, i]) - w.real) < 1e-12 * scale, (x, y, j)
            assert abs(float(im[j, i]) - w.imag) <= 1e-12 * imag, (x, y, j)


def test_weight_derivatives():
    """dW/dz against the exact derivative, away from z = +-1 by more than 1e-6 (closer, the derivative is 1/(z -+ 1))."""
    zs = [z for z in poles() + at_nodes() if min(abs(complex(*z) - 1), abs(complex(*z) + 1)) > 1e-6]
    x, y = (jnp.array(v) for v in np.array(zs).T)
    _, (d_re, d_im) = jax.jvp(lambda t: bw.product_weights(t, y, N), (x,), (jnp.ones_like(x),))
    for i, (a, b) in enumerate(zs):
        want = exact_weights(a, b, derivative=True)
        scale = max(abs(w) for w in want)
        for j, w in enumerate(want):
            assert abs(mp.mpc(float(d_re[j, i]), float(d_im[j, i])) - w) < 1e-10 * scale, (a, b, j)


def test_weight_rule_is_consistent():
    """The custom derivative agrees with finite differences, forward and reverse, also on both sides of the switches."""
    node = float(np.polynomial.legendre.leggauss(N)[0][5])
    zs = [(0.2, -0.1), (1.17, -0.02), (1.19, -0.02), (-3.0, -0.5), (0.0, -0.62), (0.0, -0.63), (node, -0.02), (node, -0.04)]
    for x, y in zs:
        args = (jnp.array([x]), jnp.array([y]))
        check_grads(lambda a, b: bw.product_weights(a, b, N), args, order=2, rtol=1e-5)


def test_lagrange():
    """1 at its own node and 0 at the others; any polynomial of degree N - 1 is reproduced."""
    nodes = np.polynomial.legendre.leggauss(N)[0]
    np.testing.assert_allclose(bw.lagrange(jnp.array(nodes), N), np.eye(N), atol=1e-14)
    x = np.concatenate([np.linspace(-1.0, 1.0, 41), nodes + 1e-9, nodes + 0.0299, nodes - 0.0301])
    c = np.random.default_rng(1).normal(size=N)
    value = np.polynomial.legendre.legval(nodes, c) @ bw.lagrange(jnp.array(x), N)
    np.testing.assert_allclose(value, np.polynomial.legendre.legval(x, c), atol=1e-12)


M_MU, M_B, M_K = 0.1056583745, 5.27934, 0.493677
LOW, HIGH, CHARM = 2 * M_MU, M_B - M_K, 2 * 1.6836
BINS = [(0.1, 0.98), (1.1, 2.0), (1.1, 6.0), (11.0, 11.8), (15.0, 22.0), (LOW**2, 1.0), (16.0, HIGH**2)]
# ends next to a threshold, as published ones are
BINS += [(LOW**2 + 3e-4, 0.5), (16.0, HIGH**2 - 3e-3)]


def smooth(q, lib):
    """Phase-space-like test function with the square-root ends and poles of a real rate."""
    lam = (HIGH - q) * (HIGH + q) * ((M_B + M_K) ** 2 - q * q)
    return lib.sqrt(abs(lam)) ** 3 * lib.sqrt(abs((q - LOW) * (q + LOW))) / (1 - q * q / 5.415**2) ** 2 / q


def exact_bin(lo, hi, mass, width, scheme):
    with mp.workdps(25):
        m, g, lo, hi = mp.mpf(mass), mp.mpf(width), mp.mpf(lo), mp.mpf(hi)
        points = sorted({lo, hi} | {p for k in range(14) for s in (-1, 0, 1) if lo < (p := m + s * g * mp.mpf(10) ** k) < hi})

        def d(q):
            return q * q - m * m + mp.mpc(0, 1) * g * (q if scheme == "sqrt_q2" else m)

        one = mp.quad(lambda q: smooth(q, mp) / d(q), points, maxdegree=9)
        two = mp.quad(lambda q: smooth(q, mp) / abs(d(q)) ** 2, points, maxdegree=9)
        return complex(one), float(mp.re(two))


@pytest.fixture(scope="module")
def panels():
    edges = [(max(np.sqrt(a), LOW), np.sqrt(b)) for a, b in BINS]
    return make_panels(edges, singular=[-LOW, 0.0, LOW, CHARM, HIGH, 5.415], sqrt_points=[LOW, CHARM, HIGH])


CASES = [
    (1.2, 1e-12),
    (1.2, 1e-4),
    (1.2, 0.3),
    (0.05, 0.01),
    (4.78, 1e-3),
    (LOW, 1e-6),
    (np.sqrt(2.0), 1e-8),
    (3.4, 1e-4),
]
# beyond the upper threshold, just and far, and below the lower one: no cancellation between the poles +-tau
CASES += [(HIGH * 1.0001, 1e-14), (4.9, 1e-12), (1e5, 1e-13), (0.15, 1e-16), (LOW * 0.9999, 1e-15), (4.9, 1e-5)]
CASES += [(20.0, 1.0), (0.01, 0.005), (0.6, 0.6), (2.5, 2.4), (4.2, 1e-9)]


@pytest.mark.parametrize("scheme", ["sqrt_q2", "constant"])
@pytest.mark.parametrize("mass,width", CASES)
def test_bins_through_resonances(panels, mass, width, scheme):
    """Pole inside, on the edge of and outside bins that end at thresholds or contain one.  1e-7: interpolation at Bernstein
    radius 5 with 12 nodes is good to 4e-9 of the function; a pole at a threshold sees a suppressed function."""
    p, sums = panels
    w = bw.weights(p, jnp.array([mass]), jnp.array([width]), scheme)
    f = smooth(jnp.asarray(p.q), jnp)[..., None]
    one = sums @ np.asarray(jnp.sum(f * (w.re + 1j * w.im), axis=1))
    two = sums @ np.asarray(jnp.sum(f * w.sq, axis=1))
    for b in (0, 1, 5, 6, 7, 8):
        lo, hi = max(np.sqrt(BINS[b][0]), LOW), np.sqrt(BINS[b][1])
        want1, want2 = exact_bin(lo, hi, mass, width, scheme)
        assert abs(one[b, 0] - want1) < 1e-7 * abs(want1)
        assert abs(two[b, 0] - want2) < 1e-7 * want2


def test_narrow_width_limit(panels):
    """int f |1/D|^2 dq -> pi f(m)/(2 m^2 Gamma) when the pole is inside the bin."""
    p, sums = panels
    m = 1.3
    for width in (1e-7, 1e-9, 1e-11):
        w = bw.weights(p, jnp.array([m]), jnp.array([width]))
        got = (sums @ np.asarray(jnp.sum(smooth(jnp.asarray(p.q), jnp)[..., None] * w.sq, axis=1)))[1, 0]
        want = np.pi * float(smooth(m, np)) / (2 * m * m * width)
        # corrections of relative order Gamma/(pi x distance to the edge)
        assert abs(got / want - 1) < 1e-6


def test_weights_gradient(panels):
    """d/dm and d/dGamma of binned integrals against mpmath's numerical derivative."""
    p, sums = panels
    f = smooth(jnp.asarray(p.q), jnp)[..., None]

    def binned(m, g):
        w = bw.weights(p, m[None], g[None])
        return (jnp.asarray(sums) @ jnp.sum(f * w.sq, axis=1))[1, 0]

    for mass, width in [(1.2, 0.05), (1.05, 1e-3), (3.0, 0.2)]:
        lo, hi = np.sqrt(1.1), np.sqrt(2.0)
        dm, dg = jax.grad(binned, (0, 1))(jnp.array(mass), jnp.array(width))
        h = 1e-6 * width
        num_m = (exact_bin(lo, hi, mass + h, width, "sqrt_q2")[1] - exact_bin(lo, hi, mass - h, width, "sqrt_q2")[1]) / (2 * h)
        num_g = (exact_bin(lo, hi, mass, width + h, "sqrt_q2")[1] - exact_bin(lo, hi, mass, width - h, "sqrt_q2")[1]) / (2 * h)
        # 1e-5: cancellation in the central difference (1e-6 steps of numbers good to 1e-15)
        assert abs(dm - num_m) < 1e-5 * max(abs(num_m), abs(num_g))
        assert abs(dg - num_g) < 1e-5 * abs(num_g)


def test_two_mediators(panels):
    """int f/(D1 D2^*): distinct poles, equal masses, and the diagonal (= |1/D|^2)."""
    p, sums = panels
    f = smooth(jnp.asarray(p.q), jnp)[..., None]
    a = (jnp.array([1.2]), jnp.array([0.02]))
    for b in [(1.3, 0.3), (1.2, 0.05), (5.0, 1e-4)]:
        re, im = bw.cross_weights(p, a, (jnp.array([b[0]]), jnp.array([b[1]])))
        got = (sums @ np.asarray(jnp.sum(f * (re + 1j * im), axis=1)))[1, 0]
        with mp.workdps(25):
            d = lambda q, m, g: q * q - mp.mpf(m) ** 2 + mp.mpc(0, 1) * mp.mpf(g) * q  # noqa: E731
            g = lambda q: smooth(q, mp) / (d(q, 1.2, 0.02) * mp.conj(d(q, *b)))  # noqa: E731, B023
            want = complex(mp.quad(g, [mp.sqrt(1.1), 1.18, 1.2, 1.22, 1.3, mp.sqrt(2)]))
        assert abs(got - want) < 1e-8 * abs(want)
    re, im = bw.cross_weights(p, a, a)
    w = bw.weights(p, *a)
    # other interpolants, the same integrals
    got, want = (sums @ np.asarray(jnp.sum(f * v, axis=1)) for v in (re + 1j * im, w.sq))
    np.testing.assert_allclose(got, want, rtol=1e-7)


def test_point_weights():
    q = jnp.array([[1.0], [2.0]])
    w = bw.point_weights(q, jnp.array([1.5]), jnp.array([0.1]))
    d = np.array([1.0, 4.0]) - 1.5**2 + 0.1j * np.array([1.0, 2.0])
    np.testing.assert_allclose((w.re + 1j * w.im)[:, 0, 0], 1 / d / (2 * np.array([1.0, 2.0])), rtol=1e-14)
    np.testing.assert_allclose(w.sq[:, 0, 0], np.abs(1 / d) ** 2 / (2 * np.array([1.0, 2.0])), rtol=1e-14)


def test_random_points_are_finite(panels):
    """Value and gradient of 2e4 random (m, Gamma) over the full range, pole anywhere: no NaN, no Inf."""
    p, _ = panels
    rng = np.random.default_rng(1)
    m, g = 10 ** rng.uniform(-2.3, 1.5, 20000), 10 ** rng.uniform(-12, 0, 20000)

    def total(m, g):
        w = bw.weights(p, m, g * m)
        return jnp.sum(jnp.log(jnp.sum(w.sq, axis=(0, 1)))) + jnp.sum(w.re * 1e-3) + jnp.sum(w.im * 1e-3)

    value, grads = jax.jit(jax.value_and_grad(total, (0, 1)))(jnp.array(m), jnp.array(g))
    assert np.isfinite(value) and all(np.isfinite(x).all() for x in grads)


def test_float32():
    """Single precision: 1e-4 for widths of 1e-3 and more."""
    p, _ = make_panels([(np.sqrt(1.1), np.sqrt(2.0))], singular=[0.0, LOW], sqrt_points=[])
    p32 = p._replace(**{k: getattr(p, k).astype(np.float32) for k in ("center", "half", "q", "w")})
    m, g = jnp.array([1.2], jnp.float32), jnp.array([1.2e-3], jnp.float32)
    w = bw.weights(p32, m, g)
    assert w.sq.dtype == jnp.float32
    want = bw.weights(p, jnp.array([1.2]), jnp.array([1.2e-3]))
    np.testing.assert_allclose(float(w.sq.sum()), float(want.sq.sum()), rtol=1e-4)


def test_panels_tile_the_bins():
    edges = [(0.3, 1.0), (0.5, 2.0), (3.0, 4.0)]
    p, sums = make_panels(edges, singular=[-0.2, 0.0, 0.2, 3.2], sqrt_points=[3.2])
    got = sums @ p.w.sum(axis=1)
    np.testing.assert_allclose(got, [b - a for a, b in edges], rtol=1e-13)
    # nodes stay inside, and the panels at the square root use its variable
    assert ((p.q > 0.3) & (p.q < 4.0)).all()
    assert set(p.kind) == {-1, 0, 1}
    tiles = split_interval(0.21, 4.0, [0.2, 4.5])
    assert tiles[0][0] == 0.21 and tiles[-1][1] == 4.0
    assert all(x[1] == y[0] for x, y in zip(tiles[:-1], tiles[1:], strict=True))
    for a, b, variable in tiles:
        assert variable is None
        for s in (0.2, 4.5):
            x = abs(s - 0.5 * (a + b)) / (0.5 * (b - a))
            assert x + np.sqrt(x * x - 1) >= RHO_MIN


def test_few_panels():
    """A bin that ends next to a threshold is integrated in the variable of its square root: no refinement towards it, where q alone
    would need eight panels or more.  A point where the integrand changes from one analytic function to another only cuts."""
    rule = {"singular": [-0.2, 0.0, 0.2, 3.2, 4.3], "sqrt_points": [0.2, 3.2, 4.3], "rho": (3.5, 6.0)}
    p, _ = make_panels([(4.05, 4.3 - 1e-6)], **rule)
    assert len(p.q) == 1 and p.kind[0] == -1 and p.threshold[0] == 4.3
    assert p.q.min() > 4.05 and p.q.max() < 4.3 - 1e-6
    np.testing.assert_allclose(p.w.sum(), 0.25 - 1e-6, rtol=1e-13)
    # exact for sqrt(4.3 - q) times a polynomial
    value = np.sum(p.w * np.sqrt(4.3 - p.q) * p.q)
    t = np.sqrt([0.25, 1e-6])
    want = [2.0 * (4.3 * x**3 / 3.0 - x**5 / 5.0) for x in t]
    assert value == pytest.approx(want[0] - want[1], rel=1e-13)
    assert len(split_interval(4.05, 4.3 - 1e-6, [0.0, 4.3])) >= 8
    q, _ = make_panels([(4.05, 4.3 - 1e-6)], cuts=[4.2], **rule)
    ends = np.sort(np.concatenate(bw._edges(q)))
    np.testing.assert_allclose(ends, [4.05, 4.2, 4.2, 4.3 - 1e-6], rtol=1e-14)


def _area(weights_, made):
    """(S, B) integrals of smooth |1/D|^2."""
    p, sums = made
    return jnp.einsum("sp,pnb,pn->sb", jnp.asarray(sums), weights_.sq, jnp.asarray(smooth(p.q, np)))


def test_resolution():
    """A narrow peak with a Gaussian resolution: f(m) pi/(2 m^2 Gamma) times the Gaussian's integral over the bin; its slope."""
    edges, sigma, width = [(0.3, 1.0), (1.0, 1.4)], 0.01, 1e-9
    made = make_panels(edges, singular=[0.0, 0.25], sqrt_points=[0.25], rho=(3.5, 6.0))
    m = jnp.array([0.4, 0.5, 0.975, 0.995, 1.0, 1.003, 1.04, 1.2])

    def binned(mass):
        return _area(bw.weights(made[0], mass, jnp.full_like(mass, width), "sqrt_q2", sigma), made)

    got = np.asarray(binned(m))
    peak = np.asarray([float(smooth(x, np)) * np.pi / (2 * x * x * width) for x in np.asarray(m)])
    seen = np.array([ndtr((hi - np.asarray(m)) / sigma) - ndtr((lo - np.asarray(m)) / sigma) for lo, hi in edges])
    # a peak outside the bin leaks in with f at the bin's end: off by (f'/f) |m - end|, here up to 3 sigma
    np.testing.assert_allclose(got / peak, seen, rtol=0.12, atol=1e-6)
    inside = seen > 0.5
    # 3e-3: panels next to the peak's own see it with f at their end
    np.testing.assert_allclose((got / peak)[inside], seen[inside], rtol=3e-3)
    alone = np.asarray(_area(bw.on_shell_weights(made[0], m, jnp.full_like(m, width), sigma), made))
    np.testing.assert_allclose(alone[inside], got[inside], rtol=3e-3)
    # a wide state is not smeared; a narrow one away from the ends of all panels neither
    ends = np.concatenate([[0.3, 1.0], *bw._edges(made[0])])
    inner = np.linspace(0.31, 0.99, 200)
    m = jnp.array([0.4, inner[np.argmax(np.min(np.abs(inner[:, None] - ends), axis=1))]])
    sharp = [np.asarray(_area(bw.weights(made[0], m, jnp.full(2, w), "sqrt_q2"), made)) for w in (0.2, width)]
    soft = [np.asarray(_area(bw.weights(made[0], m, jnp.full(2, w), "sqrt_q2", sigma), made)) for w in (0.2, width)]
    np.testing.assert_allclose(soft[0], sharp[0], rtol=1e-12)
    np.testing.assert_allclose(soft[1][0, 1], sharp[1][0, 1], rtol=1e-8)
    # slope at the common end: the Gaussian density
    slope = jax.jacfwd(lambda x: binned(jnp.array([x]))[:, 0])(1.0)
    density = 1.0 / (np.sqrt(2 * np.pi) * sigma) * float(smooth(1.0, np)) * np.pi / (2 * width)
    # the peak's own strength changes by a few per cent over sigma
    np.testing.assert_allclose(np.asarray(slope), [-density, density], rtol=0.05)
    assert np.all(np.isfinite(jax.jacfwd(binned)(jnp.linspace(0.31, 1.39, 7))))
