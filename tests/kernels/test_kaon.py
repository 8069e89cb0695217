"""K -> pi V, K -> pi nu nubar and DeltaM_K against closed forms and the numbers checked for arXiv:2210.15662."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import kaon

jax.config.update("jax_enable_x64", True)

# coupling of the note for epsilon_Z = 1e-3
E_SD = 7.030e-10 + 4.318e-10j
TAU_KP = 1.238e-8 / 6.582119569e-25


def closed_form(m, g, m_k, m_pi, f):
    """Eq. (4.10): |g|^2 lambda^(3/2) f^2/(64 pi m_K^3 m_V^2)."""
    lam = m_k**4 + m_pi**4 + m**4 - 2 * (m_k**2 * m_pi**2 + m_k**2 * m**2 + m_pi**2 * m**2)
    return abs(g) ** 2 * lam**1.5 * f**2 / (64 * np.pi * m_k**3 * m**2)


def test_charged_width():
    m = np.array([1e-3, 0.1, 0.2, 0.35])
    f = 0.9698 / (1 - 0.32 * m**2 / kaon.M_KP**2)
    np.testing.assert_allclose(kaon.charged_width(m, E_SD), closed_form(m, E_SD, kaon.M_KP, kaon.M_PIP, f), rtol=1e-12)
    np.testing.assert_allclose(kaon.charged_width(m, jnp.array([E_SD] * 4)), kaon.charged_width(m, abs(E_SD)), rtol=1e-14)


def test_check_values():
    """BR(K+ -> pi+ V) of the note, f_+ = 0.97 without slope: two digits; its bounds on epsilon_Z from 1e-10 follow."""

    def br(m, eps_z):
        return float(kaon.charged_width(m, E_SD * eps_z / 1e-3, f_0=0.97, slope=0.0)) * TAU_KP

    for m, eps_z, expected, digits in ((0.01, 1e-3, 5.6e-2, 0.01), (0.1, 1e-3, 4.8e-4, 0.02), (0.15, 1e-4, 1.7e-6, 0.03)):
        assert br(m, eps_z) == pytest.approx(expected, rel=digits)
    assert 1e-3 * (1e-10 / br(0.01, 1e-3)) ** 0.5 == pytest.approx(4e-8, rel=0.1)
    assert 1e-3 * (1e-10 / br(0.15, 1e-3)) ** 0.5 == pytest.approx(8e-7, rel=0.1)
    # the slope adds 6 % there
    assert float(kaon.charged_width(0.15, E_SD, f_0=0.97)) * TAU_KP == pytest.approx(1.06 * br(0.15, 1e-3), rel=2e-3)


def test_form_factor():
    """Slope 0.0256 in units of the pion mass (A.9), values within the kinematic range and beyond."""
    slope = float(jax.grad(kaon.f_plus)(0.0, kaon.M_KP)) / 0.9698 * kaon.M_PIP**2
    assert slope == pytest.approx(0.0256, abs=1e-4)
    assert float(kaon.f_plus(0.0, kaon.M_KP)) == 0.9698
    assert float(kaon.f_plus(1e6, 0.5)) == pytest.approx(0.9698 / 0.68)
    assert float(kaon.F_PLUS * kaon.ISOSPIN) == pytest.approx(0.948, abs=5e-4)


def test_neutral_width():
    """Imaginary part alone; Grossman-Nir: at most tau_L/tau_+ = 4.1 times isospin breaking, and 4.3 holds for any phase."""
    m = np.array([0.01, 0.1, 0.2])
    f = 0.9698 / 1.0231 / (1 - 0.32 * m**2 / kaon.M_K0**2)
    np.testing.assert_allclose(kaon.neutral_width(m, E_SD), closed_form(m, E_SD.imag, kaon.M_K0, kaon.M_PI0, f), rtol=1e-12)
    assert np.all(np.asarray(kaon.neutral_width(m, 1e-9)) == 0.0)
    for phase in (0.1, 1.0, 1.5708):
        g = 1e-10 * np.exp(1j * phase)
        charged = np.asarray(kaon.charged_width(m, g)) * kaon.TAU_KP
        neutral = np.asarray(kaon.neutral_width(m, g)) * kaon.TAU_KL
        assert np.all(neutral <= kaon.grossman_nir(charged))
    # saturated to 10 % by a purely imaginary coupling
    np.testing.assert_allclose(neutral, kaon.grossman_nir(charged), rtol=0.12)


@pytest.mark.parametrize("f,m_k,m_pi", [(kaon.charged_width, kaon.M_KP, kaon.M_PIP), (kaon.neutral_width, kaon.M_K0, kaon.M_PI0)])
def test_threshold(f, m_k, m_pi):
    both = jax.jit(jax.value_and_grad(lambda m, re, im: f(m, re + 1j * im), argnums=(0, 1, 2)))
    for m in (m_k - m_pi, 0.4, 10.0, 1e3):
        value, slopes = both(m, 0.1, 0.2)
        assert float(value) == 0.0 and [float(s) for s in slopes] == [0.0] * 3
    for m in ((m_k - m_pi) * (1 - 1e-12), 0.3, 1e-4):
        value, slopes = both(m, 0.1, 0.2)
        assert float(value) > 0.0 and np.all(np.isfinite(np.array(slopes)))
    check_grads(lambda m, im: f(m, 0.1 + 1j * im), (0.2, 0.3), order=1, modes=["fwd", "rev"], rtol=1e-6)


def test_standard_model():
    """CKM matrix of the note; flavio 8.14e-11 and 2.78e-11, (4.21) and (4.22) 8.4(1.0)e-11 and 3.4(6)e-11.  5 %: P_c and X."""
    charged, neutral = kaon.standard_model_nunu(-0.21890 + 1.40e-4j, -3.228e-4 - 1.404e-4j, 0.22500)
    assert float(charged) == pytest.approx(8.14e-11, rel=0.05)
    assert float(neutral) == pytest.approx(2.78e-11, rel=0.05)
    # KL is the square of the imaginary part: no charm
    other = kaon.standard_model_nunu(-0.3 + 0.0j, -1e-4 - 1.404e-4j, 0.22500)[1]
    assert float(other) == pytest.approx(float(neutral), rel=1e-12)


def delta(g, m, **options):
    options = {"smear": 1e-9, **options}
    return float(kaon.delta_m(jnp.array([[g]]), jnp.array([m]), **options)[0])


def test_mixing():
    """The note's numbers at 10 MeV, epsilon_Z = 1e-3, m_s = 93 MeV, in MeV: Re(E^2) 1.90e-16 and |E|^2 4.21e-16, whose sign here is
    that of the s channel.  Three digits."""
    assert 1e3 * delta(E_SD, 0.01, chiral=1.0) == pytest.approx(1.90e-16, abs=0.005e-16)
    assert 1e3 * delta(abs(E_SD), 0.01, chiral=1.0) == pytest.approx(4.21e-16, abs=0.005e-16)

    def closed(g, m, r):
        return -(g**2) * 0.1557**2 * 0.717 * 0.497611 / (3 * (0.497611**2 - m**2)) * (1 - 0.625 * r * (0.093 / m) ** 2)

    for m in (0.02, 0.3, 1.0, 20.0):
        assert delta(1e-9, m, chiral=1.0) == pytest.approx(closed(1e-9, m, 1.0), rel=1e-9)
        # with the chiral factor (m_K/(m_s + m_d))^2 = 26
        assert delta(1e-9, m) == pytest.approx(closed(1e-9, m, (0.497611 / 0.0977) ** 2), rel=1e-9)
    # a heavy V: positive, like the top box
    assert delta(1e-9, 20.0) > 0.0


def test_mixing_is_finite():
    """The pole at m_K is smeared; complex and higher powers of q^2 do not matter below."""
    g = jnp.array([[1e-9 + 1e-9j], [1e-8 + 0.0j]])
    both = jax.jit(jax.value_and_grad(lambda m, k: kaon.delta_m(k * g, m)[0], argnums=(0, 1)))
    for m in (1e-3, kaon.M_K0, 0.5, 100.0):
        value, (dm, dk) = both(jnp.array([m]), 2.0)
        assert np.isfinite(float(value)) and np.isfinite(float(dm[0])) and float(dk) == pytest.approx(float(value), rel=1e-12)
    # a q^2 part is transverse: no 1/m_V^2
    light = [float(kaon.delta_m(jnp.array([[0.0], [1e-9]]), jnp.array([m]))[0]) for m in (1e-3, 1e-2)]
    assert light[0] == pytest.approx(light[1], rel=2e-3)


def test_float32():
    m = np.array([0.01, 0.1, 0.3], np.float32)
    low = kaon.charged_width(m, np.float32(1e-9))
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, kaon.charged_width(m.astype(float), 1e-9), rtol=5e-6)
