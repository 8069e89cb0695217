"""Thermal average and relic density against adaptive integration with SciPy, in the forbidden and the resonant regime too."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import quad, solve_ivp
from scipy.special import kve

from fipkernels import relic

jax.config.update("jax_enable_x64", True)

M_MU = 0.1056583745
ONE = jnp.ones(1)


def muons(g_v=1.0, g_a=0.5, m=M_MU):
    return relic.Channel(m, jnp.array([[g_v]]), jnp.array([[g_a]]))


AVERAGE = jax.jit(relic.thermal_average)
DENSITY = jax.jit(relic.relic_density)


def sigma(s, m, mf, mv, width, gd2=1.0, gv=1.0, ga=0.5):
    """Written out with beta_f/beta_chi, i sqrt(s) Gamma."""
    bf, bc = math.sqrt(max(1 - 4 * mf**2 / s, 0)), math.sqrt(1 - 4 * m**2 / s)
    vertex = gv**2 * (s + 2 * mf**2) + ga**2 * (s - 4 * mf**2)
    return gd2 / (12 * math.pi * s) * bf / bc * (s + 2 * m**2) * vertex / ((s - mv**2) ** 2 + s * width**2)


def average(x, m, mf, mv, width, **couplings):
    """Gondolo-Gelmini integral over E = sqrt(s), the exponential taken out."""
    t, start = m / x, 2 * max(m, mf)

    def f(e):
        s = e * e
        if s <= start**2:
            return 0.0
        return sigma(s, m, mf, mv, width, **couplings) * (s - 4 * m * m) * 2 * s * kve(1, e / t) * math.exp(-(e - start) / t)

    points = {start, start + 45 * t, *(start + k * t for k in (0.01, 0.1, 1, 10))}
    points |= {p for k in (-100, -10, -1, 0, 1, 10, 100) if start < (p := mv + k * width) < start + 45 * t}
    p = sorted(points)
    value = sum(quad(f, a, b, epsabs=0, epsrel=1e-11, limit=300)[0] for a, b in zip(p, p[1:], strict=False))
    return value * math.exp(-(start - 2 * m) / t) / (8 * m**4 * t * kve(2, x) ** 2)


def test_bessel():
    """5e-13: rounding in a polynomial of degree 17."""
    z = np.geomspace(1, 1e8, 300)
    for order in (1, 2):
        np.testing.assert_allclose(relic.bessel_k_scaled(order, z), kve(order, z), rtol=5e-13)
        low = relic.bessel_k_scaled(order, z.astype(np.float32))
        assert low.dtype == jnp.float32
        np.testing.assert_allclose(low, kve(order, z), rtol=1e-5)


@pytest.mark.parametrize(
    "x,m,mv,width,tolerance",
    [
        (20, 0.2, 8.0, 1e-3, 1e-10),
        (20, 0.08, 8.0, 1e-3, 1e-10),  # forbidden
        (500, 0.1, 8.0, 1e-3, 1e-10),
        (20, 0.104, 8.0, 1e-3, 1e-10),
        (20, 0.1056, 8.0, 1.0, 1e-7),  # m_chi within 0.06 % of m_mu: both velocities start together
        (20, 0.3, 0.62, 1e-2, 1e-10),  # resonance above threshold
        (20, 0.3, 0.62, 1e-6, 1e-8),  # and narrow
        (20, 0.3, 0.59, 1e-3, 1e-10),  # just below it
        (1, 0.3, 1.0, 1e-6, 1e-7),
        (20, 0.08, 0.215, 1e-3, 1e-10),
        (20, 0.1, 0.3, 0.05, 1e-9),
    ],
)
def test_thermal_average(x, m, mv, width, tolerance):
    value = AVERAGE(x * ONE, m * ONE, ONE, [muons(m=M_MU * ONE)], mv * ONE, width * ONE)
    assert float(value[0]) == pytest.approx(average(x, m, M_MU, mv, width), rel=tolerance)


def test_cross_section():
    """QED: e+ e- -> mu+ mu- with a photon, 4 pi alpha^2/(3 s) far above threshold; closed channels exactly 0."""
    e2 = 4 * math.pi / 137
    s = jnp.array([100.0])
    value = relic.cross_section(s, 5.11e-4 * ONE, e2 * ONE, muons(math.sqrt(e2), 0.0), 1e-9 * ONE, 0.0 * ONE)
    assert float(value[0]) * 100 == pytest.approx(4 * math.pi / (3 * 137**2), rel=1e-6)
    f = lambda s: relic.cross_section(s * ONE, 0.08 * ONE, ONE, muons(), 8.0 * ONE, 0.1 * ONE)[0]  # noqa: E731
    for s in (0.02, 4 * M_MU**2):
        assert float(f(s)) == 0.0 and float(jax.grad(f)(s)) == 0.0
    assert float(f(0.5)) == pytest.approx(sigma(0.5, 0.08, M_MU, 8.0, 0.1), rel=1e-13)
    # polynomial couplings: g_V = 0.2 s
    growing = relic.Channel(M_MU, jnp.array([[0.0], [0.2]]), jnp.zeros((1, 1)))
    value = relic.cross_section(0.5 * ONE, 0.08 * ONE, ONE, growing, 8.0 * ONE, 0.1 * ONE)
    assert float(value[0]) == pytest.approx(sigma(0.5, 0.08, M_MU, 8.0, 0.1, gv=0.1, ga=0.0), rel=1e-13)


MASSES = np.array([0.2, 0.15, 0.12, 0.104, 0.1, 0.09, 0.08])


def density(m, gd2=4 * math.pi, gv=0.05, mv=8.0, width=1e-3):
    one = jnp.ones_like(m)
    channel = relic.Channel(M_MU, gv * one[None], jnp.zeros_like(one)[None])
    return relic.relic_density(m, gd2 * one, [channel], mv * one, width * one)


JIT_DENSITY = jax.jit(density)


def test_quoted_densities():
    """Full solution quoted for m_V = 8 GeV, g_V = 0.05, alpha_D = 1, to the three digits given (2 %: the quoted one stops
    at a finite x); the estimate with the exponent as it should be and as printed."""
    value = JIT_DENSITY(jnp.asarray(MASSES))
    np.testing.assert_allclose(value, [0.0116, 0.0213, 0.0413, 0.268, 1.10, 19.7, 200.0], rtol=0.02)
    estimate = relic.forbidden_estimate(jnp.asarray(MASSES), 8.0, 0.05, 1.0, M_MU)
    np.testing.assert_allclose(estimate, [0.0125, 0.0222, 0.0347, 0.0866, 0.426, 23.2, 1290.0], rtol=3e-3)
    printed = relic.forbidden_estimate(jnp.asarray(MASSES), 8.0, 0.05, 1.0, M_MU, printed=True)
    np.testing.assert_allclose(printed[3:], [0.0247, 0.0059, 1.6e-4, 4.7e-6], rtol=0.03)
    np.testing.assert_array_equal(printed[:3], estimate[:3])


def test_thermal_target():
    """Omega h^2 = 0.12 close to the muon mass, not at half of it: m/m_mu as quoted, two digits."""
    for mv, gv, ratio in ((8.0, 0.05, 1.00), (4.0, 0.05, 0.95), (3.0, 0.1, 0.89), (2.0, 0.2, 0.84)):
        m = M_MU * np.array([ratio - 0.012, ratio + 0.012])
        high, low = JIT_DENSITY(jnp.asarray(m), gv=gv, mv=mv)
        assert float(low) < 0.12 < float(high)


@pytest.mark.parametrize(
    "m,mv,gd2,gv,width", [(0.2, 8.0, 12.0, 0.05, 1e-3), (0.09, 8.0, 12.0, 0.05, 1e-3), (0.3, 0.65, 0.1, 1e-3, 1e-4)]
)
def test_boltzmann_equation(m, mv, gd2, gv, width):
    """Against an implicit adaptive solver for ln Y with the same <sigma v>: 0.2 % is the step size of the kernel."""
    g = 10.75
    rate = 0.5 * 2 * math.pi**2 / 45 * math.sqrt(45 / (4 * math.pi**3) * g) * relic.M_PLANCK
    grid = np.geomspace(1, 1e5, 800)
    one = jnp.ones(len(grid))
    channel = relic.Channel(M_MU, gv * one[None], 0 * one[None])
    sv = np.asarray(AVERAGE(jnp.asarray(grid), m * one, gd2 * one, [channel], mv * one, width * one))
    log_sv = np.log(np.maximum(sv, 1e-300))
    y_eq = lambda x: 45 * 4 / (4 * math.pi**4 * g) * x * x * kve(2, x) * math.exp(-x)  # noqa: E731

    def rhs(ln_x, w):
        x = math.exp(ln_x)
        a = rate * m / x * math.exp(np.interp(ln_x, np.log(grid), log_sv))
        return -a * (np.exp(w) - y_eq(x) ** 2 * np.exp(-w))

    run = solve_ivp(rhs, (0, math.log(1e5)), [math.log(y_eq(1.0))], method="Radau", rtol=1e-8, atol=1e-8)
    exact = 2891.2 / 1.05371e-5 * m * math.exp(run.y[0, -1])
    assert float(JIT_DENSITY(jnp.array([m]), gd2, gv, mv, width)[0]) == pytest.approx(exact, rel=2e-3)


def test_several_channels_and_limits():
    one = jnp.ones(2)
    m, args = jnp.array([0.09, 0.3]), (12.0 * jnp.ones(2),)
    mu = relic.Channel(M_MU, 0.05 * one[None], 0.0 * one[None])
    nu = relic.Channel(0.0, 0.005 * one[None], -0.005 * one[None])
    both = DENSITY(m, *args, [mu, nu], 8.0 * one, 1e-3 * one)
    only = DENSITY(m, *args, [nu], 8.0 * one, 1e-3 * one)
    alone = DENSITY(m, *args, [mu], 8.0 * one, 1e-3 * one)
    # below the muon threshold the small open channel decides; above it is 2 % of the rate
    assert float(both[0]) < 0.3 * float(alone[0]) and float(both[1]) == pytest.approx(float(alone[1]), rel=0.03)
    assert np.all(both < only) and np.all(both < alone)
    # no annihilation worth the name: the equilibrium density at T = m survives
    cold = float(DENSITY(0.09 * one, 1e-30 * one, [mu], 8.0 * one, 1e-3 * one)[0])
    equilibrium = 45 * 4 / (4 * math.pi**4 * 10.75) * float(kve(2, 1.0)) * math.exp(-1)
    assert cold == pytest.approx(2891.2 / 1.05371e-5 * 0.09 * equilibrium, rel=1e-9)
    # far below the muon mass: finite, not zero
    light = JIT_DENSITY(jnp.array([1e-3, 5e-3]))
    assert np.all(np.isfinite(light)) and np.all(light > 100.0)


def test_transformations():
    """Gradients of ln(Omega h^2) against central differences, whose own error is of order h^2; finite where nothing annihilates."""
    log = lambda m, g: jnp.log(density(m, g, 0.05, 8.0, 1e-3))  # noqa: E731
    run = jax.jit(lambda m, g: jax.jvp(log, (m, g), (jnp.ones_like(m), jnp.zeros_like(m))))
    reverse = jax.jit(jax.grad(lambda m, g: jnp.sum(log(m, g)), argnums=(0, 1)))
    h = 1e-5
    m = jnp.array([0.15, 0.15 + h, 0.15 - h, 0.09, 0.09 + h, 0.09 - h, 1e-3])
    value, slope = run(m, jnp.full(7, 10.0))
    rev_m, rev_g = reverse(m, jnp.full(7, 10.0))
    np.testing.assert_allclose(rev_m, slope, rtol=1e-9)
    assert np.all(np.isfinite(rev_m)) and np.all(np.isfinite(rev_g))
    for k, flat in ((0, 0.9), (3, 0.5)):
        assert float(slope[k]) == pytest.approx(float(value[k + 1] - value[k + 2]) / (2 * h), rel=1e-5)
        # Omega is proportional to g_D^-2 up to x_f, on which the forbidden one depends more
        assert -1.0 < 10.0 * float(rev_g[k]) < -flat
    average = lambda m, mv: relic.thermal_average(20 * ONE, m * ONE, ONE, [muons()], mv * ONE, 0.1 * ONE)  # noqa: E731
    fast = jax.jit(average)
    for m, mv in ((0.09, 8.0), (0.2, 0.45), (0.2, 0.39)):
        check_grads(fast, (m, mv), order=1, modes=["fwd"], rtol=1e-4)
