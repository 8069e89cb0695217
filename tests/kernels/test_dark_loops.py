"""Penguins with light particles on shell and boxes of a split dark sector, against Feynman integrals and dispersion relations."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import quad

from fipkernels import dark_loops, loops, qcd

jax.config.update("jax_enable_x64", True)

N_OVER_ALPHA = -7.50298e5 * 133.0  # V_tb V_ts^* = -0.0404, alpha = 1/133
CASES = {"scalar": jax.jit(dark_loops.penguin_sum_full), "fermion": jax.jit(dark_loops.penguin_f15_full)}
COUPLING = jax.jit(dark_loops.penguin_coupling, static_argnames=("loop_norm", "heavy"))


def closed_form(case, q2, m, big):
    """Closed form with 70 digits: a mass of zero is replaced by 1e-25 GeV, which changes nothing."""
    with mp.workdps(70):
        q2, m, big = (mp.mpf(float(v)) for v in (q2, m, big))
        m = m or mp.mpf(10) ** -25
        x, z = (m / big) ** 2, 4 * m * m / q2
        if z == 1:
            beta_log = mp.mpf(0)
        elif z < 1:
            b = mp.sqrt(1 - z)
            beta_log = b * (mp.log((1 + b) ** 2 / abs(z)) - (1j * mp.pi if q2 > 0 else 0))
        else:
            t = mp.sqrt(z - 1)
            beta_log = 2 * t * mp.atan(1 / t)
        if case == "scalar":
            s = (3 * (x - 1) - (x + 2) * mp.log(x)) / (6 * (x - 1) ** 2)
            return mp.mpc(s - (-mp.mpf(5) / 3 - z + (1 + z / 2) * beta_log) / 3)
        f = (3 - 3 * x + (1 + 2 * x) * mp.log(x)) / (6 * (x - 1) ** 2)
        return mp.mpc(f + (-mp.mpf(8) / 3 + 2 * z + (1 - z) * beta_log) / 6)


def space_like_integral(case, q_squared, m, big):
    """Feynman integrals at q^2 = -Q^2 with all powers of Q^2/M^2 of the light-particle emission; the other one at q^2 = 0."""
    t, wt = np.polynomial.legendre.leggauss(200)
    t, wt = 22.0 * (t + 1), 22.0 * wt  # u = 1 - exp(-t)
    y, wy = np.polynomial.legendre.leggauss(200)
    y, wy = 20.0 * (y - 1), 20.0 * wy  # v = exp(y)/2, twice for v > 1/2
    e, v = np.exp(-t)[:, None], 0.5 * np.exp(y)
    u = 1.0 - e
    w = u * u * v * (1.0 - v) * q_squared
    x = (m / big) ** 2
    zero = e * big**2 + u * m**2
    if case == "scalar":
        d = zero + w
        f = -np.log1p(w / zero) - w * (zero + m**2) / (zero * d)  # (m^2 - w)/d - m^2/zero over a common denominator
        rest = float(loops.penguin_f9(x))
        return rest - big**2 / q_squared * np.sum(wt[:, None] * wy * 2 * u * e * v * f)
    f = np.log1p(w / zero)
    rest = float(loops.penguin_g9(1 / x)) / x
    return rest - big**2 / q_squared * np.sum(wt[:, None] * wy * 2 * u * e * v * f)


@pytest.mark.parametrize("case", CASES)
def test_closed_form_everywhere(case):
    """1e-14 of max(1, value): a few roundings; next to the threshold the square root turns the rounding of m^2 into 1e-13.
    All first derivatives finite, on both sides of every boundary between regions, for massless particles too."""
    f = CASES[case]
    points = [
        (s * q, m, big)
        for q in np.geomspace(1e-4, 30, 9)
        for s in (1, -1)
        for m in [*np.geomspace(1e-6, 499, 13), 0.0]
        for big in (500.0, 1000.0)
    ]
    masses = (1e-3, 0.3, 1.0, 2.0)
    points += [(s * m * m * (1 + e), m, 1e3) for m in masses for e in (0, 1e-15, -1e-15, 1e-9, -1e-9) for s in (1, -1)]
    threshold = [(4 * m * m * (1 + e), m, 1e3) for m in masses for e in (1e-8, -1e-8, 1e-6, -1e-6, 1e-3, -1e-3)]
    p = np.array(points + threshold).T
    re, im = jax.jit(f)(*p)
    jacobian = np.stack(jax.jit(jax.vmap(jax.jacfwd(lambda *a: jnp.stack(f(*a)), argnums=(0, 1, 2))))(*p))
    assert np.all(np.isfinite(jacobian))
    for k, (q2, m, big) in enumerate(p.T):
        exact = closed_form(case, q2, m, big)
        tolerance = (1e-14 if k < len(points) else 2e-13) * max(1, abs(exact))
        assert abs(float(re[k]) - exact.real) < tolerance
        assert abs(float(im[k]) - exact.imag) < tolerance
        if q2 < 4 * m * m:
            assert float(im[k]) == 0.0 and np.all(jacobian[:, k, 1] == 0.0)


@pytest.mark.parametrize("case", CASES)
def test_at_threshold(case):
    for m in (1e-3, 0.5):
        exactly = 4 * m * m
        re, im = CASES[case](exactly, m, 1000.0)
        slopes = jax.jacfwd(lambda q, m, case=case: jnp.stack(CASES[case](q, m, 1000.0)), argnums=(0, 1))(exactly, m)
        assert float(im) == 0.0 and np.all(np.isfinite(slopes))
        # 1e-7: square root of the rounding of m^2
        assert float(re) == pytest.approx(float(closed_form(case, exactly, m, 1000.0).real), abs=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_feynman_integral(case):
    """Space-like: the difference to the integral is of order q^2/M^2 with a coefficient below 4, down to 1e-6 (nodes)."""
    f = CASES[case]
    for q2, m, big in [(3.5, 1.0, 1e3), (3.5, 5.0, 1e3), (23.0, 1.0, 500.0), (3.5, 1e-3, 1e4), (23.0, 0.1, 1e5), (1.0, 0.3, 3e4)]:
        value, im = f(-q2, m, big)
        assert float(im) == 0.0
        assert abs(float(value) - space_like_integral(case, q2, m, big)) < 4.0 * q2 / big**2 + 1e-6 * abs(float(value))


@pytest.mark.parametrize(
    "case,q2,m", [(c, q2, m) for c in CASES for q2, m in ((3.5, 0.1), (3.5, 0.9), (22.0, 2.0), (0.5, 1.0), (-4.0, 0.7))]
)
def test_dispersion_relation(case, q2, m):
    """Re from Im, subtracted at q^2 = 0: (q^2/pi) P int ds Im/(s (s - q^2)); 1e-8 is the accuracy of the quadrature."""
    sign, odd = (1 / 3, lambda s: 1 + 2 * m * m / s) if case == "scalar" else (-1 / 6, lambda s: 1 - 4 * m * m / s)
    im = lambda s: sign * np.pi * math.sqrt(max(1 - 4 * m * m / s, 0.0)) * odd(s)  # noqa: E731
    assert float(CASES[case](30.0, m, 1e3)[1]) == pytest.approx(im(30.0), rel=1e-13)
    s0 = 4 * m * m
    if q2 > s0:
        far = 3 * q2
        value = quad(lambda s: im(s) / s, s0, far, weight="cauchy", wvar=q2, epsabs=1e-12, limit=500)[0]
    else:
        far = 10 * s0
        value = quad(lambda s: im(s) / (s * (s - q2)), s0, far, epsabs=1e-12)[0]
    value += quad(lambda t: im(far / t) / (far * (1 - q2 * t / far)), 0, 1, epsabs=1e-12)[0]
    at_zero = float((loops.penguin_sum if case == "scalar" else loops.penguin_f15)((m / 1e3) ** 2))
    assert float(CASES[case](q2, m, 1e3)[0]) == pytest.approx(at_zero + q2 / np.pi * value, abs=1e-8)


def test_limits():
    s = CASES["scalar"]
    # massless dark fermion: -(1/3)[ln(q2/M^2) - i pi] + 1/18
    for q2 in (0.1, 3.5, 28.8):
        re, im = s(q2, 0.0, 1000.0)
        assert float(re) == pytest.approx(-math.log(q2 / 1e6) / 3 + 1 / 18, rel=1e-15)
        assert float(im) == pytest.approx(math.pi / 3, rel=1e-15)
        re, im = CASES["fermion"](q2, 0.0, 1000.0)
        assert float(re) == pytest.approx(math.log(q2 / 1e6) / 6 + 1 / 18, rel=1e-15)
        assert float(im) == pytest.approx(-math.pi / 6, rel=1e-15)
    # m -> 0 is smooth in m: the derivative vanishes there
    assert float(jax.grad(lambda m: s(3.5, m, 1e3)[0])(0.0)) == 0.0
    # q2 -> 0: the expansion, from both sides and at 0, for any ratio of masses
    for m in (1e-4, 0.3, 100.0, 1000.0, 3000.0):
        x = (m / 1000.0) ** 2
        for q2 in (-1e-10 * m * m, 0.0, 1e-10 * m * m):
            assert float(s(q2, m, 1000.0)[0]) == pytest.approx(float(loops.penguin_sum(x)), abs=1e-10)
            assert float(CASES["fermion"](q2, m, 1e3)[0]) == pytest.approx(float(loops.penguin_f15(x)), abs=1e-10)
    # slope at 0: 1/(15 m^2) and -1/(60 m^2)
    assert float(jax.grad(lambda q: s(q, 2.0, 1e3)[0])(0.0)) == pytest.approx(1 / 60, rel=1e-12)
    assert float(jax.grad(lambda q: CASES["fermion"](q, 2.0, 1e3)[0])(0.0)) == pytest.approx(-1 / 240, rel=1e-12)


def test_quoted_form_factor():
    """Digits as quoted for 1 TeV."""
    s = CASES["scalar"]
    for q2, re, im in ((3.5, 4.2431, 1.0472), (28.8, 3.5406, 1.0472)):
        value = s(q2, 1e-3, 1000.0)
        assert float(value[0]) == pytest.approx(re, abs=6e-5) and float(value[1]) == pytest.approx(im, abs=6e-5)
    for m, v in ((1e-3, 4.2431), (1.0, 3.9306), (5.0, 3.0232)):
        assert float(s(-3.5, m, 1000.0)[0]) == pytest.approx(v, abs=6e-5)
    # the expansion: 0.3 % for 5 GeV, 4 % for 1 GeV, a factor of 2.05 for 1 MeV
    for m, ratio in ((5.0, 1.003), (1.0, 1.044), (1e-3, 2.053)):
        expansion = float(loops.penguin_sum((m / 1e3) ** 2))
        assert expansion / float(s(-3.5, m, 1000.0)[0]) == pytest.approx(ratio, abs=1e-3)


def test_penguin_coupling():
    one = jnp.ones((1,))
    g = lambda m, big, **kw: COUPLING(one, jnp.array([m]), big, **kw)  # noqa: E731
    # GeV^-2 per unit of r; digits as quoted
    assert float(g(1e-3, 1e3, loop_norm="paper")) == pytest.approx(2.757944e-8, abs=6e-15)
    assert float(g(1.0, 1e3, loop_norm="paper")) == pytest.approx(1.299818e-8, abs=6e-15)
    assert float(g(1e-3, 1e3)) == pytest.approx(5.515888e-8, abs=6e-15)
    full = complex(g(1e-3, 1e3, q2=3.5))
    assert full.real == pytest.approx(2.69e-8, abs=6e-11) and full.imag == pytest.approx(0.66e-8, abs=6e-11)
    assert abs(full) == pytest.approx(2.77e-8, abs=6e-11)
    # g_Vbs(3.5 GeV^2), 1 MeV and 1 GeV (figure 2 of the paper)
    for big, light, heavy in (
        (500, 3.656e-7, 1.615e-7), (1000, 9.653e-8, 4.549e-8), (2000, 2.541e-8, 1.265e-8), (5000, 4.337e-9, 2.295e-9),
    ):  # fmt: skip
        assert float(3.5 * g(1e-3, float(big), loop_norm="paper")) == pytest.approx(light, rel=2e-4)
        assert float(3.5 * g(1.0, float(big), loop_norm="paper")) == pytest.approx(heavy, rel=3e-4)
    # two fermions with opposite couplings: S(x1) - S(x2)
    pair = COUPLING(jnp.array([1.0, -1.0]), jnp.array([1e-3, 10.0]), 1e3)
    assert float(pair) * 16 * math.pi**2 * 1e6 == pytest.approx(6.1395, abs=6e-5)
    # heavy fermion, light scalar
    f = COUPLING(one, jnp.array([10.0]), 1e3, heavy="fermion")
    assert float(f) * 16 * math.pi**2 * 1e6 == pytest.approx(float(loops.penguin_f15(1e-4)), rel=1e-14)
    # batch last, complex weak phases
    r, m, big = jnp.ones((2, 5)) * (0.3 + 0.4j), jnp.array([[1e-3], [10.0]]) * jnp.ones(5), jnp.linspace(800, 2e3, 5)
    out = COUPLING(r, m, big, q2=jnp.full(5, 3.5))
    assert out.shape == (5,)
    assert complex(out[0]) == pytest.approx(complex(COUPLING(r[:, 0], m[:, 0], big[0], q2=3.5)), rel=1e-14)


def test_penguin_coefficient():
    """C9 = -0.6 at 3.5 GeV^2: bounds (12) and (15) of the paper, and what the absorptive part of the loop changes."""
    c9 = lambda g, mv, width, scheme="constant": complex(  # noqa: E731
        dark_loops.penguin_coefficient(3.5, g, 1.0, mv, width, N_OVER_ALPHA, scheme)
    )
    assert c9(1.37e-10 * 1e6, 1e3, 0.0).real == pytest.approx(0.6, rel=4e-3)
    assert c9(4.78e-10, 1e-3, 0.0).real == pytest.approx(-0.6, rel=2e-3)
    g = complex(COUPLING(jnp.ones(1), jnp.array([1e-3]), 1e3, q2=3.5))
    assert math.degrees(math.atan2(g.imag, g.real)) == pytest.approx(13.9, abs=0.1)
    assert abs(c9(g.real, 8.0, 0.8)) / abs(c9(g, 8.0, 0.8)) == pytest.approx(0.971, abs=1e-3)
    # the real part, which interferes with the SM, moves by (Im g/Re g) Gamma sqrt(q2)/(q2 - m_V^2)
    for mv, width, shift in ((8.0, 0.8, -0.006), (1.0, 0.4, 0.074)):
        ratio = c9(g, mv, width, "sqrt_q2").real / c9(g.real, mv, width, "sqrt_q2").real
        assert ratio - 1 == pytest.approx(shift, abs=1e-3)


def test_box_c9():
    box = lambda m, **kw: float(dark_loops.box_c9(1.0, 1.0, m, m, m, 1000.0, N_OVER_ALPHA))  # noqa: E731
    assert N_OVER_ALPHA / (32 * math.pi * 1e6) == pytest.approx(-0.993, abs=5e-4)
    for m, f3 in ((100, 3.2208), (300, 1.438), (700, 0.5526)):
        assert box(float(m)) == pytest.approx(-0.9926258 * f3, rel=4e-4)
    # F = 1 at 430 GeV; Yukawa couplings for C9 = -0.6 with Y_b Y_s = 0.09
    assert box(430.0) == pytest.approx(-0.993, rel=3e-3)
    for m, needed in ((100.0, 1.4), (300.0, 2.2), (430.0, 2.6)):
        assert math.sqrt(0.6 / (0.09 * -box(m))) == pytest.approx(needed, abs=0.06)
    assert float(dark_loops.box_c9(0.09, 4.0, 50.0, 900.0, 200.0, 2000.0, N_OVER_ALPHA)) == pytest.approx(
        float(dark_loops.box_c9(0.09, 4.0, 200.0, 50.0, 900.0, 2000.0, N_OVER_ALPHA)), rel=1e-14
    )


def test_mixing_box():
    """Limits on Yukawa couplings for |C1| < 6e-12 GeV^-2 and < 0.07 x 7.2e-11 GeV^-2, digits as quoted."""
    fast = jax.jit(dark_loops.mixing_c1)
    c1 = lambda y, m: float(fast(jnp.array(y), jnp.array(m), 1000.0))  # noqa: E731
    one = c1([1.0], [1e-3])
    assert one * 128 * math.pi**2 * 1e6 == pytest.approx(1.0, abs=1e-9)
    assert math.sqrt(6e-12 / one) == pytest.approx(0.0871, abs=6e-5)
    assert math.sqrt(0.07 * 7.2e-11 / one) == pytest.approx(0.0798, abs=6e-5)
    pair = c1([1.0, -1.0], [1e-3, 10.0])
    assert pair * 128 * math.pi**2 * 1e6 == pytest.approx(9.985e-5, abs=6e-9)
    assert math.sqrt(6e-12 / pair) == pytest.approx(8.71, abs=6e-3)
    assert math.sqrt(0.07 * 7.2e-11 / pair) == pytest.approx(7.99, abs=6e-3)
    # delta_Y = Y1 + Y2 = 0.05: between 5.9 and 7.5
    for y, c in ((6.75, 6e-12), (5.85, 0.07 * 7.2e-11)):
        assert c1([y, 0.05 - y], [1e-3, 10.0]) < c < c1([y + 0.8, 0.05 - y - 0.8], [1e-3, 10.0])
    # three fermions, with phases, by hand
    y, m = np.array([0.1 + 0.2j, -0.3, 0.2j]), np.array([1.0, 300.0, 900.0])
    hand = sum(
        a * b * float(loops.mixing_box((p / 1e3) ** 2, (q / 1e3) ** 2))
        for a, p in zip(y, m, strict=True)
        for b, q in zip(y, m, strict=True)
    )
    assert complex(fast(jnp.array(y), jnp.array(m), 1e3)) == pytest.approx(hand / (128 * math.pi**2 * 1e6), rel=1e-13)


def test_running():
    """0.8393 from the top mass at next-to-leading order; from 1 TeV, against three-loop alpha_s with six flavours: 0.3 % is the
    one-loop running of alpha_s above the top."""
    assert float(dark_loops.mixing_running(163.0)) == pytest.approx(0.8393, abs=1.5e-3)
    a_top = float(qcd.alpha_s_5(0.118, 163.0))
    a = float(qcd.run(a_top, 163.0, 1000.0, 6)[0])
    expected = 0.8393 * (a / a_top) ** (2 / 7) * (1 + 1.3707 * (a_top - a) / (4 * math.pi))
    assert float(dark_loops.mixing_running(1000.0)) == pytest.approx(expected, rel=3e-3)


def test_transformations():
    q2, m = jnp.array([-3.0, 0.2, 1.5, 5.0, 20.0]), jnp.array([0.4, 0.6, 0.5, 0.1, 2.0])
    for f in (dark_loops.penguin_sum_full, dark_loops.penguin_f15_full):
        stacked = lambda q, m, big, f=f: jnp.stack(f(q, m, big))  # noqa: E731
        fast = jax.jit(stacked)
        check_grads(fast, (q2, m, 1000.0), order=1, modes=["rev"])
        looped = np.array([fast(a, b, 1e3) for a, b in zip(q2, m, strict=True)]).T
        np.testing.assert_allclose(fast(q2, m, 1e3), looped, rtol=1e-14)
        assert jax.eval_shape(jax.vmap(f, in_axes=(0, None, None)), q2, m, 1e3)[0].shape == (5, 5)
        low = fast(q2.astype(np.float32), m.astype(np.float32), np.float32(1e3))
        assert low.dtype == jnp.float32
        np.testing.assert_allclose(low, fast(q2, m, 1e3), rtol=1e-5)
