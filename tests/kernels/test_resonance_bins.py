"""Windows in mass over a resonance: against the exact integral, narrow and wide limits, gradients."""

import itertools
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels.resonance_bins import outside_pole, pole_fraction, window_integral

WINDOW = 0.006


def exact(q, mass, width, scheme):
    """int dq/|D|^2 with 40 digits, split at the pole."""
    with mpmath.workdps(40):
        m, g = mpmath.mpf(mass), mpmath.mpf(width)

        def integrand(x):
            return 1 / ((x**2 - m**2) ** 2 + g**2 * (x**2 if scheme == "sqrt_q2" else m**2))

        lo, hi = mpmath.mpf(q) - mpmath.mpf(WINDOW) / 2, mpmath.mpf(q) + mpmath.mpf(WINDOW) / 2
        near = [m + s * g * mpmath.mpf(10) ** k for s in (-1, 1) for k in range(0, 16)]
        points = sorted({lo, hi, *(p for p in (m, *near) if lo < p < hi)})
        return float(mpmath.quad(integrand, points))


@pytest.mark.parametrize("scheme", ["sqrt_q2", "constant"])
@pytest.mark.parametrize("gamma", [1e-12, 1e-6, 1e-3, 0.03, 0.4])
def test_window_is_the_exact_integral(scheme, gamma):
    # in the window, off its edge, beside it, far away
    for mass, d in itertools.product((0.3, 1.0, 4.0), (0.0, 0.002, 0.0031, -0.005, 0.05, -0.08, 1.0)):
        q = mass + d
        mine = float(window_integral(q, WINDOW, mass, gamma * mass, scheme))
        # documented: relative error below window/mass
        assert mine == pytest.approx(exact(q, mass, gamma * mass, scheme), rel=WINDOW / mass)


def test_narrow_and_wide_limits():
    m = 1.3
    for g in (1e-15, 1e-9):
        # whole area pi/(2 m^2 Gamma); corrections of relative order Gamma/window, and distance/m with the pole off the centre
        assert float(window_integral(m, WINDOW, m, g)) * 2.0 * m**2 * g / math.pi == pytest.approx(1.0, rel=1e-6)
        assert float(window_integral(m + 0.001, WINDOW, m, g)) * 2.0 * m**2 * g / math.pi == pytest.approx(1.0, rel=2e-3)
        # tail: window/(q^2 - m^2)^2 up to (window/distance)^2/12 and window/m
        d = 0.1
        assert float(window_integral(m + d, WINDOW, m, g)) == pytest.approx(WINDOW / (2 * m * d + d * d) ** 2, rel=2e-3)
    # Gamma far above the window: flat, 1/(Gamma q)^2
    assert float(window_integral(m, WINDOW, m, 0.5)) == pytest.approx(WINDOW / (0.5 * m) ** 2, rel=1e-3)


def test_pole_fraction():
    assert float(pole_fraction(0.0, WINDOW)) == 1.0
    assert float(pole_fraction(WINDOW, WINDOW)) == pytest.approx(0.5, rel=1e-14)
    assert float(pole_fraction(1.0, WINDOW)) == pytest.approx(2.0 / math.pi * WINDOW, rel=1e-4)
    # the same area as the window integral: area pi/(2 m^2 Gamma)
    m, g = 2.0, 0.004
    assert float(window_integral(m, WINDOW, m, g)) * 2 * m * m * g / math.pi == pytest.approx(
        float(pole_fraction(g, WINDOW)), rel=1e-12
    )
    assert float(jax.grad(lambda g: pole_fraction(g, WINDOW))(0.0)) == pytest.approx(-2.0 / math.pi / WINDOW, rel=1e-12)


def test_weight_outside_the_pole():
    d = np.array([0.0, 0.49, 0.5, 0.75, 1.0, 3.0]) * WINDOW
    np.testing.assert_allclose(outside_pole(1.0 + d, WINDOW, 1.0), [0, 0, 0, 0.5, 1, 1], atol=1e-12)
    np.testing.assert_allclose(outside_pole(1.0 - d, WINDOW, 1.0), [0, 0, 0, 0.5, 1, 1], atol=1e-12)
    assert float(jax.grad(lambda m: outside_pole(1.0, WINDOW, m))(1.0 + 0.5 * WINDOW)) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("scheme", ["sqrt_q2", "constant"])
def test_gradients(scheme):
    for d, g in ((0.001, 0.01), (0.02, 1e-4), (-0.3, 0.5)):
        # in units of the width, the scale on which it changes; differences: (1e-5)^2 and rounding 1e-16/1e-5
        def f(x, y, d=d, g=g):
            return g * window_integral(1.0, WINDOW, 1.0 - d + x * g, y * g, scheme)

        check_grads(f, (0.0, 1.0), order=1, modes=["fwd", "rev"], rtol=1e-6, atol=1e-9, eps=1e-5)
    grad = jax.jit(jax.vmap(jax.grad(lambda m, w: window_integral(1.0, WINDOW, m, w, scheme), argnums=(0, 1)), in_axes=(0, 0)))
    mass, width = np.meshgrid([0.01, 0.997, 1.0, 1.0031, 5.0], [0.0, 1e-20, 1e-10, 1e-3, 2.0])
    for out in grad(mass.ravel(), width.ravel()):
        assert np.all(np.isfinite(out))


def test_float32():
    q, m, g = (x.ravel() for x in np.meshgrid([0.3, 1.0, 4.0], [0.5, 0.9995, 3.0], [1e-6, 1e-2, 0.5]))
    single = window_integral(*(jnp.asarray(x, jnp.float32) for x in (q, 0 * q + WINDOW, m, g)))
    assert single.dtype == jnp.float32
    # q - m loses the digits of q: 6e-8 q/|q - m| here below 2e-4, twice
    np.testing.assert_allclose(single, window_integral(q, WINDOW, m, g), rtol=5e-4)


def test_unknown_scheme():
    with pytest.raises(ValueError, match="width scheme"):
        window_integral(1.0, WINDOW, 1.0, 0.1, "running")
