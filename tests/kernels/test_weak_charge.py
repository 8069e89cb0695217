"""Weak charges with a light vector: exchange against the Z itself and against rho_d, kappa_d; caesium overlap against scipy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from fipjax.constraints import make_weak_charge as make
from fipjax.constraints.curves import load_curve
from fipkernels import weak_charge

M_Z, S2 = 91.1876, 0.2312
# g/cos(theta_W) from G_F and m_Z at tree level
G = 2.0 * M_Z * math.sqrt(math.sqrt(2.0) * weak_charge.G_F)


def couplings(eps_z, charge=0.0, s2=S2):
    """e_A, (p_V, n_V) of a vector with eps_z times the couplings of the Z, and charge times the electric one."""
    a = 0.25 * G * eps_z
    return a, weak_charge.nucleon_couplings(a * (1 - 8 / 3 * s2), a * (-1 + 4 / 3 * s2), charge)


@pytest.mark.parametrize(("z", "n"), [(1, 0), (55, 78)])
def test_z_boson(z, n):
    """Exchange of the Z itself gives the tree-level weak charge: normalisation and sign."""
    e_a, (p, neutron) = couplings(1.0)
    assert weak_charge.shift(e_a, p, neutron, 1.0 / M_Z**2, z, n) == pytest.approx(z * (1 - 4 * S2) - n, rel=1e-12)


def test_standard_model():
    """Notes on 2210.15662, section 10: -73.223 and 0.07132 (PDG -73.23, 0.0711)."""
    assert weak_charge.standard_model(55, 78) == pytest.approx(-73.223, abs=5e-4)
    assert weak_charge.proton() == pytest.approx(0.07132, abs=5e-6)
    assert weak_charge.proton(-0.5 + 2 * weak_charge.SIN2_0) == pytest.approx(0.0457, abs=5e-5)
    assert weak_charge.with_rho_kappa(55, 78, 0.0, 0.0) == weak_charge.standard_model(55, 78)
    assert weak_charge.with_rho_kappa(1, 0, 0.0, 0.0, bound=False) == weak_charge.proton()


@pytest.mark.parametrize(("z", "n"), [(1, 0), (55, 78)])
@pytest.mark.parametrize("eps", [0.0, 3e-6, -2e-5])
def test_first_order_of_rho_and_kappa(z, n, eps):
    """The tree-level shift is the first order of rho_d (Z (1 - 4 kappa_d s^2) - N) for m_V << m_Z."""
    m, eps_z, f, tan = 0.02, 1e-6, 0.8, math.sqrt(S2 / (1 - S2))
    e = G * math.sqrt(S2 * (1 - S2))
    e_a, (p, neutron) = couplings(eps_z, e * eps)
    mine = weak_charge.shift(e_a, p, neutron, f / m**2, z, n)
    rho, kappa = (float(v) for v in weak_charge.rho_kappa(m, eps, eps_z, f, M_Z, tan))
    # first order in each: their product is of fourth order in the couplings, one exchange has no such term
    theirs = rho * (z * (1 - 4 * S2) - n) - 4 * z * S2 * kappa
    # terms without (m_Z/m_V)^2: eps^2/eps_z^2 (m_V/m_Z)^2 = 2e-5 at most
    assert mine == pytest.approx(theirs, rel=1e-4)
    both = (1 + rho) * (z * (1 - 4 * S2 * (1 + kappa)) - n) - (z * (1 - 4 * S2) - n)
    assert both - theirs == pytest.approx(-4 * z * S2 * rho * kappa, rel=1e-4, abs=1e-13)  # rounding of 78


def test_signs_of_the_exchange():
    """Only axial electron times vector quarks; kinetic mixing acts on protons alone."""
    assert weak_charge.shift(0.0, 1.0, 1.0, 1.0, 55, 78) == 0.0
    p, n = weak_charge.nucleon_couplings(0.0, 0.0, 0.3)
    assert (p, n) == (0.3, 0.0)
    assert float(weak_charge.yukawa(0.1, 0.03)) == pytest.approx(25.0)


# --- caesium: the Dirac equation again, with another integrator, grid and smearing
def independent_overlap(masses):
    hc, m_e, alpha, radius = 197.3269804, 0.51099895, 1 / 137.035999, math.sqrt(5 / 3) * 4.804
    m = m_e / hc

    def v(r):
        return -55 * alpha / (2 * radius) * (3 - (r / radius) ** 2) if r < radius else -55 * alpha / r

    def solve(kappa, r):
        def f(x, y):
            return [-kappa / x * y[0] + (2 * m - v(x)) * y[1], kappa / x * y[1] + v(x) * y[0]]

        start = [r[0], v(r[0]) * r[0] ** 2 / 3] if kappa == -1 else [(2 * m - v(r[0])) * r[0] ** 2 / 3, r[0]]
        return solve_ivp(f, (r[0], r[-1]), start, t_eval=r, rtol=1e-9, atol=1e-14, method="DOP853").y

    # Gauss-Legendre in ln r, split at the surface
    x, w = np.polynomial.legendre.leggauss(600)
    r, weight = [], []
    for lo, hi in ((math.log(1e-3), math.log(radius)), (math.log(radius), math.log(3e4))):
        u = lo + (hi - lo) * 0.5 * (x + 1)
        r.append(np.exp(u))
        weight.append(0.5 * (hi - lo) * w * np.exp(u))
    r, weight = np.concatenate(r), np.concatenate(weight)
    (gs, fs), (gp, fp) = solve(-1, r), solve(1, r)
    density = gp * fs - fp * gs
    inside = np.where(r < radius, 3 / (4 * math.pi * radius**3), 0.0)
    out = []
    for mass in masses:
        # potential of each shell of the nucleus, radial Green function of m^2 - nabla^2
        k = mass / hc
        s, ws = 0.5 * radius * (x + 1), 0.5 * radius * w
        lo, hi = np.minimum(r[:, None], s), np.maximum(r[:, None], s)
        green = k * (np.exp(-k * (hi - lo)) - np.exp(-k * (hi + lo))) / (2 * r[:, None] * s)
        rho = 3 / (4 * math.pi * radius**3) * (green * s**2) @ ws
        out.append(np.sum(weight * density * rho))
    return np.array(out) / np.sum(weight * density * inside)


# notes on 2210.15662, section 10 (MeV)
CHECK = {
    0.1: 0.024, 0.5: 0.197, 1: 0.331, 2.4: 0.503, 5: 0.632, 10: 0.741, 20: 0.837, 30: 0.886, 50: 0.935, 100: 0.976, 200: 0.993,
    500: 0.999,
}  # fmt: skip


def table():
    c = load_curve("weak_charge_cs")
    return c["m"], c["f"]


def test_caesium_overlap():
    m, f = table()
    got = np.asarray(weak_charge.overlap(jnp.array(list(CHECK)) * 1e-3, m, f))
    # three digits, from a coarser grid that ends at 3000 fm
    np.testing.assert_allclose(got, list(CHECK.values()), atol=1.2e-3)
    # the two values of the paper: 0.5 at 2.4 MeV, about 1 at 100 MeV
    assert got[3] == pytest.approx(0.50, abs=5e-3)
    # off the knots, against the other solution: interpolation
    masses = np.array([0.07, 0.3, 1.7, 8.3, 40.0, 170.0])
    got = np.asarray(weak_charge.overlap(jnp.array(masses) * 1e-3, m, f))
    np.testing.assert_allclose(got, independent_overlap(masses), rtol=3e-4)


def test_table_is_what_the_script_makes():
    m, f = table()
    np.testing.assert_allclose(m, make.MASSES * 1e-3, rtol=1e-8)
    # a coarser grid here
    np.testing.assert_allclose(make.overlap(make.MASSES[::9], h=2e-3), f[::9], rtol=3e-5)


def test_overlap_everywhere():
    """Increasing, between 0 and 1, once differentiable across the knots and the ends, also in single precision."""
    m, f = table()
    x = np.geomspace(1e-6, 1e3, 4001)

    def value(t):
        return weak_charge.overlap(t, m, f)

    y, slope = jax.jit(lambda t: (value(t), jax.vmap(jax.grad(value))(t)))(jnp.asarray(x))
    assert np.all(np.diff(y) > -1e-16) and np.all((y > 0) & (y <= 1)) and np.all(np.isfinite(slope)) and np.all(slope >= 0)
    # the overlap in single precision: 1 - f is lost below 1e-7
    single = value(jnp.asarray(x, jnp.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, y, rtol=1e-5)
    for knot in (m[0], m[20], m[-1]):
        left, right = (float(jax.grad(value)(knot * s)) for s in (1 - 1e-7, 1 + 1e-7))
        assert left == pytest.approx(right, rel=1e-5)
    # heavy: contact interaction; the correction falls as 1/m^2
    a, b = (1 - float(value(t)) for t in (3.0, 6.0))
    assert a / b == pytest.approx(4.0, rel=0.1)
    with pytest.raises(ValueError, match="increase"):
        weak_charge.monotone_slopes(np.arange(3.0), np.array([0.0, 2.0, 1.0]))
