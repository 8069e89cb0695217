"""Coherent neutrino scattering: spectra, form factor and rates against quadrature, and V against the Z itself."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad

from fipkernels import cevns

M_AR = 39.9624 * 0.93149410242


def test_spectra():
    """Unit norm and mean energies: 3/10 m_mu for nu_e, 7/20 m_mu for nubar_mu; line at 29.79 MeV."""
    for flavour, mean in (("e", 0.3), ("mu", 0.35)):

        def f(e, flavour=flavour):
            return float(cevns.michel(e, flavour))

        assert quad(f, 0, cevns.E_MAX)[0] == pytest.approx(1.0, rel=1e-9)
        assert quad(lambda e, f=f: e * f(e), 0, cevns.E_MAX)[0] / cevns.M_MU == pytest.approx(mean, rel=1e-9)
        assert f(cevns.E_MAX * 1.0001) == 0.0
    assert pytest.approx(0.02979, abs=5e-6) == cevns.E_LINE


def test_helm():
    """Against 30 digits, through the switch to the series (x = 0.3)."""
    for a in (40, 133):
        c = 1.23 * a ** (1 / 3) - 0.6
        r = math.sqrt(c * c + 7 / 3 * math.pi**2 * 0.52**2 - 5 * 0.81)
        for x in (0.0, 1e-6, 1e-2, 0.2999, 0.3001, 1.0, 4.493409, 6.0):
            q = x * cevns.HBAR_C / r
            with mp.workdps(30):
                y = mp.mpf(q) * r / cevns.HBAR_C
                shape = 3 * (mp.sin(y) - y * mp.cos(y)) / y**3 if y else mp.mpf(1)
                exact = float(shape * mp.exp(-((q * 0.9 / cevns.HBAR_C) ** 2) / 2))
            # rounding of sin - x cos at x = 0.3: 30 units in the last place
            assert float(cevns.helm(q, a)) == pytest.approx(exact, rel=3e-14, abs=1e-14)
    assert float(jax.grad(cevns.helm)(0.0, 40)) == 0.0


@pytest.mark.parametrize("t", [1e-7, 5e-6, 40e-6, 47.9e-6, 149e-6])
def test_flux_factor(t):
    """Numerical integration of each spectrum; zero beyond the end point."""
    got = np.asarray(cevns.flux_factor(np.array([t, 160e-6]), M_AR))
    assert np.all(got[:, 1] == 0.0)
    low = 0.5 * (t + math.sqrt(t * t + 2 * M_AR * t))

    def shape(e):
        return 1 - t / e - M_AR * t / (2 * e * e)

    for i, flavour in enumerate(("e", "mu")):
        exact = quad(lambda e, k=flavour: float(cevns.michel(e, k)) * shape(e), low, cevns.E_MAX, epsabs=0, epsrel=1e-10)[0]
        exact += max(shape(cevns.E_LINE), 0.0) if flavour == "mu" else 0.0
        # 64 nodes for an integrand that peaks at one end
        assert got[i, 0] == pytest.approx(exact, rel=1e-9)


def test_cross_sections():
    """Flux-averaged cross sections of the Standard Model that COHERENT quotes: 1.8e-39 cm^2 on Ar, 189(6)e-40 on CsI."""
    x, w = np.polynomial.legendre.leggauss(200)

    def average(z, n, m):
        top = 2 * cevns.E_MAX**2 / (m + 2 * cevns.E_MAX)
        rates = cevns.weights(0.5 * top * (x + 1), 0.5 * top * w, 1.0, m, z, n)
        return float(jnp.sum(rates)) / 3

    u = 0.93149410242
    assert average(18, 22, M_AR) == pytest.approx(1.8e-39, rel=0.03)
    assert 0.5 * (average(55, 78, 132.9055 * u) + average(53, 74, 126.9045 * u)) == pytest.approx(189e-40, abs=6e-40)
    # without form factor and recoil terms: G_F^2 E^2 Q_W^2/(4 pi) times <E^2>, 1e-4 for terms of relative order E/M
    energies = quad(lambda e: e * e * float(cevns.michel(e, "e") + cevns.michel(e, "mu")), 0, cevns.E_MAX)[0] + cevns.E_LINE**2
    heavy = 1e5
    top = 2 * cevns.E_MAX**2 / heavy
    t = 0.5 * top * (x + 1)
    total = float(np.sum(0.5 * top * w * np.asarray(cevns.flux_factor(t, heavy)).sum(axis=0)))
    # the line has a kink inside the range: 1e-4 with 200 nodes
    assert total * heavy == pytest.approx(energies, rel=3e-4)


def test_z_boson():
    """A second Z doubles the amplitude: rate 4, whatever the momentum transfer as long as it is small."""
    s2, m_z = 0.2312, 91.1876
    g = 2 * m_z * math.sqrt(math.sqrt(2) * cevns.G_F)
    a = 0.25 * g
    up, down = a * (1 - 8 / 3 * s2), a * (-1 + 4 / 3 * s2)
    q2 = jnp.array([[1e-4], [3e-3]])
    amp = cevns.relative_amplitude(jnp.array([2 * a]), 2 * up + down, up + 2 * down, jnp.array([m_z]), q2, 18, 22, s2)
    np.testing.assert_allclose(amp, 1.0, rtol=1e-6)
    assert float(cevns.ratio([amp], [jnp.array([0.3, 0.7])])[0]) == pytest.approx(4.0, rel=1e-6)


def test_ratio():
    """A light V with flavour-dependent couplings, against the sum written out; destructive interference stays positive."""
    q2 = np.array([1e-3, 4e-3])
    rates = [np.array([1.0, 2.0]), np.array([0.5, 0.25])]
    m, g_e, g_mu, p, n = 0.02, 1e-5, -2e-5, 3e-4, -1e-4
    amps = [cevns.relative_amplitude(jnp.array([g]), p, n, jnp.array([m]), q2[:, None], 55, 78) for g in (g_e, g_mu)]
    q_w = 55 * (1 - 4 * 0.23857) - 78
    expected = 0.0
    for g, w in zip((g_e, g_mu), rates, strict=True):
        expected += np.sum(w * (1 + math.sqrt(2) / cevns.G_F * g * (55 * p + 78 * n) / (m * m + q2) / q_w) ** 2)
    assert float(cevns.ratio(amps, rates)[0]) == pytest.approx(expected / 3.75, rel=1e-12)
    gone = [-jnp.ones((2, 1))] * 2
    assert float(cevns.ratio(gone, rates)[0]) == pytest.approx(0.0, abs=1e-15)

    def f(m_v, g):
        return cevns.ratio([cevns.relative_amplitude(g, p, n, m_v, q2[:, None], 55, 78)], rates[:1])[0]

    for g in (0.0, 1e-5):
        for s in jax.grad(f, argnums=(0, 1))(jnp.array([1e-4]), jnp.array([g])):
            assert np.all(np.isfinite(s))
