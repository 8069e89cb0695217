"""W and Z bounds against the numbers of arXiv:2106.12582, a direct Monte Carlo sum and the spectra behind the table."""

import math
from importlib.resources import files

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipjax.constraints import electroweak, make_z4mu
from fipjax.constraints.base import CONSTRAINTS, Context
from fipjax.models.deft import build
from fipjax.theory import Theory, VectorMediator
from fipkernels import w_decay, z4mu

PRINTED, OLD, LATEST = Context("2021", "as_printed"), Context("2021"), Context("latest")
SETUP = make_z4mu.Setup()


def limit(name, context, m, gamma, axial=0.0):
    """Coupling at which the ratio reaches 1 (B,), by bisection in its logarithm (2^-40 of a range of e^15)."""
    m = jnp.asarray(m, float)
    point = {"m_V": m, "gamma_V": jnp.full(m.shape, gamma)}

    @jax.jit
    def excluded(c):
        return CONSTRAINTS[name].ratio(build({**point, "C4_mumuV": c, "C4t_mumuV": axial * c}), context) > 1.0

    low, high = jnp.full(m.shape, 1e-6), jnp.full(m.shape, 3.0)
    for _ in range(40):
        middle = jnp.sqrt(low * high)
        bad = excluded(middle)
        low, high = jnp.where(bad, low, middle), jnp.where(bad, middle, high)
    return np.asarray(low)


def one(m=1.0, width=0.1, **couplings):
    """A theory with one vector; couplings as numbers, dark decays only."""
    arrays = {k: jnp.full((1, 1), v) for k, v in couplings.items() if k != "epsilon"}
    if "epsilon" in couplings:
        arrays["epsilon"] = jnp.array([couplings["epsilon"]])
    partial = {"dark": jnp.array([width])}
    return Theory((VectorMediator(jnp.array([m]), jnp.array([width]), partial_widths=partial, **arrays),))


def ratio(name, theory, context=LATEST):
    return float(CONSTRAINTS[name].ratio(theory, context)[0])


def test_w_bounds_of_the_paper():
    """Eqs. (4.10), (4.11): 0.00392 and 0.02195 (m_V/100 MeV), quoted to three and four digits."""
    m = np.array([0.01, 0.02, 0.1, 0.5, 1.0, 2.0])
    # a broad V, so that muons take nothing of the width
    np.testing.assert_allclose(limit("W_universality", PRINTED, m, 0.9) / (10 * m), 0.003921, atol=2e-6)
    np.testing.assert_allclose(limit("W_width", PRINTED, m, 0.9) / (10 * m), 0.02195, atol=5e-6)
    # coupling to left-handed muons: axial -c counts double, axial +c not at all
    np.testing.assert_allclose(limit("W_width", PRINTED, [0.1], 0.9, -1.0), 0.02195 / 2, atol=5e-6)
    assert ratio("W_width", one(0.1, mu_V=0.5, mu_A=0.5)) == ratio("W_width", one(0.1, mu_V=0.0, mu_A=0.0))


def test_w_default_and_vintages():
    """Corrected: width to electrons from G_F instead of BR x Gamma (1.7 %), measured minus predicted width."""
    unit = w_decay.width_to_lepton(80.379, electroweak.G_F)
    per = float(w_decay.width(0.1, 1.0, 0.0, 80.379, electroweak.G_F))
    assert limit("W_universality", OLD, [0.1], 0.9)[0] == pytest.approx(math.sqrt(0.012 * unit / per), rel=1e-4)
    assert limit("W_width", OLD, [0.1], 0.9)[0] == pytest.approx(math.sqrt((2.085 + 0.084 - 2.091) / per), rel=1e-5)
    per = float(w_decay.width(0.1, 1.0, 0.0, 80.362, electroweak.G_F))
    unit = w_decay.width_to_lepton(80.362, electroweak.G_F)
    expected = math.sqrt((0.9995 + 2 * 0.0045 - 1) * unit / per)
    assert limit("W_universality", LATEST, [0.1], 0.9)[0] == pytest.approx(expected, rel=1e-4)
    assert limit("W_width", LATEST, [0.1], 0.9)[0] == pytest.approx(math.sqrt((2.140 + 0.1 - 2.091) / per), rel=1e-5)
    # without a vector: the pull of the data, half of it in units of two standard deviations
    assert ratio("W_universality", one(mu_V=0.0), OLD) == pytest.approx(0.25, rel=1e-12)
    assert ratio("W_width", one(mu_V=0.0)) == pytest.approx(0.049 / 0.1, rel=1e-9)


def test_w_structure():
    """Which couplings count, and how."""
    for name in ("W_universality", "W_width"):
        assert CONSTRAINTS[name].ratio(one(epsilon=1e-3), LATEST) is None
        assert CONSTRAINTS[name].ratio(Theory(), LATEST) is None
    # a neutrino coupling equal to that of the left-handed muon: conserved current, only a logarithm
    alone, balanced = one(0.02, mu_V=0.01), one(0.02, mu_V=0.01, numu_L=0.01)
    assert ratio("W_width", alone) > 3 and ratio("W_width", balanced) == pytest.approx(0.49, rel=2e-3)
    # muons and electrons alike: universality is blind, the width is not
    assert ratio("W_universality", one(0.05, mu_V=0.01, e_V=0.01)) == pytest.approx(0.0005 / 0.009, rel=1e-9)
    both, shift = one(0.05, mu_V=0.001, e_V=0.001), one(0.05, mu_V=0.001)
    assert 0.49 - ratio("W_width", both) == pytest.approx(2 * (0.49 - ratio("W_width", shift)), rel=1e-6)
    # electrons lower the ratio of widths, here towards the measured one
    assert ratio("W_universality", one(0.05, e_V=0.001), OLD) < 0.1
    # only the invisible part of the decays counts
    m = one(0.05, mu_V=0.01).mediators[0]
    half = Theory((VectorMediator(m.mass, 2 * m.width, mu_V=m.mu_V, partial_widths=m.partial_widths),))
    full = ratio("W_universality", Theory((m,)), OLD) - 0.25
    assert ratio("W_universality", half, OLD) - 0.25 == pytest.approx(0.5 * full, rel=1e-9)
    # a V that does not decay is invisible
    stable = Theory((VectorMediator(m.mass, 0.0 * m.width, mu_V=m.mu_V),))
    assert ratio("W_universality", stable, OLD) - 0.25 == pytest.approx(full, rel=1e-9)
    # dimension six acts with its value on shell
    six = Theory((VectorMediator(m.mass, m.width, mu_V=jnp.array([[0.0], [0.01 / 0.05**2]]), partial_widths=m.partial_widths),))
    assert ratio("W_width", six) == pytest.approx(ratio("W_width", Theory((m,))), rel=1e-12)


# the checked Monte Carlo of arXiv:2106.12582 in our notes, constant width, 2 % statistical error: A, B, limit for 24.7/22
CHECK = {
    3.0: {0.5: (23.3, 1.40e2, 0.071), 0.1: (23.6, 1.42e2, 0.071), 0.01: (23.6, 1.42e2, 0.071)},
    5.0: {0.5: (24.8, 2.50e2, 0.069), 0.1: (37.8, 8.46e2, 0.055), 0.01: (58.1, 7.28e3, 0.042)},
    7.0: {0.5: (15.6, 2.47e2, 0.084), 0.1: (16.3, 1.23e3, 0.073)},
    10.0: {0.5: (7.9, 1.96e2, 0.110), 0.1: (7.8, 1.01e3, 0.089), 0.01: (8.6, 1.026e4, 0.055)},
    15.0: {0.5: (1.5, 1.30e2, 0.160), 0.1: (0.1, 7.77e2, 0.112), 0.01: (-0.7, 8.10e3, 0.063)},
    20.0: {0.5: (-1.6, 81.0, 0.224), 0.1: (-4.0, 525.0, 0.140), 0.01: (-4.4, 5.87e3, 0.070)},
}


def test_z4mu_against_independent_monte_carlo():
    """A to 1.2 (interference cancels), B to 6 %, limits to 2.5 %: 2 % statistics, other rapidity distribution and polarisation."""
    table, _ = electroweak.z4mu_table("constant")
    rows = [(m, g, *v) for m, row in CHECK.items() for g, v in row.items()]
    m, gamma, a, b, coupling = np.array(rows).T
    linear, square = (np.asarray(v) for v in z4mu.coefficients(table, m, gamma, 0))
    np.testing.assert_allclose(linear.sum(axis=(0, 1)), a, atol=1.2)
    np.testing.assert_allclose(square.sum(axis=(0, 1)) / gamma, b, rtol=0.06)
    for g in (0.5, 0.1, 0.01):
        here = gamma == g
        np.testing.assert_allclose(limit("Z_4mu", PRINTED, m[here], g), coupling[here], rtol=0.025)
    np.testing.assert_allclose(limit("Z_4mu", PRINTED, [5.0, 10.0], 0.1, -0.44), [0.052, 0.080], rtol=0.025)


def test_z4mu_definition():
    """Default: 21.2 [1 + 0.355 (R - 1)] against 22.1 +- 1.3 +- 1.3; printed: 22 R against 22.1 +- 1.3."""
    theory = one(10.0, 1.0, mu_V=0.1)
    change, share = electroweak.z4mu_rate(theory, OLD)
    # within the cuts 4mu is a third of the sum over flavours, whatever the rapidity distribution (0.34 to 0.36)
    assert share == pytest.approx(0.355, abs=0.002)
    value = float(change[0])
    assert ratio("Z_4mu", theory) == pytest.approx(abs(21.2 * (1 + share * value) - 22.1) / (2 * math.hypot(1.3, 1.3)), rel=1e-12)
    printed = float(electroweak.z4mu_rate(theory, PRINTED)[0][0])
    assert ratio("Z_4mu", theory, PRINTED) == pytest.approx(abs(22 * (1 + printed) - 22.1) / 2.6, rel=1e-12)
    # kinetic mixing is a vector coupling -epsilon e to muons, and adds to others
    eps = 0.1 / math.sqrt(4 * math.pi / 137.035999)
    assert ratio("Z_4mu", one(10.0, 1.0, epsilon=-eps)) == pytest.approx(ratio("Z_4mu", theory), rel=1e-12)
    assert ratio("Z_4mu", one(10.0, 1.0, epsilon=eps, mu_V=0.2)) == pytest.approx(ratio("Z_4mu", theory), rel=1e-12)
    # several vectors add up
    two = Theory((*theory.mediators, *one(10.0, 1.0, mu_A=0.1).mediators))
    second = float(electroweak.z4mu_rate(one(10.0, 1.0, mu_A=0.1), OLD)[0][0])
    assert float(electroweak.z4mu_rate(two, OLD)[0][0]) == pytest.approx(value + second, rel=1e-12)
    assert CONSTRAINTS["Z_4mu"].ratio(one(e_V=0.1, numu_L=0.1), LATEST) is None
    # on shell the square term is proportional to the branching fraction: half the width, twice the term
    small = [float(electroweak.z4mu_rate(one(30.0, w, mu_V=1e-3), OLD)[0][0]) for w in (1e-8, 2e-8)]
    assert small[0] / small[1] == pytest.approx(2.0, rel=1e-3)


def test_z4mu_gradients():
    """Finite over the whole parameter range; the smooth term falls beyond the bound."""
    rng = np.random.default_rng(1)
    m = np.concatenate([np.exp(rng.uniform(np.log(1e-3), np.log(1e3), 300)), make_z4mu.mass_grid(), [5.0]])
    n = len(m)
    point = {
        "m_V": jnp.asarray(m),
        "gamma_V": jnp.asarray(10 ** rng.uniform(-8, 0, n)),
        "C4_mumuV": jnp.asarray(10 ** rng.uniform(-8, 0, n)),
        "C4t_mumuV": jnp.asarray(-(10 ** rng.uniform(-8, 0, n))),
        "C6_mumuV": jnp.full(n, 1e-6),
    }
    for name in ("Z_4mu", "W_universality", "W_width"):
        c = CONSTRAINTS[name]

        def smooth(p, c=c):
            return c.log_likelihood(c.ratio(build(p), LATEST))

        value, back = jax.jit(lambda p, f=smooth: jax.vjp(f, p))(point)
        assert np.all(np.isfinite(value)) and np.all(value <= 0.0)
        (slopes,) = back(jnp.ones(n))
        assert all(np.all(np.isfinite(v)) for v in slopes.values())


@pytest.fixture(scope="module")
def stored():
    with files("fipjax.data").joinpath("z4mu.npz").open("rb") as f, np.load(f) as z:
        return dict(z)


def test_file(stored):
    """Small, precise, and reproducible in what it says of itself."""
    path = files("fipjax.data").joinpath("z4mu.npz")
    assert len(path.read_bytes()) < 500_000
    assert float(stored["limit_error_max"]) < 0.02
    np.testing.assert_array_equal(stored["m"], make_z4mu.mass_grid())
    np.testing.assert_array_equal(stored["gamma"], make_z4mu.GAMMA)
    assert {5.0, make_z4mu.M_Z - 5.0, make_z4mu.M_Z} <= set(stored["m"])
    # sum over flavours times 59 nb: 25 fb, to be compared with 21.2 +- 1.3 fb (higher orders, isolation); 4mu alone: 8.9 fb
    assert 58.8e6 * float(stored["br_fiducial_4l"]) == pytest.approx(21.2, rel=0.25)
    assert 58.8e6 * float(stored["br_fiducial_4mu"]) == pytest.approx(8.9, abs=0.1)


@pytest.mark.parametrize("scheme", make_z4mu.SCHEMES)
def test_table_against_spectra(stored, scheme):
    """Interpolation of the limit against the integrals it tabulates, off the knots: 1 % between 0.02 and 75 GeV, 0.1 % typically.

    Next to the 5 GeV cut the table cannot follow a resonance narrower than its smallest width: 15 % within 2 %."""
    spectra = make_z4mu.Spectra(stored["interference"], stored["square"], stored["double"], float(stored["sm"]), 1)
    rng = np.random.default_rng(3)
    m = np.concatenate([np.exp(rng.uniform(np.log(0.02), np.log(75.0), 600)), rng.uniform(4.6, 5.4, 200)])
    gamma = 10 ** rng.uniform(-5, -0.01, len(m))
    exact = make_z4mu.coefficients(spectra, SETUP, m, gamma, scheme)
    table, _ = electroweak.z4mu_table(scheme)
    a, b = jax.jit(lambda *x: z4mu.coefficients(table, *x))(m, gamma)
    for linear, square in ((0, 0), (2, 5)):
        limits = []
        for x, y in ((exact[0], exact[1]), (np.asarray(a), np.asarray(b) / gamma)):
            x, y = x[:, linear].sum(axis=0), y[:, square].sum(axis=0)
            limits.append(np.sqrt((-x + np.sqrt(x * x + 0.6 * y)) / (2 * y)))
        error = np.abs(limits[1] / limits[0] - 1)
        away = np.abs(m / 5 - 1) > 0.02
        assert error[away].max() < 0.01 and np.median(error[away]) < 1e-3
        assert error.max() < 0.15


@pytest.fixture(scope="module")
def sample():
    return make_z4mu.generate(200_000, 5, SETUP)


def test_spectra_against_direct_sum(sample):
    """The same events weighted with |SM + V|^2 for a broad V: only the projection on linear functions differs (0.5 %)."""
    m, gamma = 12.0, 0.4
    spectra = make_z4mu.spectra(sample, SETUP)
    a, b = make_z4mu.coefficients(spectra, SETUP, np.array([m]), np.array([gamma]))
    left, right = np.array([0.3, 1e-3]), np.array([-0.2, 4e-4])
    s = sample.s
    d = s - m * m + 1j * gamma * m * np.sqrt(s)
    g_l, g_r = (g[0] + g[1] * s for g in (left, right))

    def total(size):
        out = 0.0
        for x, g in ((make_z4mu.G_L, g_l), (make_z4mu.G_R, g_r)):
            c = make_z4mu._sm(s, x, x) + size * x * g * g / d
            out = out + np.einsum("tn,un,tun->", c, c.conj(), sample.same).real
        c = np.stack(
            [
                make_z4mu._sm(s[0], make_z4mu.G_R, make_z4mu.G_L) + size * make_z4mu.G_R * (g_l * g_r / d)[0],
                make_z4mu._sm(s[1], make_z4mu.G_L, make_z4mu.G_R) + size * make_z4mu.G_L * (g_l * g_r / d)[1],
            ]
        )
        return out + 4.0 * np.einsum("tn,un,tun->", c, c.conj(), sample.mixed).real

    sm, up, down = total(0.0), total(1.0), total(-1.0)
    assert spectra.sm == pytest.approx(sm, rel=1e-10)
    products = [
        np.array([x[0] * y[0], x[0] * y[1] + x[1] * y[0], x[1] * y[1]]) for x, y in ((left, left), (right, right), (left, right))
    ]
    linear = sum(p @ a[c, :, 0] for c, p in enumerate(products))
    square = sum(p[k] * p[l] * b[c, n, 0] for c, p in enumerate(products) for n, (k, l) in enumerate(z4mu.POWERS))
    assert linear == pytest.approx((up - down) / (2 * sm), rel=5e-3)
    assert square == pytest.approx((up + down - 2 * sm) / (2 * sm), rel=5e-3)


def test_branching_fraction():
    """BR(Z -> 4 mu, pairs above 4 GeV) = 1.263(4)e-6 at lowest order with alpha = 1/128; flavours summed, measured 4.41(30)e-6.

    Without cuts on the leptons the polarisation of Z does not matter.  5 standard deviations of this sample and the reference."""
    setup = make_z4mu.Setup(m_low=4.0, cuts=False)
    events = make_z4mu.generate(160_000, 9, setup)
    value, error = make_z4mu.branching(events)
    assert error < 0.01e-6
    assert abs(value - 1.263e-6) < 5 * math.hypot(error, 0.004e-6)
    mixed, _ = make_z4mu.branching(events, "mmee")
    # ATLAS 2103.01918
    assert abs(2 * value + mixed - 4.41e-6) < 2 * 0.30e-6


def test_cuts():
    """Each cut by itself on one event that passes, with numbers on either side."""
    pt, eta, dr = np.array([[25.0], [12.0], [8.0], [7.5]]), np.array([[0.1], [-2.4], [1.0], [2.0]]), np.array([0.3])

    def accept(pt=pt, eta=eta, dr=dr):
        return bool(make_z4mu._accept(SETUP, pt, eta, dr)[0])

    assert accept() and not accept(dr=np.array([0.04]))
    assert not accept(eta=eta + np.array([[0], [-0.4], [0], [0]])) and accept(eta=eta + np.array([[0], [-0.2], [0], [0]]))
    assert not accept(pt=pt - np.array([[0], [0], [0], [2.6]])) and accept(pt=pt - np.array([[0], [0], [0], [2.4]]))
    assert not accept(pt=pt - np.array([[6.0], [0], [0], [0]])) and not accept(pt=pt - np.array([[0], [3.0], [0], [0]]))
    # electrons need 7 GeV and 2.47
    assert bool(make_z4mu._accept(SETUP, pt, eta, dr, "eeee")[0])
    assert not make_z4mu._accept(SETUP, pt, eta + np.array([[0], [-0.1], [0], [0]]), dr, "eeee")[0]
    assert not make_z4mu._accept(SETUP, pt - np.array([[0], [0], [0], [0.6]]), eta, dr, "mmee")[0]


@pytest.mark.validate
def test_production_again(stored):
    """Two batches anew: the stored sums within the spread of batches, and the same seed gives the same events."""
    m, gamma = np.geomspace(2.0, 60.0, 15), np.full(15, 0.05)
    spectra = [make_z4mu.spectra(make_z4mu.generate(1_000_000, int(stored["seed"]) + k, SETUP), SETUP) for k in (0, 1)]
    again = make_z4mu.generate(8000, 3, SETUP).s
    np.testing.assert_array_equal(again, make_z4mu.generate(8000, 3, SETUP).s)
    whole = make_z4mu.Spectra(stored["interference"], stored["square"], stored["double"], float(stored["sm"]), 1)
    new = make_z4mu.coefficients(spectra[0] + spectra[1], SETUP, m, gamma)[1][:, 0].sum(axis=0)
    np.testing.assert_allclose(new, make_z4mu.coefficients(whole, SETUP, m, gamma)[1][:, 0].sum(axis=0), rtol=0.03)


@pytest.mark.validate
def test_sensitivity_to_the_model_of_z_production():
    """Polarisation, rapidity and transverse momentum of Z change limits by less than 2.5 %."""
    out = make_z4mu.sensitivity(800_000)
    for name in ("unpolarised", "rapidity gauss", "no rapidity", "p_T of Z 15 GeV"):
        np.testing.assert_allclose(out[name], 1.0, atol=0.025)
