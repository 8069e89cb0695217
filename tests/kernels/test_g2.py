"""Loop functions of the muon anomalous magnetic moment against 50-digit closed forms and the defining integrals."""

import importlib.util
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import g2

jax.config.update("jax_enable_x64", True)

# name: weights of I_1, I_2, I_3, a I_3; power of a in front; True if the argument is r = 1/x
FUNCTIONS = {
    "vector": ((0, 2, -2, 0), 0, False),
    "axial": ((-8, 10, -2, -4), 0, False),
    "scalar": ((0, 2, -1, 0), 0, False),
    "pseudoscalar": ((0, 0, -1, 0), 0, False),
    "c_phi": ((0, 2, -1, 0), 1, True),
    "c_a": ((2, -3, 1, 1), 0, True),
}

SWITCHES = [s for x in (g2._X_HEAVY, 0.5, g2._X_LIGHT) for s in (np.nextafter(x, 0), x, np.nextafter(x, 9))]
XS = np.concatenate([np.geomspace(1e-8, 1e6, 150), np.geomspace(0.04, 8.0, 60), SWITCHES])
# r = 1/x: the same points, and the switches in r itself (r = 2 is the removable point a = 4)
RS = np.concatenate(
    [1 / XS, [s for x in (1 / g2._X_HEAVY, 2.0, 1 / g2._X_LIGHT) for s in (np.nextafter(x, 0), x, np.nextafter(x, 99))]]
)

# The six integrands, in the form in which the papers print them
INTEGRANDS = {
    "vector": lambda z, x: 2 * z**2 * (1 - z) / (x**2 * z + (1 - z) * (1 - x**2 * z)),
    "axial": lambda z, x: (2 * z * (1 - z) * (z - 4) - 4 * x**2 * z**3) / (x**2 * z + (1 - z) * (1 - x**2 * z)),
    "scalar": lambda z, x: (1 - z) ** 2 * (1 + z) / ((1 - z) ** 2 * x**2 + z),
    "pseudoscalar": lambda z, x: -((1 - z) ** 3) / ((1 - z) ** 2 * x**2 + z),
    "c_phi": lambda z, r: (1 - z) ** 2 * (1 + z) / ((1 - z) ** 2 + z * r**2),
    "c_a": lambda z, r: (z * (1 - z) * (2 - z) * r**2 + z**3) / (z**2 + (1 - z) * r**2),
}


def tables():
    path = Path(__file__).parent / "reference" / "make_loop_tables.py"
    spec = importlib.util.spec_from_file_location("make_loop_tables", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def closed_form(name, v):
    """Loop function by the recursion of closed forms, with the digits it loses for a heavy boson added."""
    weights, power, of_r = FUNCTIONS[name]
    x = 1 / v if of_r else v
    a = x * x
    with mp.workdps(mp.mp.dps + 10 + max(0, int(-3 * mp.log10(a)))):
        w = 1 - 4 * a
        if w == 0:
            i0 = mp.mpf(2)
        elif w > 0:
            i0 = 2 / mp.sqrt(w) * (mp.log((1 + mp.sqrt(w)) / 2) - mp.log(x))
        else:
            i0 = 2 / mp.sqrt(-w) * mp.atan(mp.sqrt(-w))
        i1 = (mp.log(a) + i0) / (2 * a)
        i2 = (i1 - i0 + 1) / a
        i3 = (i2 - i1 + mp.mpf(1) / 2) / a
        return a**power * (weights[0] * i1 + weights[1] * i2 + weights[2] * i3 + weights[3] * a * i3)


def reference(name, v):
    """Value and first derivative to 50 digits (central difference, step 1e-30, 120 digits)."""
    with mp.workdps(120):
        v = mp.mpf(float(v))
        h = v * mp.mpf(10) ** -30
        up, down = closed_form(name, v + h), closed_form(name, v - h)
        return (up + down) / 2, (up - down) / (2 * h)


def points(name):
    return RS if FUNCTIONS[name][2] else XS


def worst(values, exact):
    return max(float(abs(mp.mpf(float(v)) / e - 1)) for v, e in zip(values, exact, strict=True))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_closed_forms_are_the_integrals(name):
    """The reference itself: 20 digits of the printed integral, below, at and above the removable point."""
    for v in (0.05, 0.5, 1.0, 2.0, 7.0):
        with mp.workdps(25):
            v = mp.mpf(v)
            integral = mp.quad(lambda z, v=v: INTEGRANDS[name](z, v), [0, 0.1, 0.5, 0.9, 0.99, 1])
        with mp.workdps(50):
            assert abs(integral / closed_form(name, v) - 1) < mp.mpf(10) ** -18


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_derivatives_everywhere(name):
    """All six are monotonic and of one sign, so errors are relative.  They should reach a few ulp times the O(1) sum
    of coefficients: 1e-14 in the value; in the derivative 5e-13, as c_a changes by 1e-3 over a decade at the switch;
    in the second, of the fit 1e-9."""
    f = getattr(g2, name)
    v = points(name)
    exact = [reference(name, u) for u in v]
    assert worst(jax.jit(f)(v), [e[0] for e in exact]) < 1e-14
    slope = jax.jit(jax.vmap(jax.grad(f)))(v)
    assert worst(slope, [e[1] for e in exact]) < 5e-13
    second = np.asarray(jax.jit(jax.vmap(jax.grad(jax.grad(f))))(v))
    assert np.all(np.isfinite(second))
    for u, s in list(zip(v, second, strict=True))[::8]:
        with mp.workdps(150):
            u = mp.mpf(float(u))
            h = u * mp.mpf(10) ** -30
            exact = (closed_form(name, u + h) - 2 * closed_form(name, u) + closed_form(name, u - h)) / h**2
        assert abs(s / float(exact) - 1) < 1e-9


def test_special_values():
    # closed forms at x = 1 and on the removable point 2x = 1, all exact
    s3, ln2 = math.sqrt(3.0), math.log(2.0)
    assert g2.vector(1.0) == pytest.approx(2 * math.pi / (3 * s3) - 1, rel=1e-14)
    assert g2.axial(1.0) == pytest.approx(1 - 2 * math.pi / s3, rel=1e-14)
    assert g2.vector(0.5) == pytest.approx(-44 + 64 * ln2, rel=1e-13)  # the expected number cancels two digits
    assert g2.axial(0.5) == pytest.approx(-14 + 16 * ln2, rel=1e-14)
    assert g2.c_phi(1.0) == pytest.approx(0.5, rel=1e-14)
    assert g2.c_a(1.0) == pytest.approx(math.pi / (3 * s3), rel=1e-14)
    assert g2.c_phi(2.0) == pytest.approx(2 * math.log(4.0) - 2.5, rel=1e-14)
    # tabulated to the digits given
    for f, x, v in [
        (g2.vector, 1e-3, 0.666643202165831),
        (g2.axial, 1e-3, -3.33330886887863),
        (g2.vector, 0.1, 0.612461089440228),
        (g2.axial, 0.1, -3.27014142846814),
        (g2.vector, 10.0, 7.73182377728184e-3),
        (g2.axial, 10.0, -2.05255617237158),
        (g2.vector, 1e4, 9.99686199154144e-9),
        (g2.axial, 1e4, -2.00000031842617368),
    ]:
        assert f(x) == pytest.approx(v, rel=1e-14)
    assert g2.c_a(2.0) == pytest.approx(0.637056389, abs=5e-10)
    assert g2.c_phi(0.1) == pytest.approx(1.25811, abs=5e-6)
    assert g2.c_a(0.1) == pytest.approx(0.511206, abs=5e-7)
    assert g2.c_phi(10.0) == pytest.approx(0.0354740, abs=5e-8)
    assert g2.c_a(10.0) == pytest.approx(0.6644201, abs=5e-8)


def test_series_coefficients():
    """Leading coefficients of the expansions, worked out by hand."""
    np.testing.assert_allclose(g2._F_VECTOR.heavy[:4], [2 / 3, 25 / 6, 97 / 5, 416 / 5], rtol=1e-15)
    np.testing.assert_allclose(g2._F_VECTOR.heavy_log[:5], [0, 2, 12, 56, 240], rtol=1e-15)
    np.testing.assert_allclose(g2._F_AXIAL.heavy[:4], [-10 / 3, -19 / 6, -154 / 15, -173 / 5], rtol=1e-15)
    np.testing.assert_allclose(g2._F_AXIAL.heavy_log[:5], [0, -2, -8, -28, -96], rtol=1e-15)
    # in powers of e^2; ln a = -2 ln e; odd powers e, e^3, ...
    np.testing.assert_allclose(g2._F_VECTOR.light[:4], [0, 1, -1, -11 / 6], rtol=1e-15)
    np.testing.assert_allclose(g2._F_VECTOR.light_log[:4], [0, 0, 2, -1], rtol=1e-15)
    np.testing.assert_allclose(g2._F_VECTOR.light_odd[:4], np.pi * np.array([0, -1, 15 / 8, -35 / 128]), rtol=1e-15)
    np.testing.assert_allclose(g2._F_AXIAL.light[:4], [-2, 5, 2, -7 / 3], rtol=1e-15)


def test_limits():
    """x = 0 and x = infinity (r = infinity and 0) in value and derivative; leading behaviour at the ends."""
    for f, at_zero, slope in [(g2.vector, 2 / 3, 0.0), (g2.axial, -10 / 3, 0.0), (g2.c_phi, 1.5, -math.pi)]:
        assert float(f(0.0)) == pytest.approx(at_zero, rel=1e-15)
        assert float(jax.grad(f)(0.0)) == pytest.approx(slope, rel=1e-15, abs=0.0)
    assert float(g2.c_a(0.0)) == 0.5
    assert [float(f(jnp.inf)) for f in (g2.vector, g2.axial, g2.c_phi)] == [0.0, -2.0, 0.0]
    assert float(g2.c_a(jnp.inf)) == pytest.approx(2 / 3, rel=1e-15)
    # corrections of order x^2 ln x = 4e-15
    assert g2.scalar(1e-8) == pytest.approx(-2 * math.log(1e-8) - 7 / 6, rel=1e-13)
    assert g2.pseudoscalar(1e-8) == pytest.approx(2 * math.log(1e-8) + 11 / 6, rel=1e-13)
    # corrections of order pi/x
    assert 1e12 * g2.scalar(1e6) == pytest.approx(1.5, rel=4e-6)
    assert 1e12 * g2.pseudoscalar(1e6) == pytest.approx(-0.5, rel=4e-5)
    assert np.isnan(g2.vector(jnp.nan)) and np.isnan(g2.c_a(jnp.nan))


def test_relations():
    """C_phi' and C_A' are the other functions in other units; checked where both sides are accurate."""
    r = np.geomspace(1e-5, 1e7, 100)
    np.testing.assert_allclose(g2.c_phi(r), g2.scalar(1 / r) / r**2, rtol=1e-13)
    np.testing.assert_allclose(g2.c_a(r), -(g2.vector(1 / r) + g2.axial(1 / r)) / 4, rtol=1e-14)


def test_delta_a_mu():
    """c4 = 5.402e-3 at m_V = 1 GeV gives 2.51e-9 (four digits quoted); a boson with g_V = g_A = g/2,
    g^2 = m^2/(2 V^2), gives -m_mu^2/(16 pi^2 V^2) C_A'; heavy limit (g_V^2 - 5 g_A^2) m_mu^2/(12 pi^2 m_V^2)."""
    m_mu = 0.1056583745
    assert g2.delta_a_mu_vector(5.402e-3, 0.0, 1.0, m_mu) == pytest.approx(2.51e-9, rel=4e-4)
    for m_v, g_v in [(0.01, 5.032e-4), (0.1, 9.462e-4), (0.5, 2.896e-3), (5.0, 2.590e-2), (20.0, 0.10324)]:
        assert g2.delta_a_mu_vector(g_v, 0.0, m_v, m_mu) == pytest.approx(2.51e-9, rel=4e-4)
    m, vev = 0.08, 10.0
    g = m / (math.sqrt(2.0) * vev)
    expected = -(m_mu**2) / (16 * math.pi**2 * vev**2) * float(g2.c_a(m / m_mu))
    assert g2.delta_a_mu_vector(g / 2, g / 2, m, m_mu) == pytest.approx(expected, rel=1e-14)
    y = m_mu / (math.sqrt(2.0) * vev)
    expected = m_mu**2 / (16 * math.pi**2 * vev**2) * float(g2.c_phi(m / m_mu))
    assert g2.delta_a_mu_scalar(y, 0.0, m, m_mu) == pytest.approx(expected, rel=1e-14)
    heavy = g2.delta_a_mu_vector(0.3, 0.2, 1e6, m_mu) / ((0.3**2 - 5 * 0.2**2) * m_mu**2 / (12 * math.pi**2 * 1e12))
    assert heavy == pytest.approx(1.0, rel=1e-11)
    # a weak phase drops out
    real = float(g2.delta_a_mu_vector(0.3, 0.2, 5.0, m_mu))
    assert g2.delta_a_mu_vector(0.3j, 0.2, 5.0, m_mu) == pytest.approx(real, rel=1e-14)
    slopes = jax.grad(g2.delta_a_mu_vector, argnums=(0, 1, 2))(0.0, 0.0, 5.0, m_mu)
    assert [float(s) for s in slopes] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_transformations(name):
    f = getattr(g2, name)
    v = jnp.array([1e-7, 0.01, 0.5, 1.0, 2.0, 1e5])
    fast = jax.jit(f)
    check_grads(fast, (jnp.array([0.3, 0.5, 1.0, 2.0, 5.0, 30.0]),), order=1, modes=["fwd", "rev"])
    # fused multiply-add under jit: rounding only
    np.testing.assert_allclose(fast(v), f(v), rtol=1e-14)
    np.testing.assert_allclose(jax.jit(jax.vmap(f))(v), [float(fast(u)) for u in v], rtol=1e-14)
    assert fast(v.reshape(3, 2)).shape == (3, 2)
    assert float(fast(1)) == float(fast(1.0))  # a Python integer is a number like any other


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32(name):
    """Single precision over the whole domain: 1e-5 in the value (eps = 1.2e-7 times a logarithm of up to 40)."""
    f = getattr(g2, name)
    v = points(name).astype(np.float32)
    low, slope = jax.jit(jax.vmap(jax.value_and_grad(f)))(v)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, jax.jit(f)(v.astype(np.float64)), rtol=1e-5)
    assert slope.dtype == jnp.float32 and np.all(np.isfinite(slope))


def test_fits_are_what_the_generator_prints():
    t = tables()
    with mp.workdps(60):
        for name, weights in t.G2_WEIGHTS.items():

            def f(u, w=weights):
                return t.g2_function(w, mp.exp(t.G2_HALF * u) / 2)

            scale = min(abs(f(-1)), abs(f(1)))
            fit = [float(c) for c in t.chebyshev_to_powers(f, scale * mp.mpf("1e-17"))]
            np.testing.assert_allclose(getattr(g2, name), fit, rtol=0, atol=1e-16)
    assert float(t.G2_HALF) == g2._HALF


def test_tuned_axial():
    """With the tuned axial coupling the shift is what was asked for; below it nothing is tuned, with a finite gradient."""
    m = jnp.array([0.01, 0.1, 1.0, 10.0])
    limit = 3.69e-9
    g = jnp.array([1e-2, 1e-2, 1e-1, 1.0])
    t = g2.tuned_axial(g, m, 0.10565837, limit)
    np.testing.assert_allclose(g2.delta_a_mu_vector(g, t, m, 0.10565837), limit, rtol=1e-9)
    # 2106.12582 section 4.3: heavy vectors need |t| = 0.447 |g|
    assert float(t[-1] / g[-1]) == pytest.approx(0.4468, abs=2e-3)
    small = g * 1e-4
    value, back = jax.vjp(lambda v: g2.tuned_axial(v, m, 0.10565837, limit), small)
    assert np.all(np.asarray(value) == 0.0) and np.all(np.asarray(back(jnp.ones(4))[0]) == 0.0)
