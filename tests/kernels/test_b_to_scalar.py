"""B -> K(*) S: against the vector by equivalence at small mass, end points, and bins against the narrow limit."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipkernels import b_to_scalar, b_to_v

M_B, M_K, M_V, MB, MS = 5.2793, 0.4937, 0.8955, 4.1, 0.08


def f_plus(q):
    return 0.33 / (1.0 - (q / 5.4) ** 2)


def f_zero(q):
    return 0.33 / (1.0 - (q / 6.5) ** 2)


def a_zero(q):
    return 0.36 / (1.0 - (q / 5.37) ** 2)


def rates_k(q):
    return b_to_scalar.rates_k(q, M_B, M_K, f_zero(q), MB, MS)


def rates_kstar(q):
    return b_to_scalar.rates_kstar(q, M_B, M_V, a_zero(q), MB, MS)


def test_longitudinal_vector_is_its_goldstone():
    """A vector of mass m -> 0 decays like a scalar with y = (quark mass) g/m: sbar qslash b = (m_b - m_s) sbar b, and with gamma5
    the sum of the masses.  Corrections are of order m^2/m_B^2 = 4e-8."""
    m, g = 1e-3, 0.3
    vector = b_to_v.width_k(m * m, g, M_B, M_K, f_plus(m))
    y = (MB - MS) * g / m
    assert float(b_to_scalar.width(m, 0.5 * y, 0.5 * y, rates_k)) == pytest.approx(float(vector), rel=1e-6)
    # A12 at q^2 = 0 follows from A_0: the longitudinal amplitude has no pole there
    a12 = (M_B**2 - M_V**2) / (8.0 * M_B * M_V) * a_zero(m)
    vector = b_to_v.width_kstar(m * m, g, 0.0, M_B, M_V, 0.0, 0.0, a12)
    # sbar qslash P_L b = (m_b sbar P_R b - m_s sbar P_L b), of which K* sees the difference
    assert float(b_to_scalar.width(m, -MS * g / m, MB * g / m, rates_kstar)) == pytest.approx(float(vector), rel=1e-6)


@pytest.mark.parametrize("mass", [0.05, 2.0, 4.0])
def test_two_body_formulae(mass):
    """Amplitude squared times p/(8 pi m_B^2), written out."""
    lam = lambda m: (M_B**2 - (m + mass) ** 2) * (M_B**2 - (m - mass) ** 2)  # noqa: E731
    left, right = 0.2 - 0.1j, -0.05 + 0.3j
    p = math.sqrt(lam(M_K)) / (2.0 * M_B)
    amplitude = 0.5 * (left + right) * (M_B**2 - M_K**2) / (MB - MS) * f_zero(mass)
    want = abs(amplitude) ** 2 * p / (8.0 * math.pi * M_B**2)
    assert float(b_to_scalar.width(mass, left, right, rates_k)) == pytest.approx(want, rel=1e-12)
    p = math.sqrt(lam(M_V)) / (2.0 * M_B)
    # longitudinal polarisation: eps.q = m_B p/m_V, matrix element 2 m_V A_0 eps.q/(m_b + m_s)
    amplitude = 0.5 * (right - left) * 2.0 * M_B * p * a_zero(mass) / (MB + MS)
    want = abs(amplitude) ** 2 * p / (8.0 * math.pi * M_B**2)
    assert float(b_to_scalar.width(mass, left, right, rates_kstar)) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize(("rates", "end"), [(rates_k, M_B - M_K), (rates_kstar, M_B - M_V)])
def test_closed_channel(rates, end):
    total = lambda q: sum(jnp.sum(jnp.asarray(r)) for r in rates(q))  # noqa: E731
    for q in (0.0, end, end + 0.1, 20.0):
        assert float(total(jnp.asarray(q))) == 0.0 == float(jax.grad(total)(jnp.asarray(q)))
    for q in (0.3, 1.0, end - 1e-3):
        step = 1e-4 * min(q, end - q)
        want = (total(jnp.asarray(q + step)) - total(jnp.asarray(q - step))) / (2.0 * step)
        # central differences: step^2 and rounding
        assert float(jax.grad(total)(jnp.asarray(q))) == pytest.approx(float(want), rel=1e-6)


@pytest.mark.parametrize("scheme", ["sqrt_q2", "constant"])
def test_bins(scheme):
    """The narrow limit holds in the bin with the mass; a wide resonance equals the plain integral."""
    mass, partial = jnp.array([1.5]), jnp.array([2e-7])
    left, right = jnp.array([[0.3, 0.1]]).T, jnp.array([[0.2 + 0.1j]])
    lo, hi = jnp.array([[0.0], [1.0], [2.0]]), jnp.array([[1.0], [2.0], [M_B - M_K]])

    def bins(width):
        s = b_to_v.Resonance(mass, jnp.array([width]), left, right, scheme)
        return np.asarray(b_to_scalar.pair_bins(lo, hi, s, partial, rates_k)).ravel()

    width = 1e-9
    made = float(b_to_scalar.width(1.5, 0.3 + 0.1 * 1.5**2, 0.2 + 0.1j, rates_k))
    # tails are of relative size width/m
    np.testing.assert_allclose(bins(width) / (made * 2e-7 / width), [0.0, 1.0, 0.0], atol=1e-8)
    width = 0.3
    x, w = np.polynomial.legendre.leggauss(400)
    for got, a, b in zip(bins(width), (0.0, 1.0, 2.0), (1.0, 2.0, M_B - M_K), strict=True):
        # q = b - u^2: the square root at the end point
        u = math.sqrt(b - a) * 0.5 * (1.0 + x)
        q = b - u * u
        made = np.asarray(b_to_scalar.width(q, 0.3 + 0.1 * q**2, 0.2 + 0.1j, rates_k))
        d = q**2 - 1.5**2 + 1j * width * (q if scheme == "sqrt_q2" else 1.5)
        density = q / math.pi * (2e-7 * q / 1.5) * made / abs(d) ** 2 * 2.0 * q
        want = np.sum(w * 0.5 * math.sqrt(b - a) * 2.0 * u * density)
        assert got == pytest.approx(want, rel=1e-7)
