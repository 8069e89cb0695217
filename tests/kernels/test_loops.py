"""Penguin and box loop functions against high-precision closed forms over 24 orders of magnitude."""

import importlib.util
import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import loops

jax.config.update("jax_enable_x64", True)

# Closed forms as printed, and the integral or identity that fixes each independently
ONE = {
    "penguin_f9": lambda x: (-2 + 9 * x - 18 * x**2 + 11 * x**3 - 6 * x**3 * mp.log(x)) / (36 * (x - 1) ** 4),
    "penguin_g9": lambda x: (-16 + 45 * x - 36 * x**2 + 7 * x**3 + 6 * (3 * x - 2) * mp.log(x)) / (36 * (x - 1) ** 4),
    "penguin_sum": lambda x: (3 * (x - 1) - (x + 2) * mp.log(x)) / (6 * (x - 1) ** 2),
    "penguin_f15": lambda y: (3 - 3 * y + (1 + 2 * y) * mp.log(y)) / (6 * (y - 1) ** 2),
    "inami_lim_s0": lambda x: (4 * x - 11 * x**2 + x**3) / (4 * (1 - x) ** 2) - 3 * x**3 * mp.log(x) / (2 * (1 - x) ** 3),
}

E = float(np.e)  # |ln x| = 1 is where the polynomial takes over
XS = np.concatenate(
    [
        np.geomspace(1e-12, 1e12, 160),
        np.geomspace(0.2, 5, 50),
        [s for x in (1 / E, E) for s in (np.nextafter(x, 0), x, np.nextafter(x, 9))],
        [1.0, 1 + 2.3e-16, 1 - 1.2e-16, 1 + 1e-12, 1 - 1e-12, 1 + 1e-8, 1 - 1e-8, 1 + 1e-4, 1 - 1e-4],
        [8.57735679259868, 0.11658603275812085],  # zeros of penguin_sum and penguin_f15
    ]
)


def one_reference(name, x):
    """Value and derivative to 50 digits; the 0/0 at x = 1 costs four times the step of 1e-40."""
    with mp.workdps(300):
        x = mp.mpf(float(x))
        h = x * mp.mpf(10) ** -40
        up, down = ONE[name](x + h), ONE[name](x - h)
        return (up + down) / 2, (up - down) / (2 * h)


def h_divided(nodes):
    """Divided difference of t^2 ln t: h[1, x, y, z] = box_f3, h[1, x, x, y, z] = its derivative.  Nodes are moved apart
    by 1e-80, which changes the result by as little; 700 digits survive the differences of four such pairs."""
    with mp.workdps(700):
        t = [mp.mpf(float(v)) * (1 + k * mp.mpf(10) ** -80) for k, v in enumerate(nodes)]
        total = mp.mpf(0)
        for i, ti in enumerate(t):
            total += ti**2 * mp.log(ti) / mp.fprod(ti - tj for j, tj in enumerate(t) if j != i)
        return total


def box_points():
    rng = np.random.default_rng(11)
    out = [10 ** rng.uniform(-12, 12, 3) for _ in range(120)]
    # nearly degenerate: relative differences from 1e-16 to 1, with each other or with the unit
    for _ in range(150):
        p = [10 ** rng.uniform(-12, 12)]
        for _ in range(2):
            base = p[rng.integers(len(p))] if rng.random() < 0.7 else 1.0
            p.append(base * (1 + rng.choice([-1, 1]) * 0.9 * 10 ** rng.uniform(-16, 0)))
        out.append(rng.permutation(p))
    c, n = loops._CLUSTER, loops._NEAR
    for x in (1e-12, 1e-4, 0.3, 1.0, 3.0, 1e4, 1e12):
        out += [[x, x, x], [1, x, x], [1, 1, x], [x, x * c, x * c], [x, x, x * c * (1 + 1e-9)], [x, x * n, 1]]
        out += [[x, x, np.nextafter(x, 0)], [x, x * (1 + 1e-15), x * (1 - 1e-15)]]
    out += [[1, 1, c], [1, c, c], [c, c, c], [1 / c, 1 / c, 1 / c], [1e-12, 1, 1e12], [1e-12, 1e-12, 1e12]]
    return np.array(out, dtype=float)


@pytest.mark.parametrize("name", ONE)
def test_one_mass_ratio_everywhere(name):
    """Value 1e-14 and derivative 1e-13, relative: a few eps, times 10 where the fourth power of x - 1 = 0.6 amplifies.
    The sum, f15 and the derivatives of either change sign: errors there are relative to the two terms that cancel,
    which are of order (1 + |ln x|)/max(x, 1) (value) and the same over x (derivative)."""
    f = getattr(loops, name)
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(f)))(XS)
    second = jax.jit(jax.vmap(jax.grad(jax.grad(f))))(XS)
    assert np.all(np.isfinite(second))
    cancelling = name in ("penguin_sum", "penguin_f15")
    for x, v, d in zip(XS, value, slope, strict=True):
        exact, exact_slope = one_reference(name, x)
        terms = (1 + abs(np.log(x))) / (6 * max(x, 1.0)) if cancelling else 0.0
        assert abs(float(v) - exact) < 1e-14 * max(abs(exact), 0.1 * terms)
        assert abs(float(d) - exact_slope) < 1e-13 * max(abs(exact_slope), 0.1 * terms / x)


def test_one_mass_ratio_integrals():
    """Independent of the closed forms: Feynman integrals of the two penguins, and for S_0 the boxes with two W, with
    one and with two charged Goldstone bosons, x^2 (B_0 + 2 B_1 + B_2/4), B_k = int ds s^k/[(s + 1)^2 (s + x)^2]."""
    for x in (1e-3, 0.2, 1.0, 2.0, 50.0):
        with mp.workdps(30):
            x = mp.mpf(x)
            split = [0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1]
            f9 = -mp.quad(lambda u, x=x: u**3 / 6 / ((1 - u) * x + u), split)
            den = lambda u, x=x: (1 - u) + u * x  # noqa: E731
            g9 = mp.quad(lambda u, x=x, den=den: u**3 / 6 * (2 / den(u) + x / den(u) ** 2), split)
            b = [
                mp.quad(lambda s, x=x, k=k: s**k / ((s + 1) * (s + x)) ** 2, [0, 1e-3, 0.01, 0.1, 1, 10, 100, mp.inf])
                for k in range(3)
            ]
            s0 = x**2 * (b[0] + 2 * b[1] + b[2] / 4)
        assert float(loops.penguin_f9(float(x))) == pytest.approx(float(f9), rel=1e-14)
        assert float(loops.penguin_g9(float(x))) == pytest.approx(float(g9), rel=1e-14)
        assert float(loops.inami_lim_s0(float(x))) == pytest.approx(float(s0), rel=1e-13)


def test_special_values():
    near = lambda f, x, v, digits: abs(float(f(x)) - v) < 0.51 * 10.0**-digits  # noqa: E731
    for x, v in [(1e-12, 8.7103403720), (1e-6, 4.1051811989), (0.01, 1.0690052161), (0.3, 0.2275977721)]:
        assert near(loops.penguin_sum, x, v, 10)
    assert near(loops.penguin_sum, 1e-4, 2.5708311, 7)
    assert near(loops.penguin_sum, 3.0, 0.0211224399, 10)
    assert near(loops.penguin_sum, 100.0, -2.93724e-3, 8)
    assert abs(float(loops.penguin_sum(8.57735679259868))) < 1e-15
    for y, v, digits in [(1e-12, -4.10517, 5), (1e-6, -1.80259, 5), (0.01, -0.293724, 6), (10.0, 0.0439389, 7)]:
        assert near(loops.penguin_f15, y, v, digits)
    assert abs(float(loops.penguin_f15(0.11658603275812085))) < 1e-15
    # at x = 1: value, first and second derivative from the Taylor series
    for f, series in [
        (loops.penguin_f9, (-1 / 24, 1 / 120, -1 / 360)),
        (loops.penguin_g9, (1 / 8, -11 / 120, 13 / 180)),
        (loops.penguin_sum, (1 / 12, -1 / 12, 5 / 72)),
        (loops.penguin_f15, (1 / 12, 0.0, -1 / 72)),
    ]:
        assert float(f(1.0)) == pytest.approx(series[0], rel=1e-15)
        assert float(jax.grad(f)(1.0)) == pytest.approx(series[1], rel=1e-14, abs=1e-16)
        assert float(jax.grad(jax.grad(f))(1.0)) == pytest.approx(2 * series[2], rel=1e-12)
    assert float(loops.inami_lim_s0(1.0)) == pytest.approx(0.75, rel=1e-15)
    # the fit 2.46 (m_t/170 GeV)^1.52 of hep-ph/9806471, "accurate to one percent"
    for m_t in (155.0, 163.5, 170.0):
        assert float(loops.inami_lim_s0((m_t / 80.2) ** 2)) == pytest.approx(2.46 * (m_t / 170.0) ** 1.52, rel=0.01)
    for f, args, v, digits in [
        (loops.mixing_box, (1e-12, 1e-4), 0.9991787917, 10),
        (loops.mixing_box, (1e-4, 1e-4), 0.9984574292, 10),
        (loops.mixing_box, (0.25, 0.25), 0.5792066831, 10),
        (loops.mixing_box, (1.0, 1.0), 1 / 3, 15),
        (loops.box_f3, (1.0, 1.0, 1.0), 1 / 3, 15),
    ]:
        assert abs(float(f(*args)) - v) < 0.51 * 10.0**-digits
    # all masses equal, heavy one 1 TeV (GeV: value)
    for m, v, digits in [(100, 3.2208, 4), (150, 2.504, 3), (200, 2.032, 3), (300, 1.438, 3), (400, 1.079, 3)]:
        t = (m / 1000.0) ** 2
        assert abs(float(loops.box_f3(t, t, t)) - v) < 0.51 * 10.0**-digits
    for m, v in [(500, 0.8416), (700, 0.5526)]:
        t = (m / 1000.0) ** 2
        assert abs(float(loops.box_f3(t, t, t)) - v) < 0.51e-4


def test_relations():
    x = np.geomspace(1e-10, 1e10, 101)
    scale = (1 + np.abs(np.log(x))) / np.maximum(x, 1.0)
    difference = loops.penguin_sum(x) - loops.penguin_f9(x) - loops.penguin_g9(x)
    assert np.max(np.abs(difference) / scale) < 1e-15
    assert np.max(np.abs(loops.penguin_f15(1 / x) / x - loops.penguin_sum(x)) / scale) < 1e-15
    # eq. 18 as printed, where it does not cancel
    for a, b in [(0.1, 5.0), (1e-3, 0.2), (7.0, 300.0), (3.0, 1e-6)]:
        h = lambda t: t * t * np.log(t) / (1 - t) ** 2  # noqa: E731
        printed = 1 / ((1 - a) * (1 - b)) + (h(a) - h(b)) / (a - b)
        assert float(loops.mixing_box(a, b)) == pytest.approx(printed, rel=1e-13)
    # and its diagonal
    t = np.array([1e-6, 0.1, 0.4, 3.0, 100.0])
    diagonal = (1 - t**2 + 2 * t * np.log(t)) / (1 - t) ** 3
    np.testing.assert_allclose(loops.mixing_box(t, t), diagonal, rtol=1e-13)


def test_limits():
    assert float(loops.penguin_f9(0.0)) == pytest.approx(-1 / 18, rel=1e-15)
    assert float(loops.inami_lim_s0(0.0)) == 0.0
    assert float(jax.grad(loops.inami_lim_s0)(0.0)) == 1.0
    assert float(jax.grad(loops.penguin_f9)(0.0)) == pytest.approx(1 / 36, rel=1e-13)
    for f in (loops.penguin_f9, loops.penguin_g9, loops.penguin_sum, loops.penguin_f15):
        assert float(f(jnp.inf)) == 0.0 and np.isnan(f(jnp.nan))
    # x/4 - 9/4 + (3/2) ln x, next term 7e-12 ln x
    assert float(loops.inami_lim_s0(1e12)) == pytest.approx(2.5e11 - 2.25 + 1.5 * np.log(1e12), rel=1e-15)
    # massless particles in the box: exact integrals
    assert float(loops.mixing_box(0.0, 0.0)) == pytest.approx(1.0, rel=1e-15)
    assert float(loops.box_f3(0.0, 0.0, 4.0)) == pytest.approx(np.log(4.0) / 3, rel=1e-15)
    assert float(loops.box_f3(0.0, 1.0, 1.0)) == pytest.approx(0.5, rel=1e-15)
    assert np.all(np.isfinite(jax.grad(loops.box_f3, argnums=(0, 1, 2))(0.0, 0.0, 4.0)))
    assert np.isnan(loops.box_f3(1.0, jnp.nan, 2.0))


def test_box_everywhere():
    """Value 5e-15 (a few roundings in each of three differences of well separated terms), first derivatives 5e-14,
    second derivatives 1e-12 and finite, also where masses coincide: the ordering must not show."""
    points = box_points()

    def value_and_slope(p):
        value, pullback = jax.vjp(loops.box_f3, *p)
        return value, pullback(jnp.ones_like(value))

    along = jax.jit(lambda p, direction: jax.jvp(value_and_slope, (p,), (direction,)))
    p = tuple(jnp.asarray(points.T))
    hessian = np.empty((3, 3, len(points)))
    for i in range(3):
        unit = tuple(jnp.full_like(v, float(i == j)) for j, v in enumerate(p))
        (value, slope), (_, hessian[i]) = along(p, unit)
    slope = np.asarray(slope)
    assert np.all(np.isfinite(hessian))
    for n, masses in enumerate(points):
        assert abs(float(value[n]) / h_divided([1, *masses]) - 1) < 5e-15
        for i in range(3):
            assert abs(float(slope[i, n]) / h_divided([1, *masses, masses[i]]) - 1) < 5e-14
        if n % 4:
            continue
        for i, j in itertools.combinations_with_replacement(range(3), 2):
            exact = h_divided([1, *masses, masses[i], masses[j]]) * (2 if i == j else 1)
            assert abs(hessian[i, j, n] / float(exact) - 1) < 1e-12


def test_box_symmetry():
    points = box_points()
    fast = jax.jit(loops.box_f3)
    for p in itertools.permutations(points.T):
        np.testing.assert_array_equal(fast(*p), fast(*points.T))
    x, y = points[:, 0], points[:, 1]
    mixing = jax.jit(loops.mixing_box)
    np.testing.assert_array_equal(mixing(x, y), mixing(y, x))
    np.testing.assert_allclose(mixing(x, y), fast(x, 1.0, y), rtol=2e-15)


@pytest.mark.parametrize("name", ONE)
def test_transformations(name):
    f = getattr(loops, name)
    x = jnp.array([1e-9, 0.1, 0.36, 0.9, 1.0, 1.1, 2.7, 3.0, 1e7])
    fast = jax.jit(f)
    check_grads(fast, (jnp.where((x > 0.01) & (x < 100.0), x, 2.0),), order=1, modes=["fwd", "rev"])
    # rounding; relative to the terms for the functions that cross zero (not on this grid)
    np.testing.assert_allclose(fast(x), f(x), rtol=1e-13)
    np.testing.assert_allclose(jax.jit(jax.vmap(f))(x), [float(fast(v)) for v in x], rtol=1e-13)
    assert fast(x.reshape(3, 3)).shape == (3, 3) and float(fast(2)) == float(fast(2.0))


def test_box_transformations():
    f = loops.box_f3
    fast = jax.jit(f)
    x = jnp.array([0.1, 0.5, 1.0, 1.2, 30.0])
    check_grads(fast, (x, x[::-1], 1.0 + 0.3 * x), order=1, modes=["fwd", "rev"])
    np.testing.assert_allclose(fast(x, 0.3, x[::-1]), f(x, 0.3, x[::-1]), rtol=1e-14)
    mapped = jax.jit(jax.vmap(f, in_axes=(0, None, 0)))(x, 0.3, x[::-1])
    np.testing.assert_allclose(mapped, [float(fast(a, 0.3, b)) for a, b in zip(x, x[::-1], strict=True)], rtol=1e-14)
    assert fast(x[:, None], x, 2.0).shape == (5, 5)
    assert float(fast(1, 2, 3)) == float(fast(1.0, 2.0, 3.0))


def test_float32():
    """Single precision over all 24 orders of magnitude: 1e-5 in the value, finite derivatives."""
    x = XS.astype(np.float32)
    for name in ONE:
        f = getattr(loops, name)
        low, slope = jax.jit(jax.vmap(jax.value_and_grad(f)))(x)
        exact = jax.jit(f)(x.astype(np.float64))
        terms = (1 + np.abs(np.log(x))) / (6 * np.maximum(x, 1.0)) if name in ("penguin_sum", "penguin_f15") else 0.0
        assert low.dtype == slope.dtype == jnp.float32
        assert np.max(np.abs(low - exact) / np.maximum(np.abs(exact), 0.1 * terms)) < 1e-5
        assert np.all(np.isfinite(slope))
    p = box_points().astype(np.float32).T
    low = jax.jit(loops.box_f3)(*p)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, jax.jit(loops.box_f3)(*p.astype(np.float64)), rtol=1e-5)
    slopes = jax.jit(jax.vmap(jax.grad(loops.box_f3, argnums=(0, 1, 2))))(*p)
    # beyond 1e38 or below 1e-38 a derivative may be out of range, here none is
    assert np.all(np.isfinite(slopes))


def test_fits_are_what_the_generator_prints():
    path = Path(__file__).parent / "reference" / "make_loop_tables.py"
    spec = importlib.util.spec_from_file_location("make_loop_tables", path)
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    with mp.workdps(60):
        for name, f in tables.LOOPS.items():
            fit = [float(c) for c in tables.chebyshev_to_powers(f, mp.mpf("1e-18"))]
            np.testing.assert_allclose(getattr(loops, name), fit, rtol=0, atol=1e-17)
        # Gauss-Legendre on [0, 1] with n nodes is exact for powers up to 2n - 1
        for k in range(2 * len(loops._GAUSS)):
            assert sum(w * u**k for u, w in loops._GAUSS) == pytest.approx(1 / (k + 1), rel=2e-15)
