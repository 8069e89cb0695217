"""Two-body widths against closed forms in high precision; thresholds."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import widths

jax.config.update("jax_enable_x64", True)

M_MU = 0.1056583745


def exact_vector(m, mf, gv, ga, nc=1):
    r = (mf / m) ** 2
    return nc * m / (12 * mp.pi) * mp.sqrt(1 - 4 * r) * (gv**2 * (1 + 2 * r) + ga**2 * (1 - 4 * r))


def exact_scalar(m, mf, gs, gp, nc=1):
    r = (mf / m) ** 2
    return nc * m / (8 * mp.pi) * mp.sqrt(1 - 4 * r) * (gs**2 * (1 - 4 * r) + gp**2)


@pytest.mark.parametrize(
    "f,exact", [(widths.vector_to_fermions, exact_vector), (widths.scalar_to_fermions, exact_scalar)], ids=["V", "S"]
)
@pytest.mark.parametrize("couplings", [(0.3, 0.0), (0.0, 0.2), (0.3, -0.2)])
def test_against_closed_form(f, exact, couplings):
    """From 1e-14 above threshold to 1e6 times it.  Value 2e-15: a few roundings; derivatives 1e-13: two terms of
    opposite sign, of which next to threshold one dominates."""
    ratios = np.concatenate([1 + np.geomspace(1e-14, 1, 30), np.geomspace(2, 1e6, 20)])
    m = 2 * M_MU * ratios
    values = jax.jit(f)(m, M_MU, *couplings)
    dm, df = jax.jit(jax.vmap(jax.grad(f, argnums=(0, 1)), in_axes=(0, None, None, None)))(m, M_MU, *couplings)
    for mass, value, slope_m, slope_f in zip(m, values, dm, df, strict=True):
        with mp.workdps(80):
            mass, mf = mp.mpf(float(mass)), mp.mpf(M_MU)
            args = [mp.mpf(c) for c in couplings]
            assert abs(float(value) / exact(mass, mf, *args) - 1) < 2e-15
            h = mp.mpf(10) ** -30
            exact_m = (exact(mass + h, mf, *args) - exact(mass - h, mf, *args)) / (2 * h)
            exact_f = (exact(mass, mf + h, *args) - exact(mass, mf - h, *args)) / (2 * h)
        assert abs(float(slope_m) / exact_m - 1) < 1e-13
        # far above threshold the vector width depends on m_f only at order r^2: relative to Gamma/m_V there
        assert abs(float(slope_f) - exact_f) < 1e-13 * (abs(exact_f) + abs(float(value)) / mass)


@pytest.mark.parametrize("f", [widths.vector_to_fermions, widths.scalar_to_fermions])
def test_closed_channel(f):
    """At and below threshold: exactly zero, and every first derivative too; second derivatives finite."""
    first = jax.jit(jax.value_and_grad(f, argnums=(0, 1, 2, 3, 4)))
    second = jax.jit(jax.hessian(f, argnums=(0, 1, 2, 3)))
    for m in (1e-3, 0.5, 0.999999, 1.0):
        value, slopes = first(m, 0.5, 0.3, 0.2, 3.0)
        assert float(value) == 0.0
        assert [float(s) for s in slopes] == [0.0] * 5
        assert np.all(np.isfinite(np.array(second(m, 0.5, 0.3, 0.2))))
    value, slopes = first(np.nextafter(1.0, 2.0), 0.5, 0.3, 0.2, 3.0)
    assert float(value) > 0.0 and np.all(np.isfinite(slopes))


def test_check_values():
    """Numbers quoted for the split dark sector: g_D = 3 to 1 MeV fermions, g_V = 0.03 to muons, m_V = 5 GeV, and so on
    (seven and five digits given)."""
    total = widths.total_vector_width(5.0, jnp.array([1e-3, M_MU]), jnp.array([3.0, 0.03]), 0.0)
    assert float(total) == pytest.approx(1.193781, abs=5e-7)
    assert float(widths.vector_to_fermions(5.0, 1e-3, 4.0, 0.0)) / 5.0 == pytest.approx(0.4244, abs=5e-5)
    assert float(widths.vector_to_fermions(1.0, M_MU, 1e-2, 0.0)) == pytest.approx(2.6506e-6, abs=5e-11)
    assert float(widths.vector_to_fermions(1.0, M_MU, 0.0, 1e-2)) == pytest.approx(2.4769e-6, abs=5e-11)
    # Higgs to b bbar at tree level with m_b = 2.8 GeV: 3 m_h m_b^2/(8 pi v^2) beta^3
    m_h, m_b, v = 125.25, 2.8, 246.22
    expected = 3 * m_h * m_b**2 / (8 * math.pi * v**2) * (1 - 4 * m_b**2 / m_h**2) ** 1.5
    assert float(widths.scalar_to_fermions(m_h, m_b, m_b / v, 0.0, 3.0)) == pytest.approx(expected, rel=1e-14)
    # massless fermions: chirality does not matter
    assert float(widths.vector_to_fermions(2.0, 0.0, 0.1, 0.0)) == float(widths.vector_to_fermions(2.0, 0.0, 0.0, 0.1))


def test_total_width():
    """Channels along the leading axis, mediators along the rest, in every mixture of shapes."""
    m_v = jnp.array([0.15, 0.3, 2.0, 10.0])
    m_f = jnp.array([5.11e-4, M_MU, 1.77686])
    g_v, g_a, n_c = jnp.array([0.1, 0.2, 0.3]), jnp.array([0.0, -0.1, 0.3]), jnp.array([1.0, 1.0, 3.0])
    for total, single in (
        (jax.jit(widths.total_vector_width), jax.jit(widths.vector_to_fermions)),
        (jax.jit(widths.total_scalar_width), jax.jit(widths.scalar_to_fermions)),
    ):
        by_hand = sum(single(m_v, *p) for p in zip(m_f, g_v, g_a, n_c, strict=True))
        np.testing.assert_allclose(total(m_v, m_f, g_v, g_a, n_c), by_hand, rtol=1e-15)
        # couplings that differ from point to point
        grid = g_v[:, None] * jnp.linspace(1, 2, 4)
        by_hand = sum(single(m_v, m_f[k], grid[k], g_a[k], n_c[k]) for k in range(3))
        np.testing.assert_allclose(total(m_v, m_f, grid, g_a, n_c), by_hand, rtol=1e-15)
        assert total(m_v.reshape(2, 2), m_f, g_v, g_a).shape == (2, 2)
        assert total(0.3, m_f, g_v, g_a).shape == ()
        np.testing.assert_array_equal(total(m_v, 0.1, 0.2, 0.0), single(m_v, 0.1, 0.2, 0.0))
        # only the electron channel is open at 0.15 GeV: no derivative from the others
        d = jax.grad(lambda g, total=total: total(0.15, m_f, g, g_a, n_c))(g_v)
        assert float(d[0]) > 0.0 and float(d[1]) == float(d[2]) == 0.0
        # nothing open
        value, slope = jax.value_and_grad(lambda m, total=total: total(m, m_f[1:], g_v[1:], g_a[1:]))(0.15)
        assert float(value) == float(slope) == 0.0


def test_transformations():
    f = lambda m: widths.vector_to_fermions(m, M_MU, 0.1, 0.2)  # noqa: E731
    m = jnp.array([0.1, 2 * M_MU, 0.3, 5.0])
    np.testing.assert_allclose(jax.jit(f)(m), f(m), rtol=1e-15)
    np.testing.assert_array_equal(jax.vmap(f)(m), jnp.array([f(v) for v in m]))
    for g in (widths.vector_to_fermions, widths.scalar_to_fermions):
        check_grads(jax.jit(g), (0.3, M_MU, 0.1, 0.2), order=1, modes=["fwd", "rev"])
    # complex couplings: only the modulus
    phased, real = (widths.vector_to_fermions(5.0, M_MU, g, 0.0) for g in (0.3 + 0.4j, 0.5))
    np.testing.assert_allclose(phased, real, rtol=1e-15)


def test_float32():
    m = np.geomspace(0.22, 1e3, 50).astype(np.float32)
    args = [np.float32(v) for v in (M_MU, 0.1, 0.2)]
    f = jax.jit(widths.vector_to_fermions)
    low = f(m, *args)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, f(m.astype(float), *map(float, args)), rtol=5e-6)
    closed, slope = jax.value_and_grad(f)(np.float32(0.2), *args)
    assert closed == 0.0 and slope == 0.0


def test_vector_to_scalars():
    """A massless complex scalar is a quarter of a Dirac fermion; beta^3 threshold, by the two-body phase space of |2 g eps.p|^2."""
    full = widths.vector_to_fermions(2.0, 0.0, 0.3, 0.0)
    np.testing.assert_allclose(widths.vector_to_scalars(2.0, 0.0, 0.3), full / 4.0, rtol=1e-14)
    m, ms, g = 2.0, 0.9, 0.3
    p = math.sqrt(m * m / 4 - ms * ms)
    # average over polarisations of (2 g p)^2/3, times p/(8 pi m^2)
    np.testing.assert_allclose(widths.vector_to_scalars(m, ms, g), (2 * g * p) ** 2 / 3 * p / (8 * math.pi * m * m), rtol=1e-13)
    value, slope = jax.value_and_grad(widths.vector_to_scalars)(1.0, 0.5, g)
    assert value == 0.0 and slope == 0.0
