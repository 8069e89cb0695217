"""Decays of a kinetically mixed vector, bremsstrahlung with axial couplings, and decay windows."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import quad

from fipkernels import dark_photon as dp

GRID, R = np.array([0.28, 0.5, 1.0, 4.0]), np.array([0.0, 0.5, 1.2, 3.4])


@pytest.mark.parametrize("m", [1.1e-3, 0.21132, 0.3, 3.6, 20.0])
def test_widths(m):
    """Against alpha eps^2 m/3 (1 + 2r) beta in high precision."""
    w = dp.dark_photon_widths(jnp.array([m]), jnp.array([1e-3]), GRID, R)
    for name, mass in dp.LEPTONS.items():
        r = (mp.mpf(mass) / mp.mpf(m)) ** 2
        exact = mp.mpf(dp.ALPHA) * mp.mpf(10) ** -6 * mp.mpf(m) / 3 * (1 + 2 * r) * mp.sqrt(max(1 - 4 * r, 0))
        # 1e-12 where threshold takes digits, rounding elsewhere
        assert float(w[name][0]) == pytest.approx(float(exact), rel=1e-12, abs=0.0)
    expected = dp.ALPHA * 1e-6 * m / 3 * np.interp(m, GRID, R) if m > 0.28 else 0.0
    assert float(w["hadrons"][0]) == pytest.approx(expected, rel=1e-14, abs=0.0)


def test_couplings_add():
    """The electron has charge -1: a direct coupling + eps e cancels the mixing, and only in its own channel."""
    m, eps = jnp.array([2.0]), jnp.array([1e-3])
    w = dp.dark_photon_widths(m, eps, GRID, R, e_v=dp.E_CHARGE * eps, mu_v=-dp.E_CHARGE * eps, tau_a=0.5)
    pure = dp.dark_photon_widths(m, eps, GRID, R)
    assert float(w["ee"][0]) == 0.0
    assert float(w["mumu"][0]) == pytest.approx(4 * float(pure["mumu"][0]), rel=1e-13)
    assert float(w["tautau"][0]) == 0.0  # closed
    assert float(w["hadrons"][0]) == float(pure["hadrons"][0])
    # numbers of the dark-Z note: eps = 1e-3, m = 1 GeV, R = 2, alpha = 1/127.9
    two = dp.hadron_width(1.0, 1e-3, np.array([0.5, 1.5]), np.array([2.0, 2.0])) * 137.035999 / 127.9
    assert float(two) == pytest.approx(5.21e-9, rel=1e-3)
    ee = dp.lepton_width(1.0, dp.M_E, 1e-3) * 137.035999 / 127.9
    assert float(ee) == pytest.approx(2.606e-9, rel=2e-4)


def test_r_ratio_and_thresholds():
    m = jnp.array([0.1, 0.28, 0.4, 2.5, 50.0])
    np.testing.assert_allclose(dp.r_ratio(m, GRID, R), [0, 0, np.interp(0.4, GRID, R), 2.3, 3.4], rtol=1e-14)
    for mass in (2 * dp.M_MU, 0.2, 0.1):
        value, slope = jax.value_and_grad(lambda v: dp.dark_photon_widths(v, 1e-2, GRID, R)["mumu"])(mass)
        assert float(value) == float(slope) == 0.0
        assert math.isfinite(jax.grad(lambda v: dp.hadron_width(v, 1e-2, GRID, R))(mass))


def brems_by_quadrature(m, ml, x_min):
    """The double integral over x and u, numerically (arXiv:1705.01633)."""

    def rate(p_extra, mass2):
        def over_x(x):
            k = m * m * (1 - x) + ml * ml * x * x
            p = 2 * (2 - 2 * x + x * x) / (1 - x) + p_extra * x * x / (1 - x)
            # u = K/(x v), v from 0 to 1
            f = lambda v: (p * (x * v / k) ** 2 + 4 * mass2 * (k - k / v) * (x * v / k) ** 4) * k / (x * v * v)  # noqa: E731
            return (1 - x) * quad(f, 0, 1, epsrel=1e-10)[0]

        return quad(over_x, x_min, 1 - 1e-12, epsrel=1e-9, limit=200, points=[0.9, 0.99, 0.999])[0]

    return rate(4 * ml * ml / m**2, m * m - 4 * ml * ml) / rate(0.0, m * m + 2 * ml * ml)


@pytest.mark.parametrize("m,x_min", [(0.01, 0.5), (0.1, 0.5), (1.0, 0.5), (0.3, 0.0)])
def test_axial_bremsstrahlung(m, x_min):
    """1e-5: the 24-node rule against adaptive quadrature."""
    assert float(dp.axial_bremsstrahlung(m, dp.M_MU, x_min)) == pytest.approx(brems_by_quadrature(m, dp.M_MU, x_min), rel=1e-5)


def test_axial_bremsstrahlung_limits():
    f = lambda m: dp.axial_bremsstrahlung(m, dp.M_MU, 0.5)  # noqa: E731
    # heavy V: equal up to m_l^2/m_V^2 times a logarithm; light V: longitudinal, as 1/m_V^2
    assert abs(float(f(100.0)) - 1) < 1e-3
    assert float(f(1e-4) / f(2e-4)) == pytest.approx(4.0, rel=1e-3)
    assert f(jnp.ones((3,))).shape == (3,) and dp.axial_bremsstrahlung(np.float32(0.1), dp.M_MU).dtype == jnp.float32
    check_grads(jax.jit(lambda x: f(jnp.exp(x))), (-3.0,), order=1, modes=["fwd", "rev"])


def test_massless_leptons_known_spectrum():
    """Vector emission for m_l -> 0 is x(1 - x + x^2/3)/((1 - x) m^2) times 4: the ratio to axial is then exactly 1."""
    assert float(dp.axial_bremsstrahlung(0.1, 0.0, 0.3)) == 1.0


@pytest.mark.parametrize("stretch", [1.003, 2.0, 300.0])
def test_window_solution(stretch):
    """Both edges see the same number of events, at widely different distances."""
    y = np.array([1.001, 1.5, 30.0, 1e4, 1e8])
    t0 = dp.solve_window(y, stretch)
    lower = np.asarray(dp.window(1.0, jnp.asarray(t0), stretch))
    upper = y * np.asarray(dp.window(jnp.asarray(y), jnp.asarray(t0), stretch))
    # e^-a amplifies the rounding of a
    np.testing.assert_allclose(upper, lower, rtol=1e-11)
    # more events in between
    middle = np.sqrt(y) * np.asarray(dp.window(jnp.asarray(np.sqrt(y)), jnp.asarray(t0), stretch))
    assert np.all(middle > lower)


def test_window_values_and_gradients():
    a, b = 0.7, 0.7 * 3.0
    assert float(dp.window(1.0, 0.7, 3.0)) == pytest.approx(math.exp(-a) - math.exp(-b), rel=1e-14)
    # far too short and far too long lived: 0 with finite gradients, linear in the width
    for x in (1e4, 1e-12, 0.0):
        value, slope = jax.value_and_grad(lambda v: dp.window(v, 0.7, 3.0))(x)
        assert math.isfinite(slope) and float(value) <= 1e-11
    assert float(jax.grad(lambda v: dp.window(v, 0.7, 3.0))(0.0)) == pytest.approx(1.4)
    assert float(dp.prompt(1e-20, 1.0)) == pytest.approx(1e-20, rel=1e-12)
    check_grads(jax.jit(lambda v: dp.window(v, 0.7, 3.0)), (1.3,), order=1, modes=["fwd", "rev"])


def test_peak_fraction():
    gamma, half = 0.2, 0.07
    exact = quad(lambda x: gamma / (2 * math.pi) / (x * x + gamma**2 / 4), -half, half)[0]
    assert float(dp.peak_fraction(gamma, half)) == pytest.approx(exact, rel=1e-12)
    value, slope = jax.value_and_grad(dp.peak_fraction)(0.0, half)
    assert float(value) == 1.0 and math.isfinite(slope)
