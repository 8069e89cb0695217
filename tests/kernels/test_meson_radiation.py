"""P -> l nu V against explicit Dirac matrices, Monte Carlo phase space and the numbers checked for arXiv:2210.15662."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import quad

from fipkernels import meson_radiation as mr

jax.config.update("jax_enable_x64", True)

G_F, M_MU = 1.1663787e-5, 0.1056583745
M_K, F_K, V_US = 0.493677, 0.1557, 0.2243
M_PI, F_PI, V_UD = 0.13957039, 0.1302, 0.97373
TAU_K = 1.238e-8 / 6.582119569e-25

# --- Dirac matrices
_S = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
_O = np.zeros((2, 2))
GAMMA = [np.block([[_O, _S[0]], [_S[0], _O]])] + [np.block([[_O, s], [-s, _O]]) for s in _S[1:]]
G5 = np.diag([-1, -1, 1, 1])
ONE = np.eye(4)
METRIC = np.diag([1.0, -1, -1, -1])


def slash(p):
    """(N, 4) -> (N, 4, 4)."""
    return np.einsum("nm,mij->nij", p @ METRIC, np.array(GAMMA))


def dot(a, b):
    return np.einsum("nm,nm->n", a @ METRIC, b)


def momenta(x, w, m_p, m_l, m_v):
    """p_nu, p_l, q in the rest frame of P for points (N,) of the Dalitz plot, and which of them are inside."""
    e_nu = (m_p**2 - m_l**2 - x) / (2 * m_p)
    e_l = (m_p**2 + m_l**2 - m_v**2 - w) / (2 * m_p)
    e_v = m_p - e_nu - e_l
    p_l = np.sqrt(np.maximum(e_l**2 - m_l**2, 0))
    # cosine between lepton and neutrino from |q|
    cos = (e_v**2 - m_v**2 - e_nu**2 - p_l**2) / np.where(p_l * e_nu > 0, 2 * p_l * e_nu, np.inf)
    ok = (e_nu > 0) & (e_l > m_l) & (e_v > m_v) & (np.abs(cos) < 1)
    sin = np.sqrt(np.maximum(1 - cos**2, 0))
    zero = 0 * x
    k = np.stack([e_nu, zero, zero, e_nu], 1)
    lep = np.stack([e_l, p_l * sin, zero, p_l * cos], 1)
    return k, lep, np.array([m_p, 0, 0, 0]) - k - lep, ok


def by_hand(x, w, m_p, m_l, m_v, g_l, g_r, g_nu, g_p):
    """Spin sum over 2 G_F^2 f^2 V^2 from the diagrams: lepton, neutrino, meson, contact; no equation of motion used."""
    k, lep, q, _ = momenta(x, w, m_p, m_l, m_v)
    p = k + lep + q
    left, right = (ONE - G5) / 2, (ONE + G5) / 2
    ps, big_q, big_r = slash(p), slash(lep + q), slash(k + q)
    weak = 2 * left
    amp = []
    for mu in range(4):
        g = GAMMA[mu]
        a = ps @ weak @ (m_l * ONE - big_q) @ g @ (g_l * left + g_r * right) / (dot(lep + q, lep + q) - m_l**2)[:, None, None]
        a = a + g_nu * g @ left @ big_r @ ps @ weak / dot(k + q, k + q)[:, None, None]
        a = a + g_p * g @ weak
        meson = (2 * p - q)[:, mu] / (dot(p - q, p - q) - m_p**2)
        amp.append(a - g_p * meson[:, None, None] * (slash(p - q) @ weak))
    bars = [GAMMA[0] @ np.conj(np.swapaxes(a, 1, 2)) @ GAMMA[0] for a in amp]
    lower = q @ METRIC
    total = 0
    for mu in range(4):
        for nu in range(4):
            pol = -METRIC[mu, nu] + lower[:, mu] * lower[:, nu] / m_v**2
            total = total + pol * np.einsum("nii->n", slash(k) @ amp[mu] @ (slash(lep) - m_l * ONE) @ bars[nu])
    assert np.max(np.abs(total.imag)) < 1e-9 * np.max(np.abs(total.real))
    return total.real / 4


def inside(n, m_p, m_l, m_v, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(m_v**2 + 2 * m_l * m_v, m_p**2 - m_l**2, 40 * n)
    w = rng.uniform(0, (m_p - m_l) ** 2 - m_v**2, 40 * n)
    ok = momenta(x, w, m_p, m_l, m_v)[-1]
    assert ok.sum() >= n
    return x[ok][:n], w[ok][:n]


COUPLINGS = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0.7, 0.3, 0, 0), (1, 1, 0, 1), (-0.27, 0.23, 0.5, -0.77)]


@pytest.mark.parametrize("g", COUPLINGS)
@pytest.mark.parametrize("m_p,m_v", [(M_K, 0.01), (M_K, 0.15), (M_K, 0.35), (M_PI, 0.02)])
def test_squared_amplitude(m_p, m_v, g):
    """Against the trace over Dirac matrices.  There the longitudinal 1/m_V^2 cancels between diagrams: rounding of 1e-13 of the
    largest term, (m_P/m_V)^2 = 2e3 times the result for a conserved current."""
    x, w = inside(40, m_p, M_MU, m_v, 1)
    expected = by_hand(x, w, m_p, M_MU, m_v, *g)
    np.testing.assert_allclose(mr.squared_amplitude(x, w, m_p, M_MU, m_v, *g), expected, rtol=1e-8)
    assert np.all(expected > 0)


def literal(x, w, m_p, m_l, m_v, g_l, g_r):
    """Eq. (4.27) as printed, over 2 G_F^2 f^2 V^2."""
    e_nu = (m_p**2 - m_l**2 - x) / (2 * m_p)
    e_l = (m_p**2 + m_l**2 - m_v**2 - w) / (2 * m_p)
    e_d = m_p - e_nu - e_l
    q2, m2, v2, p2 = x + m_l**2, m_l**2, m_v**2, m_p**2
    left = 2 * e_l * m_p * (m2 + v2 - q2) - 2 * e_d * m_p * v2 - p2 * m2 + p2 * q2 - m2**2 + m2 * q2 + 2 * v2**2 - m2 * v2 - v2 * q2
    right = (
        -2 * e_l * m_p**3 * (m2 + v2 - q2)
        + 2 * e_d * (e_nu * v2 * (p2 - q2) + m_p**3 * (q2 - m2) + m_p * q2 * (m2 + v2 - q2))
        + p2**2 * m2 + p2**2 * v2 - p2**2 * q2 + p2 * m2**2 - p2 * m2 * q2 - 3 * p2 * v2**2
        + 2 * p2 * m2 * v2 + v2**2 * q2 - m2 * v2 * q2
    )  # fmt: skip
    return (g_l**2 * q2**2 * left + 6 * g_l * g_r * m2 * v2 * q2 * (q2 - p2) + g_r**2 * m2 * right) / (2 * x**2 * v2)


def test_as_printed():
    """The printed bracket, term by term: half the rate for g_L^2 and g_L g_R, from half to above the right one for g_R^2."""
    x, w = inside(200, M_K, M_MU, 0.15, 2)
    args = (x, w, M_K, M_MU, 0.15)
    for g in ((1.0, 0.0), (0.0, 1.0), (0.7, -0.4)):
        np.testing.assert_allclose(mr.squared_amplitude(*args, *g, printed=True), literal(*args, *g), rtol=1e-9)
    np.testing.assert_allclose(mr.squared_amplitude(*args, 1.0, 0.0, printed=True) / mr.squared_amplitude(*args, 1.0, 0.0), 0.5)
    share = mr.squared_amplitude(*args, 0.0, 1.0, printed=True) / mr.squared_amplitude(*args, 0.0, 1.0)
    assert 0.5 < share.min() < 0.51 and share.max() > 1.1


width = jax.jit(mr.width, static_argnames="printed")
window = jax.jit(mr.window, static_argnames="printed")


def branching(m_v, g_l, g_r, **options):
    return np.asarray(width(M_K, M_MU, np.asarray(m_v), g_l, g_r, F_K, V_US, G_F, **options)) * TAU_K


def test_check_values():
    """BR(K -> mu nu V) of the note for g_V = 0.01: three or four digits."""
    m = np.array([1, 10, 30, 100, 150, 200, 300]) * 1e-3
    right = [9.09e-2, 9.009e-4, 9.557e-5, 6.143e-6, 1.806e-6, 5.486e-7, 2.235e-8]
    printed = [4.54e-2, 4.521e-4, 4.875e-5, 3.261e-6, 9.63e-7, 2.907e-7, 1.156e-8]
    np.testing.assert_allclose(branching(m, 0.01, 0.01), right, rtol=6e-4)
    np.testing.assert_allclose(branching(m, 0.01, 0.01, printed=True), printed, rtol=1.2e-3)
    assert float(branching(0.05, 0.007, 0.013)) == pytest.approx(1.93636e-5, rel=5e-6)
    assert float(mr.width_leptonic(M_K, M_MU, F_K, V_US, G_F) * TAU_K) == pytest.approx(0.623, abs=5e-4)


@pytest.mark.parametrize(
    "m_mev,expected",
    [
        (5, (7.89e-4, 6.07e-4, 1.82e-4)),
        (10, (9.85e-5, 7.00e-5, 2.85e-5)),
        (15, (1.72e-5, 1.09e-5, 6.3e-6)),
        (20, (2.73e-6, 1.36e-6, 1.38e-6)),
    ],
)
def test_check_values_pion(m_mev, expected):
    """Gamma(pi -> mu nu V)/Gamma(pi -> mu nu) for g_V = 0.1: all, T > 1.2 MeV, T < 1.2 MeV; two or three digits."""
    args = (M_PI, M_MU, m_mev * 1e-3, 0.1, 0.1, F_PI, V_UD, G_F)
    unit = mr.width_leptonic(M_PI, M_MU, F_PI, V_UD, G_F)
    got = (width(*args), window(1.2e-3, 1.0, *args), window(0.0, 1.2e-3, *args))
    for value, e in zip(got, expected, strict=True):
        assert float(value / unit) == pytest.approx(e, rel=8e-3)


@pytest.mark.parametrize("g", [(1, 1, 0, 0), (-0.27, 0.23, 0.5, -0.77)])
def test_monte_carlo(g):
    """Flat in the Dalitz plot, borders from |cos| < 1, amplitude by Dirac matrices: error 0.5 or 0.9 %, allowed four of them."""
    rng = np.random.default_rng(5)
    n, m_v = 40_000, 0.05
    x_max, w_max = M_K**2 - M_MU**2, (M_K - M_MU) ** 2 - m_v**2
    x, w = rng.uniform(0, x_max, n), rng.uniform(0, w_max, n)
    ok = momenta(x, w, M_K, M_MU, m_v)[-1]
    values = np.zeros(n)
    values[ok] = by_hand(x[ok], w[ok], M_K, M_MU, m_v, *g)
    # dE_l dE_nu = dx dw/(4 m_P^2)
    scale = 2 * (G_F * F_K * V_US) ** 2 * x_max * w_max / (4 * M_K**2) / (64 * np.pi**3 * M_K)
    mean, error = values.mean() * scale, values.std() / np.sqrt(n) * scale
    assert error < 1e-2 * mean
    got = float(width(M_K, M_MU, m_v, g[0], g[1], F_K, V_US, G_F, g[2], g[3]))
    assert abs(got - mean) < 4 * error


@pytest.mark.parametrize("m_p", [M_K, M_PI])
def test_spectrum_and_windows(m_p):
    """An adaptive integral of the spectrum gives width and windows, as accurate as their docstrings say."""
    for m_v, g in ((0.002, (0.3, -0.2, 0.0, 0.0)), (0.02, (-0.27, 0.23, 0.5, -0.77)), ((m_p - M_MU) * 0.98, (0.2, 0.2, 0.0, 0.2))):
        args = (m_p, M_MU, m_v, g[0], g[1], 1.0, 1.0, 1.0, g[2], g[3])
        top = (m_p**2 + M_MU**2 - m_v**2) / (2 * m_p) - M_MU
        f = jax.jit(lambda t, args=args: mr.spectrum(M_MU + t, *args))
        for low, high in ((0.0, 1.0), (0.3 * top, 0.8 * top), (0.5 * top, 1.0), (0.0, 0.1 * top)):
            # t = top - top u^2: the light V makes a narrow peak at the upper end
            edges = np.sqrt(np.clip([1 - high / top, 1 - low / top], 0, 1))
            exact, error = quad(
                lambda u, f=f, top=top: 2 * top * u * float(f(top * (1 - u * u))), *edges, epsabs=0.0, epsrel=1e-9, limit=200
            )
            assert error < 1e-7 * exact
            assert float(window(low, high, *args)) == pytest.approx(exact, rel=2e-6)
        assert float(width(*args)) == pytest.approx(float(window(0.0, 1.0, *args)), rel=6e-6)
        assert float(mr.spectrum(M_MU + 1.001 * top, *args)) == 0.0 == float(mr.spectrum(0.999 * M_MU, *args))


def test_light_limit():
    """Enhanced as 1/m_V^2 by the uncompensated charge and the axial coupling alone; a conserved current is not: then the rate
    grows only like the logarithm of m_V (soft V)."""

    def rate(m_v, g):
        return float(width(M_K, M_MU, m_v, g[0], g[1], 1.0, 1.0, 1.0, g[2], g[3]))

    for g in ((1, 1, 0, 0), (1, 1, 0, 0.5), (1, 0, 1, 0), (0, 1, 0, 0)):
        assert rate(1e-3, g) / rate(2e-3, g) == pytest.approx(4.0, rel=0.02)
    for g in ((1, 1, 0, 1), (0, 0, 1, -1), (1, 1, 0.4, 0.6)):
        assert 1.0 < rate(1e-3, g) / rate(2e-3, g) < 1.6
        assert rate(1e-3, g) < 1e-2 * rate(1e-3, (1, 1, 0, 0))
    # delta^2 without lepton mass: integral of 2 delta^2 2 (k.q)(l.q)/M^2 over the plot, m_P^6/768 for m_l = M = 0
    small = 1e-4
    light = width(1.0, small, small, 1.0, 0.0, 1.0, 1.0, 1.0, 0.3, 0.2)
    exact = 2 * 0.5**2 / small**2 / (64 * np.pi**3) / 4 * quad(lambda x: x * (1 - x) ** 2 / 2, 0, 1)[0]
    assert float(light) == pytest.approx(exact, rel=2e-4)


@pytest.mark.parametrize("f", ["width", "window", "spectrum"])
def test_threshold(f):
    """Closed: exactly zero with zero gradient; just open: tiny, finite gradient."""

    def value(m_v, g_l, g_r, g_nu, g_p, low, high):
        args = (M_K, M_MU, m_v, g_l, g_r, F_K, V_US, G_F, g_nu, g_p)
        if f == "width":
            return mr.width(*args)
        return mr.spectrum(1.2 * M_MU, *args) if f == "spectrum" else mr.window(low, high, *args)

    both = jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2, 3, 4)))
    top = M_K - M_MU
    for low, high in ((0.01, 1.0), (0.0, 0.01)):
        for m_v in (top, top * (1 + 1e-15), 0.5, 5.0, 1e3):
            v, g = both(m_v, 0.1, 0.2, 0.3, 0.4, low, high)
            assert float(v) == 0.0 and [float(s) for s in g] == [0.0] * 5
        for m_v in (top * (1 - 1e-15), top * (1 - 1e-9), top * (1 - 1e-3), 1e-3, 1e-6):
            v, g = both(m_v, 0.1, 0.2, 0.3, 0.4, low, high)
            assert float(v) >= 0.0 and np.all(np.isfinite([float(s) for s in g])), m_v
    if f == "window":
        v, g = both(0.05, 0.1, 0.2, 0.3, 0.4, 0.02, 0.01)
        assert float(v) == 0.0 and [float(s) for s in g] == [0.0] * 5


def test_threshold_power():
    """Gamma ~ (release)^(7/2): two orders of magnitude above it, to the size of the next term."""
    top = M_K - M_MU
    a, b = (float(width(M_K, M_MU, top - d, 0.3, 0.2, 1.0, 1.0, 1.0)) for d in (1e-8, 1e-6))
    assert b / a == pytest.approx(100**3.5, rel=1e-4)


def test_transformations():
    f = jax.jit(lambda m, gl, gr, gn, gp: 1e12 * mr.width(M_K, M_MU, m, gl, gr, F_K, V_US, G_F, gn, gp))
    # forward mode is what the reverse one is made from
    check_grads(f, (0.1, 0.3, 0.2, 0.1, -0.1), order=1, modes=["rev"], rtol=1e-5)
    m = jnp.array([[0.01, 0.1], [0.2, 0.5]])
    grid = f(m, 0.3, 0.2, 0.1, -0.1)
    assert grid.shape == (2, 2)
    np.testing.assert_allclose(jax.vmap(lambda v: f(v, 0.3, 0.2, 0.1, -0.1))(m), grid, rtol=1e-13)
    x, w = np.array([0.1, 0.15]), np.array([0.02, 0.05])
    args = (M_K, M_MU, 0.05, 0.3, 0.2, 0.1, -0.1)
    np.testing.assert_allclose(jax.jit(mr.squared_amplitude)(x, w, *args), mr.squared_amplitude(x, w, *args), rtol=1e-12)


def test_float32():
    """Single precision: 1e-5 from the light end to a per cent below threshold, where the release is known to 1e-5 itself."""
    m = np.geomspace(1e-3, 0.38, 30)

    def run(kind, m=m):
        c = [kind(v) for v in (0.3, 0.2)]
        return width(kind(M_K), kind(M_MU), np.asarray(m, kind), *c, kind(1), kind(1), kind(1), kind(0.1), kind(-0.1))

    low = run(np.float32)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, run(np.float64), rtol=3e-5)
    assert run(np.float32, 0.5) == 0.0
